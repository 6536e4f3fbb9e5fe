"""Details of the Meta connector that the mutation check found unwatched."""

from __future__ import annotations

import json

import pytest
from facebook_business.session import FacebookSession

from segment_assets.contracts import Member, Response, Session, TransientError
from segment_assets.contracts.sizes import SizeReport, SizeState
from segment_assets.destinations.meta import CONTRACT, MetaCustomAudiences
from segment_assets.destinations.meta_answers import pause

META = MetaCustomAudiences("1001")
THROTTLED = {"error": {"code": 80003, "error_subcode": 2446079, "message": "words"}}
USED_UP = {"1001": [{"type": "custom_audience", "call_count": 100, "estimated_time_to_regain_access": 2}]}


def test_an_unknown_code_with_a_server_error_is_tried_again():
    with pytest.raises(TransientError):
        META.read([], _place(0), Response(500, {}, {"error": {"code": 424242, "message": "words"}}))


@pytest.mark.parametrize("status", [500, 502, 503])
def test_a_server_error_without_a_body_of_metas_is_tried_again_and_says_its_status(status):
    with pytest.raises(TransientError, match=f"the service answered {status}"):
        META.read([], _place(0), Response(status, {}, None))


def test_a_refusal_is_noted_with_code_and_subcode_and_a_taken_batch_with_its_status():
    with pytest.raises(TransientError) as refused:
        META.read([], _place(0), Response(400, {}, THROTTLED))
    assert refused.value.code == "80003/2446079"
    body = {"num_received": 0, "num_invalid_entries": 0, "invalid_entry_samples": {}}
    assert META.read([], _place(0), Response(200, {}, body)).code == "200"


def test_a_running_count_that_goes_back_proves_nobody():
    members = [Member(b"m", {"email": b"\x01" * 32})]
    body = {"num_received": 3, "num_invalid_entries": 0, "invalid_entry_samples": {}}
    answer = META.read(members, _place(5), Response(200, {}, body))
    assert (answer.received, answer.accepted, answer.unproven) == (0, 0, 1)


def test_a_throttle_is_a_code_and_counts_as_one_without_a_time_only_where_none_is_told():
    assert META.is_throttle(Response(400, {}, THROTTLED))
    assert not META.is_throttle(Response(400, {"X-Business-Use-Case-Usage": json.dumps(USED_UP)}, THROTTLED))
    assert not META.is_throttle(Response(400, {}, {"error": {"code": 100, "message": "words"}}))


def test_the_size_is_asked_of_the_audience_itself():
    request = META.size_request("77")
    assert (request.method, request.path, list(request.params)) == ("GET", "/v26.0/77", ["fields"])


def _place(received_before: int) -> Session:
    return Session(token=1, sequence=1, last=True, members_in_total=1, received_before=received_before)


def test_the_address_is_that_of_metas_own_package():
    from facebook_business.session import FacebookSession

    assert META.contract.endpoint == FacebookSession.GRAPH


@pytest.mark.parametrize("usage", ["no JSON", "{}", '{"1001": []}', '{"1001": [{}]}', '{"1001": [{"call_count": 0}]}'])
def test_a_usage_header_that_names_no_use_asks_for_no_rest(usage):
    assert pause({"X-Business-Use-Case-Usage": usage}) == 0.0


def test_half_a_minute_of_rest_is_thirty_seconds_and_a_million_minutes_are_none():
    for minutes, seconds in ((0.5, 30.0), (999_999, 60 * 999_999), (1_000_000, 0.0)):
        told = {"1001": [{"estimated_time_to_regain_access": minutes}]}
        assert pause({"x-business-use-case-usage": json.dumps(told)}) == seconds


def test_a_400_without_an_error_of_metas_is_not_understood():
    counts = {"num_received": 0, "num_invalid_entries": 0}
    with pytest.raises(TransientError, match="answer 400 is not understood"):
        META.read([], _place(0), Response(400, {}, counts))


def test_the_size_is_asked_for_in_the_fields_that_tell_it():
    """Names of the node "Custom Audience" in Meta's own package."""
    from facebook_business.adobjects.customaudience import CustomAudience

    own = CustomAudience.Field
    asked = META.size_request("77").params["fields"].split(",")
    lower, upper = own.approximate_count_lower_bound, own.approximate_count_upper_bound
    assert asked == [own.operation_status, own.delivery_status, lower, upper]
    codes = {own.operation_status: {"code": 200}, own.delivery_status: {"code": 200}}
    report = META.read_size(Response(200, {}, {**codes, lower: 0, upper: 1300}))
    assert report == SizeReport(SizeState.READY, 0, 1300, "200")


def test_the_proof_of_an_app_goes_where_metas_own_client_puts_it():
    said = FacebookSession("app", "secret", "token").requests.params
    assert set(said) == {"access_token", CONTRACT.token_proof}
