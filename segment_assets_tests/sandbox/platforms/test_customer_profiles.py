"""Customer Profiles in the sandbox: what jobs do to profiles and segments, and when a profile ends."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from segment_assets.contracts import Request
from segment_assets.destinations.customer_profiles_files import FileTransport
from segment_assets.resources.transport import HttpTransport
from segment_assets_tests.conformance.kit.outside import URL
from segment_assets_tests.sandbox.platforms.in_process import Caller, caller

if TYPE_CHECKING:
    from collections.abc import Iterator

DOMAIN, TOKEN = "/domains/lumen-shop", "sandbox-customer_profiles-token"
MINUTE, DAY = 61.0, 86_400.0


@pytest.fixture(scope="module")
def one_caller(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Caller]:
    headers = {"Authorization": f"Bearer {TOKEN}"}
    with caller(tmp_path_factory.mktemp("sandbox"), "customer_profiles", headers) as made:
        yield made


@pytest.fixture
def domain(one_caller: Caller) -> Caller:
    one_caller.outside.reset()
    return one_caller


def field(column: str) -> dict[str, str]:
    return {"Source": f"_source.{column}", "Target": f"_profile.Attributes.{column}", "ContentType": "STRING"}


def define(domain: Caller, name: str, attribute: str, value: str = "true") -> Any:
    dimension = {"Attributes": {attribute: {"DimensionType": "INCLUSIVE", "Values": [value]}}}
    groups = {"Groups": [{"Dimensions": [{"ProfileAttributes": dimension}]}], "Include": "ALL"}
    return domain.call("POST", f"{DOMAIN}/segment-definitions/{name}", {"DisplayName": name, "SegmentGroups": groups})


def imported(domain: Caller, text: str, **changes: Any) -> dict:
    """A job with a file, as it is a minute later."""
    body = {"DisplayName": "x", "Fields": {"key": field("key"), "vip": field("vip")}, "UniqueKey": "key", **changes}
    job = domain.call("POST", f"{DOMAIN}/upload-jobs", body).json()["JobId"]
    path = f"{DOMAIN}/upload-jobs/{job}"
    files = FileTransport(HttpTransport(f"{URL}/customer_profiles", TOKEN, carrier=domain.outside.inside))
    files.send(Request("PUT", f"{path}/file", content=text.encode(), content_type="text/csv"))
    assert domain.call("PUT", path).status_code == 200
    assert domain.call("PUT", path).status_code == 400, "a job is started once"
    domain.outside.later(MINUTE)
    return domain.call("GET", path).json()


def held(domain: Caller, segment: str) -> set[str]:
    (one,) = (row for row in domain.outside.audiences() if row["id"] == segment)
    return {person["key"] for person in domain.outside.people_of(one)}


def test_a_job_makes_and_changes_profiles_and_segments_follow(domain: Caller):
    assert define(domain, "vips", "vip").status_code == 200
    told = imported(domain, "key,vip\na,true\nb,true\nc,false\n")
    assert (told["Status"], told["ResultsSummary"]["CreatedRecords"], held(domain, "vips")) == (
        "SUCCEEDED",
        3,
        {"a", "b"},
    )
    told = imported(domain, "key,vip\na,false\nc,true\n,true\n")
    assert told["Status"] == "PARTIALLY_SUCCEEDED"
    assert told["ResultsSummary"] == {"UpdatedRecords": 2, "CreatedRecords": 0, "FailedRecords": 1}
    assert held(domain, "vips") == {"b", "c"}


def test_profiles_end_after_two_weeks_or_as_the_job_says(domain: Caller):
    define(domain, "vips", "vip")
    imported(domain, "key,vip\na,true\n")
    imported(domain, "key,vip\nb,true\n", DataExpiry=20)
    domain.outside.later(15 * DAY)
    domain.call("GET", f"{DOMAIN}/segment-definitions/vips")
    assert held(domain, "vips") == {"b"}


def test_a_file_that_lacks_a_column_fails_its_job_and_changes_nothing(domain: Caller):
    define(domain, "vips", "vip")
    told = imported(domain, "key\na\n")
    assert (told["Status"], told["StatusReason"], held(domain, "vips")) == ("FAILED", "VALIDATION_FAILURE", set())


def test_records_fail_as_the_switch_says(domain: Caller):
    domain.outside.admin("platforms/customer_profiles", {"failed_share": 1})
    told = imported(domain, "key,vip\na,true\n")
    assert told["ResultsSummary"] == {"UpdatedRecords": 0, "CreatedRecords": 0, "FailedRecords": 1}


def test_a_name_is_taken_once_and_what_is_not_known_is_refused(domain: Caller):
    assert define(domain, "vips", "vip").status_code == 200
    again = define(domain, "vips", "vip")
    assert (again.status_code, again.headers["x-amzn-errortype"]) == (400, "BadRequestException")
    assert define(domain, "a b", "vip").status_code == 400
    stranger = domain.call("GET", f"{DOMAIN}/upload-jobs", headers={"Authorization": "Bearer foreign"})
    assert stranger.headers["x-amzn-errortype"] == "UnrecognizedClientException"
    assert domain.call("GET", "/domains/another/upload-jobs").headers["x-amzn-errortype"] == "ResourceNotFoundException"
