"""TikTok's official package against our connector and against our sandbox.

The package knows the envelope, the token's header, the codes and the list of audiences, which is where these tests
compare. It has no calls for segments: their way over the wire is that of the package's own client here, and their fields
are checked against another vendor's connector in `test_tiktok_vendors`. Where the package is known to be wrong (it
takes a partial success for a failure), the test names it.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest
from business_api_client import ApiClient, Configuration
from business_api_client.api.audience_api import AudienceApi
from business_api_client.models import CustomAudienceDeleteBody
from business_api_client.tiktok_business.tiktok_code import NumericErrorCodes
from business_api_client.tiktok_business.tiktok_exceptions import TiktokSDKError

from segment_assets.contracts import (
    AudienceSpec,
    Member,
    NeedsHumanError,
    Operation,
    PermanentError,
    Response,
    SegmentAssetsError,
    Session,
    TransientError,
)
from segment_assets.destinations.tiktok import CONTRACT, TikTokSegments
from segment_assets.identity import NORMAL_FORMS, digest
from segment_assets.resources.transport import HttpTransport
from segment_assets_tests.conformance.kit.outside import InProcess, Outside

if TYPE_CHECKING:
    from collections.abc import Iterator

ADVERTISER, TOKEN = "7012345678901234567", "sandbox-tiktok-token"
TIKTOK = TikTokSegments(ADVERTISER)
SPEC = AudienceSpec("crm lapsed 90 days", "0123456789abcdef" * 2, {})
PLACE = Session(token=1, sequence=1, last=True, members_in_total=1, received_before=0)
NAMED = {value for name, value in vars(NumericErrorCodes).items() if name.startswith("ERROR_CODE_")}
# The help centre's own digest of this address.
PUBLISHED = "d6117306485ed0e50afab3ac871e98f81699151f30281527d63ff5f233656c69"


class Pool:
    """In the place of the package's connections: keeps each request and lets the sandbox answer it."""

    def __init__(self, inside: InProcess) -> None:
        self.kept: list[httpx.Request] = []
        self._inside = inside

    def request(self, method: str, url: str, **given: Any) -> Any:
        parts = urlsplit(url)
        asked = given.get("fields") or parse_qsl(parts.query)
        address = httpx.URL("http://127.0.0.1" + parts.path, params=asked)
        headers = {name: str(value) for name, value in given["headers"].items()}
        request = httpx.Request(method, address, headers=headers, content=given.get("body"))
        self.kept.append(request)
        answer = self._inside.handle_request(request)
        return _Answer(answer.status_code, answer.content)

    def clear(self) -> None:
        """Nothing is held."""


class _Answer:
    reason = ""

    def __init__(self, status: int, data: bytes) -> None:
        self.status, self.data = status, data

    def getheaders(self) -> dict[str, str]:
        return {}


class Keeping(httpx.BaseTransport):
    """Keeps our requests as they go over the wire."""

    def __init__(self, inside: InProcess) -> None:
        self.kept: list[httpx.Request] = []
        self._inside = inside

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.kept.append(request)
        return self._inside.handle_request(request)


class Sdk:
    """The package's client on the sandbox."""

    def __init__(self, inside: InProcess) -> None:
        self.pool = Pool(inside)
        self.client = ApiClient(Configuration())
        self.client.rest_client.pool_manager = self.pool
        self.audiences = AudienceApi(self.client)

    def call(self, path: str, body: object) -> Any:
        """A call that the package has no name for, carried as it carries its own."""
        headers = {"Access-Token": TOKEN, "Content-Type": "application/json"}
        return self.client.call_api(
            path,
            "POST",
            header_params=headers,
            body=body,
            response_type="InlineResponse200",
            _return_http_data_only=True,
        )


@pytest.fixture(scope="module")
def outside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Outside]:
    inside = InProcess(tmp_path_factory.mktemp("sandbox"), ())
    outside = Outside(inside)
    yield outside
    outside.close()
    inside.end()


@pytest.fixture(scope="module")
def one_sdk(outside: Outside) -> Sdk:
    return Sdk(outside.inside)


@pytest.fixture
def sdk(one_sdk: Sdk, outside: Outside) -> Sdk:
    outside.reset()
    return one_sdk


@pytest.fixture
def wire(outside: Outside) -> Keeping:
    return Keeping(outside.inside)


@pytest.fixture
def ours(wire: Keeping) -> Iterator[HttpTransport]:
    transport = HttpTransport(CONTRACT.endpoint, TOKEN, carrier=wire, token_header=CONTRACT.token_header)
    yield transport
    transport.close()


def member(name: str, *forms: str) -> Member:
    raw = {
        "email_spaceless": f"  {name} @Gmail.com",
        "phone_e164": "+1 (657) 777-0000",
        "mobile_ad_id_hashed": "CDDA802E-FB9C-47AD-9866-0794D394C912",
    }
    return Member(name.encode(), {form: digest(NORMAL_FORMS[form], raw[form], None).value for form in forms})


def same_call(theirs: httpx.Request, ours: httpx.Request) -> None:
    assert (theirs.method, theirs.url.path) == (ours.method, ours.url.path)
    assert sorted(theirs.url.params.multi_items()) == sorted(ours.url.params.multi_items())
    assert theirs.headers["access-token"] == ours.headers["access-token"]
    assert "authorization" not in theirs.headers
    assert "authorization" not in ours.headers


def test_audiences_are_listed_as_the_package_lists_them_and_both_find_ours(sdk, ours, wire):
    audience = TIKTOK.create_audience(ours, SPEC)
    assert TIKTOK.find_audience(ours, SPEC) == audience
    answer = sdk.audiences.dmp_custom_audience_list(ADVERTISER, TOKEN, page=1, page_size=100)
    same_call(sdk.pool.kept[-1], wire.kept[-1])
    (listed,) = answer["data"]["list"]
    assert (listed["audience_id"], answer["data"]["page_info"]["total_page"]) == (audience, 1)


def test_the_address_is_the_one_of_the_package(sdk):
    assert Configuration().host == CONTRACT.endpoint


def test_the_packages_client_carries_our_bodies_and_the_sandbox_answers_both_alike(sdk, outside, ours, wire):
    """The package has no calls of its own for segments, so the bodies are ours: the way and the envelope are compared."""
    members = [member("JaneDoe", "email_spaceless", "phone_e164"), member("max", "email_spaceless")]
    audience = TIKTOK.create_audience(ours, SPEC)
    made = sdk.call("/open_api/v1.3/segment/audience/", json.loads(wire.kept[-1].content))
    same_call(sdk.pool.kept[-1], wire.kept[-1])
    assert int(made["data"]["audience_id"]) > int(audience)
    request = TIKTOK.request(made["data"]["audience_id"], Operation.ADD, members, PLACE)
    answer = TIKTOK.read(members, PLACE, ours.send(request))
    assert sdk.call("/open_api/v1.3/segment/mapping/", request.json)["data"] is not None
    same_call(sdk.pool.kept[-1], wire.kept[-1])
    assert json.loads(sdk.pool.kept[-1].content) == json.loads(wire.kept[-1].content)
    assert answer.unproven == 2
    assert [one["people"] for one in outside.audiences()] == [0, 2]


def test_an_address_has_the_digest_that_the_help_centre_publishes():
    body = TIKTOK.request("2038", Operation.ADD, [member("JaneDoe", "email_spaceless")], PLACE).json
    assert body["batch_data"] == [[{"id": PUBLISHED, "audience_ids": ["2038"]}]]


def test_the_package_reads_the_sandboxs_details_and_deletes_what_we_made(sdk, ours):
    audience = TIKTOK.create_audience(ours, SPEC)
    answer = sdk.audiences.dmp_custom_audience_get(ADVERTISER, [audience], TOKEN)
    (details,) = answer["data"]["list"]
    assert details["audience_details"]["audience_id"] == audience
    body = CustomAudienceDeleteBody(advertiser_id=ADVERTISER, custom_audience_ids=[audience])
    sdk.audiences.dmp_custom_audience_delete(TOKEN, body=body)
    assert TIKTOK.find_audience(ours, SPEC) is None
    TIKTOK.delete_audience(ours, audience)


def test_a_refusal_under_http_200_is_one_for_the_package_and_for_us(sdk, outside, ours):
    outside.admin("platforms/tiktok", {"tokens": ["another"]})
    code = str(NumericErrorCodes.ERROR_CODE_INVALID_ACCESS_TOKEN)
    with pytest.raises(TiktokSDKError, match=code):
        sdk.audiences.dmp_custom_audience_list(ADVERTISER, TOKEN)
    with pytest.raises(NeedsHumanError) as refusal:
        TIKTOK.find_audience(ours, SPEC)
    assert refusal.value.code == code


def read_code(code: int) -> type[SegmentAssetsError] | None:
    body = {"code": code, "message": "", "request_id": "", "data": {}}
    try:
        TIKTOK.read([member("a", "email_spaceless")], PLACE, Response(200, {}, body))
    except SegmentAssetsError as error:
        return type(error)
    return None


def test_every_code_that_the_package_names_is_classed_and_only_its_two_good_ones_are_success():
    classed = {code: read_code(code) for code in NAMED}
    good = {code for code, error in classed.items() if error is None}
    assert good == {NumericErrorCodes.ERROR_CODE_OK, NumericErrorCodes.ERROR_CODE_PARTIAL_OK}
    service = {code for code in NAMED if 50_000 <= code < 60_000}
    assert all(issubclass(classed[code], TransientError) for code in service)
    others = {code for code in NAMED if code >= 70_000}
    assert all(issubclass(classed[code], PermanentError) for code in others)


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("REQUEST_TOO_FREQUENT", TransientError),
        ("REQUEST_FREQUENCY_LIMITED", TransientError),
        ("TOO_MANY_REQUESTS_BL", TransientError),
        ("WRITE_CONFLICT", TransientError),
        ("TASK_NOT_READY", TransientError),
        ("MAINTENANCE", TransientError),
        ("SYS_TIMEOUT", TransientError),
        ("ACCESS_TOKEN_EXPIRE", NeedsHumanError),
        ("EMPTY_ACCESS_TOKEN", NeedsHumanError),
        ("INVALID_ACCESS_TOKEN", NeedsHumanError),
        ("PERMISSION_ERROR", NeedsHumanError),
        ("SCOPE_NOT_AUTHORIZED", NeedsHumanError),
        ("APP_FORBIDDEN", NeedsHumanError),
        ("ADVERTISER_LOGOUT", NeedsHumanError),
        ("APP_METHOD_FORBIDDEN", NeedsHumanError),
        ("NOT_IN_WHITELIST", NeedsHumanError),
        ("SCOPE_TT_USER_OAUTH_FAILED", NeedsHumanError),
        ("ADVERTISER_NOT_EXIST", NeedsHumanError),
        ("ADVERTISER_ROLE_ERROR", NeedsHumanError),
        ("CUSTOMER_ADVERTISER_NOT_EXIST", NeedsHumanError),
        ("NOT_EXIST", NeedsHumanError),
        ("PARAM_ERROR", PermanentError),
        ("PII_NOT_HASHED", PermanentError),
        ("INVALID_BATCH_SIZE", PermanentError),
        ("INVALID_API_VERSION", PermanentError),
        ("ROUTE_NOT_FOUND", PermanentError),
    ],
)
def test_a_code_means_what_the_package_calls_it(name, meant):
    assert issubclass(read_code(getattr(NumericErrorCodes, f"ERROR_CODE_{name}")), meant)


def test_known_defect_the_package_takes_a_partial_success_for_a_failure_although_it_names_the_code_partial_ok(
    sdk, outside
):
    body = {"code": NumericErrorCodes.ERROR_CODE_PARTIAL_OK, "message": "", "request_id": "r", "data": {"list": []}}
    outside.faults({"kind": "answer", "status": 200, "body": body})
    with pytest.raises(TiktokSDKError):
        sdk.audiences.dmp_custom_audience_list(ADVERTISER, TOKEN)
    assert read_code(NumericErrorCodes.ERROR_CODE_PARTIAL_OK) is None
