"""`segment-assets demo`: the road end to end on a simulated world, with everybody accounted for at the end.

Belongs here: the order of the steps, progress, exit code. Not here: tables at the end (`accounts_shown`), the runs
themselves (`road`), what they do (`assets`).
"""

from __future__ import annotations

import dataclasses
import os
import time
from collections import Counter
from typing import TYPE_CHECKING

import click

from segment_assets.assets.activations import activation_key
from segment_assets.cli.homes import WORLDS
from segment_assets.cli.interrupts import interrupts
from segment_assets.contracts import SegmentAssetsError
from segment_assets.deployment import Deployment
from segment_assets.processes import clear_leftovers
from segment_assets.road import Road, RunOutcome, clear_up_after_killed_runs, only_daemons, open_instance
from segment_assets.workers import DIED, Wanted, Workers

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from segment_assets.contracts import Sleep
    from segment_assets.plan import Plan
    from segment_assets.resources.landing import LocalLanding

# A person who is not accounted for is never something that a guard was meant to stop.
ACCOUNTING = "check everybody_is_accounted_for"
CLEAN_ROOM_MEMBERS, LANDING_MEMBERS = ("segment_members", "clean_room"), ("segment_members", "landing")
HASHED, SUPPRESSIONS = ("audiences", "hashed_audience"), ("audiences", "suppressions")
ERASURES = ("audiences", "erasures")
DEFAULT_PEOPLE, DEFAULT_SEED = 50_000, 7
# Rounds of asking: a delivery has at most four phases, and each waits for the jobs of the one before.
_PATIENCE = 10
# Seconds. A room that answers late is followed (SEGMENT_ASSETS_CLEAN_ROOM_ANSWERS_AFTER), but nobody watches for ever.
_ANSWERS_WITHIN, _LOOK_EVERY = 900.0, 1.0
# What a shell calls the end of a command by Ctrl-C.
_INTERRUPTED = 130


def run_demo(people: int, seed: int) -> int:
    """0 when every step did what it should: also a held segment, a guard that stopped something, nothing to send.

    Ctrl-C and SIGTERM end it as soon as Dagster lets go of the run, with the workers and the sandbox that it started.
    """
    with interrupts() as stop_if_asked:
        try:
            return _demo(people, seed, stop_if_asked)
        except KeyboardInterrupt:
            click.echo("Ended before its end. Run it again: it settles what was left open, and goes on.", err=True)
            return _INTERRUPTED


def _demo(people: int, seed: int, stop_if_asked: Callable[[], None]) -> int:
    begun = time.monotonic()
    deployment = _deployment(people, seed)
    show = Progress(begun)
    plan = deployment.plan()
    with Workers(deployment) as workers:
        facts = _world(deployment.home, people, seed, show)
        platforms, ours = _sandbox(deployment)
        show.done(f"platform sandbox on {platforms}")
        try:
            outcomes = _walk_and_show(deployment, plan, facts.weeks, show, workers, stop_if_asked=stop_if_asked)
        finally:
            if ours:
                _stop(deployment)
    failed = [outcome for outcome in outcomes if not outcome.success and not outcome.stopped_by_a_guard]
    failed += [outcome for outcome in outcomes if any(ACCOUNTING in problem for problem in outcome.problems)]
    stopped = sum(outcome.stopped_by_a_guard for outcome in outcomes)
    if stopped:
        show.done(f"{stopped} runs were stopped by a check or a guard, which say above why")
    show.done("the road is walked" if not failed else f"{len(failed)} runs failed")
    return 1 if failed else 0


def _walk_and_show(
    deployment: Deployment,
    plan: Plan,
    weeks: list[str],
    show: Progress,
    workers: Workers,
    *,
    stop_if_asked: Callable[[], None],
) -> list[RunOutcome]:
    from segment_assets.cli import accounts_shown
    from segment_assets.definitions import definitions_of

    with open_instance(deployment.home) as instance:
        with only_daemons(deployment.home) as lock:
            cleared = clear_up_after_killed_runs(instance, daemons=lock is None)
        clear_leftovers(deployment.home)
        if cleared:
            show.done(f"{cleared} killed runs cleared up")
        walk = Walk(Road(deployment, instance, definitions_of(deployment)), workers, plan, show, stop_if_asked)
        started = time.time()
        walk.walk(weeks, deployment.resources()["landing"])  # type: ignore[arg-type]
        accounts_shown.show(deployment, plan, since=started, outcomes=walk.outcomes)
    return walk.outcomes


@dataclasses.dataclass(slots=True)
class Progress:
    """One line per step, with the seconds since the start."""

    begun: float

    def done(self, what: str) -> None:
        """Print a finished step."""
        click.echo(f"[{time.monotonic() - self.begun:6.1f} s] {what}")


def _deployment(people: int, seed: int) -> Deployment:
    """The default world lives in the deployment's home; every other size and seed in a folder of its own."""
    deployment = Deployment.from_env()
    if (people, seed) == (DEFAULT_PEOPLE, DEFAULT_SEED):
        return deployment
    home = deployment.home / WORLDS / f"{people}-people-seed-{seed}"
    os.environ["SEGMENT_ASSETS_HOME"] = str(home)
    return dataclasses.replace(deployment, home=home)


def _world(home: Path, people: int, seed: int, show: Progress):  # noqa: ANN202 - WorldFacts, imported lazily
    from segment_assets.sandbox import world

    known = world.read_facts(home)
    if known is None:
        show.done(f"making a world of {people:,} people (seed {seed})")
    facts = world.create(home, seed=seed, people=people)
    if people < DEFAULT_PEOPLE:
        show.done("of so few people most audiences are below the plan's minimum_size, and are stopped by a check")
    events = ", ".join(f"{count:,} {table}" for table, count in facts.counts.items())
    show.done(f"two accounts, {len(facts.weeks)} weeks: {events}")
    return facts


def _sandbox(deployment: Deployment) -> tuple[str, bool]:
    from segment_assets.sandbox import process

    ours = process.running(deployment.sandbox_home) is None
    return process.start(deployment.sandbox_home).url, ours


def _stop(deployment: Deployment) -> None:
    from segment_assets.sandbox import process

    process.stop(deployment.sandbox_home)


@dataclasses.dataclass(slots=True)
class Walk:
    """Run after run in the order of the road. A failed run holds up only what comes from it.

    `stop_if_asked` is called after each run, and raises KeyboardInterrupt where somebody wants it all to end.
    """

    road: Road
    workers: Workers
    plan: Plan
    show: Progress
    stop_if_asked: Callable[[], None] = lambda: None
    outcomes: list[RunOutcome] = dataclasses.field(default_factory=list)

    def walk(self, weeks: list[str], landing: LocalLanding) -> None:
        """From account A's tables to the dashboard."""
        landed = landing.segments()
        self.road.sync_partitions(self.plan, landed)
        self.workers.start()
        account_a = (("account_a", "customers"), ("account_a", "opt_outs"), ERASURES, SUPPRESSIONS)
        self.run(*account_a, say="account A's customers, opt-outs")
        self._weeks(weeks)
        self._segments(_sources(self.plan, landed))
        self._announce()
        self._activations()
        self._follow()
        tables = [tuple(key) for key in self.road.keys("activation_insights")]
        own = (("account_a", "spend"), ("collaboration", "analysis_log"))
        self.run(*own, *tables, say=f"account A's spend, the clean room's log, {len(tables)} activation tables")
        pages = [tuple(key) for key in self.road.keys("dashboards")]
        self.run(*pages, say=f"dashboards: {len(pages) - 1} pages, and what QuickSight is sent for them")

    def run(self, *keys: tuple[str, ...], partition: str | None = None, say: str = "") -> bool:
        """A run in this process. Whether it succeeded."""
        return self._told(self.road.run(*keys, partition=partition), say)

    def _together(self, *lanes: Sequence[Wanted]) -> list[Wanted]:
        """Runs in the workers, those of different lanes at the same time. Which of them succeeded."""
        return [wanted for wanted, outcome in self.workers.run(lanes) if self._told(outcome, wanted.say)]

    def _told(self, outcome: RunOutcome, say: str) -> bool:
        self.stop_if_asked()
        self.outcomes.append(outcome)
        if DIED in outcome.problems:
            # Its slot in the account's pool, which nobody else would free.
            clear_up_after_killed_runs(self.road.instance, daemons=True)
        end = "" if outcome.success else ": STOPPED" if outcome.stopped_by_a_guard else ": FAILED"
        self.show.done(f"{say or outcome.what}{end}")
        for problem in outcome.problems:
            click.echo(f"           {problem}")
        return outcome.success

    def _weeks(self, weeks: list[str]) -> None:
        """Every reporting week that has not been asked yet: a protected query is paid for once."""
        queries = [tuple(key) for key in self.road.keys("clean_room")]
        insights = [tuple(key) for group in ("planning", "measurement") for key in self.road.keys(group)]
        for week in weeks:
            missing = [key for key in (*queries, *insights) if not self.road.is_made(key, week)]
            if missing:
                self.run(
                    ("account_a", "conversions"),
                    ("account_b", "impressions"),
                    *missing,
                    partition=week,
                    say=f"clean room, week of {week}: {len(queries)} protected queries, {len(insights)} insight tables",
                )
        for week in late_answers(self.road, self.run, self.show):
            if all(self.road.is_made(key, week) for key in queries):
                self.run(*insights, partition=week, say=f"week of {week}: {len(insights)} insight tables")

    def _segments(self, sources: dict[str, str]) -> None:
        members = {"clean_room": CLEAN_ROOM_MEMBERS, "landing": LANDING_MEMBERS}
        made = self._together(*([Wanted((members[source],), segment)] for segment, source in sources.items()))
        lanes = []
        for segment in sorted(str(wanted.partition) for wanted in made):
            held = "" if segment in self.plan.segments else " (held: the plan does not name it)"
            lanes.append([Wanted((HASHED,), segment, f"hashed_audience[{segment}]{held}")])
        self._together(*lanes)

    def _announce(self) -> None:
        """What the sensor does where there are daemons: tell other systems which audiences are ready."""
        from segment_assets.announcements import announce

        have = self.road.resources
        try:
            told = announce(self.plan, have.lake, have.events)
        except SegmentAssetsError as error:
            click.echo(f"           no event: {error}")
            return
        if told.segments:
            self.show.done(f"event bus: Audience Ready for {', '.join(told.segments)}")
        for reason in told.said:
            click.echo(f"           no event: {reason}")

    def _activations(self) -> None:
        """All accounts at the same time, and on each one segment after the other: an account has one pool."""
        begun, keys = time.monotonic(), {n: tuple(activation_key(n, a).path) for n, a in self.plan.accounts.items()}
        lanes = [[Wanted((key,), segment) for segment in self.plan.activations_of(n)] for n, key in keys.items()]
        done, pairs = len(self._together(*lanes)), sum(map(len, lanes))
        audiences = f"{pairs}" if done == pairs else f"{done} of {pairs}"
        took = f"{time.monotonic() - begun:.1f} s"
        self.show.done(f"{audiences} audiences on {len(keys)} platform accounts ({_patterns(self.plan)}) in {took}")

    def _follow(self) -> None:
        """What the followers do where there are daemons: ask about jobs until all have ended.

        The platforms take their hour on the sandbox's clock, which the demo moves instead of waiting.
        """
        from segment_assets import followers
        from segment_assets.destinations import registry

        accounts = {n: a for n, a in self.plan.accounts.items() if registry()[a.destination].follow is not None}
        for _ in range(_PATIENCE):
            again, working = [], []
            for name, account in accounts.items():
                told = followers.follow_account(self.road.resources, name, {})
                for event in told["asset_events"]:
                    self.road.instance.report_runless_asset_event(event)
                key = tuple(activation_key(name, account).path)
                again.append([Wanted((key,), request.partition_key) for request in told["run_requests"]])
                if told["open"]:
                    working.append(f"{account.destination}/{name} works on {told['open']} jobs")
            self._together(*again)
            if not working:
                return
            self.show.done(f"{', '.join(working)}; an hour passes on their clock")
            _an_hour_passes(self.road.deployment)


def _patterns(plan: Plan) -> str:
    from segment_assets.destinations import registry

    found = Counter(registry()[account.destination].pattern for account in plan.accounts.values())
    return ", ".join(f"{number} {pattern.value.replace('_', ' ')}" for pattern, number in found.items())


def _an_hour_passes(deployment: Deployment) -> None:
    import httpx

    from segment_assets.sandbox import process

    platforms = process.running(deployment.sandbox_home)
    assert platforms is not None, "the demo has started it"
    with httpx.Client(base_url=platforms.url, trust_env=False, timeout=120) as client:
        now = client.get("/_sandbox/clock").json()["offset"]
        client.post("/_sandbox/clock", json={"offset": now + 3600}).raise_for_status()


def late_answers(road: Road, run, show: Progress, *, sleep: Sleep = time.sleep) -> list[str]:  # noqa: ANN001 - as above
    """What the follower does where there are daemons, until every query has ended. The weeks that came in that way."""
    from segment_assets.query_follower import follow_queries

    cursor, late, said = None, set(), False
    until = time.monotonic() + _ANSWERS_WITHIN
    while time.monotonic() < until:
        room, lake = road.resources.clean_room, road.resources.lake
        followed = follow_queries(road.instance, cursor, room, lake)
        cursor = followed.cursor
        for request in followed.requests:
            week = str(request.partition_key)
            late.add(week)
            run(*(tuple(key.path) for key in request.asset_selection or ()), partition=week)
        if not followed.open_queries:
            return sorted(late)
        if not followed.requests:
            if not said:
                show.done(f"the clean room works on {followed.open_queries} queries")
            said = True
            sleep(_LOOK_EVERY)
    show.done("the clean room has not answered everything; run the demo again later")
    return sorted(late)


def _sources(plan: Plan, landed: list[str]) -> dict[str, str]:
    """Segment -> family; a planned landing segment without files yet is left out."""
    planned = {name: segment.source for name, segment in plan.segments.items()}
    return {name: s for name, s in planned.items() if s == "clean_room"} | {
        name: "landing" for name in landed if planned.get(name) != "clean_room"
    }
