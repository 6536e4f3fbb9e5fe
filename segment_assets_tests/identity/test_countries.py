"""Countries: every code and name of ISO 3166-1, against pycountry."""

from __future__ import annotations

import pycountry
import pytest

from segment_assets.identity import NORMAL_FORMS, Reason

COUNTRY = NORMAL_FORMS["country"]
SPELLINGS = [
    (getattr(entry, field), entry.alpha_2.lower())
    for entry in pycountry.countries
    for field in ("alpha_2", "alpha_3", "numeric", "name", "common_name")
    if hasattr(entry, field)
]


def test_every_iso_code_and_english_name_is_read():
    read = {written: COUNTRY.normalise(written) for written, _ in SPELLINGS}
    assert len(SPELLINGS) > 4 * 249 - 1
    assert read == dict(SPELLINGS)


def test_case_and_surrounding_space_do_not_matter():
    assert {COUNTRY.normalise(f" {written.lower()} ") == expected for written, expected in SPELLINGS} == {True}


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("USA", "us"), ("U.S.A.", "us"), ("United States of America", "us"), ("The United States", "us"),
        ("UK", "gb"), ("England", "gb"), ("Great Britain", "gb"), ("Deutschland", "de"), ("España", "es"),
        ("Brasil", "br"), ("Österreich", "at"), ("日本", "jp"), ("中国", "cn"), ("Россия", "ru"), ("Holland", "nl"),
        ("Ivory Coast", "ci"), ("Swaziland", "sz"), ("40", "at"), ("840.0", "us"), ("EL", "gr"), ("NA", "na"),
    ],
)  # fmt: skip
def test_names_in_common_use_are_read(written, expected):
    assert COUNTRY.normalise(written) == expected


@pytest.mark.parametrize("written", ["Atlantis", "XX", "ZZ", "999", "Europe", "unitedstatesandmore", "😀"])
def test_what_is_no_country_is_refused(written):
    assert COUNTRY.normalise(written) is Reason.UNKNOWN_COUNTRY
