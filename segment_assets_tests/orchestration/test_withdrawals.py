"""Pairs that the plan names no more: kept, emptied or deleted as it said, each once, and none waits for another."""

from __future__ import annotations

import functools
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg
import pytest

from segment_assets import sensors, withdrawals
from segment_assets.assets.activations import PAIR_TAG
from segment_assets.contracts import GoneError, Response, Snapshot, TransientError
from segment_assets.plan import load_plan
from segment_assets.resources.lake import LocalLake
from segment_assets.road import QUIET
from segment_assets_tests import fakes
from segment_assets_tests.orchestration.accounts import EXPIRED, GoogleAccount, House, MetaAccount
from segment_assets_tests.orchestration.local_world import ACCOUNT, EXPOSED, NEWSLETTER, VALUABLE, write_plan

if TYPE_CHECKING:
    from segment_assets.plan import Plan
    from segment_assets_tests.orchestration.local_world import Change

ADS = "lumen_ads"
SEGMENTS = [EXPOSED, VALUABLE, NEWSLETTER]


def both(document: dict[str, Any]) -> None:
    """The three pairs on Meta, and the newsletter on Google."""
    document["accounts"][ADS] = document["accounts"][ACCOUNT] | {"destination": "google", "account": "1234567890"}
    stated = {
        "terms_of_service": "ACCEPTED",
        "data_source_type": "DATA_SOURCE_TYPE_FIRST_PARTY",
        "consent_ad_user_data": "CONSENT_GRANTED",
        "consent_ad_personalization": "CONSENT_GRANTED",
    }
    document["activations"].append(document["activations"][2] | {"account": ADS, "statements": stated})


def planned(change: Change) -> Plan:
    with tempfile.TemporaryDirectory() as folder:
        return load_plan(write_plan(Path(folder) / "plan.yaml", change))


@functools.cache
def naming_all(word: str) -> Plan:
    """Every pair is named, and `on_removal` of each is `word`."""

    def change(document: dict[str, Any]) -> None:
        both(document)
        for activation in document["activations"]:
            activation["on_removal"] = word

    return planned(change)


@functools.cache
def naming_none(*accounts: str) -> Plan:
    """No pair is named any more, and of the accounts only these."""

    def change(document: dict[str, Any]) -> None:
        both(document)
        document["activations"] = []
        document["accounts"] = {name: document["accounts"][name] for name in accounts}

    return planned(change)


class Withdrawn(House):
    """A house whose plan is edited, with the job that follows from it."""

    cursor: str | None = None

    @property
    def meta(self) -> MetaAccount:
        account = self.accounts[ACCOUNT]
        assert isinstance(account, MetaAccount)
        return account

    @property
    def google(self) -> GoogleAccount:
        account = self.accounts[ADS]
        assert isinstance(account, GoogleAccount)
        return account

    def delivers(self, word: str, *segments: str, account: str = ACCOUNT) -> None:
        self.plan = naming_all(word)
        for segment in segments:
            self.wants(segment, f"{segment}-ann", f"{segment}-ben")
            self.run(account, segment)

    def due(self) -> list[str]:
        return [pair.segment for pair in withdrawals.due(self.plan, self.lake, self.folder / "work")]

    def asked_for(self) -> list[str]:
        """Pairs of the account on Meta that the reconciler asks for."""
        result = sensors.reconcile(self.instance, None, self.plan, self.lake)
        return [pair for request in result.run_requests if (pair := request.tags[PAIR_TAG]).startswith(ACCOUNT)]

    def withdraw(self) -> list[str]:
        """Run the job, as the sensor has it run; what its failed step says."""
        result = withdrawals.build(self.plan).execute_in_process(
            instance=self.instance, resources=self.resources, run_config=QUIET, raise_on_error=False
        )
        failures = [event.step_failure_data for event in result.all_events if event.is_step_failure]
        return [data.user_failure_data.description for data in failures]


@pytest.fixture
def house(instance: dg.DagsterInstance, tmp_path: Path) -> Withdrawn:
    accounts = {ACCOUNT: MetaAccount("1001"), ADS: GoogleAccount("1234567890")}
    return Withdrawn(naming_all("keep"), tmp_path, instance, accounts)


def says_no(house: Withdrawn, name: str) -> None:
    fakes.publish_suppressions(house.lake, [("email", fakes.digest(f"{name}@example.com"))])


def not_understood() -> Response:
    return Response(400, {}, {"error": {"code": 100}})


def tick(house: Withdrawn) -> list[dg.RunRequest] | str:
    """What the sensor asks for, or why not."""
    sensor = withdrawals.build_sensor(withdrawals.build(house.plan))
    resources = {name: house.resources[name] for name in ("plan", "lake", "workdir")}
    context = dg.build_sensor_context(instance=house.instance, resources=resources, cursor=house.cursor)
    told = sensor(context)
    house.cursor = told.cursor
    return list(told.run_requests) or told.skip_reason.skip_message


def test_while_the_plan_names_every_pair_nothing_is_due(house: Withdrawn) -> None:
    house.delivers("delete", NEWSLETTER)
    assert "the plan names every pair that has an audience" in tick(house)


def test_three_pairs_that_go_at_once_are_one_run_that_empties_all_three(house: Withdrawn) -> None:
    house.delivers("empty", *SEGMENTS)
    house.plan = naming_none(ACCOUNT, ADS)
    [request] = tick(house)
    assert all(segment in request.run_key for segment in SEGMENTS)
    assert house.withdraw() == []
    assert house.meta.people == {segment: set() for segment in SEGMENTS}
    assert sorted(house.meta.asked("DELETE")) == sorted(SEGMENTS)
    assert house.meta.asked("delete audience") == []
    assert isinstance(tick(house), str)
    assert house.withdraw() == []
    assert len(house.meta.asked("DELETE")) == 3, "a second run does nothing more"


def test_kept_audiences_stay_as_they_are(house: Withdrawn) -> None:
    house.delivers("keep", NEWSLETTER)
    house.plan = naming_none(ACCOUNT, ADS)
    assert isinstance(tick(house), str)
    assert house.withdraw() == []
    assert len(house.meta.people[NEWSLETTER]) == 2
    assert house.meta.asked("DELETE") == []


@pytest.mark.parametrize("account", [ACCOUNT, ADS])
def test_whoever_says_no_leaves_a_kept_audience_too(house: Withdrawn, account: str) -> None:
    people = house.accounts[account].people
    house.google.sandbox_home = "its jobs are always due"
    house.delivers("keep", NEWSLETTER, account=account)
    house.google.works()
    house.plan = naming_none(ACCOUNT, ADS)
    # What the delivery on Google has brought is not settled yet, and it is the last thing that is.
    assert house.withdraw() == []
    assert isinstance(tick(house), str)
    says_no(house, f"{NEWSLETTER}-ann")
    assert len(tick(house)) == 1
    assert house.withdraw() == []
    house.google.works()
    assert house.withdraw() == []
    assert people[NEWSLETTER] == {fakes.marked(f"{NEWSLETTER}-ben@example.com")}
    assert isinstance(tick(house), str)
    assert house.due() == []


def test_whoever_takes_their_consent_back_leaves_a_kept_audience_too(house: Withdrawn) -> None:
    house.delivers("keep", NEWSLETTER)
    house.plan = naming_none(ACCOUNT, ADS)
    assert isinstance(tick(house), str)
    ann, ben = (fakes.person(name, email=f"{name}@example.com") for name in (f"{NEWSLETTER}-ann", f"{NEWSLETTER}-ben"))
    silent = {"eligibility": "no_consent"}
    fakes.publish_audience(house.lake, NEWSLETTER, [ann | silent | {"consent_ad_user_data": "denied"}, ben | silent])
    assert len(tick(house)) == 1
    assert house.withdraw() == []
    assert house.meta.people[NEWSLETTER] == {fakes.marked(f"{NEWSLETTER}-ben@example.com")}, "silence is no withdrawal"
    assert isinstance(tick(house), str)


class RowsGone(LocalLake):
    """A bucket's rule takes the rows of an audience some days before what is said of them."""

    def dataset(self, snapshot: Snapshot) -> Any:
        if snapshot.table == "hashed_audience":
            raise GoneError(f"{snapshot.table}[{snapshot.partition}]: an object that was there is gone")
        return super().dataset(snapshot)


@pytest.mark.parametrize("left", ["nothing", "what is said of it"])
def test_an_audience_past_its_retention_holds_up_no_withdrawal_and_no_no(
    house: Withdrawn, left: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.delivers("keep", NEWSLETTER)
    house.delivers("empty", NEWSLETTER, account=ADS)
    house.google.works()
    house.plan = naming_none(ACCOUNT, ADS)
    if left == "nothing":
        shutil.rmtree(house.lake.current("hashed_audience", NEWSLETTER).uri)
    else:
        monkeypatch.setattr(Withdrawn, "lake", RowsGone(house.folder / "lake"))
    says_no(house, f"{NEWSLETTER}-ann")
    assert len(tick(house)) == 1
    assert house.withdraw() == []
    assert house.meta.people[NEWSLETTER] == {fakes.marked(f"{NEWSLETTER}-ben@example.com")}
    assert house.google.asked("remove") == [NEWSLETTER]


@pytest.mark.parametrize("word", ["keep", "empty"])
def test_an_audience_whose_state_cannot_be_read_is_told_of_and_holds_up_no_other(house: Withdrawn, word: str) -> None:
    house.delivers(word, NEWSLETTER)
    house.delivers("empty", VALUABLE)
    [lost] = [name for name in house.lake.partitions("acknowledged") if NEWSLETTER in name]
    shutil.rmtree(house.lake.current("acknowledged", lost).uri)
    house.plan = naming_none(ACCOUNT, ADS)
    says_no(house, f"{NEWSLETTER}-ann")
    assert len(tick(house)) == 1
    [said] = house.withdraw()
    assert "acknowledged" in said
    assert NEWSLETTER in said
    assert house.meta.people[VALUABLE] == set()


def test_what_was_left_open_for_a_kept_audience_adds_nobody(house: Withdrawn) -> None:
    def killed() -> Response:
        raise KeyboardInterrupt

    house.meta.trouble[NEWSLETTER] = killed
    with pytest.raises(KeyboardInterrupt):
        house.delivers("keep", NEWSLETTER)
    house.meta.trouble.clear()
    house.meta.calls.clear()
    house.plan = naming_none(ACCOUNT, ADS)
    says_no(house, f"{NEWSLETTER}-ann")
    assert house.withdraw() == []
    assert house.meta.asked("POST") == []
    # Their addition was in doubt, so they are taken out of what it may have brought.
    assert house.meta.asked("DELETE") == [NEWSLETTER]


def test_a_deleted_audience_goes_with_everybody_in_it(house: Withdrawn) -> None:
    house.delivers("delete", NEWSLETTER)
    house.plan = naming_none(ACCOUNT, ADS)
    assert house.withdraw() == []
    assert house.meta.asked("delete audience") == [NEWSLETTER]
    assert house.meta.asked("DELETE") == []
    assert house.due() == []


def test_a_pair_that_fails_holds_up_no_other_and_what_is_done_is_not_done_again(house: Withdrawn) -> None:
    """The pairs are gone through by name, so the one that fails is in the middle."""
    first, second, third = sorted(SEGMENTS)
    house.delivers("empty", *SEGMENTS)
    house.plan = naming_none(ACCOUNT, ADS)
    house.meta.trouble[second] = lambda: EXPIRED
    [said] = house.withdraw()
    assert said.startswith("needs a human: meta account 1001")
    assert [len(house.meta.people[segment]) for segment in (first, second, third)] == [0, 2, 0]
    assert house.due() == [second]
    house.meta.trouble.clear()
    house.meta.calls.clear()
    assert house.withdraw() == []
    assert house.meta.asked("DELETE") == [second]
    assert house.due() == []


def test_a_job_that_dies_in_a_pair_is_taken_up_where_it_was(house: Withdrawn) -> None:
    first, second, third = sorted(SEGMENTS)

    def killed() -> Response:
        raise KeyboardInterrupt

    house.delivers("empty", *SEGMENTS)
    house.plan = naming_none(ACCOUNT, ADS)
    house.meta.trouble[second] = killed
    pairs = withdrawals.due(house.plan, house.lake, house.folder / "work")
    with pytest.raises(KeyboardInterrupt):
        [withdrawals.withdraw_pair(house.have, pair) for pair in pairs]
    house.meta.trouble.clear()
    assert house.due() == [second, third]
    assert house.withdraw() == []
    assert house.meta.people == {segment: set() for segment in SEGMENTS}
    assert house.meta.asked("DELETE") == [first, second, second, third]


def test_two_pairs_that_fail_are_both_told(house: Withdrawn) -> None:
    first, second, _ = sorted(SEGMENTS)
    house.delivers("empty", first, second)
    house.plan = naming_none(ACCOUNT, ADS)
    house.meta.trouble = {first: lambda: EXPIRED, second: not_understood}
    [said] = house.withdraw()
    assert "renew the token" in said
    assert "the request is refused" in said


def test_an_account_that_is_gone_from_the_plan_too_needs_a_human_and_holds_up_no_other(house: Withdrawn) -> None:
    house.delivers("empty", NEWSLETTER)
    house.delivers("empty", NEWSLETTER, account=ADS)
    house.google.works()

    house.plan = naming_none(ACCOUNT)
    [said] = house.withdraw()
    assert said.startswith(f"needs a human: google/1234567890[{NEWSLETTER}]: the plan names the account no more either")
    assert "put the account back" in said
    assert house.meta.people[NEWSLETTER] == set()
    assert len(house.google.people[NEWSLETTER]) == 2


def test_where_removals_are_jobs_a_pair_is_due_until_they_have_ended_well(house: Withdrawn) -> None:
    house.google.sandbox_home = "its jobs are always due"
    house.delivers("empty", NEWSLETTER, account=ADS)
    house.google.works()
    house.run(ADS, NEWSLETTER)
    house.plan = naming_none(ACCOUNT, ADS)
    assert house.withdraw() == []
    house.google.works(state="FAILED")
    assert house.withdraw() == []
    assert house.google.asked("remove") == [NEWSLETTER, NEWSLETTER], "a failed removal is asked for again"
    assert house.due() == [NEWSLETTER]
    house.google.works()
    assert house.withdraw() == []
    assert house.google.people[NEWSLETTER] == set()
    assert house.due() == []


def test_a_pair_whose_only_delivery_took_nobody_in_is_not_due_for_ever(house: Withdrawn) -> None:
    house.meta.trouble[NEWSLETTER] = lambda: EXPIRED
    with pytest.raises(Exception, match="renew the token"):
        house.delivers("empty", NEWSLETTER)
    house.plan = naming_none(ACCOUNT, ADS)
    assert house.due() == []


@pytest.mark.parametrize("word", ["empty", "delete"])
def test_a_pair_that_is_named_again_is_delivered_in_full(house: Withdrawn, word: str) -> None:
    house.delivers(word, NEWSLETTER)
    house.plan = naming_none(ACCOUNT, ADS)
    house.withdraw()
    house.plan = naming_all(word)
    house.meta.calls.clear()
    assert house.asked_for() == [f"{ACCOUNT}/{NEWSLETTER}"]
    house.run(ACCOUNT, NEWSLETTER)
    assert house.meta.asked("POST") == [NEWSLETTER]
    assert len(house.meta.people[NEWSLETTER]) == 2
    assert house.asked_for() == []
    assert len(house.meta.names) == (2 if word == "delete" else 1), "a deleted audience is created anew"


def test_what_the_plan_said_last_counts_although_nothing_was_sent_since(house: Withdrawn) -> None:
    house.delivers("keep", NEWSLETTER)
    house.delivers("delete", NEWSLETTER)
    assert house.meta.asked("POST") == [NEWSLETTER]
    house.plan = naming_none(ACCOUNT, ADS)
    assert house.due() == [NEWSLETTER]
    house.withdraw()
    assert house.meta.asked("delete audience") == [NEWSLETTER]


def test_whoever_may_still_be_added_late_is_taken_out_once_more(house: Withdrawn) -> None:
    """The only addition was never answered, so it may land after the removal (delivery.wanted, LATE_SECONDS)."""

    def no_answer() -> Response:
        raise TransientError("meta: no answer (ReadTimeout)")

    house.meta.trouble[NEWSLETTER] = no_answer
    with pytest.raises(TransientError):
        house.delivers("empty", NEWSLETTER)
    house.meta.trouble.clear()
    house.plan = naming_none(ACCOUNT, ADS)
    removed = []
    for _ in range(3):
        removed.append(len(house.meta.asked("DELETE")))
        for pair in withdrawals.due(house.plan, house.lake, house.folder / "work", clock=lambda: house.now):
            withdrawals.withdraw_pair(house.have, pair, clock=lambda: house.now)
        house.now += 301
    assert [*removed, len(house.meta.asked("DELETE"))] == [0, 1, 2, 2]
