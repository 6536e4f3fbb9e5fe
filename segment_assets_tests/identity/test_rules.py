"""The rules of the normal forms, field by field, in the notations that customer files hold."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segment_assets.identity import NORMAL_FORMS, Reason


def normal(form: str, value: str, country: str | None = None) -> str | Reason:
    return NORMAL_FORMS[form].normalise(value, country)


def birth(value: str, country: str | None = None) -> tuple[str | Reason, ...]:
    return tuple(normal(form, value, country) for form in ("birth_year", "birth_month", "birth_day"))


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("\u3000Jane@Example.com\u200b", "jane@example.com"),
        ("j.a.n.e+tag@gmail.com", "j.a.n.e+tag@gmail.com"),
        ("o'neil_1@mail.example.co.uk", "o'neil_1@mail.example.co.uk"),
        ("jane@bücher.example", "jane@bücher.example"),
        ("JANE@BÜCHER.example", "jane@bücher.example"),
        ("jane@xn--bcher-kva.example", "jane@xn--bcher-kva.example"),
        ("用户@例子.广告", "用户@例子.广告"),
        ("उपयोगकर्ता@उदाहरण.कॉम", "उपयोगकर्ता@उदाहरण.कॉम"),
        ("ｊａｎｅ＠example.com", "jane@example.com"),
        ("jose\u0301@example.com", "jos\u00e9@example.com"),
        ("1@2.io", "1@2.io"),
    ],
)
def test_an_address_is_trimmed_lower_cased_and_otherwise_kept(raw, expected):
    assert normal("email", raw) == expected


@pytest.mark.parametrize(
    "raw",
    [
        "jane", "jane@", "@example.com", "jane@localhost", "jane@@example.com", "jane@example@example.com",
        "jane doe@example.com", "jane@exam ple.com", "jane@example..com", "jane@.example.com", "jane@example.com.",
        "jane@-example.com", "jane@example-.com", ".jane@example.com", "jane.@example.com", "ja..ne@example.com",
        "jane@127.0.0.1", "jane@[127.0.0.1]", "Jane <jane@example.com>", "jane@example.com,x@example.com",
        "a" * 65 + "@example.com", "jane@" + "a" * 64 + ".com", "jane@exa_mple.com", "jane@例子", "jane@bücher..example",
        "jane\u00a0doe@example.com", "用 户@例子.广告", "jane@😀.example",
    ],
)  # fmt: skip
def test_what_no_mail_server_could_deliver_to_is_refused(raw):
    assert normal("email", raw) is Reason.NOT_AN_EMAIL


@given(st.emails())
def test_every_ordinary_address_is_accepted_in_lower_case(address):
    if address.split("@")[1].rsplit(".", 1)[-1][0].isalpha():
        assert normal("email", address) == address.lower()


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("Anne-Marie", "annemarie"), ("D’Angelo", "dangelo"), ("O`Neil", "oneil"), ("O´Neil", "oneil"),
        ("  María   José ", "maría josé"), ("MÜLLER", "müller"), ("Müller", "müller"), ("정", "정"),
        ("Mu\u0308ller", "m\u00fcller"), ("J.R.R.", "jrr"), ("Łukasz", "łukasz"), ("İpek", "i̇pek"),
        ("नरेन्द्र", "नरेन्द्र"), ("Smith, Jr.", "smith jr"), ("Nat", "nat"), ("Na", "na"),
    ],
)  # fmt: skip
def test_names_are_lower_case_without_punctuation_and_keep_their_letters(raw, expected):
    assert normal("first_name", raw) == expected
    assert normal("last_name", raw) == expected


@pytest.mark.parametrize("raw", ["123", "!!!", "😀", "'"])
def test_a_name_without_letters_is_refused(raw):
    assert normal("first_name", raw) is Reason.NO_LETTERS


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("New York", "newyork"), ("São Paulo", "saopaulo"), ("ST. LOUIS", "stlouis"), ("Łódź", "lodz"),
        ("Münster", "munster"), ("Gießen", "giessen"), ("København", "kobenhavn"), ("75015 Paris", "paris"),
        ("Winston-Salem", "winstonsalem"), ("L'Aquila", "laquila"), ("İzmir", "izmir"), ("Ｔｏｋｙｏ", "tokyo"),
        ("東京", Reason.NO_LETTERS), ("Москва", Reason.NO_LETTERS), ("12345", Reason.NO_LETTERS),
        ("Gəncə", Reason.NO_LETTERS),
    ],
)  # fmt: skip
def test_cities_are_letters_a_to_z_or_refused(raw, expected):
    assert normal("city", raw) == expected


@pytest.mark.parametrize(
    ("raw", "country", "expected"),
    [
        ("CA", "us", "ca"), ("california", "us", "ca"), ("US-CA", "us", "ca"), ("New  York", "us", "ny"),
        ("Washington", "us", "wa"), ("Washington, D.C.", "us", "dc"), ("Puerto Rico", "us", "pr"),
        ("Calif", "us", Reason.NOT_A_STATE), ("12", "us", Reason.NOT_A_STATE),
        ("Nordrhein-Westfalen", "de", "nordrheinwestfalen"), ("New South Wales", "au", "newsouthwales"),
        ("QC", "ca", "qc"), ("東京都", "jp", "東京都"), ("--", "de", Reason.NULL_TEXT), ("***", "de", Reason.NOT_A_STATE),
        ("CA", None, "ca"), ("Bayern", None, "bayern"), ("California", None, Reason.NO_COUNTRY),
    ],
)  # fmt: skip
def test_states_are_codes_in_the_us_and_plain_words_elsewhere(raw, country, expected):
    assert normal("state", raw, country) == expected


@pytest.mark.parametrize(
    ("raw", "country", "expected"),
    [
        ("94025", "us", "94025"), ("94025-1234", "us", "94025"), ("940251234", "us", "94025"), ("94025 1234", "us", "94025"),
        ("2134", "us", "02134"), ("2134-5678", "us", "02134"), ("601", "us", "00601"), ("907", "pr", "00907"),
        ("94025.0", "us", "94025"), ("12", "us", Reason.NOT_A_POSTAL_CODE), ("00000", "us", Reason.NOT_A_POSTAL_CODE),
        ("ABCDE", "us", Reason.NOT_A_POSTAL_CODE), ("940251", "us", Reason.NOT_A_POSTAL_CODE),
        ("sw1a1aa", "gb", "sw1a1"), ("M1 1AE", "gb", "m11"), ("EC1A  1BB", "gb", "ec1a1"), ("GIR 0AA", "gb", "gir0"),
        ("SW1A", "gb", Reason.NOT_A_POSTAL_CODE), ("94025", "gb", Reason.NOT_A_POSTAL_CODE),
        ("K1A 0B1", "ca", "k1a0b1"), ("1012 AB", "nl", "1012ab"), ("100-0001", "jp", "1000001"), ("〒１００−０００１", "jp", "1000001"),
        ("01310-100", "br", "01310100"), ("1987", "au", "1987"), ("75018", "fr", "75018"), ("Paris", "fr", Reason.NOT_A_POSTAL_CODE),
        ("75018", None, "75018"), ("K1A 0B1", None, "k1a0b1"), ("2134", None, Reason.NO_COUNTRY),
        ("SW1A 1AA", None, Reason.NO_COUNTRY), ("94025-1234", None, Reason.NO_COUNTRY), ("???", None, Reason.NOT_A_POSTAL_CODE),
    ],
)  # fmt: skip
def test_postal_codes_follow_their_country(raw, country, expected):
    assert normal("postal_code", raw, country) == expected


@given(st.integers(1, 99999).map("{:05d}".format))
def test_a_zip_code_that_lost_its_zeros_is_the_same_code(code):
    if len(code.lstrip("0")) >= 3:
        assert normal("postal_code", code.lstrip("0"), "us") == normal("postal_code", code, "us") == code


DAY = ("1985", "02", "17")


@pytest.mark.parametrize(
    "raw",
    [
        "1985-02-17", "1985/02/17", "1985.2.17", "1985/2/17", "19850217", "17021985", "02171985", "17.02.1985", "17.2.1985",
        "17/02/1985", "02/17/1985", "2-17-1985", "17-02-1985", "17 Feb 1985", "17-FEB-1985", "Feb 17, 1985",
        "February 17th, 1985", "17. Februar 1985", "17 février 1985", "17 de febrero de 1985", "17 febbraio 1985",
        "1985 Feb 17", "1985-02-17T00:00:00Z", "1985-02-17 00:00:00", "17.02.1985 12:30", "1985年2月17日", "19850217.0",
    ],
)  # fmt: skip
@pytest.mark.parametrize("country", [None, "us", "de"])
def test_one_day_in_many_notations_is_one_day(raw, country):
    assert birth(raw, country) == DAY


def test_the_country_settles_which_number_is_the_month():
    assert birth("03/04/1985", "us") == ("1985", "03", "04")
    assert birth("03/04/1985", "gb") == ("1985", "04", "03")
    assert birth("03/04/1985") == ("1985", Reason.NO_COUNTRY, Reason.NO_COUNTRY)
    assert birth("04/04/1985") == ("1985", "04", "04")
    assert birth("03.04.1985", "us") == ("1985", "04", "03")


def test_a_date_that_knows_less_gives_what_it_knows():
    assert birth("1985") == ("1985", Reason.NOT_A_DATE, Reason.NOT_A_DATE)
    assert birth("1985-02") == ("1985", "02", Reason.NOT_A_DATE)
    assert birth("Februar 1985") == ("1985", "02", Reason.NOT_A_DATE)


@pytest.mark.parametrize(
    "raw",
    ["1985-02-30", "30/02/1985", "1899-12-31", "2999-01-01", "0000-00-00", "1985-13-01", "1985-00-10", "99999999"],
)
def test_a_day_that_cannot_be_a_birthday_is_refused(raw):
    assert birth(raw, "us") == (Reason.IMPOSSIBLE_DATE,) * 3


@pytest.mark.parametrize(
    "raw", ["17.02.85", "soon", "17 Foo 1985", "12345", "31095", "17 Feb", "NaT", "1985-02-17-03", "17 5 Feb 1985"]
)
def test_what_is_no_date_is_refused(raw):
    assert birth(raw, "us") == (Reason.NOT_A_DATE,) * 3


@given(st.dates(dt.date(1900, 1, 1), dt.date(2026, 1, 1)), st.sampled_from([None, "us", "de"]))
def test_every_day_is_read_in_unambiguous_notations(day, country):
    expected = (f"{day:%Y}".zfill(4), f"{day:%m}", f"{day:%d}")
    for raw in (day.isoformat(), f"{day:%d.%m.%Y}", f"{day:%Y%m%d}", f"{day:%d %B %Y}"):
        assert birth(raw, country) == expected


@given(st.dates(dt.date(1900, 1, 1), dt.date(2026, 1, 1)))
def test_every_day_is_read_as_its_country_writes_it(day):
    expected = (f"{day:%Y}".zfill(4), f"{day:%m}", f"{day:%d}")
    assert birth(f"{day:%m/%d/%Y}", "us") == expected
    assert birth(f"{day:%d/%m/%Y}", "fr") == expected
    assert birth(f"{day:%m%d%Y}", "us") == expected


def test_a_birthday_in_the_future_is_refused():
    tomorrow = dt.datetime.now(dt.UTC).date() + dt.timedelta(days=1)
    assert birth(tomorrow.isoformat()) == (Reason.IMPOSSIBLE_DATE,) * 3


@pytest.mark.parametrize("raw", ["m", "M", "Male", " MALE ", "männlich", "homme", "Hombre", "男"])
def test_words_for_male_are_m(raw):
    assert normal("gender", raw) == "m"


@pytest.mark.parametrize("raw", ["f", "F", "Female", "woman", "weiblich", "W", "Féminin", "mujer", "女性"])
def test_words_for_female_are_f(raw):
    assert normal("gender", raw) == "f"


@pytest.mark.parametrize("raw", ["x", "other", "1", "0", "mf", "divers", "prefer not to say"])
def test_what_the_platform_has_no_letter_for_is_refused(raw):
    assert normal("gender", raw) is Reason.NOT_A_GENDER


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("AECE52E7-03EE-455A-B3C4-E57283966239", "aece52e7-03ee-455a-b3c4-e57283966239"),
        ("00000000-0000-0000-0000-000000000000", Reason.ZERO_MOBILE_AD_ID),
        ("aece52e7-03ee-455a-b3c4", Reason.NOT_A_MOBILE_AD_ID),
        ("gggggggg-03ee-455a-b3c4-e57283966239", Reason.NOT_A_MOBILE_AD_ID),
    ],
)
def test_a_mobile_ad_id_is_a_lower_case_uuid_with_hyphens(raw, expected):
    assert normal("mobile_ad_id", raw) == expected
