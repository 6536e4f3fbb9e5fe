"""TikTok's official package against our file connector and against our sandbox: each call made by both, and compared.

The package builds every call of this route, so nothing here is carried for it. What it does by default and we must not
(an update that replaces everybody) has a test of its own.
"""

from __future__ import annotations

import email.parser
import email.policy
import json
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest
import urllib3
from business_api_client import ApiClient, Configuration
from business_api_client.api.audience_api import AudienceApi
from business_api_client.models import CustomAudienceCreateBody, CustomAudienceDeleteBody, CustomAudienceUpdateBody
from business_api_client.tiktok_business.tiktok_exceptions import TiktokSDKError

from segment_assets.contracts import AudienceSpec, MatchKey, Member, Operation, Session, Step, TransientError
from segment_assets.destinations.tiktok_file import CONTRACT, TikTokFiles
from segment_assets.identity import NORMAL_FORMS, digest
from segment_assets.resources.transport import HttpTransport
from segment_assets_tests.conformance.kit.outside import InProcess, Outside

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ADVERTISER, TOKEN = "7012345678901234567", "sandbox-tiktok_file-token"
HOME = "http://127.0.0.1/tiktok_file"
TIKTOK = TikTokFiles(ADVERTISER)
SPEC = AudienceSpec("crm lapsed 90 days", "0123456789abcdef" * 2, {})
PLACE = Session(1, 1, last=True, members_in_total=2, received_before=0, lane=(MatchKey.EMAIL,))
# The help centre's own digests: of the address janedoe@gmail.com and of the Armenian number 374-93-828222.
PUBLISHED_EMAIL = "d6117306485ed0e50afab3ac871e98f81699151f30281527d63ff5f233656c69"
PUBLISHED_PHONE = "65b7e6dcf6f4310f8d7cbfbd78289a753062fb054d6664fb9aaac5df66a422d4"


class Keeping(httpx.BaseTransport):
    """Keeps requests as they go over the wire, and lets the sandbox answer."""

    def __init__(self, inside: InProcess) -> None:
        self.kept: list[httpx.Request] = []
        self._inside = inside

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.kept.append(request)
        return self._inside.handle_request(request)


class Pool:
    """In the place of the package's connections. A form is encoded as urllib3 does it."""

    def __init__(self, wire: Keeping) -> None:
        self._wire = wire

    def request(self, method: str, url: str, **given: Any) -> Any:
        parts = urlsplit(url)
        headers = {name: str(value) for name, value in given["headers"].items()}
        content = given.get("body")
        asked = parse_qsl(parts.query)
        if given.get("encode_multipart"):
            content, headers["Content-Type"] = urllib3.encode_multipart_formdata(given["fields"])
        elif given.get("fields"):
            asked += given["fields"]
        address = httpx.URL(f"http://127.0.0.1{parts.path}", params=asked or None)
        answer = self._wire.handle_request(httpx.Request(method, address, headers=headers, content=content))
        return _Answer(answer.status_code, answer.content)

    def clear(self) -> None:
        """Nothing is held."""


class _Answer:
    reason = ""

    def __init__(self, status: int, data: bytes) -> None:
        self.status, self.data = status, data

    def getheaders(self) -> dict[str, str]:
        return {}


@pytest.fixture(scope="module")
def outside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Outside]:
    inside = InProcess(tmp_path_factory.mktemp("sandbox"), ())
    outside = Outside(inside)
    yield outside
    outside.close()
    inside.end()


@pytest.fixture
def wire(outside: Outside) -> Keeping:
    outside.reset()
    return Keeping(outside.inside)


@pytest.fixture
def sdk(wire: Keeping) -> AudienceApi:
    configuration = Configuration()
    configuration.host = HOME
    client = ApiClient(configuration)
    client.rest_client.pool_manager = Pool(wire)
    return AudienceApi(client)


@pytest.fixture
def ours(wire: Keeping) -> Iterator[HttpTransport]:
    transport = HttpTransport(HOME, TOKEN, carrier=wire, token_header=CONTRACT.token_header)
    yield transport
    transport.close()


def member(form: str, raw: str) -> Member:
    return Member(b"m", {form: digest(NORMAL_FORMS[form], raw, None).value})


PEOPLE = [member("email_spaceless", " JaneDoe @Gmail.com"), member("email_spaceless", "max@x.example")]


def same_call(theirs: httpx.Request, ours: httpx.Request) -> None:
    assert (theirs.method, theirs.url.path) == (ours.method, ours.url.path)
    assert sorted(theirs.url.params.multi_items()) == sorted(ours.url.params.multi_items())
    assert theirs.headers["access-token"] == ours.headers["access-token"] == TOKEN
    assert "authorization" not in ours.headers


def parts_of(sent: httpx.Request) -> dict[str, tuple[str | None, str, bytes]]:
    """Name -> file name, type and content of each part of a form, as the standard library reads it."""
    head = f"Content-Type: {sent.headers['content-type']}\r\n\r\n".encode()
    form = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(head + sent.content)
    assert form.get_content_type() == "multipart/form-data"
    return {
        part.get_param("name", header="content-disposition"): (
            part.get_filename(),
            part.get_content_type(),
            part.get_payload(decode=True),
        )
        for part in form.iter_parts()
    }


def upload(sdk: AudienceApi, file: Path, sent: httpx.Request) -> str:
    """The file of ours, uploaded by the package."""
    parts = parts_of(sent)
    _, _, content = parts["file"]
    file.write_bytes(content)
    answer = sdk.dmp_custom_audience_file_upload(
        TOKEN,
        advertiser_id=ADVERTISER,
        calculate_type=parts["calculate_type"][2].decode(),
        file=str(file),
        file_signature=parts["file_signature"][2].decode(),
    )
    return answer["data"]["file_path"]


def test_a_file_is_uploaded_as_the_package_uploads_it(sdk, ours, wire, tmp_path):
    answer = TIKTOK.read(PEOPLE, PLACE, ours.send(TIKTOK.request("email:1", Operation.ADD, PEOPLE, PLACE)))
    sent = wire.kept[-1]
    assert upload(sdk, tmp_path / "people.csv", sent) != answer.noted["file_path"]
    theirs = wire.kept[-1]
    same_call(theirs, sent)
    assert parts_of(sent) == parts_of(theirs)


def test_a_file_holds_the_digests_that_the_help_centre_publishes_one_on_a_line_without_a_header():
    phone = Session(1, 1, last=True, members_in_total=1, received_before=0, lane=(MatchKey.PHONE,))
    armenian = [member("phone_digits", "+374-93-828222")]
    for people, place, published in ((PEOPLE[:1], PLACE, PUBLISHED_EMAIL), (armenian, phone, PUBLISHED_PHONE)):
        request = TIKTOK.request("", Operation.ADD, people, place)
        sent = httpx.Request("POST", HOME, content=request.content, headers={"content-type": request.content_type})
        assert parts_of(sent)["file"] == ("people.csv", "text/csv", f"{published}\n".encode())


def test_a_list_is_made_as_the_package_makes_it(sdk, ours, wire, tmp_path):
    audience = TIKTOK.create_audience(ours, SPEC)
    by_path = {call.url.path.removeprefix("/tiktok_file"): call for call in wire.kept[:2]}
    sent = by_path["/open_api/v1.3/dmp/custom_audience/create/"]
    body = json.loads(sent.content)
    assert set(body) <= set(CustomAudienceCreateBody.attribute_map)
    made = sdk.dmp_custom_audience_create(TOKEN, body=CustomAudienceCreateBody(**body))
    same_call(wire.kept[-1], sent)
    assert json.loads(wire.kept[-1].content) == body
    assert made["data"]["custom_audience_id"] not in audience
    assert [call.url.path for call in wire.kept[:6]] == 3 * [wire.kept[0].url.path, sent.url.path]


def test_a_change_is_asked_for_as_the_package_asks_and_never_without_its_action(sdk, ours, wire, tmp_path):
    audience = TIKTOK.create_audience(ours, SPEC)
    (path,) = json.loads(wire.kept[1].content)["file_paths"]
    place = Session(
        1, 1, last=True, members_in_total=2, received_before=0, lane=(MatchKey.EMAIL,), uploads=({"file_path": path},)
    )
    for operation, action in ((Operation.ADD, "APPEND"), (Operation.REMOVE, "REMOVE")):
        ours.send(TIKTOK.step_request(Step.COMMIT, audience, operation, place))
        sent, body = wire.kept[-1], json.loads(wire.kept[-1].content)
        sdk.dmp_custom_audience_update(TOKEN, body=CustomAudienceUpdateBody(**body))
        same_call(wire.kept[-1], sent)
        assert json.loads(wire.kept[-1].content) == body
        assert (body["action"], body["file_paths"]) == (action, [path])


def test_known_trap_the_package_replaces_everybody_where_nobody_names_an_action():
    assert CustomAudienceUpdateBody(advertiser_id=ADVERTISER, custom_audience_id="1").action == "REPLACE"


def test_lists_are_looked_at_and_found_as_the_package_does_it_and_it_reads_the_sandboxs_answers(sdk, ours, wire):
    audience = TIKTOK.create_audience(ours, SPEC)
    first = audience.split()[0].removeprefix("email:")
    ours.send(TIKTOK.step_request(Step.OPEN, audience, Operation.ADD, PLACE))
    sent = wire.kept[-1]
    answer = sdk.dmp_custom_audience_get(ADVERTISER, [first], TOKEN, history_size=20)
    same_call(wire.kept[-1], sent)
    (shown,) = answer["data"]["list"]
    assert shown["audience_details"]["calculate_type"] == "EMAIL_SHA256"
    assert [entry["editor"] for entry in shown["audience_history"]] == ["open_api"]
    assert TIKTOK.find_audience(ours, SPEC) == audience
    sent = wire.kept[-1]
    listed = sdk.dmp_custom_audience_list(ADVERTISER, TOKEN, page=1, page_size=100)
    same_call(wire.kept[-1], sent)
    assert [one["audience_id"] for one in listed["data"]["list"]] == [
        part.partition(":")[2] for part in audience.split()
    ]


def test_lists_are_deleted_as_the_package_deletes_them(sdk, ours, wire):
    audience = TIKTOK.create_audience(ours, SPEC)
    TIKTOK.delete_audience(ours, audience)
    sent = wire.kept[-1]
    body = json.loads(sent.content)
    with pytest.raises(TiktokSDKError, match="40007"):
        sdk.dmp_custom_audience_delete(TOKEN, body=CustomAudienceDeleteBody(**body))
    same_call(wire.kept[-1], sent)
    assert json.loads(wire.kept[-1].content) == body
    TIKTOK.delete_audience(ours, audience)
    assert TIKTOK.find_audience(ours, SPEC) is None


def test_a_busy_list_is_a_failure_for_the_package_and_one_that_passes_for_us(sdk, outside, ours, wire):
    outside.faults({"kind": "answer", "status": 200, "body": {"code": 40201, "message": "", "data": {}}})
    with pytest.raises(TiktokSDKError, match="40201"):
        sdk.dmp_custom_audience_list(ADVERTISER, TOKEN)
    with pytest.raises(TransientError):
        TIKTOK.find_audience(ours, SPEC)


def test_the_address_is_the_one_of_the_package():
    assert Configuration().host == CONTRACT.endpoint
