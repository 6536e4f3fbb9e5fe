"""How platforms tell the size of an audience: nothing but their own word makes it ready."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segment_assets.contracts.sizes import SizeReport, SizeState
from segment_assets.destinations import google_size, linkedin_size, meta_size

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=5,
)


def meta(operation: object, delivery: object, lower: object = 1000, upper: object = 1300) -> SizeReport:
    bounds = {"approximate_count_lower_bound": lower, "approximate_count_upper_bound": upper}
    return meta_size.size_report({"operation_status": operation, "delivery_status": delivery, **bounds})


@pytest.mark.parametrize(
    ("operation", "delivery", "state"),
    [
        (200, 200, SizeState.READY),
        (200, 300, SizeState.TOO_SMALL),
        (200, 999, SizeState.UNKNOWN),
        (471, 200, SizeState.CLOSED),
        (414, 200, SizeState.UPDATING),
        (415, 200, SizeState.UNKNOWN),
    ],
)
def test_meta_s_audience_is_ready_only_when_both_codes_say_so(operation, delivery, state):
    assert meta({"code": operation}, {"code": delivery}).state is state


def test_bounds_below_zero_are_no_size():
    report = meta({"code": 200}, {"code": 300}, -1, -1)
    assert (report.lower, report.upper, report.said) == (None, None, "300")


def test_google_s_list_is_as_large_as_its_networks_say_and_closed_when_it_is_closed():
    sizes = {"displayNetworkMembersCount": "1200", "searchNetworkMembersCount": "1300", "gmailMembersCount": "0"}
    listed = {"membershipStatus": "OPEN", "sizeInfo": sizes}
    assert google_size.size_report(listed, 1_000) == SizeReport(SizeState.READY, 1200, 1300, "OPEN")
    just = google_size.size_report({**listed, "sizeInfo": {"displayNetworkMembersCount": "1000"}}, 1_000)
    assert just == SizeReport(SizeState.READY, 1_000, 1_000, "OPEN")
    small = google_size.size_report({**listed, "sizeInfo": {"displayNetworkMembersCount": "999"}}, 1_000)
    assert (small.state, small.upper) == (SizeState.TOO_SMALL, 999)
    assert google_size.size_report({**listed, "membershipStatus": "CLOSED"}, 1_000).state is SizeState.CLOSED
    assert google_size.size_report({"membershipStatus": "OPEN"}, 1_000) == SizeReport(
        SizeState.UNKNOWN, None, None, "OPEN"
    )


def linkedin(status: object, size: object, name: str = "LINKEDIN") -> SizeReport:
    own = {"destination": name, "status": status, "audienceSize": size}
    return linkedin_size.size_report({"destinations": [{"destination": "ELSEWHERE", "status": "FAILED"}, own]}, 300)


@pytest.mark.parametrize(
    ("status", "size", "report"),
    [
        ("READY", 300, SizeReport(SizeState.READY, 300, 300, "READY")),
        ("ARCHIVED", 4_000, SizeReport(SizeState.READY, 4_000, 4_000, "ARCHIVED")),
        ("READY", 299, SizeReport(SizeState.TOO_SMALL, 0, 299, "READY")),
        ("READY", None, SizeReport(SizeState.UNKNOWN, None, None, "READY")),
        ("BUILDING", 0, SizeReport(SizeState.UPDATING, None, None, "BUILDING")),
        ("UPDATING", 900, SizeReport(SizeState.UPDATING, 900, 900, "UPDATING")),
        ("EXPIRED", 900, SizeReport(SizeState.CLOSED, 900, 900, "EXPIRED")),
        ("NEW_WORD", 900, SizeReport(SizeState.UNKNOWN, 900, 900, "")),
    ],
)
def test_linkedin_s_segment_is_ready_with_a_number_of_its_own_destination_only(status, size, report):
    assert linkedin(status, size) == report
    assert linkedin(status, size, "SOMEWHERE") == SizeReport(SizeState.UNKNOWN, None, None, "")


@settings(max_examples=60)
@given(ANYTHING, ANYTHING, ANYTHING, ANYTHING)
def test_an_answer_of_any_shape_is_read_and_never_taken_for_ready(one, two, three, four):
    assert meta(one, two, three, four).state is not SizeState.READY
    google_size.size_report({"membershipStatus": one, "sizeInfo": two}, 1_000)
    linkedin_size.size_report({"destinations": one}, 300)
    assert linkedin(two, three).state is not SizeState.READY
