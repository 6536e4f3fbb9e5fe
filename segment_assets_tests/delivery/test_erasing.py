"""People who asked to be forgotten, on the platforms that have a call for it and on one that has none.

Real connectors and transports against the sandbox in this process: what it was asked is read off the wire.
"""

from __future__ import annotations

import functools
import json
import shutil
import time
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from segment_assets.contracts import MatchKey, NeedsHumanError, TransientError
from segment_assets.delivery.erasing import ErasurePair, Forgotten, standing_unasked
from segment_assets.delivery.ledger import AudienceLedger
from segment_assets.delivery.redacting import redact
from segment_assets.tables import ACKNOWLEDGED, CHANGES, ERASED
from segment_assets_tests.conformance.kit import people
from segment_assets_tests.conformance.kit.forgetting import account_of, forgets, publish_erasures, publish_named
from segment_assets_tests.conformance.kit.house import House
from segment_assets_tests.conformance.kit.outside import InProcess, KilledError, Outside, cut_short, killing
from segment_assets_tests.conformance.kit.platforms import amazon_ads, meta, snapchat, the_trade_desk

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from segment_assets.contracts import Snapshot
    from segment_assets_tests.conformance.kit.outside import Call

PEOPLE, STRANGER = 6, 40
WITH_A_CALL = {
    "amazon_ads": "/amazon_ads/adm/identities/delete",
    "meta": "/meta/v26.0/act_1001/usersofanyaudience",
    "the_trade_desk": "/the_trade_desk/data/deletion-optout/advertiser",
}
RECORDS = {record.destination: record for record in (r.RECORD for r in (amazon_ads, meta, snapchat, the_trade_desk))}
DAY = 86_400.0


@pytest.fixture(scope="module")
def outside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Outside]:
    inside = InProcess(tmp_path_factory.mktemp("sandbox"), ())
    outside = Outside(inside)
    yield outside
    outside.close()
    inside.end()


class Forgetting(House):
    """A house of which people ask to be forgotten."""

    @property
    def account(self) -> ErasurePair:
        return account_of(self)

    def forgets(self, numbers: Iterable[int], *, removal_until: float = 0.0, size: int = 2) -> Forgotten:
        """One run, in requests of `size` people."""
        return self.forgets_named(publish_erasures(self, numbers), removal_until=removal_until, size=size)

    def forgets_named(self, erasures: Snapshot, *, removal_until: float = 0.0, size: int = 2) -> Forgotten:
        """One run over what was published."""
        return forgets(self, erasures, removal_until=removal_until, size=size)

    def asked(self) -> list[Call]:
        """The erasures that went over the wire."""
        path = WITH_A_CALL.get(self.record.destination)
        return [call for call in self.line.calls if call.path == path]


@pytest.fixture
def make(outside: Outside, tmp_path: Path) -> Any:
    outside.reset()
    return lambda name: Forgetting(RECORDS[name], tmp_path, outside)


def whom(house: Forgetting, calls: Iterable[Call]) -> set[str]:
    """Everything in the bodies that may name a person: our ids where the platform goes by these."""
    texts = functools.reduce(set.union, (set(cells(json.loads(call.body))) for call in calls), set())
    by_id = house.record.contract.known_by_member
    known = (*range(PEOPLE), STRANGER)
    if by_id:
        return texts & {people.row(house.record.contract, number)["member_id"].hex() for number in known}
    return texts & people.all_identifiers(house.record, known)


def cells(node: object) -> Iterator[str]:
    if isinstance(node, dict):
        node = list(node.values())
    if isinstance(node, list):
        for one in node:
            yield from cells(one)
    elif isinstance(node, str):
        yield node


def names_of(house: Forgetting, numbers: Iterable[int]) -> set[str]:
    contract = house.record.contract
    if contract.known_by_member:
        return {people.row(contract, number)["member_id"].hex() for number in numbers}
    strong = {contract.match_keys[key].form for key in contract.identifying}
    return {
        (house.record.held or house.record.written)(people.cell(sent.form, number), sent)
        for number in numbers
        for sent in contract.match_keys.values()
        if sent.form in strong
    }


@pytest.mark.parametrize("name", WITH_A_CALL)
def test_the_platform_is_asked_about_exactly_the_people_who_asked_and_whom_it_was_sent(make, name):
    house = make(name)
    house.wants(range(PEOPLE))
    house.run()
    # Who left before they ask was sent all the same; of the stranger the platform must not hear now.
    house.opt_out(3)
    house.run()
    found = house.forgets([1, 3, 4, STRANGER])
    assert whom(house, house.asked()) == names_of(house, [1, 3, 4])
    assert (found.people, found.acknowledged, found.refused, found.in_doubt) == (3, 3, 0, 0)
    house.holds_exactly([0, 2, 5])
    # Whom it took on is not asked about again, and who comes later is asked about alone.
    before = len(house.asked())
    house.forgets([1, 3, 4, STRANGER])
    assert len(house.asked()) == before
    house.forgets([0, 1, 3, 4])
    assert whom(house, house.asked()[before:]) == names_of(house, [0])


@pytest.mark.parametrize("name", ["amazon_ads", "the_trade_desk"])
def test_a_process_that_dies_or_hears_no_answer_loses_nobody(make, name):
    house = make(name)
    house.wants(range(PEOPLE))
    house.run()
    house.line.after = killing(lambda call: call.path == WITH_A_CALL[name])
    with pytest.raises(KilledError):
        house.forgets(range(PEOPLE))
    house.line.after = lambda call, answer: cut_short(answer) if call.path == WITH_A_CALL[name] else answer
    with pytest.raises(TransientError):
        house.forgets(range(PEOPLE))
    house.line.after = lambda call, answer: answer
    found = house.forgets(range(PEOPLE))
    assert (found.people, found.acknowledged, found.in_doubt) == (PEOPLE, PEOPLE, 0)
    assert whom(house, house.asked()) == names_of(house, range(PEOPLE))
    for log in AudienceLedger(house.lake, house.account, time.time).deliveries():
        log.chain.verify()
        assert log.closed is not None


def test_the_removal_goes_first_until_the_time_for_it_is_over(make):
    house = make("meta")
    house.wants(range(PEOPLE))
    house.run()
    later = time.time() + 3_600.0
    assert house.forgets([1], removal_until=later).standing == "waiting"
    assert house.asked() == []
    house.opt_out(1)
    house.run()
    assert house.forgets([1], removal_until=later).standing == "done"
    house.outside.later(7_200.0)
    found = house.forgets([1, 2], removal_until=later)
    assert (found.still_there, found.acknowledged) == (1, 2)


def test_whoever_is_still_there_puts_off_nobody_else(make):
    house = make("meta")
    house.wants(range(PEOPLE))
    house.run()
    house.opt_out(2)
    house.run()
    found = house.forgets([1, 2], removal_until=time.time() + 3_600.0)
    assert whom(house, house.asked()) == names_of(house, [2])
    assert (found.standing, found.still_there, found.acknowledged) == ("waiting", 1, 1)


def test_a_new_request_moves_the_time_of_nobody_who_asked_before(make):
    house = make("meta")
    house.wants(range(PEOPLE))
    house.run()
    one, other = (people.row(house.record.contract, number)["member_id"] for number in (1, 2))
    erasures = publish_named(house, [("member", one, 0.0), ("member", other, DAY)])
    # The newest has the rest of an hour, and who asked a day before has none.
    found = house.forgets_named(erasures, removal_until=time.time() + 3_600.0)
    assert whom(house, house.asked()) == names_of(house, [1])
    assert (found.standing, found.still_there) == ("waiting", 2)


@pytest.mark.parametrize("name", ["amazon_ads", "meta"])
def test_a_housemate_with_the_same_phone_is_not_forgotten_with_them(make, name):
    house = make(name)
    contract = house.record.contract
    twin = people.row(contract, 2, like={MatchKey.PHONE: 1})
    house.wants([0, 1], twin)
    house.run()
    phone = contract.match_keys[MatchKey.PHONE].form
    member, shared = (people.row(contract, 1)[column] for column in ("member_id", phone))
    found = house.forgets_named(publish_named(house, [("member", member, 0.0), (phone, shared, 0.0)]))
    assert whom(house, house.asked()) == names_of(house, [1])
    assert found.people == 1


def test_amazon_is_followed_until_its_thirty_days_are_over(make):
    house = make("amazon_ads")
    house.wants(range(PEOPLE))
    house.run()
    found = house.forgets([1])
    assert found.standing == "asked"
    assert found.done_by == pytest.approx(time.time() + 30 * DAY, abs=60)
    assert found.unfinished == found.members == {people.row(house.record.contract, 1)["member_id"]}
    house.opt_out(1)
    house.run()
    assert house.forgets([1]).unfinished == found.members, "it has its thirty days"
    house.outside.later(31 * DAY)
    found = house.forgets([1])
    assert (found.standing, found.unfinished) == ("done", set())
    assert len(house.asked()) == 1


def test_an_answer_that_proves_nothing_of_somebody_is_never_done(make):
    house = make("meta")
    house.wants(range(PEOPLE))
    house.run()
    half = httpx.Response(200, json={"num_received": 1, "num_invalid_entries": 0})
    house.line.after = lambda call, answer: half if call.path == WITH_A_CALL["meta"] else answer
    found = house.forgets([1, 2])
    assert (found.standing, found.unproven) == ("unproven", 1)
    assert found.unfinished == found.members
    house.outside.later(400 * DAY)
    assert house.forgets([1, 2]).standing == "unproven"
    # Whoever is asked about with an answer that proves it is through, whatever was said of others.
    house.line.after = lambda call, answer: answer
    house.opt_out(3)
    house.run()
    before, of_others = len(house.asked()), found.members
    found = house.forgets([1, 2, 3])
    assert (found.standing, found.people, found.acknowledged) == ("unproven", 3, 3)
    assert found.unfinished == of_others
    assert whom(house, house.asked()[before:]) == names_of(house, [3])


def test_amazon_names_whom_it_does_not_forget_and_they_are_asked_about_again(make):
    house = make("amazon_ads")
    house.wants(range(PEOPLE))
    house.run()
    some = httpx.Response(207, json={"errors": [{"index": 0, "code": "400"}]})
    house.line.after = lambda call, answer: some if call.path == WITH_A_CALL["amazon_ads"] else answer
    found = house.forgets([1, 2])
    assert (found.standing, found.refused, found.unproven) == ("refused", 1, 1)
    house.line.after = lambda call, answer: answer
    before = len(house.asked())
    assert house.forgets([1, 2]).refused == 0
    assert len(whom(house, house.asked()[before:])) == 1


def test_a_yes_to_a_person_outlives_the_doubt_about_another_record_of_theirs(make):
    house = make("amazon_ads")
    house.wants(range(PEOPLE))
    house.run()
    house.line.after = lambda call, answer: cut_short(answer) if call.path == WITH_A_CALL["amazon_ads"] else answer
    with pytest.raises(TransientError):
        house.forgets([3])
    house.line.after = lambda call, answer: answer
    # By now another record stands for them: one of these comes first by its digest.
    for like in (STRANGER, STRANGER + 1, STRANGER + 2):
        house.wants([0], people.row(house.record.contract, 3, like={MatchKey.EMAIL: like}))
        house.run()
    found = house.forgets([3])
    assert (found.people, found.acknowledged, found.in_doubt) == (1, 1, 0)


def test_a_platform_without_a_call_is_sent_nothing_and_says_so(make):
    house = make("snapchat")
    house.wants(range(PEOPLE))
    house.run()
    before = len(house.line.calls)
    found = house.forgets([1, 2])
    assert (found.standing, found.people, found.still_there) == ("waiting", 2, 2)
    house.opt_out(1)
    assert len(house.line.calls) == before
    house.run()
    found = house.forgets([1, 2])
    assert found.still_there == 1
    one, other = (people.row(house.record.contract, number)["member_id"] for number in (1, 2))
    assert (found.members, found.unfinished) == ({one, other}, {other})
    # Their removal is all that there is: our own copies of them may go, and it is still known that they were sent.
    erasures = publish_erasures(house, [1, 2])
    swept = redact(house.lake, erasures, found.unfinished, workdir=house.folder / "work", clock=time.time)
    assert swept.versions > 0
    found = house.forgets([1, 2])
    assert (found.standing, found.people, found.still_there, found.unfinished) == ("waiting", 2, 1, {other})
    house.opt_out(1, 2)
    house.run()
    assert house.forgets([1, 2]).standing == "no_call"


def test_an_account_that_is_out_of_reach_is_still_known_to_have_been_sent_whom_we_keep_no_copy_of(make):
    house = make("snapchat")
    house.wants(range(PEOPLE))
    house.run()
    house.opt_out(1, 2)
    house.run()
    erasures, workdir = publish_erasures(house, [1, 2]), house.folder / "work"
    for _ in range(2):
        found = standing_unasked(house.lake, house.record.contract, house.account, erasures, workdir=workdir)
        assert (found.standing, found.people) == ("no_call", 2)
        redact(house.lake, erasures, found.unfinished, workdir=workdir, clock=time.time)


def test_nothing_is_done_while_an_audience_holds_somebody(make):
    house = make("the_trade_desk")
    house.wants(range(PEOPLE))
    house.run()
    assert house.forgets([1]).standing == "waiting", "although the platform has taken it on: it was past the deadline"
    house.opt_out(1)
    house.run()
    assert house.forgets([1]).standing == "done"


def test_whoever_left_before_the_changes_were_deleted_is_found_in_the_states_of_then(make):
    house = make("meta")
    house.wants([0, 1, 2])
    house.run()
    house.wants([0, 1])
    house.run()
    # As after 180 days.
    shutil.rmtree(house.folder / "lake" / "tables" / CHANGES.name)
    found = house.forgets([1, 2])
    assert (found.people, found.acknowledged, found.not_retained) == (2, 2, 0)
    assert whom(house, house.asked()) == names_of(house, [1, 2])


def test_whom_nobody_can_tell_of_is_not_hidden_by_somebody_who_was_found(make):
    house = make("meta")
    house.wants([0, 1, 2])
    house.run()
    house.wants([0, 1])
    house.run()
    pair = house.lake.partitions(ACKNOWLEDGED.name)[0]
    for table in (CHANGES.name, ACKNOWLEDGED.name):
        kept = house.lake.current(table, pair).id if table == ACKNOWLEDGED.name else ""
        for version in house.lake.versions(table, pair):
            if version != kept:
                shutil.rmtree(house.lake.snapshot(table, pair, version).uri)
    house.opt_out(1)
    house.run()
    found = house.forgets([1, 2])
    assert (found.standing, found.people, found.not_retained) == ("unknown", 1, 1)


def test_who_was_asked_about_stays_counted_when_our_own_copies_are_gone(make):
    house = make("meta")
    house.wants(range(PEOPLE))
    house.run()
    house.opt_out(1)
    house.run()
    found = house.forgets([1])
    assert (found.standing, found.unfinished) == ("done", set())
    erasures = publish_erasures(house, [1])
    assert redact(house.lake, erasures, set(), workdir=house.folder / "work", clock=time.time).versions > 0
    before = len(house.line.calls)
    found = house.forgets([1])
    assert (found.standing, found.people, found.acknowledged) == ("done", 1, 1)
    assert len(house.line.calls) == before
    house.wants([0, 2, 3])
    house.run()
    house.holds_exactly([0, 2, 3])


def test_an_account_that_never_heard_of_them_is_sent_nothing(make):
    house = make("meta")
    house.wants(range(PEOPLE))
    house.run()
    before = len(house.line.calls)
    assert house.forgets([STRANGER]) == Forgotten("nobody", people=0)
    assert len(house.line.calls) == before


@pytest.mark.parametrize(("asked", "standing"), [(True, "unknown"), (False, "nobody")])
def test_somebody_who_asked_by_nothing_but_a_phone_is_not_said_to_be_nobody(make, asked, standing):
    house = make("meta")
    house.wants([0, 1])
    house.run()
    form = house.record.contract.match_keys[MatchKey.PHONE].form
    phone = people.row(house.record.contract, 1)[form]
    found = house.forgets_named(publish_named(house, [(form, phone, 0.0)], asked=asked))
    assert (found.standing, found.people) == (standing, 0)
    assert house.asked() == [], "the phone may be another's of their household"


def test_a_refused_erasure_is_told_and_asked_again_with_the_next_run(make):
    house = make("amazon_ads")
    house.wants(range(PEOPLE))
    house.run()
    house.outside.admin("platforms/amazon_ads", {"terms_accepted": False})
    with pytest.raises(NeedsHumanError, match="403"):
        house.forgets([1])
    house.outside.admin("platforms/amazon_ads", {"terms_accepted": True})
    assert house.forgets([1]).acknowledged == 1


def test_the_ledger_has_pseudonyms_and_the_identifiers_only_of_the_changes(make):
    house = make("meta")
    house.wants(range(PEOPLE))
    house.run()
    house.forgets([1])
    notes = b"".join(house.lake.get(key) or b"" for key in house.lake.keys("erasures"))
    assert notes
    assert not any(one.encode() in notes for one in people.identifiers(RECORDS["meta"], 1))
    (row,) = house.lake.dataset(house.lake.current(ERASED.name, house.account.partition)).to_table().to_pylist()
    assert (row["standing"], row["member_id"]) == ("acknowledged", people.row(RECORDS["meta"].contract, 1)["member_id"])
    (partition,) = [one for one in house.lake.partitions(CHANGES.name) if one.startswith("erasures/")]
    assert partition == "erasures/meta/1001"
