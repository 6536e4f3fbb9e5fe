"""The plan as permission, where Dagster asks it: what it does not name is never sent, and what it closes waits."""

from __future__ import annotations

import dataclasses
import functools
import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg
import pytest
from click.testing import CliRunner, Result
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from segment_assets import sensors
from segment_assets.assets import activations
from segment_assets.assets.activations import PAIR_TAG, activation_key
from segment_assets.cli import main
from segment_assets.contracts import Counted, Kept, Limit
from segment_assets.plan import Plan, Sensitive, load_plan
from segment_assets_tests import fakes
from segment_assets_tests.orchestration.accounts import House, MetaAccount, named
from segment_assets_tests.orchestration.local_world import ACCOUNT, EXPOSED, NEWSLETTER, VALUABLE, write_plan

if TYPE_CHECKING:
    from collections.abc import Iterator

    from segment_assets.destinations.meta import MetaCustomAudiences
    from segment_assets_tests.orchestration.local_world import Change

SECOND = "lumen_us"
SEGMENTS = (EXPOSED, VALUABLE, NEWSLETTER)
PEOPLE = [f"p{number:03}" for number in range(20)]
STATED = {"customer_file_source": "USER_PROVIDED_ONLY"}


@functools.cache
def planned_as(text: str) -> Plan:
    """The plan of three segments on one account with some keys replaced (JSON): small limits, and these changes."""

    def change(document: dict[str, Any]) -> None:
        for segment in document["segments"].values():
            segment["guards"] = {"minimum_size": 1}
        for path, value in json.loads(text):
            *steps, last = path
            functools.reduce(lambda node, step: node[step], steps, document)[last] = value

    return written(change)


def written(change: Change) -> Plan:
    with tempfile.TemporaryDirectory() as folder:
        return load_plan(write_plan(Path(folder) / "plan.yaml", change))


def planned(*changes: tuple[list[Any], Any]) -> Plan:
    return planned_as(json.dumps(changes))


class Launched(House):
    """A house whose pairs run as Dagster would run them."""

    def wants_people(self, segment: str, names: list[str]) -> None:
        rows = [named(name) for name in names]
        numbers = {"rows_in": len(rows), "members": len(rows), "eligible": len(rows)}
        fakes.publish_audience(self.lake, segment, rows, numbers)

    def launch(self, segment: str, name: str = ACCOUNT) -> str:
        """Run a pair by hand; what its materialisation or failure says."""
        [asset] = [
            a
            for a in activations.build(self.plan)
            if isinstance(a, dg.AssetsDefinition) and a.key == activation_key(name, self.plan.accounts[name])
        ]
        self.instance.add_dynamic_partitions(f"activated_{name}", [segment])
        result = dg.materialize(
            [asset],
            partition_key=segment,
            instance=self.instance,
            resources=self.resources,
            raise_on_error=False,
            run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
        )
        if not result.success:
            [failure] = [event.step_failure_data for event in result.all_events if event.is_step_failure]
            return str(failure.user_failure_data.description)
        event = self.instance.get_latest_materialization_event(asset.key)
        assert event is not None
        return str(event.asset_materialization.metadata["said"].value)

    def asked_for(self) -> list[str]:
        result = sensors.reconcile(self.instance, None, self.plan, self.lake, now=lambda: self.now)
        return [request.tags[PAIR_TAG] for request in result.run_requests]

    @property
    def there(self) -> dict[str, int]:
        return {segment: len(people) for segment, people in self.accounts[ACCOUNT].people.items()}


@pytest.fixture
def house(instance: dg.DagsterInstance, tmp_path: Path) -> Launched:
    made = Launched(planned(), tmp_path, instance, {ACCOUNT: MetaAccount("1001")})
    fakes.publish_suppressions(made.lake, [])
    made.wants_people(NEWSLETTER, PEOPLE)
    return made


# ── named, or never sent ──


@pytest.fixture(scope="module")
def everything_wanted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Launched]:
    """Every segment has an audience, on an instance that knows every pair as a partition."""
    with dg.instance_for_test() as instance:
        accounts = {ACCOUNT: MetaAccount("1001"), SECOND: MetaAccount("1002")}
        made = Launched(planned(), tmp_path_factory.mktemp("house"), instance, accounts)
        for segment in (*SEGMENTS, "held_segment"):
            made.wants(segment, f"{segment}-ann")
        yield made


PAIRS = [(segment, account) for segment in SEGMENTS for account in (ACCOUNT, SECOND)]


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(pairs=st.sets(st.sampled_from(PAIRS)), in_a_matrix=st.booleans(), use=st.sampled_from(["target", "exclude"]))
def test_whatever_the_plan_says_a_pair_that_it_does_not_name_is_never_sent(
    everything_wanted: Launched, pairs: set[tuple[str, str]], in_a_matrix: bool, use: str
) -> None:
    def change(document: dict[str, Any]) -> None:
        document["accounts"][SECOND] = document["accounts"][ACCOUNT] | {"account": "1002"}
        what = {"purpose": "loyalty", "use": use, "statements": STATED}
        if in_a_matrix:
            over = {"where": [ACCOUNT, SECOND], "who": list(SEGMENTS)}
            skip = [{"where": a, "who": s} for s, a in PAIRS if (s, a) not in pairs]
            cell = {"segment": "{who}", "account": "{where}", **what}
            document["matrices"] = {"all": {"over": over, "skip": skip, "activation": cell}}
            document["activations"] = []
        else:
            document["activations"] = [{"segment": s, "account": a, **what} for s, a in sorted(pairs)]
        for segment in document["segments"].values():
            segment["guards"] = {"minimum_size": 1}

    house = everything_wanted
    house.plan = written(change)
    assert set(house.asked_for()) <= {f"{account}/{segment}" for segment, account in pairs}
    for segment, account in (*(pair for pair in PAIRS if pair not in pairs), ("held_segment", ACCOUNT)):
        before = list(house.accounts[account].calls), dict(house.accounts[account].names)
        with pytest.raises(dg.Failure, match="the plan does not name it"):
            _body(house, account, segment)
        assert (house.accounts[account].calls, house.accounts[account].names) == before


def _body(house: Launched, account: str, segment: str) -> object:
    """The asset's own code, as a manual launch of a partition that should not be there reaches it."""
    [asset] = [
        a
        for a in activations.build(house.plan)
        if isinstance(a, dg.AssetsDefinition) and a.key == activation_key(account, house.plan.accounts[account])
    ]
    with dg.build_asset_context(partition_key=segment, instance=house.instance, resources=house.resources) as context:
        return asset(context)


def test_a_rule_of_a_platform_is_asked_again_in_the_run(house: Launched) -> None:
    """A plan that was made in another way than by reading the file, past everything that is refused at load."""
    segments = dict(house.plan.segments)
    segments[NEWSLETTER] = segments[NEWSLETTER].model_copy(update={"sensitive": Sensitive.HEALTH})
    [first, *others] = house.plan.activations_of(ACCOUNT).values()
    unstated = [a.model_copy(update={"statements": {}}) for a in (first, *others)]
    house.plan = house.plan.model_copy(update={"segments": segments, "activations": tuple(unstated)})
    said = house.launch(NEWSLETTER)
    assert said.startswith("needs a human: ")
    assert "customer_file_source is missing" in said
    assert "is about health" in said
    assert house.there.get(NEWSLETTER, 0) == 0


# ── windows ──

CLOSED = {"time_zone": "UTC", "freezes": [{"from": "2020-01-01", "to": "2990-01-01", "reason": "a test"}]}


@pytest.mark.parametrize("where", [["accounts", ACCOUNT, "sending"], ["activations", 2, "sending"]])
def test_outside_its_window_an_audience_waits_and_nobody_asks_again_until_it_opens(
    house: Launched, where: list[Any]
) -> None:
    house.plan = planned((where, CLOSED))
    assert house.asked_for() == [f"{ACCOUNT}/{NEWSLETTER}"]
    assert house.launch(NEWSLETTER).startswith("held by the plan's sending rules")
    assert house.accounts[ACCOUNT].calls == []
    for _ in range(3):
        house.now += 3_600
        assert house.asked_for() == []
    house.now = 33_000_000_000.0
    assert house.asked_for() == [f"{ACCOUNT}/{NEWSLETTER}"], "the freeze is over"


def test_an_opt_out_goes_out_of_a_closed_window_and_nothing_else_does(house: Launched) -> None:
    house.launch(NEWSLETTER)
    assert house.there[NEWSLETTER] == len(PEOPLE)
    house.plan = planned((["accounts", ACCOUNT, "sending"], CLOSED))
    fakes.publish_suppressions(house.lake, [("email", fakes.digest("p000@example.com"))])
    house.wants_people(NEWSLETTER, [*PEOPLE, "newcomer"])
    assert house.launch(NEWSLETTER).startswith("held by")
    assert house.there[NEWSLETTER] == len(PEOPLE) - 1
    assert house.last(ACCOUNT, NEWSLETTER).header["lane"] == "opt_out"
    assert house.asked_for() == []


# ── guards on the source, and the yes of a person ──


def typed(house: Launched, monkeypatch: pytest.MonkeyPatch, *words: str) -> Result:
    """The command line on this house."""
    plan = house.folder / "typed.yaml"
    write_plan(plan)
    monkeypatch.setenv("SEGMENT_ASSETS_HOME", str(house.folder))
    monkeypatch.setenv("SEGMENT_ASSETS_PLAN", str(plan))
    return CliRunner().invoke(main, list(words))


def test_a_cut_off_source_asks_a_person_whose_yes_is_shown_used_and_tried_at_once(
    house: Launched, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.launch(NEWSLETTER)
    # Fewer rows, and a removal share that alone would be allowed.
    house.plan = planned((["activations", 2, "max_removal_share"], 1.0))
    house.wants_people(NEWSLETTER, PEOPLE[:11])
    said = house.launch(NEWSLETTER)
    assert "the source has 11 rows where the last 1 had 20" in said
    assert "segment-assets approve" in said
    assert house.there[NEWSLETTER] == len(PEOPLE)

    waiting = typed(house, monkeypatch, "status").output
    assert "Waits for approval" in waiting
    assert "short_source (rows 11, usual rows 20)" in waiting
    cursor = sensors.reconcile(house.instance, None, house.plan, house.lake, now=lambda: house.now).cursor
    again = sensors.reconcile(house.instance, cursor, house.plan, house.lake, now=lambda: house.now)
    assert again.run_requests == [], "it waits out its pause"

    pair = f"meta/{ACCOUNT}/{NEWSLETTER}"
    refused = typed(house, monkeypatch, "approve", pair, "--reason", "spring clean", "--as", house.plan.author)
    assert (refused.exit_code, "the plan's author cannot approve" in refused.stderr) == (1, True)
    done = typed(house, monkeypatch, "approve", pair, "--reason", "spring clean", "--as", "kim@lumen.example")
    assert (done.exit_code, done.stderr) == (0, "")
    assert "Waits for approval" not in typed(house, monkeypatch, "status").output

    again = sensors.reconcile(house.instance, cursor, house.plan, house.lake, now=lambda: house.now)
    assert [request.partition_key for request in again.run_requests] == [NEWSLETTER]
    assert house.launch(NEWSLETTER) == "sent"
    assert house.there[NEWSLETTER] == 11


def test_a_column_that_went_empty_and_an_old_source_stop(house: Launched) -> None:
    rows = [named(name) | {"phone_digits": fakes.digest(f"49{name}")} for name in PEOPLE]
    counts = {"rows_in": len(rows), "members": len(rows), "eligible": len(rows)}
    fakes.publish_audience(house.lake, NEWSLETTER, rows, counts)
    assert house.launch(NEWSLETTER) == "sent"
    fakes.publish_audience(house.lake, NEWSLETTER, [named(name) for name in PEOPLE], counts | {"source_made_at": 0.0})
    said = house.launch(NEWSLETTER)
    assert "20 people had phone_digits in the audience before and nobody has it now" in said
    assert "max_age_days is 35" in said


# ── what a person should know before it is too late ──


class FullAccount(MetaAccount):
    """Its lists take one file, and have it."""

    def connect(self, _statements: Any = None, **_to_follow: bool) -> tuple[MetaCustomAudiences, MetaAccount]:
        made, transport = super().connect()
        full = Limit(Counted.FILES, 1, "list", Kept.COUNTED, source="a page")
        return dataclasses.replace(made, contract=dataclasses.replace(made.contract, more_limits=(full,))), transport


def test_a_list_that_has_nearly_all_its_files_is_told_with_the_delivery(house: Launched) -> None:
    def warnings() -> list[str]:
        event = house.instance.get_latest_materialization_event(activation_key(ACCOUNT, house.plan.accounts[ACCOUNT]))
        assert event is not None
        assert event.asset_materialization is not None
        return [str(told.value) for name, told in event.asset_materialization.metadata.items() if name == "warning"]

    assert house.launch(NEWSLETTER) == "sent"
    assert warnings() == []
    house.accounts = {ACCOUNT: FullAccount(**vars(house.accounts[ACCOUNT]))}
    assert house.launch(NEWSLETTER) == "nothing to send"
    (warning,) = warnings()
    assert "the list has taken 1 of the 1 files that meta takes" in warning
