"""States and provinces as codes, in every country of ISO 3166-2, and as Amazon has them."""

from __future__ import annotations

from collections import Counter

import pycountry
import pytest

from segment_assets.identity import NORMAL_FORMS, Reason

ISO, AMAZON = NORMAL_FORMS["state_code"], NORMAL_FORMS["state_amazon"]


def test_every_code_of_iso_3166_2_is_read_with_and_without_its_country():
    wrong = [
        entry.code
        for entry in pycountry.subdivisions
        for written in (entry.code, entry.code.partition("-")[2].lower())
        if ISO.normalise(written, entry.country_code.lower())
        not in {entry.code.partition("-")[2].lower(), Reason.NULL_TEXT}
    ]
    assert wrong == []


def test_nearly_every_name_is_read_as_a_code_of_that_name():
    """A name that two levels share (a province and its region) is the code of one of them."""
    read = wrong = 0
    named = Counter((entry.country_code, entry.name) for entry in pycountry.subdivisions)
    for entry in pycountry.subdivisions:
        found = ISO.normalise(entry.name, entry.country_code.lower())
        read += entry.code.partition("-")[2].lower() == found
        wrong += isinstance(found, Reason) or (
            named[entry.country_code, entry.name] == 1 and entry.code.partition("-")[2].lower() != found
        )
    assert read > 4_900
    assert wrong < 5


@pytest.mark.parametrize(
    ("raw", "country", "iso", "amazon"),
    [
        ("District of Columbia", "us", "dc", "dc"), ("Washington, D.C.", "us", "dc", "dc"), ("tx", "us", "tx", "tx"),
        ("Québec", "ca", "qc", "qc"), ("Quebec", "ca", "qc", "qc"), ("Thüringen", "de", "th", "th"),
        ("Thueringen", "de", "th", "th"), ("Bavaria", "de", "by", "by"), ("Bayern", "de", "by", "by"),
        ("Madrid", "es", "m", "m"), ("Lérida", "es", "l", "l"), ("Gerona", "es", "gi", "gi"), ("Gipuzkoa", "es", "ss", "ss"), ("Milano", "it", "mi", "mi"), ("Milan", "it", "mi", "mi"),
        ("Roma", "it", "rm", "rm"), ("New South Wales", "au", "nsw", "nsw"), ("São Paulo", "br", "sp", "sp"),
        ("Jalisco", "mx", "jal", "jal"), ("Maharashtra", "in", "mh", "mh"), ("Bretagne", "fr", "bre", "bt"),
        ("Île-de-France", "fr", "idf", "if"), ("Nordrhein-Westfalen", "de", "nw", "no"), ("Zürich", "ch", "zh", "zh"),
        ("Atlantis", "us", Reason.NOT_A_STATE, Reason.NOT_A_STATE), ("Texas", None, Reason.NO_COUNTRY, Reason.NO_COUNTRY),
        ("Antarctica", "aq", Reason.NOT_A_STATE, Reason.NOT_A_STATE),
    ],
)  # fmt: skip
def test_codes_and_names_in_common_use_are_read(raw, country, iso, amazon):
    assert (ISO.normalise(raw, country), AMAZON.normalise(raw, country)) == (iso, amazon)
