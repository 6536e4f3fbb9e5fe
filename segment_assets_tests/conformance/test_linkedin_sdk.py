"""LinkedIn's official Rest.li client against our connector and against our sandbox.

The same people must make the same call, and both must read the same from the sandbox's answer. Nothing leaves the
process: the client's session gets an adapter that keeps its requests and hands them to the sandbox. Where the client is
known to be wrong (it takes an error for a batch without elements), the test names it.

The client knows Rest.li (paths, headers, encoding, answers of single elements), and nothing of DMP segments: the fields
of an element are checked against LinkedIn's published example only.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import httpx
import pytest
import requests
from linkedin_api.clients.auth.client import AuthClient
from linkedin_api.clients.restli.client import RestliClient
from linkedin_api.common.errors import ResponseFormattingError
from requests.adapters import BaseAdapter

from segment_assets.contracts import AudienceSpec, Member, Operation, Session, TransientError
from segment_assets.destinations.linkedin import CONTRACT, LinkedInSegments
from segment_assets.identity import NORMAL_FORMS, digest
from segment_assets.resources.transport import HttpTransport
from segment_assets_tests.conformance.kit.outside import InProcess, Outside

if TYPE_CHECKING:
    from collections.abc import Iterator

ACCOUNT, TOKEN = "502001", "sandbox-linkedin-token"
LINKEDIN = LinkedInSegments(ACCOUNT)
VERSION = LINKEDIN.api_version
SPEC = AudienceSpec("VIP", "0f" * 16, {})
# The digest that Segment's tests publish for this address.
PUBLISHED = {"testing@testing.com": "584c4423c421df49955759498a71495aba49b8780eb9387dff333b6f0982c777"}
MAID = "cdda802e-fb9c-47ad-9866-0794d394c912"
PLACE = Session(token=1, sequence=1, last=True, members_in_total=1, received_before=0)


class Adapter(BaseAdapter):
    """Keeps the client's prepared requests and lets the sandbox answer them."""

    def __init__(self, inside: InProcess) -> None:
        super().__init__()
        self.kept: list[requests.PreparedRequest] = []
        self._inside = inside

    def send(self, request: requests.PreparedRequest, **_: object) -> requests.Response:
        self.kept.append(request)
        parts = urlsplit(request.url)
        url = httpx.URL("http://127.0.0.1", raw_path=f"{parts.path}?{parts.query}".encode())
        body = request.body.encode() if isinstance(request.body, str) else request.body
        said = self._inside.handle_request(
            httpx.Request(request.method, url, headers=dict(request.headers), content=body)
        )
        answer = requests.Response()
        answer.status_code, answer.request, answer.url = said.status_code, request, request.url
        answer.headers.update(said.headers)
        answer._content = said.content
        return answer

    def close(self) -> None:
        """Nothing is held."""


class Keeping(httpx.BaseTransport):
    """Keeps our requests as they go over the wire."""

    def __init__(self, inside: InProcess) -> None:
        self.kept: list[httpx.Request] = []
        self._inside = inside

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.kept.append(request)
        return self._inside.handle_request(request)


@pytest.fixture(scope="module")
def outside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Outside]:
    inside = InProcess(tmp_path_factory.mktemp("sandbox"), ())
    outside = Outside(inside)
    yield outside
    outside.close()
    inside.end()


@pytest.fixture
def adapter(outside: Outside) -> Adapter:
    outside.reset()
    return Adapter(outside.inside)


@pytest.fixture
def sdk(adapter: Adapter) -> Iterator[RestliClient]:
    client = RestliClient()
    client.session.mount("https://", adapter)
    with client.session:
        yield client


@pytest.fixture
def wire(outside: Outside) -> Keeping:
    return Keeping(outside.inside)


@pytest.fixture
def ours(wire: Keeping) -> Iterator[HttpTransport]:
    transport = HttpTransport(CONTRACT.endpoint, TOKEN, carrier=wire, token_header=CONTRACT.token_header)
    yield transport
    transport.close()


def member(email: str, **more: str) -> Member:
    value = digest(NORMAL_FORMS["email_spaceless"], email, None).value
    return Member(email.encode(), {"email_spaceless": value, **more})


def same_call(theirs: requests.PreparedRequest, ours: httpx.Request) -> None:
    """Host, path, raw query and the headers that mean something to Rest.li."""
    said, meant = urlsplit(theirs.url), urlsplit(str(ours.url))
    assert (theirs.method, said.scheme, said.netloc) == (ours.method, meant.scheme, meant.netloc)
    assert said.path == ours.url.raw_path.decode().partition("?")[0]
    assert sorted(said.query.split("&")) == sorted(ours.url.query.decode().split("&"))
    means = ("authorization", "linkedin-version", "x-restli-protocol-version", "x-restli-method")
    assert {name: theirs.headers[name] for name in means} == {name: ours.headers[name] for name in means}
    if theirs.body:
        assert theirs.headers["content-type"] == ours.headers["content-type"]
        assert json.loads(theirs.body) == json.loads(ours.content)


def made(transport: HttpTransport) -> str:
    return LINKEDIN.create_audience(transport, SPEC)


def test_a_segment_is_made_as_the_client_makes_one_and_both_read_its_id(sdk, adapter, ours, wire):
    our_id = made(ours)
    entity = json.loads(wire.kept[-1].content)
    answer = sdk.create(resource_path="/dmpSegments", entity=entity, access_token=TOKEN, version_string=VERSION)
    same_call(adapter.kept[-1], wire.kept[-1])
    assert (answer.status_code, int(answer.entity_id)) == (201, int(our_id) + 1)


def test_a_segment_is_looked_for_as_the_client_uses_a_finder_and_both_find_it(sdk, adapter, ours, wire):
    our_id = made(ours)
    assert LINKEDIN.find_audience(ours, SPEC) == our_id
    query = {
        "account": f"urn:li:sponsoredAccount:{ACCOUNT}",
        "sourceSegmentId": SPEC.marker,
        "start": 0,
        "count": 100,
    }
    answer = sdk.finder(
        resource_path="/dmpSegments",
        finder_name="account",
        query_params=query,
        access_token=TOKEN,
        version_string=VERSION,
    )
    same_call(adapter.kept[-1], wire.kept[-1])
    assert ([str(one["id"]) for one in answer.elements], answer.paging.total) == ([our_id], 1)


@pytest.mark.parametrize("operation", [Operation.ADD, Operation.REMOVE])
def test_people_are_written_as_the_client_writes_a_batch(sdk, adapter, ours, wire, operation):
    audience = made(ours)
    members = [member("testing@testing.com", country_code="US"), member("b@x.example", mobile_ad_id=MAID)]
    request = LINKEDIN.request(audience, operation, members, PLACE)
    ours.send(request)
    sdk.batch_create(
        resource_path="/dmpSegments/{id}/users",
        path_keys={"id": int(audience)},
        entities=request.json["elements"],
        access_token=TOKEN,
        version_string=VERSION,
    )
    same_call(adapter.kept[-1], wire.kept[-1])


def test_an_element_has_the_form_of_the_published_example():
    """Source: "Create and manage segment users"; the digest of the address is one that somebody else published."""
    ((email, published),) = PUBLISHED.items()
    people = [member(f"  Testing @{email.partition('@')[2].upper()}", mobile_ad_id=MAID, country_code="US")]
    (element,) = LINKEDIN.request("1", Operation.ADD, people, PLACE).json["elements"]
    assert element == {
        "action": "ADD",
        "userIds": [
            {"idType": "SHA256_EMAIL", "idValue": published},
            {"idType": "GOOGLE_AID", "idValue": MAID},
        ],
        "country": "US",
    }


def test_the_client_and_we_read_the_same_people_out_of_an_answer_for_each_of_them(sdk, outside, ours):
    outside.admin("platforms/linkedin", {"rejected_share": 0.5})
    audience = made(ours)
    members = [member(f"p{n}@x.example") for n in range(40)]
    request = LINKEDIN.request(audience, Operation.ADD, members, PLACE)
    answer = LINKEDIN.read(members, PLACE, ours.send(request))
    results = sdk.batch_create(
        resource_path="/dmpSegments/{id}/users",
        path_keys={"id": audience},
        entities=request.json["elements"],
        access_token=TOKEN,
        version_string=VERSION,
    ).elements
    theirs = {place for place, result in enumerate(results) if not 200 <= result.status < 300}
    assert set(answer.rejected) == theirs
    assert 0 < len(theirs) < 40
    assert len(outside.people()) == 40 - len(theirs)


def test_a_segment_is_deleted_as_the_client_deletes_one(sdk, adapter, ours, wire):
    first, second = made(ours), made(ours)
    LINKEDIN.delete_audience(ours, first)
    answer = sdk.delete(
        resource_path="/dmpSegments/{id}", path_keys={"id": first}, access_token=TOKEN, version_string=VERSION
    )
    same_call(adapter.kept[-1], wire.kept[-1])
    assert answer.status_code == 404
    shown = sdk.get(
        resource_path="/dmpSegments/{id}", path_keys={"id": second}, access_token=TOKEN, version_string=VERSION
    )
    assert (shown.entity["destinations"][0]["status"], shown.entity["type"]) == ("BUILDING", "USER")


def test_known_defect_the_client_cannot_tell_a_throttled_batch_from_a_broken_answer_and_we_can(sdk, outside, ours):
    audience = made(ours)
    members = [member("a@x.example")]
    request = LINKEDIN.request(audience, Operation.ADD, members, PLACE)
    outside.faults({"kind": "throttle"})
    with pytest.raises(ResponseFormattingError):
        sdk.batch_create(
            resource_path="/dmpSegments/{id}/users",
            path_keys={"id": audience},
            entities=request.json["elements"],
            access_token=TOKEN,
            version_string=VERSION,
        )
    with pytest.raises(TransientError, match="throttled"):
        LINKEDIN.read(members, PLACE, ours.send(request))


def test_the_sandbox_renews_tokens_for_the_official_client_and_a_renewal_extends_no_consent(adapter, outside):
    auth = AuthClient("sandbox-linkedin-app", "sandbox-linkedin-app-secret")
    auth.session.mount("https://", adapter)
    with auth.session:
        first = auth.exchange_refresh_token_for_access_token("sandbox-linkedin-refresh-token")
        outside.later(300 * 86_400)
        second = auth.exchange_refresh_token_for_access_token("sandbox-linkedin-refresh-token")
        outside.later(66 * 86_400)
        last = auth.exchange_refresh_token_for_access_token("sandbox-linkedin-refresh-token")
    assert (first.status_code, first.expires_in) == (200, 60 * 86_400)
    assert first.access_token != second.access_token
    assert 64 * 86_400 < second.refresh_token_expires_in <= 65 * 86_400
    assert (last.status_code, last.access_token) == (400, None)
