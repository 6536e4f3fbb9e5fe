"""Every error code that Meta documents is read as the class that its references give it, and as Meta's own SDK reads it.

The SDK goes by the flag `is_transient` alone; the references go by the code, and so do we where the flag is missing.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from facebook_business.exceptions import FacebookRequestError
from hypothesis import given
from hypothesis import strategies as st

from segment_assets.contracts import (
    Member,
    NeedsHumanError,
    PermanentError,
    RefusedBatchError,
    Response,
    Session,
    TransientError,
)
from segment_assets.destinations.meta import MetaCustomAudiences

ONLY = Session(token=1, sequence=1, last=True, members_in_total=1, received_before=0)

# Error reference and Custom Audience Users reference, with the class that the references give each code.
THROTTLED = [(4, 0), (17, 2446079), (32, 0), (613, 1487742), (80003, 2446079), (80004, 0)]
SERVICE = [(1, 0), (2, 0), (341, 0), (368, 0), (5000, 0), (21009, 0), (2650, 1870145)]
FOR_A_PERSON = [
    (190, 0), (190, 460), (190, 463), (102, 0),
    (10, 0), (200, 0), (200, 1870050), (200, 1870090), (294, 0), (270, 0), (100, 33), (100, 1713230), (100, 1487366), (100, 1487301),
]  # fmt: skip
REFUSED = [
    (105, 0), (194, 0), (1713098, 0), (2635, 0),
    (2650, 1870147), (2650, 1870148), (2650, 1870158), (2650, 1870159), (2650, 1870144), (999_999, 0),
]  # fmt: skip


def error_body(code: int, subcode: int, *, transient: bool) -> dict[str, Any]:
    error: dict[str, Any] = {"message": f"(#{code}) words", "type": "OAuthException", "code": code, "fbtrace_id": "A"}
    return {"error": error | ({"error_subcode": subcode} if subcode else {}) | {"is_transient": transient}}


def sdks_reading(body: dict[str, Any], status: int = 400) -> FacebookRequestError:
    return FacebookRequestError("Call was not successful", {}, status, {}, json.dumps(body))


def our_reading(body: dict[str, Any], status: int = 400) -> Exception:
    with pytest.raises((TransientError, PermanentError, NeedsHumanError)) as refused:
        MetaCustomAudiences("1001").read([Member(b"m", {"email": b"e" * 32})], ONLY, Response(status, {}, body))
    return refused.value


@pytest.mark.parametrize(
    ("code", "subcode", "expected"),
    [
        *((*place, TransientError) for place in [*THROTTLED, *SERVICE]),
        *((*place, NeedsHumanError) for place in FOR_A_PERSON),
        *((*place, PermanentError) for place in REFUSED),
        # An invalid parameter of whatever kind: perhaps one row, so halves of the upload are tried.
        (100, 0, RefusedBatchError),
    ],
)
def test_every_documented_code_is_read_as_its_documented_class(code, subcode, expected):
    body = error_body(code, subcode, transient=expected is TransientError)
    theirs, ours = sdks_reading(body), our_reading(body)
    assert type(ours) is expected
    assert theirs.api_transient_error() is isinstance(ours, TransientError)
    assert (theirs.api_error_code(), theirs.api_error_subcode() or 0) == (code, subcode)
    assert f"code {code}" in str(ours)


@pytest.mark.parametrize(("code", "subcode"), [*THROTTLED, *SERVICE])
def test_a_transient_code_is_transient_for_us_also_where_the_flag_is_missing(code, subcode):
    """The SDK goes by the flag alone and would give up here; the references go by the code."""
    body = error_body(code, subcode, transient=False)
    assert sdks_reading(body).api_transient_error() is False
    assert isinstance(our_reading(body), TransientError)


@pytest.mark.parametrize("field", ["code", "error_subcode"])
def test_a_code_that_could_be_a_telephone_number_is_not_repeated(field):
    said = our_reading({"error": {"message": "words", "code": 100, field: 491701234567}})
    assert "491701234567" not in f"{said} {said.code}"


@pytest.mark.parametrize(
    ("subcode", "words"),
    [
        (1487366, "was deleted"),
        (1487301, "not shared with this account"),
        (33, "gone, or hidden"),
        (1713230, "flagged"),
    ],
)
def test_what_is_wrong_with_the_audience_itself_is_told_apart(subcode, words):
    assert words in str(our_reading(error_body(100, subcode, transient=False)))


@given(st.integers(10_000_000, 99_999_999), st.booleans())
def test_a_code_that_nobody_documented_is_transient_exactly_when_the_sdk_says_so(code, transient):
    body = error_body(code, 0, transient=transient)
    assert isinstance(our_reading(body), TransientError) is sdks_reading(body).api_transient_error()


def test_which_codes_may_mean_one_row_is_a_setting():
    body = error_body(100, 0, transient=False)
    with pytest.raises(PermanentError) as refused:
        MetaCustomAudiences("1001", narrowed_codes=frozenset()).read([], ONLY, Response(400, {}, body))
    assert type(refused.value) is PermanentError
