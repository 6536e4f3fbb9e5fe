"""People who said no, on a platform that keeps people: they leave first, whatever stands in the way."""

from __future__ import annotations

import dataclasses
import itertools
import time

import pyarrow as pa
import pyarrow.dataset as pads
import pytest

from segment_assets.audience import build_suppressions
from segment_assets.contracts import CONSENT_COLUMNS, NeedsHumanError, Operation, RefusedRemovalError
from segment_assets.delivery.courier import Patience
from segment_assets.delivery.errands import Errand
from segment_assets.delivery.guards import GuardRails
from segment_assets.delivery.leaving import opt_out_changes
from segment_assets.delivery.ledger import AudienceLedger, Pair
from segment_assets.delivery.run import DeliveryRoom
from segment_assets.delivery.settling import acknowledged_state, balanced
from segment_assets.delivery.wanted import Wanted
from segment_assets.destinations.meta import CONTRACT as META
from segment_assets.resources.lake import LocalLake
from segment_assets.tables import ACKNOWLEDGED, CUSTOMERS, OPT_OUTS, SUPPRESSIONS
from segment_assets_tests.fakes import (
    CONTRACT,
    FakeDestination,
    FakePlatform,
    digest,
    marked,
    person,
    publish_audience,
    publish_suppressions,
)

PAIR = Pair("tenant", "fake", "acc", "seg")
AD_USER_DATA, AD_PERSONALIZATION = CONSENT_COLUMNS
KEY = b"the key of a test tenant, 32 by."


class LetsNobodyOut(FakeDestination):
    """Refuses every removal as a whole, as some platforms do for a small audience."""

    def read(self, members, session, response):
        if response.json.get("removal"):
            raise RefusedRemovalError("fake: the audience would be too small")
        return super().read(members, session, response)


class Removals(FakePlatform):
    """Keeps what was asked to be taken out, and may refuse it."""

    def __init__(self):
        super().__init__()
        self.taken_out, self.lets_out = [], True

    def _change(self, request):
        if request.method == "DELETE":
            self.taken_out += [set(row) for row in request.json["rows"]]
            if not self.lets_out:
                return {"removal": True}
        return super()._change(request)


@dataclasses.dataclass
class Road:
    """One lake, one platform, and runs over them; every delivery's accounting is looked at."""

    lake: LocalLake
    workdir: object
    contract: object = CONTRACT
    destination: type = FakeDestination
    platform: Removals = dataclasses.field(default_factory=Removals)
    audience: object = None
    suppressions: object = None
    exclude: bool = False

    def wants(self, *people, **stats):
        self.audience = publish_audience(self.lake, PAIR.segment, people, stats)
        return self.audience

    def run(self, *, share=1.0, approve=lambda: None, clock=time.time, **more):
        room = DeliveryRoom(
            self.lake,
            self.destination(self.contract),
            self.platform,
            workdir=self.workdir,
            clock=clock,
            sleep=lambda _: None,
            patience=Patience(attempts=1),
        )
        wanted = Wanted(self.contract, self.contract.forms(), keep_held_out=self.exclude)
        errand = Errand(PAIR, wanted, "seg", {}, GuardRails(share), b"key")
        rows = room.run(errand, self.audience, self.suppressions, approve=approve, **more).deliveries
        assert [balanced(row) for row in rows] == [[]] * len(rows)
        return rows

    def holds(self, *people):
        assert self.platform.identifiers == {marked(one) for one in people}

    def state(self):
        snapshot = acknowledged_state(self.lake, AudienceLedger(self.lake, PAIR, lambda: 0.0))
        return self.lake.dataset(snapshot).to_table().to_pylist()


@pytest.fixture
def road(tmp_path):
    return Road(LocalLake(tmp_path / "lake"), tmp_path / "work")


def somebody(name, *, phone=None, **more):
    return person(name, email=f"{name}@x", phone=phone) | more


def took_back(name, **said):
    """As an audience has them who may not be sent any more: without any identifier."""
    return person(name, eligibility="no_consent") | (said or {AD_USER_DATA: "denied"})


def not_approved():
    raise NeedsHumanError("the audience is too small")


class TestWithdrawnConsent:
    @pytest.mark.parametrize("purpose", CONSENT_COLUMNS)
    def test_it_leaves_first_and_past_every_guard_and_check(self, road, purpose):
        road.wants(*map(somebody, "abc"))
        road.run()
        road.wants(took_back("a", **{purpose: "denied"}), *map(somebody, "bc"))
        with pytest.raises(NeedsHumanError, match="too small"):
            road.run(share=0.0, approve=not_approved)
        road.holds("b@x", "c@x")
        assert all(row["removes"] == row["adds"] == 0 for row in road.run(share=0.0))

    def test_silence_is_no_withdrawal_and_does_not_pass_a_guard(self, road):
        road.wants(*map(somebody, "abc"))
        road.run()
        road.wants(*(took_back(name, consent_ad_user_data=None) for name in "abc"))
        with pytest.raises(NeedsHumanError):
            road.run(share=0.0)
        road.holds("a@x", "b@x", "c@x")

    def test_what_somebody_else_holds_stays(self, road):
        road.wants(somebody("a", phone="1"), somebody("b", phone="1"))
        road.run()
        road.wants(took_back("a"), somebody("b", phone="1"))
        [row] = [row for row in road.run() if row["lane"] == "opt_out"]
        assert (row["removes"], row["removes_acknowledged"]) == (1, 1)
        assert road.platform.taken_out == [{marked("a@x")}]

    def test_whose_every_identifier_is_somebody_else_s_needs_no_call(self, road):
        road.wants(person("a", phone="1"), person("b", phone="1"))
        road.run()
        road.wants(took_back("a"), person("b", phone="1"))
        assert sum(row["requests"] for row in road.run()) == 0
        assert [row["member_id"] for row in road.state()] == [digest("id:b")]
        road.holds("1")

    def test_it_pre_empts_an_older_audience_at_the_next_batch(self, road):
        names = [f"p{n}" for n in range(10)]
        older = road.wants(*map(somebody, names))
        newer = road.wants(took_back("p0"), took_back("p9"), *map(somebody, names[1:9]))
        road.audience = older
        rows = road.run(newest_audience=lambda: newer if len(road.platform.calls) > 1 else older)
        assert [(row["lane"], row["outcome"]) for row in rows[:2]] == [("audience", "interrupted"), ("opt_out", "done")]
        road.holds(*(f"{name}@x" for name in names[1:9]))
        road.audience = newer
        road.run()
        road.holds(*(f"{name}@x" for name in names[1:9]))

    def test_a_newer_audience_in_which_nobody_of_them_says_no_stops_nothing(self, road):
        older = road.wants(*map(somebody, "abcdefg"))
        newer = road.wants(took_back("stranger"), *map(somebody, "abc"))
        road.audience = older
        [row] = road.run(newest_audience=lambda: newer)
        assert (row["outcome"], row["accepted"]) == ("done", 7)


def test_an_opt_out_by_email_takes_out_the_record_that_has_nothing_but_a_phone(road):
    road.wants(person("a", phone="12125552368"), somebody("b"))
    road.run()
    ann = {"customer_id": "1", "email_address": "ann@x.example", "phone_number": "(212) 555-2368", "country": "US"}
    no = {"opt_out_id": "o1", "opted_out_at": 0, "email_address": " Ann@X.example"}
    writer = road.lake.writer("suppressions", "all")
    tables = [pa.Table.from_pylist([row], t.arrow_schema()) for row, t in ((no, OPT_OUTS), (ann, CUSTOMERS))]
    road.workdir.mkdir(exist_ok=True)
    build_suppressions(*map(pads.dataset, tables), KEY, writer.write, workdir=road.workdir)
    road.suppressions = writer.publish({})
    [row] = [row for row in road.run() if row["lane"] == "opt_out"]
    assert row["removes_acknowledged"] == 1
    road.holds("b@x")


@pytest.mark.parametrize("exclude", [False, True])
def test_no_list_holds_people_who_said_no_and_only_exclusion_lists_hold_those_held_out(road, exclude):
    road.exclude = exclude
    road.suppressions = publish_suppressions(road.lake, [("email", digest("late@x"))])
    road.wants(somebody("a"), somebody("late"), somebody("held", eligibility="held_out"), took_back("b"))
    road.run()
    road.holds(*["a@x", *(["held@x"] if exclude else [])])


class TestRefusedRemovals:
    DELETES = dataclasses.replace(CONTRACT, on_refused_removal="delete")

    def refused_by_name(self, road):
        road.platform.refuse, road.platform.takes_out_the_refused = {marked("a@x")}, False

    def refused_as_a_whole(self, road):
        road.destination, road.platform.lets_out = LetsNobodyOut, False

    def stands(self, road, contract):
        road.contract = contract
        road.wants(*map(somebody, "abc"))
        road.run()
        road.suppressions = publish_suppressions(road.lake, [("email", digest("a@x"))])

    @pytest.mark.parametrize("how", ["refused_by_name", "refused_as_a_whole"])
    def test_the_audience_is_deleted_where_the_contract_says_so_and_a_human_is_told(self, road, how):
        self.stands(road, self.DELETES)
        getattr(self, how)(road)
        with pytest.raises(
            NeedsHumanError, match=r"fake/acc\[seg\].*1 people who said no, so the audience was deleted"
        ):
            road.run()
        road.holds()
        assert road.state() == []
        road.run()
        road.holds("b@x", "c@x")
        assert len(road.platform.audiences) == 2

    @pytest.mark.parametrize("how", ["refused_by_name", "refused_as_a_whole"])
    def test_else_it_waits_for_a_human_and_nothing_more_is_sent_to_it(self, road, how):
        self.stands(road, CONTRACT)
        getattr(self, how)(road)
        road.wants(*map(somebody, "abcdef"))
        calls = len(road.platform.calls)
        for _ in range(2):
            with pytest.raises(NeedsHumanError, match="delete the audience on the platform"):
                road.run()
        assert not {size for method, size in road.platform.calls[calls:] if method == "POST"}
        assert road.platform.holds("a@x")
        road.platform.refuse, road.platform.lets_out = set(), True
        road.run()
        assert not road.platform.holds("a@x")


class TestConsentOfAPerson:
    """A platform that takes consent hears the newest answer, and the ledger keeps the newest only."""

    TAKES_CONSENT = dataclasses.replace(CONTRACT, consent=CONSENT_COLUMNS)

    def test_another_answer_is_sent_and_going_back_to_the_first_is_sent_too(self, road):
        said = []

        class Listening(FakeDestination):
            def request(self, audience_id, operation, members, session):
                if operation is Operation.ADD:
                    said.extend(dict(member.consent) for member in members)
                assert all(not set(member.keys) & set(CONSENT_COLUMNS) for member in members)
                return super().request(audience_id, operation, members, session)

        road.contract, road.destination = self.TAKES_CONSENT, Listening
        for answer in ("granted", "unspecified", "granted"):
            road.wants(somebody("a", phone="1", **{AD_USER_DATA: answer, AD_PERSONALIZATION: "granted"}))
            [row] = road.run()
            assert row["adds"] + row["changed"] == 1
            assert len(road.state()) == 1
            road.holds("a@x", "1")
        # A request may be made more than once, to be measured and to be sent.
        heard = [answer for answer, _ in itertools.groupby(one[AD_USER_DATA] for one in said)]
        assert heard == ["granted", "unspecified", "granted"]
        assert road.platform.taken_out == []

    def test_a_platform_that_takes_none_hears_nothing_of_it(self, road):
        road.wants(somebody("a", **{AD_USER_DATA: "granted"}))
        road.run()
        road.wants(somebody("a", **{AD_USER_DATA: "unspecified"}))
        assert sum(row["requests"] for row in road.run()) == 0


def test_others_who_hold_the_phone_of_a_no_are_in_doubt_with_everything_that_is_known_of_them(tmp_path):
    """Meta has names and places too, which no removal of a person with a phone sends."""
    known = [
        {
            "member_id": digest(n),
            "record_id": digest(f"record {n}"),
            "standing": "acknowledged",
            "phone_digits": digest("1"),
        }
        | {form: digest(f"{form} of {n}") for form in ("email", "first_name", "last_name")}
        for n in "ab"
    ]
    state = pa.Table.from_pylist(sorted(known, key=lambda row: row["member_id"]), ACKNOWLEDGED.arrow_schema())
    said_no = pa.Table.from_pylist([{"kind": "member", "digest": digest("a")}], SUPPRESSIONS.arrow_schema())
    lake = LocalLake(tmp_path / "lake")
    writer = lake.writer("changes", "p")
    wanted = Wanted(META, META.forms())
    opt_out_changes(pads.dataset(state), pads.dataset(said_no), wanted, write=writer, workdir=tmp_path / "work")
    rows = lake.dataset(writer.publish({})).to_table().to_pylist()
    assert [(row["phase"], row["member_id"]) for row in rows] == [("remove", digest("a")), ("shaken", digest("b"))]
    assert rows[0]["first_name"] is None
    assert rows[1]["first_name"] == digest("first_name of b")
