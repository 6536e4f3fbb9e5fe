"""The countries of the world: language, phone ranges, places, money and clock.

Belongs here: public facts, once. Not here: how they are written down by people (spellings, contacts).
Phone prefixes were checked against the `phonenumbers` metadata, 400 numbers each; a test repeats a sample.
Exchange rates are fixed, about those of autumn 2025, and are the only rates the world knows.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclasses.dataclass(frozen=True, slots=True)
class Country:
    """One country.

    `mobile_prefixes` + `tail_digits` digits make a national significant number; `groups` is how it is spaced.
    A place is (city, state code, state name, start of the postal code); `zip_tail` finishes the code: # is a digit,
    @ a letter. `utc_offset` is in minutes, standard time: one for the whole country. `per_eur` is the price of 1 EUR.
    """

    code: str
    alpha3: str
    name: str
    local_name: str
    share: float
    locale: str
    calling_code: str
    trunk: str
    mobile_prefixes: Sequence[str]
    tail_digits: int
    groups: tuple[int, ...]
    currency: str
    per_eur: float
    utc_offset: int
    explicit_consent: bool
    places: Sequence[tuple[str, str, str, str]]
    zip_tail: str


def _with(areas: str, seconds: str) -> list[str]:
    return [area + second for area in areas.split() for second in seconds]


def _split(prefixes: str) -> list[str]:
    return prefixes.split()


COUNTRIES: tuple[Country, ...] = (
    Country(
        *("US", "USA", "United States", "USA", 0.30, "en_US", "1", ""),
        *(_with("206 212 312 415 512 617 702 305 404 503 720 919", "23456789"), 6, (3, 3, 4)),
        *("USD", 1.10, -300, False),
        (
            ("Boston", "MA", "Massachusetts", "021"),
            ("Newark", "NJ", "New Jersey", "071"),
            ("New York", "NY", "New York", "100"),
            ("Seattle", "WA", "Washington", "981"),
            ("Austin", "TX", "Texas", "787"),
            ("Chicago", "IL", "Illinois", "606"),
            ("San Francisco", "CA", "California", "941"),
            ("Miami", "FL", "Florida", "331"),
            ("St. Louis", "MO", "Missouri", "631"),
            ("Washington", "DC", "District of Columbia", "200"),
        ),
        "##",
    ),
    Country(
        *("CA", "CAN", "Canada", "Canada", 0.05, "en_US", "1", ""),
        *(_with("416 604 514 403 613 905 250 902", "23456789"), 6, (3, 3, 4)),
        *("CAD", 1.50, -300, False),
        (
            ("Toronto", "ON", "Ontario", "M5V"),
            ("Montréal", "QC", "Québec", "H2X"),
            ("Vancouver", "BC", "British Columbia", "V6B"),
            ("Calgary", "AB", "Alberta", "T2P"),
        ),
        " #@#",
    ),
    Country(
        *("GB", "GBR", "United Kingdom", "Great Britain", 0.10, "en_GB", "44", "0"),
        *([*_with("740 750 780 790", "0123"), *_with("770", "12345"), *_with("781", "012")], 6, (4, 6)),
        *("GBP", 0.86, 0, True),
        (
            ("London", "ENG", "England", "SW1A"),
            ("Manchester", "ENG", "England", "M1"),
            ("Edinburgh", "SCT", "Scotland", "EH1"),
            ("Cardiff", "WLS", "Wales", "CF10"),
            ("Belfast", "NIR", "Northern Ireland", "BT1"),
        ),
        " #@@",
    ),
    Country(
        *("DE", "DEU", "Germany", "Deutschland", 0.10, "de_DE", "49", "0"),
        *(_split("160 162 163 170 171 172 173 174 175"), 7, (3, 7)),
        *("EUR", 1.0, 60, True),
        (
            ("Berlin", "BE", "Berlin", "101"),
            ("München", "BY", "Bayern", "803"),
            ("Köln", "NW", "Nordrhein-Westfalen", "506"),
            ("Stuttgart", "BW", "Baden-Württemberg", "701"),
            ("Dresden", "SN", "Sachsen", "010"),
        ),
        "##",
    ),
    Country(
        *("FR", "FRA", "France", "France", 0.06, "fr_FR", "33", "0"),
        *(_split("61 62 66 67 68"), 7, (1, 2, 2, 2, 2)),
        *("EUR", 1.0, 60, True),
        (
            ("Paris", "IDF", "Île-de-France", "750"),
            ("Lyon", "ARA", "Auvergne-Rhône-Alpes", "690"),
            ("Marseille", "PAC", "Provence-Alpes-Côte d'Azur", "130"),
            ("Saint-Étienne", "ARA", "Auvergne-Rhône-Alpes", "420"),
        ),
        "##",
    ),
    Country(
        *("ES", "ESP", "Spain", "España", 0.05, "es_ES", "34", ""),
        *(_split("61 62 63 64 65 66 67 68"), 7, (3, 3, 3)),
        *("EUR", 1.0, 60, True),
        (
            ("Madrid", "M", "Madrid", "280"),
            ("Barcelona", "B", "Barcelona", "080"),
            ("València", "V", "Valencia", "460"),
            ("A Coruña", "C", "A Coruña", "150"),
        ),
        "##",
    ),
    Country(
        *("IT", "ITA", "Italy", "Italia", 0.04, "it_IT", "39", ""),
        *(_split("320 328 329 333 338 339 340 347 348 349"), 7, (3, 7)),
        *("EUR", 1.0, 60, True),
        (
            ("Roma", "RM", "Roma", "001"),
            ("Milano", "MI", "Milano", "201"),
            ("Napoli", "NA", "Napoli", "801"),
            ("Torino", "TO", "Torino", "101"),
        ),
        "##",
    ),
    Country(
        *("NL", "NLD", "Netherlands", "Nederland", 0.03, "nl_NL", "31", "0"),
        *(_split("61 62 63 64 65"), 7, (1, 8)),
        *("EUR", 1.0, 60, True),
        (
            ("Amsterdam", "NH", "Noord-Holland", "1012"),
            ("'s-Gravenhage", "ZH", "Zuid-Holland", "2511"),
            ("Utrecht", "UT", "Utrecht", "3511"),
        ),
        " @@",
    ),
    Country(
        *("SE", "SWE", "Sweden", "Sverige", 0.03, "sv_SE", "46", "0"),
        *(_split("70 72 73 76"), 7, (2, 3, 4)),
        *("SEK", 11.2, 60, True),
        (
            ("Stockholm", "AB", "Stockholms län", "111"),
            ("Göteborg", "O", "Västra Götalands län", "411"),
            ("Malmö", "M", "Skåne län", "211"),
        ),
        " ##",
    ),
    Country(
        *("PL", "POL", "Poland", "Polska", 0.04, "pl_PL", "48", ""),
        *(_split("50 51 53 60 66 69 72 73 78 79 88"), 7, (3, 3, 3)),
        *("PLN", 4.25, 60, True),
        (
            ("Warszawa", "14", "Mazowieckie", "00"),
            ("Kraków", "12", "Małopolskie", "31"),
            ("Łódź", "10", "Łódzkie", "90"),
        ),
        "-###",
    ),
    Country(
        *("BR", "BRA", "Brazil", "Brasil", 0.05, "pt_BR", "55", ""),
        *(_with("119 219 319 419 519 619 719 819", "6789"), 7, (2, 5, 4)),
        *("BRL", 6.2, -180, False),
        (
            ("São Paulo", "SP", "São Paulo", "01310"),
            ("Rio de Janeiro", "RJ", "Rio de Janeiro", "20040"),
            ("Curitiba", "PR", "Paraná", "80010"),
        ),
        "-###",
    ),
    Country(
        *("MX", "MEX", "Mexico", "México", 0.03, "es_MX", "52", ""),
        *(_split("55 33 81"), 8, (2, 4, 4)),
        *("MXN", 20.5, -360, False),
        (
            ("Ciudad de México", "CMX", "Ciudad de México", "060"),
            ("Guadalajara", "JAL", "Jalisco", "441"),
            ("Monterrey", "NLE", "Nuevo León", "640"),
        ),
        "##",
    ),
    Country(
        *("IN", "IND", "India", "Bharat", 0.03, "en_IN", "91", "0"),
        *(_split("98 99 97 96"), 8, (5, 5)),
        *("INR", 97.0, 330, False),
        (
            ("Bengaluru", "KA", "Karnataka", "560"),
            ("Mumbai", "MH", "Maharashtra", "400"),
            ("Chennai", "TN", "Tamil Nadu", "600"),
        ),
        "###",
    ),
    Country(
        *("JP", "JPN", "Japan", "日本", 0.03, "ja_JP", "81", "0"),
        *(_with("90 80", "12345"), 7, (2, 4, 4)),
        *("JPY", 172.0, 540, False),
        (
            ("東京", "13", "東京都", "100"),
            ("大阪", "27", "大阪府", "530"),
            ("札幌", "01", "北海道", "060"),
        ),
        "-####",
    ),
    Country(
        *("AU", "AUS", "Australia", "Australia", 0.02, "en_GB", "61", "0"),
        *(_split("40 41 42 43"), 7, (3, 3, 3)),
        *("AUD", 1.68, 600, False),
        (
            ("Sydney", "NSW", "New South Wales", "200"),
            ("Melbourne", "VIC", "Victoria", "300"),
            ("Perth", "WA", "Western Australia", "600"),
            ("Darwin", "NT", "Northern Territory", "080"),
        ),
        "#",
    ),
    Country(
        *("KR", "KOR", "South Korea", "대한민국", 0.02, "ko_KR", "82", "0"),
        *(_with("10", "2346789"), 7, (2, 4, 4)),
        *("KRW", 1610.0, 540, False),
        (
            ("서울", "11", "서울특별시", "041"),
            ("부산", "26", "부산광역시", "487"),
            ("인천", "28", "인천광역시", "221"),
        ),
        "##",
    ),
    Country(
        *("GR", "GRC", "Greece", "Ελλάδα", 0.01, "el_GR", "30", ""),
        *(_split("690 693 694 697 698 699"), 7, (3, 3, 4)),
        *("EUR", 1.0, 120, True),
        (("Αθήνα", "I", "Αττική", "105"), ("Θεσσαλονίκη", "B", "Κεντρική Μακεδονία", "546")),
        " ##",
    ),
    Country(
        *("BG", "BGR", "Bulgaria", "България", 0.01, "bg_BG", "359", "0"),
        *(_split("87 88 89"), 7, (2, 3, 4)),
        *("EUR", 1.0, 120, True),
        (("София", "22", "София", "10"), ("Пловдив", "16", "Пловдив", "40"), ("Варна", "03", "Варна", "90")),
        "##",
    ),
)
