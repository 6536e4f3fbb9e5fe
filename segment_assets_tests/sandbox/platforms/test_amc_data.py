"""The simulated AMC data upload: what becomes of files that it is told of, and what it refuses."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
import pytest

from segment_assets.sandbox.platforms.amc_data.visit import AMC_ACCOUNT, INSTANCE, MARKETPLACE, TOKEN
from segment_assets_tests.conformance.kit.outside import URL, InProcess, Outside

if TYPE_CHECKING:
    from collections.abc import Iterator

BUCKET = "sandbox-amc-uploads"
ONE, OTHER = "a" * 64, "b" * 64
EMAIL = {"columnType": "DIMENSION", "dataType": "STRING", "name": "email", "externalUserIdType": {"hashedPii": "EMAIL"}}
LONG = {"columnType": "METRIC", "dataType": "LONG", "name": "orders"}
CONSENT = {"columnType": "DIMENSION", "dataType": "STRING", "name": "said", "consentType": "AMZN_USER_DATA"}
KINDS = {
    "dataSets": "application/vnd.amcadvertiserdataset.v1+json",
    "uploads": "application/vnd.amcadvertiserdataupload.v1+json",
    "userDeletionRequest": "application/vnd.amcadvertiseruserdeletionrequest.v1+json",
}
HEADERS = {
    "Authorization": f"Bearer {TOKEN}",
    "Amazon-Advertising-API-ClientId": TOKEN,
    "Amazon-Advertising-API-AdvertiserId": AMC_ACCOUNT,
    "Amazon-Advertising-API-MarketplaceId": MARKETPLACE,
}


class Caller:
    """Calls with what every call needs."""

    def __init__(self, inside: InProcess) -> None:
        self.http = httpx.Client(base_url=f"{URL}/amc_data", transport=inside, headers=HEADERS)

    def ask(self, method: str, path: str, body: object = None, headers: dict | None = None, **params: str):
        kind = {"content-type": KINDS[path.partition("/")[0]]}
        url = f"/amc/advertiserData/{INSTANCE}/{path}"
        return self.http.request(method, url, json=body, params=params, headers={**kind, **(headers or {})})

    def define(self, name: str = "vip", *columns: dict, **more: object):
        return self.ask("POST", "dataSets", {"dataSet": {"dataSetId": name, "columns": list(columns), **more}})

    def put(self, key: str, text: str) -> None:
        assert self.http.put(f"/s3/{BUCKET}/{key}", content=text).headers["etag"]

    def upload(self, source: dict, name: str = "vip", **changed: object):
        body = {
            "updateStrategy": "ADDITIVE",
            "compressionFormat": "NONE",
            "dataSource": {"sourceS3Bucket": BUCKET, **source},
            "fileFormat": {"csvDataFormat": {"fieldDelimiter": ","}},
            **changed,
        }
        return self.ask("POST", f"uploads/{name}", body)


@pytest.fixture(scope="module")
def inside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InProcess]:
    made = InProcess(tmp_path_factory.mktemp("sandbox"), ())
    yield made
    made.end()


@pytest.fixture
def outside(inside: InProcess) -> Iterator[Outside]:
    made = Outside(inside)
    made.reset()
    yield made
    made.close()


@pytest.fixture
def caller(inside: InProcess, outside: Outside) -> Iterator[Caller]:
    made = Caller(inside)
    yield made
    made.http.close()


def ended(caller: Caller, outside: Outside, answer: httpx.Response) -> dict:
    upload = answer.json()["uploadId"]
    outside.later(901)
    return caller.ask("GET", f"uploads/vip/{upload}").json()["upload"]


def held(outside: Outside) -> set[str]:
    return {person["email"] for one in outside.audiences() for person in outside.people_of(one) if "email" in person}


def test_an_upload_is_submitted_then_goes_and_tells_its_rows_in_the_end(caller, outside):
    caller.define("vip", EMAIL, LONG)
    caller.put("f/1.csv", f"email,orders\n{ONE},1\n{OTHER},\n")
    answer = caller.upload({"sourceFileS3Key": "f/1.csv"})
    assert answer.json()["status"] == "SUBMITTED"
    outside.later(61)
    assert caller.ask("GET", f"uploads/vip/{answer.json()['uploadId']}").json()["upload"]["status"] == "IN_PROGRESS"
    assert held(outside) == set()
    upload = ended(caller, outside, answer)
    assert (upload["status"], upload["metrics"]) == ("SUCCESS", {"OutputRowCount": 2.0})
    assert held(outside) == {ONE, OTHER}


@pytest.mark.parametrize(
    "source", [{"sourceManifestS3Key": "f/x.manifest"}, {"sourceS3Prefix": "f/"}], ids=["manifest", "prefix"]
)
def test_several_files_are_one_upload(caller, outside, source):
    caller.define("vip", EMAIL)
    caller.put("f/1.csv", f"email\n{ONE}\n")
    caller.put("f/2.csv", f"email\n{OTHER}\n")
    if "sourceManifestS3Key" in source:
        caller.put("f/x.manifest", f"s3://{BUCKET}/f/1.csv\ns3://{BUCKET}/f/2.csv\n")
    assert ended(caller, outside, caller.upload(source))["metrics"] == {"OutputRowCount": 2.0}
    assert held(outside) == {ONE, OTHER}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("email,other\n,\n", "column"),
        (f"email\n{ONE},1\n", "cells"),
        ("email\njane@x.example\n", "type"),
        (f"email,orders\n{ONE},many\n", "type"),
        (f'email\n"{ONE}"x\n', "CSV"),
    ],
)
def test_one_row_that_does_not_fit_fails_the_whole_upload(caller, outside, text, words):
    caller.define("vip", EMAIL, LONG)
    caller.put("f/0.csv", f"email\n{OTHER}\n")
    caller.put("f/1.csv", text)
    upload = ended(caller, outside, caller.upload({"sourceS3Prefix": "f/"}))
    assert (upload["status"], upload["metrics"]) == ("FAILED", {})
    assert words in upload["message"]
    assert held(outside) == set()


@pytest.mark.parametrize("manifest", [f"s3://{BUCKET}/none.csv\n", "s3://another/1.csv\n", "1.csv\n", None])
def test_a_file_that_is_not_there_fails_the_upload(caller, outside, manifest):
    caller.define("vip", EMAIL)
    if manifest:
        caller.put("x.manifest", manifest)
    assert ended(caller, outside, caller.upload({"sourceManifestS3Key": "x.manifest"}))["status"] == "FAILED"


def test_a_denied_row_is_left_out_and_a_full_replace_leaves_the_new_rows_only(caller, outside):
    caller.define("vip", EMAIL, CONSENT)
    caller.put("1.csv", f"email,said\n{ONE},GRANTED\n{OTHER},DENIED\n{'c' * 64},\n")
    assert ended(caller, outside, caller.upload({"sourceFileS3Key": "1.csv"}))["metrics"] == {"OutputRowCount": 2.0}
    assert held(outside) == {ONE, "c" * 64}
    caller.put("2.csv", f"email\n{OTHER}\n")
    ended(caller, outside, caller.upload({"sourceFileS3Key": "2.csv"}, updateStrategy="FULL_REPLACE"))
    assert held(outside) == {OTHER}


def test_a_deletion_reaches_every_data_set_and_is_told_as_pending_before(caller, outside):
    outside.admin("platforms/amc_data", {"deletion_seconds": 3_600})
    for name in ("vip", "other"):
        caller.define(name, EMAIL)
        caller.put("1.csv", f"email\n{ONE}\n{OTHER}\n")
        caller.upload({"sourceFileS3Key": "1.csv"}, name)
    outside.later(901)
    target = {"hashedIdentity": {"EMAIL": ONE}}
    request = caller.ask("POST", "userDeletionRequest", {"targetIdentities": [target]}).json()["userDeletionRequestId"]
    assert caller.ask("GET", f"userDeletionRequest/{request}").json()["identityDeletion"]["status"] == "PENDING"
    assert held(outside) == {ONE, OTHER}
    outside.later(3_601)
    told = caller.ask("GET", f"userDeletionRequest/{request}").json()["identityDeletion"]
    assert (told["status"], told["identityCount"]) == ("SUCCEEDED", 1)
    assert held(outside) == {OTHER}


@pytest.mark.parametrize(
    "dataset",
    [
        {"dataSetId": "Vip", "columns": [EMAIL]},
        {"dataSetId": "my vip", "columns": [EMAIL]},
        {"dataSetId": "list", "columns": [EMAIL]},
        {"dataSetId": "v", "columns": []},
        {"dataSetId": "v", "columns": [EMAIL] * 2},
        {"dataSetId": "v", "columns": [{**EMAIL, "dataType": "TEXT"}]},
        {"dataSetId": "v", "columns": [{**EMAIL, "isPii": True}]},
        {"dataSetId": "v", "columns": [{**EMAIL, "externalUserIdType": {"hashedPii": "E-MAIL"}}]},
        {"dataSetId": "v", "columns": [{**CONSENT, "consentType": "amzn_user_data"}]},
        {"dataSetId": "v", "columns": [EMAIL], "countryCode": "us"},
        {"dataSetId": "v"},
    ],
)
def test_a_data_set_that_the_openapi_has_not_is_a_bad_request(caller, dataset):
    answer = caller.ask("POST", "dataSets", {"dataSet": dataset})
    assert (answer.status_code, answer.json()["code"]) == (400, "BadRequestException")


@pytest.mark.parametrize(
    "changed",
    [
        {"updateStrategy": "OVERLAP_KEEP"},
        {"compressionFormat": "LZ4"},
        {"fileFormat": {}},
        {"dataSource": {"sourceS3Bucket": BUCKET}},
        {"dataSource": {"sourceS3Bucket": BUCKET, "sourceS3Prefix": "f/", "sourceFileS3Key": "x"}},
        {"priority": 1},
    ],
)
def test_an_upload_that_the_openapi_has_not_is_a_bad_request(caller, changed):
    caller.define("vip", EMAIL)
    assert caller.upload({"sourceS3Prefix": "f/"}, **changed).status_code == 400


def test_more_targets_than_a_thousand_and_kinds_that_there_are_not_are_refused(caller):
    target = {"hashedIdentity": {"EMAIL": ONE}}
    for targets in ([target] * 1_001, [{"hashedIdentity": {"MAIL": ONE}}], [{"hashedIdentity": {}}], [{"email": ONE}]):
        assert caller.ask("POST", "userDeletionRequest", {"targetIdentities": targets}).status_code == 400


def test_a_name_is_taken_once_and_what_is_deleted_is_gone(caller):
    assert caller.define("vip", EMAIL).json() == {"dataSetId": "vip", "instanceId": INSTANCE}
    assert caller.define("vip", EMAIL).status_code == 400
    assert [one["dataSetId"] for one in caller.ask("POST", "dataSets/list").json()["dataSets"]] == ["vip"]
    assert caller.ask("DELETE", "dataSets/vip").status_code == 200
    for method, path in (("GET", "dataSets/vip"), ("DELETE", "dataSets/vip"), ("GET", "uploads/vip/u")):
        assert caller.ask(method, path).status_code == 404
    assert caller.upload({"sourceS3Prefix": "f/"}).status_code == 404


def test_uploads_are_listed_by_data_set_newest_first_and_page_by_page(caller):
    caller.define("vip", EMAIL)
    made = [caller.upload({"sourceS3Prefix": "f/"}).json()["uploadId"] for _ in range(3)]
    first = caller.ask("POST", "uploads/list", dataSetId="vip", maxResults="2").json()
    rest = caller.ask("POST", "uploads/list", dataSetId="vip", nextToken=first["nextToken"]).json()
    assert [one["uploadId"] for one in first["uploads"] + rest["uploads"]] == made[::-1]
    assert caller.ask("POST", "uploads/list", dataSetId="other").json() == {"uploads": []}
    assert caller.ask("POST", "uploads/list", maxResults="101").status_code == 400


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Authorization": "Bearer x"}, 401),
        ({"Amazon-Advertising-API-ClientId": "x"}, 400),
        ({"Amazon-Advertising-API-AdvertiserId": "x"}, 400),
        ({"Amazon-Advertising-API-MarketplaceId": "x"}, 400),
        ({"content-type": "application/json"}, 400),
    ],
)
def test_a_call_without_what_every_call_needs_is_refused(caller, headers, status):
    body = {"dataSet": {"dataSetId": "v", "columns": [EMAIL]}}
    assert caller.ask("POST", "dataSets", body, headers).status_code == status


def test_terms_that_nobody_accepted_are_a_401_and_another_instance_a_403(caller, outside):
    assert caller.http.get("/amc/advertiserData/another/dataSets/v").status_code == 403
    outside.admin("platforms/amc_data", {"terms_accepted": False})
    assert caller.ask("GET", "dataSets/v").status_code == 401


@pytest.mark.parametrize(
    ("method", "path", "headers", "code"),
    [
        ("PUT", "/s3/another/x.csv", {}, "NoSuchBucket"),
        ("GET", f"/s3/{BUCKET}/x.csv", {}, "MethodNotAllowed"),
        ("PUT", f"/s3/{BUCKET}/x.csv", {"Authorization": "Bearer x"}, "InvalidAccessKeyId"),
    ],
)
def test_the_bucket_refuses_in_the_words_of_s3(caller, method, path, headers, code):
    assert f"<Code>{code}</Code>" in caller.http.request(method, path, headers=headers).text
