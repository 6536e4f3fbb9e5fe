"""Our Snapchat and Reddit connectors, and our sandbox, against Segment's connectors for the same calls.

Neither platform has a package for customer lists. Segment's connectors carry people there every day:
`vendors/segment_snapchat_reddit.cjs` runs them and keeps what they send. The same people must make the same call, and our
sandbox must take their calls as they are. Segment is no authority, so each difference is named with our reason.
The digests are published in Segment's tests for Snapchat, which follow Snap's page on customer lists.
"""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import httpx
import pytest

from segment_assets.contracts import AudienceSpec, MatchKey, Member, Operation, Request, Response, Session
from segment_assets.destinations import connect
from segment_assets.identity import NORMAL_FORMS, digest
from segment_assets.sandbox.platforms.reddit import tokens as reddit_tokens
from segment_assets.sandbox.platforms.snapchat import tokens as snapchat_tokens
from segment_assets_tests.conformance.kit.outside import URL, InProcess, Outside

if TYPE_CHECKING:
    from collections.abc import Iterator

CAPTURED = json.loads((Path(__file__).parent / "vendors" / "segment_snapchat_reddit.json").read_text(encoding="utf-8"))
SNAPCHAT = connect("snapchat", "8adc3db7-8148-4fbf-999c-8d2266369d74")
REDDIT = connect("reddit", "a2_sandbox1")
SPEC = AudienceSpec("vip", "0f" * 16, {"source_type": "FIRST_PARTY"})
PUBLISHED = {
    "email": "b375b7bbddb3de3298fbc7641063d9f03a38e118aa4480c8ab9f58740982e8bd",
    "phone": "2fd199db6d3fa9fe754886ff1822f2867fcb104a6639495eca25c2978efe4ed4",
    "device": "30a5154b77ab8b2ddbe19f5e7af72f33cc2a4a41f22940d965102650a1c72863",
}
KEYS = {"email": MatchKey.EMAIL, "phone": MatchKey.PHONE, "device": MatchKey.MOBILE_AD_ID}
FIELDS = {"EMAIL_SHA256": "email", "PHONE_SHA256": "phone", "MOBILE_AD_ID_SHA256": "device", "MAID_SHA256": "device"}
OPERATIONS = {"POST": Operation.ADD, "DELETE": Operation.REMOVE, "ADD": Operation.ADD, "REMOVE": Operation.REMOVE}


class Kept:
    """Keeps a request and answers it."""

    def __init__(self, answer: object) -> None:
        self.answer, self.request = Response(200, {}, answer), None

    def send(self, request: Request) -> Response:
        self.request = request
        return self.answer


def theirs(host: str, path: str) -> list[dict[str, Any]]:
    urls = [(one, urlsplit(one["url"])) for one in CAPTURED["sent"]]
    found = [one for one, url in urls if url.netloc == host and url.path == path]
    assert found
    return found


def people(destination: Any, kind: str) -> tuple[list[Member], Session]:
    """The captured people who have an identifier of this kind, in the form of the destination."""
    key = KEYS[kind]
    form = destination.contract.match_keys[key].form
    raw = [one[kind] for one in CAPTURED["people"] if kind in one]
    members = [Member(b"m", {form: digest(NORMAL_FORMS[form], f" {one} ", "us").value}) for one in raw]
    return members, Session(token=1, sequence=1, last=True, members_in_total=2, received_before=0, lane=(key,))


@pytest.mark.parametrize("kind", PUBLISHED)
def test_an_identifier_is_hashed_as_published_for_snapchat(kind):
    members, _ = people(SNAPCHAT, kind)
    assert [value.hex() for value in members[0].keys.values()] == [PUBLISHED[kind]]


def test_snap_trims_and_lowers_an_address_and_does_nothing_else_to_it():
    form = NORMAL_FORMS[SNAPCHAT.contract.match_keys[MatchKey.EMAIL].form]
    expected = hashlib.sha256(b"john.doe+news@gmail.com").digest()
    assert digest(form, " John.Doe+News@Gmail.com ", None).value == expected


def test_people_go_to_snapchat_as_segment_sends_them():
    path = "/v1/segments/5677923948298240/users"
    calls = theirs("adsapi.snapchat.com", path)
    assert len(calls) == 6
    for call in calls:
        (user,) = call["json"]["users"]
        members, session = people(SNAPCHAT, FIELDS[user["schema"][0]])
        ours = SNAPCHAT.request("5677923948298240", OPERATIONS[call["method"]], members, session)
        assert (ours.method, ours.path) == (call["method"], path)
        if call["method"] == "DELETE":
            # Known difference: of those who leave RudderStack names the segment in the body too; both are told to work.
            assert ours.json["users"][0].pop("id") == "5677923948298240"
        assert ours.json == call["json"]


def test_a_segment_is_made_and_shown_on_snapchat_as_segment_does():
    transport = Kept(
        {"request_status": "success", "segments": [{"sub_request_status": "SUCCESS", "segment": {"id": "1"}}]}
    )
    assert SNAPCHAT.create_audience(transport, SPEC) == "1"
    (call,) = theirs("adsapi.snapchat.com", f"/v1/adaccounts/{SNAPCHAT.account}/segments")
    ours = transport.request
    # Known difference: our marker is the description, by which a segment is found again after a creation without answer.
    expected = {**call["json"]["segments"][0], "description": f"segment_assets {SPEC.marker}"}
    assert (ours.method, ours.path, ours.json) == (call["method"], urlsplit(call["url"]).path, {"segments": [expected]})
    (shown,) = theirs("adsapi.snapchat.com", "/v1/segments/5677923948298240")
    asked = SNAPCHAT.size_request("5677923948298240")
    assert (asked.method, asked.path) == (shown["method"], urlsplit(shown["url"]).path)


def test_people_go_to_reddit_as_segment_sends_them_but_for_what_is_hashed_of_them():
    path = "/api/v3/custom_audiences/ca.129482487242828/users"
    calls = theirs("ads-api.reddit.com", path)
    assert len(calls) == 4
    for call in calls:
        data = call["json"]["data"]
        kind = FIELDS[data["column_order"][0]]
        members, session = people(REDDIT, kind)
        ours = REDDIT.request("ca.129482487242828", OPERATIONS[data["action_type"]], members, session)
        assert (ours.method, ours.path) == (call["method"], path)
        assert ours.json == call["json"], "dots and plus tags go from an address, and the case of an id stays"


def test_known_difference_reddits_own_rule_deletes_more_of_an_address_than_segment_does():
    form = NORMAL_FORMS[REDDIT.contract.match_keys[MatchKey.EMAIL].form]
    assert digest(form, "max_m@example.de", None).value == digest(form, "maxm@example.de", None).value


def test_an_audience_is_made_on_reddit_as_segment_does():
    transport = Kept({"data": {"id": "ca.1"}})
    assert REDDIT.create_audience(transport, SPEC) == "ca.1"
    (call,) = theirs("ads-api.reddit.com", "/api/v3/ad_accounts/a2_sandbox1/custom_audiences")
    ours = transport.request
    # Known difference: our marker stands behind the name, which is all that finds the audience again.
    expected = {"data": {**call["json"]["data"], "name": f"vip {SPEC.marker}"}}
    assert (ours.method, ours.path, ours.json) == (call["method"], urlsplit(call["url"]).path, expected)


def test_the_addresses_are_those_that_segment_calls():
    hosts = {f"https://{urlsplit(one['url']).netloc}" for one in CAPTURED["sent"] if "form" not in one}
    assert hosts == {SNAPCHAT.contract.endpoint, REDDIT.contract.endpoint}


@pytest.fixture(scope="module")
def outside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Outside]:
    inside = InProcess(tmp_path_factory.mktemp("sandbox"), ())
    outside = Outside(inside)
    yield outside
    outside.close()
    inside.end()


@pytest.mark.parametrize(("platform", "host"), [("snapchat", "adsapi.snapchat.com"), ("reddit", "ads-api.reddit.com")])
def test_the_sandbox_takes_the_calls_of_segment_as_they_are(outside, platform, host):
    outside.reset()
    headers = {"Authorization": f"Bearer sandbox-{platform}-token", "User-Agent": "segmentaudienceapi:v1"}
    made, kept = "", set()
    with httpx.Client(base_url=f"{URL}/{platform}", headers=headers, transport=outside.inside) as caller:
        for call in (one for one in CAPTURED["sent"] if urlsplit(one["url"]).netloc == host):
            path = urlsplit(call["url"]).path.replace("5677923948298240", made).replace("ca.129482487242828", made)
            answer = caller.request(call["method"], path, json=call.get("json"))
            assert answer.is_success
            made = made or outside.audiences()[0]["id"]
            kept.add(len(outside.people()))
    assert max(kept) == {"snapchat": 4, "reddit": 2}[platform], "everybody was in before everybody was out again"
    assert outside.people() == []


def test_the_sandbox_renews_tokens_as_segment_asks_for_them(outside):
    outside.reset()
    with httpx.Client(base_url=URL, transport=outside.inside) as caller:
        for call in (one for one in CAPTURED["sent"] if "form" in one):
            tokens = snapchat_tokens if "snapchat" in call["url"] else reddit_tokens
            basic = "Basic " + base64.b64encode(":".join(tokens.CLIENT).encode()).decode()
            own = {
                "refresh_token": tokens.REFRESH_TOKEN,
                "client_id": tokens.CLIENT[0],
                "client_secret": tokens.CLIENT[1],
            }
            headers = {
                name: basic if name == "Authorization" else told for name, told in call.get("headers", {}).items()
            }
            form = {name: own.get(name, told) for name, told in call["form"].items()}
            path = urlsplit(call["url"]).path
            assert caller.post(path, data=call["form"], headers=call.get("headers", {})).is_client_error
            answer = caller.post(path, data=form, headers=headers)
            assert answer.is_success
            assert answer.json()["token_type"].lower() == "bearer"
