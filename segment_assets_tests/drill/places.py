"""Every fault at every place of a delivery: its calls, its creation, its removals, people who change, an outage."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from segment_assets_tests.drill.cells import requests_made
from segment_assets_tests.faults import scenarios
from segment_assets_tests.faults.room import FAULTS, crowd, holds_exactly, run_until_done, somebody
from segment_assets_tests.faults.sides import GOOGLE_STATEMENTS

if TYPE_CHECKING:
    from collections.abc import Callable

    from segment_assets_tests.drill.cells import Ground
    from segment_assets_tests.faults.room import Room

MOVES = ("reset before", "reset after", "expired token")
REFUSED = 5


def every_fault_everywhere(ground: Ground, *, quick: bool) -> None:
    clean = _clean(ground)
    for name in FAULTS:
        middle, last = scenarios.MIDDLE, scenarios.LAST
        for nth in (middle,) if quick else (scenarios.FIRST, middle, last):
            work = partial(scenarios.one_fault_costs_one_repeated_call_and_nobody, name=name, nth=nth)
            ground.tried(name, f"call {nth}", work, clean=clean["delivery"])
        if quick:
            continue
        creation = partial(scenarios.a_fault_at_the_creation_never_leaves_two_audiences, name=name)
        # After an unanswered creation the account's audiences are looked through: at once, and where one may be on its
        # way four times more. At such a small delivery that is no measure of a storm.
        ground.tried(name, "creation", creation)
        if name in scenarios.PASSING:
            outage = partial(scenarios.an_outage_that_outlasts_a_run_is_continued_by_the_next, name=name)
            ground.tried(name, "outage", outage, clean=clean["delivery"])
            removal = partial(scenarios.a_fault_among_removals_leaves_nobody_behind, name=name)
            ground.tried(name, "removals", removal, clean=clean["removal"])
    if not quick:
        _while_people_change(ground, clean["move"])
    ground.tried("200 with rejects", "two people among a batch" if quick else "a delivery", _REJECTS[ground.side.name])
    if ground.side.works_later:
        for failing in (1,) if quick else (1, 3, scenarios.BATCHES):
            ground.tried("job fails late", f"{failing} jobs", partial(_jobs_fail_late, failing=failing))


def _while_people_change(ground: Ground, clean: int) -> None:
    for nth in range(1, scenarios.CALLS_OF_A_MOVE + 1):
        for name in MOVES:
            work = partial(scenarios.a_fault_while_people_change_keeps_each_in_as_they_are_now, name=name, nth=nth)
            ground.tried(name, f"people change, call {nth}", work, clean=clean)
        outage = partial(scenarios.an_outage_while_people_change_is_made_good, name="reset after", nth=nth)
        ground.tried("reset after", f"people change, outage from call {nth}", outage, clean=clean)


def _clean(ground: Ground) -> dict[str, int]:
    """The requests of each delivery without trouble, measured."""
    steps: dict[str, list] = {
        "delivery": [crowd(range(scenarios.PEOPLE))],
        "removal": [crowd(range(scenarios.PEOPLE)), crowd(range(120, scenarios.PEOPLE))],
        "move": [
            crowd(range(scenarios.FEW)),
            [*scenarios.moved(range(scenarios.MOVED)), *crowd(range(scenarios.MOVED, scenarios.FEW))],
        ],
    }

    def deliver(room: Room, audiences: list) -> None:
        for people in audiences:
            room.wants(people)
            room.run()

    return {
        name: requests_made(ground.tried("no trouble", name, partial(deliver, audiences=audiences)))
        for name, audiences in steps.items()
    }


def _rows_that_the_answer_refuses(room: Room) -> None:
    """Meta takes the request, and names the rows that it cannot use."""
    bad = [somebody(f"bad{n}", email=f"bad{n}@x.example", phone=f"48{n:09d}") for n in range(REFUSED)]
    room.wants([*crowd(range(scenarios.PEOPLE)), *({**one, "mobile_ad_id": "NOT-AN-ID"} for one in bad)])
    rows = room.run().deliveries
    assert sum(row["rejected"] for row in rows) == REFUSED
    holds_exactly(room, range(scenarios.PEOPLE))
    room.is_balanced()
    assert room.run().deliveries == []


def _people_whom_the_job_refuses(room: Room) -> None:
    """Google takes the request, and its job leaves out those of the EEA for whom no consent is stated; by count."""
    room.statements = {
        **GOOGLE_STATEMENTS,
        "consent_ad_user_data": "CONSENT_STATUS_UNSPECIFIED",
        "consent_ad_personalization": "CONSENT_STATUS_UNSPECIFIED",
    }
    people = crowd(range(scenarios.PEOPLE))
    names = {"first_name_lower": b"f" * 32, "last_name_lower": b"l" * 32}
    place = {"country_code": "DE", "postal_code_plain": "10115"}
    room.wants([{**one, **names, **place} if n < REFUSED else one for n, one in enumerate(people)])
    rows = room.run().deliveries
    assert sum(row["rejected"] for row in rows) == REFUSED
    assert sum(row["accepted"] for row in rows) == scenarios.PEOPLE - REFUSED
    holds_exactly(room, range(REFUSED, scenarios.PEOPLE))
    room.is_balanced()


_REJECTS: dict[str, Callable[[Room], None]] = {
    "meta": _rows_that_the_answer_refuses,
    "google": _people_whom_the_job_refuses,
}


def _jobs_fail_late(room: Room, failing: int) -> None:
    room.sandbox.admin("platforms/google", {"fail_next": failing})
    room.wants(crowd(range(scenarios.PEOPLE)))
    assert run_until_done(room) == []
    assert [row["outcome"] for row in room.rows()] == ["failed", "done"]
    holds_exactly(room, range(scenarios.PEOPLE))
    room.is_balanced()
    assert room.run().deliveries == []
