"""The delivery room with Google's connector: what a Google account is asked for, and what is believed of it when.

The account here is only a transport that keeps calls, promises a job for each and then says how the jobs ended.
"""

from __future__ import annotations

import time

import pytest

from segment_assets.contracts import Request, Response
from segment_assets.delivery.courier import Patience
from segment_assets.delivery.errands import Errand
from segment_assets.delivery.guards import GuardRails
from segment_assets.delivery.ledger import Pair
from segment_assets.delivery.run import DeliveryRoom
from segment_assets.delivery.settling import balanced
from segment_assets.delivery.wanted import Wanted
from segment_assets.destinations.google import CONTRACT, GoogleDataManager
from segment_assets.resources.lake import LocalLake
from segment_assets_tests.destinations.google_kit import STATED
from segment_assets_tests.fakes import digest, person, publish_audience, publish_suppressions

PAIR = Pair("tenant", "google", "123", "seg")


class Account:
    """Takes everything, except members whose e-mail is in `bad`: these cost their whole request."""

    def __init__(self) -> None:
        self.kept: list[Request] = []
        self.bad: set[str] = set()
        self.counts: list[int] = []

    def send(self, request: Request) -> Response:
        if request.path.endswith("/userLists"):
            return Response(200, {}, {"id": "456"})
        if request.method == "GET":
            records = str(self.counts[int(request.params["requestId"])])
            told = {"audienceMembersIngestionStatus": {"userDataIngestionStatus": {"recordCount": records}}}
            return Response(200, {}, {"requestStatusPerDestination": [{"requestStatus": "SUCCESS", **told}]})
        self.kept.append(request)
        return self._taken(request.json["audienceMembers"])

    def _taken(self, members: list[dict]) -> Response:
        emails = [one["userData"]["userIdentifiers"][0].get("emailAddress") for one in members]
        fields = [
            {"field": f"audience_members.audience_members[{n}].user_data", "reason": "INVALID_SHA256_FORMAT"}
            for n, email in enumerate(emails)
            if email in self.bad
        ]
        if fields:
            return Response(
                400, {}, {"error": {"status": "INVALID_ARGUMENT", "details": [{"fieldViolations": fields}]}}
            )
        self.counts.append(len(members))
        return Response(200, {}, {"requestId": str(len(self.counts) - 1)})

    def sent(self, verb: str) -> list[list[str]]:
        """Identifiers per person of all calls of a kind, the address by its given name."""
        calls = [request for request in self.kept if request.path.endswith(verb)]
        return [
            [
                i.get("emailAddress") or i.get("phoneNumber") or i["address"]["givenName"]
                for i in one["userData"]["userIdentifiers"]
            ]
            for request in calls
            for one in request.json["audienceMembers"]
        ]


class Road:
    def __init__(self, tmp_path) -> None:
        self.lake, self.account = LocalLake(tmp_path / "lake"), Account()
        self.room = DeliveryRoom(
            self.lake,
            GoogleDataManager("123", statements=STATED),
            self.account,
            workdir=tmp_path / "work",
            clock=time.time,
            sleep=lambda _: None,
            patience=Patience(attempts=2),
        )
        self.errand = Errand(PAIR, Wanted(CONTRACT, CONTRACT.forms()), "seg", STATED, GuardRails(1.0), b"key")

    def run(self, *people, suppressions=None):
        audience = publish_audience(self.lake, PAIR.segment, people)
        return self.room.run(self.errand, audience, suppressions)

    def follow(self) -> dict:
        row = self.room.follow(self.errand).row
        assert balanced(row) == []
        return row


@pytest.fixture
def road(tmp_path):
    return Road(tmp_path)


def someone(name: str, **more) -> dict:
    return person(name, email=name) | {"email_gmail_folded": digest(f"{name} folded")} | more


def address(name: str) -> dict:
    return {
        "first_name_lower": digest(name),
        "last_name_lower": digest("smith"),
        "country_code": "US",
        "postal_code_plain": "94045",
    }


def folded(name: str) -> str:
    return digest(f"{name} folded").hex()


def test_people_are_sent_in_google_s_forms_and_believed_when_the_job_has_ended(road):
    phone = {"phone_e164": digest("+1"), "phone_digits": digest("1")}
    report = road.run(someone("ann", **phone), person("bea") | address("bea"), person("nobody", email="only meta's"))
    assert report.waiting
    assert sorted(road.account.sent("ingest")) == sorted([[folded("ann"), digest("+1").hex()], [digest("bea").hex()]])
    row = road.follow()
    assert (row["outcome"], row["accepted"], row["unproven"], row["no_usable_key"]) == ("done", 2, 0, 1)


def test_a_member_that_google_names_costs_one_person_and_not_the_request(road):
    road.account.bad = {folded("bob")}
    road.run(someone("ann"), someone("bob"), someone("cyd"))
    assert sorted(road.account.sent("ingest")[3:]) == sorted([[folded("ann")], [folded("cyd")]])
    row = road.follow()
    assert (row["accepted"], row["rejected"]) == (2, 1)


@pytest.mark.parametrize(
    "named",
    [("email_gmail_folded", f"{'ann'} folded"), ("email", "ann folded"), ("phone_digits", "+1"), ("phone_e164", "+1")],
)
def test_an_opt_out_takes_a_person_out_of_google_by_any_form_of_an_identifier(road, named):
    people = someone("ann", phone_e164=digest("+1")), someone("bob")
    road.run(*people)
    road.follow()
    road.run(*people, suppressions=publish_suppressions(road.lake, [(named[0], digest(named[1]))]))
    assert road.account.sent("remove") == [[folded("ann"), digest("+1").hex()]]


def test_a_person_with_an_address_only_is_taken_out_by_the_whole_address(road):
    road.run(person("bea") | address("bea"), someone("ann"))
    road.follow()
    road.run(someone("ann"))
    [removed] = [request for request in road.account.kept if request.path.endswith("remove")]
    [one] = removed.json["audienceMembers"]
    assert [*one["userData"]["userIdentifiers"][0]["address"]] == [
        "givenName",
        "familyName",
        "regionCode",
        "postalCode",
    ]
