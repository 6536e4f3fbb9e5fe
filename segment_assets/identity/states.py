"""States and provinces as codes, for platforms that want a code in every country.

Belongs here: reading a code or a name of ISO 3166-2, and where Amazon's own codes differ.
Not here: Meta's rule, which wants codes in the US only (`places.state`).
Source: ISO 3166-2 by pycountry; Amazon: the state tables and the published sample rows of AWS's uploader for Amazon
Marketing Cloud.
"""

from __future__ import annotations

import functools
import re
from typing import Any

from segment_assets.contracts import Reason
from segment_assets.identity.text import without_accents

# English, everyday and former names that ISO 3166-2 does not list; the codes are ISO's.
_OTHER_NAMES = """
us: AA Armed Forces Americas; AE Armed Forces Europe; AP Armed Forces Pacific; DC Washington DC; DC Washington D.C.;
    VI Virgin Islands; VI US Virgin Islands
de: BY Bavaria; HE Hesse; NI Lower Saxony; MV Mecklenburg-Western Pomerania; NW North Rhine-Westphalia; NW NRW;
    RP Rhineland-Palatinate; SN Saxony; ST Saxony-Anhalt; TH Thuringia
it: AO Aosta; BZ South Tyrol; BZ Südtirol; CI Carbonia-Iglesias; FI Florence; GE Genoa; MB Monza and Brianza;
    MN Mantua; MS Massa and Carrara; MI Milan; NA Naples; OG Ogliastra; OT Olbia-Tempio; PD Padua;
    PU Pesaro and Urbino; RC Reggio Calabria; RE Reggio Emilia; RM Rome; SR Syracuse; TN Trentino; TO Turin; VE Venice;
    VS Medio Campidano
es: AB Albacete; A Alacant; C La Coruña; GC Las Palmas; GI Gerona; GR Granada; L Lérida; LO La Rioja; O Asturias;
    OR Orense; PM Baleares; PM Balears; BI Vizcaya; SS Guipúzcoa; VI Alava; S Cantabria; NA Nafarroa; CS Castellón;
    CS Castelló; TF Tenerife; V Valencia; M Madrid
au: NSW N.S.W.; ACT Canberra
"""
# Of the two levels that ISO lists, Amazon takes the lower one here, as letters and parcels do.
_PROVINCES_COUNT = frozenset({"es", "it"})

# France before its reform of 2016, with codes of Amazon's own.
_AMAZON_FRANCE = """
AA Alsace; AQ Aquitaine; AU Auvergne; BT Brittany; BT Bretagne; BG Burgundy; BG Bourgogne; CN Centre;
CN Centre-Val de Loire; CG Champagne-Ardenne; FC Franche-Comté; IF Île-de-France; LU Languedoc-Roussillon; LM Limousin;
LE Lorraine; BN Lower Normandy; BN Basse-Normandie; MP Midi-Pyrénées; NP Nord-Pas-de-Calais; PL Pays de la Loire;
PI Picardy; PI Picardie; PT Poitou-Charentes; PR Provence-Alpes-Côte d'Azur; RA Rhône-Alpes; HT Upper Normandy;
HT Haute-Normandie; CE Corsica; CE Corse
"""
# Amazon's uploader keeps the first two letters of a name that its tables lack. We do so only for the names whose
# hashes it publishes; Baden-Württemberg as "ba" and Île-de-France as "le" came of the same shortcut and are errors.
_AMAZON_PUBLISHED = """
de NO Nordrhein-Westfalen; de SA Sachsen-Anhalt; es CO Comunidad Valenciana
"""


_CODE_IN_BRACKETS = re.compile(r"\s[A-Z]{2}-[A-Z]{3}\]")


def state_code(value: str, country: str | None = None) -> str | Reason:
    """The code of ISO 3166-2 without its country, in lower case, from a code or a name.

    >>> state_code("California", "us"), state_code("Nordrhein-Westfalen", "de"), state_code("New South Wales", "au")
    ('ca', 'nw', 'nsw')
    >>> state_code("Texas"), state_code("Atlantis", "us")
    (<Reason.NO_COUNTRY: 'no_country'>, <Reason.NOT_A_STATE: 'not_a_state'>)
    """
    if country is None:
        return Reason.NO_COUNTRY
    return _codes(country).get(_key(value), Reason.NOT_A_STATE)


def state_amazon(value: str, country: str | None = None) -> str | Reason:
    """Amazon's code in lower case: its own where it publishes one, that of ISO 3166-2 elsewhere.

    >>> state_amazon("Texas", "us"), state_amazon("Île-de-France", "fr"), state_amazon("Baden-Württemberg", "de")
    ('tx', 'if', 'bw')
    >>> state_amazon("Nordrhein-Westfalen", "de")
    'no'
    """
    if country is None:
        return Reason.NO_COUNTRY
    return _amazon().get((country, _key(value))) or state_code(value, country)


def state_as_written(value: str, country: str | None = None) -> str | Reason:
    """The state as it was written, for platforms that take it plain.

    >>> state_as_written("New  York")
    'New York'
    """
    del country
    words = " ".join(value.split())
    return words if any(c.isalpha() for c in words) else Reason.NOT_A_STATE


def _key(value: str) -> str:
    # Both ways of writing an umlaut without it: Thüringen, Thuringen, Thueringen.
    folded = without_accents(value.lower().replace("ä", "ae").replace("ö", "oe").replace("ü", "ue"))
    return "".join(c for c in folded if c.isalnum())


def _spellings(name: str) -> set[str]:
    """A name of ISO's lists may be two ("Lleida [Lérida]", "Valenciana, Comunidad") or bear a note in brackets."""
    bare, _, other = name.replace("*", "").partition("[")
    bare = bare.partition("(")[0]
    head, _, tail = bare.partition(",")
    parts = {name, bare, f"{tail} {head}", *bare.split("/"), _CODE_IN_BRACKETS.sub("", other)}
    return {key for part in parts for key in (_key(part), _bare_key(part)) if key}


def _bare_key(value: str) -> str:
    return "".join(c for c in without_accents(value) if c.isalnum())


@functools.cache
def _codes(country: str) -> dict[str, str]:
    import pycountry

    found: dict[str, str] = {}
    subdivisions: Any = pycountry.subdivisions
    entries = list(subdivisions.get(country_code=country.upper()) or ())
    # The level that counts comes last, so that its names win.
    entries.sort(key=lambda entry: (entry.parent_code is not None) is (country in _PROVINCES_COUNT))
    for entry in entries:
        code = entry.code.partition("-")[2].lower()
        found |= dict.fromkeys(_spellings(entry.name), code)
    for entry in entries:
        code = entry.code.partition("-")[2].lower()
        found |= {code: code, f"{country}{code}": code}
    for code, name in _other_names().get(country, ()):
        found |= dict.fromkeys(_spellings(name), code)
    return found


@functools.cache
def _other_names() -> dict[str, list[tuple[str, str]]]:
    names: dict[str, list[tuple[str, str]]] = {}
    for line in _OTHER_NAMES.replace("\n    ", " ").strip().splitlines():
        country, _, entries = line.partition(":")
        pairs = (entry.split(maxsplit=1) for entry in entries.split(";"))
        names[country] = [(code.lower(), name) for code, name in pairs]
    return names


@functools.cache
def _amazon() -> dict[tuple[str, str], str]:
    france = (("fr", *entry.split(maxsplit=1)) for entry in _AMAZON_FRANCE.split(";"))
    published = (entry.split(maxsplit=2) for entry in _AMAZON_PUBLISHED.split(";"))
    found: dict[tuple[str, str], str] = {}
    for country, code, name in (*france, *published):
        found |= {(country, key): code.lower() for key in _spellings(name)}
        if country == "fr":
            found[country, code.lower()] = code.lower()
    return found
