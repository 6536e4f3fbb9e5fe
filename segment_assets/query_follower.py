"""Following protected queries: one sensor that asks the clean room how its open queries are.

Belongs here: which queries to look at in a tick, and asking for the run that collects a result or starts a query again.
Not here: what such a run does (`assets.clean_room`), when a failure is final (`resources.clean_room.asking`).
Clean Rooms tells EventBridge too, but on a best-effort basis: where a room hears of it, the queries that were named are
looked at at once and the others a few times an hour, otherwise all are looked at in every tick.
"""

import dataclasses
import json
import time
from collections.abc import Collection, Sequence
from typing import Any

import dagster as dg

from segment_assets.assets.clean_room import ASSETS, QUERY_TAG, SEEN_TAG
from segment_assets.backoff import FIRST_BACKOFF_SECONDS, LONGEST_BACKOFF_SECONDS
from segment_assets.contracts import Clock, Lake, SegmentAssetsError, TransientError
from segment_assets.jobs import RUNNING
from segment_assets.partitions import WEEKS
from segment_assets.resources.clean_room import Announcing, CleanRoom
from segment_assets.resources.clean_room.record import QueryRecord, Standing, newest_notes
from segment_assets.sensors import TICK_SECONDS

# A run notes an intent, then the id that it was given. Longer than that may take, the run has probably died.
DOUBT_SECONDS = 60.0
# How often a query is looked at that nobody has named, where somebody names those that have ended.
UNNAMED_SECONDS = 300.0
_TABLES = {asset.key.path[-1] for asset in ASSETS}


@dataclasses.dataclass(frozen=True, slots=True)
class Followed:
    """What one tick found. `open_queries` are those without a result, also those that are asked for now."""

    requests: Sequence[dg.RunRequest]
    open_queries: int
    cursor: str
    said: str


@dg.sensor(
    name="clean_room_queries",
    asset_selection=dg.AssetSelection.groups("clean_room"),
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Asks the clean room how its open queries are, and has the result of one that has ended collected.",
)
def clean_room_queries(
    context: dg.SensorEvaluationContext, clean_room: dg.ResourceParam[CleanRoom], lake: dg.ResourceParam[Lake]
) -> dg.SensorResult:
    """All open queries, or as many as the deadline allows."""
    announced = clean_room.announced() if isinstance(clean_room, Announcing) else None
    followed = follow_queries(context.instance, context.cursor, clean_room, lake, announced=announced)
    return dg.SensorResult(
        run_requests=list(followed.requests),
        cursor=followed.cursor,
        skip_reason=None if followed.requests else followed.said,
    )


def follow_queries(
    instance: dg.DagsterInstance,
    cursor: str | None,
    room: CleanRoom,
    lake: Lake,
    *,
    announced: Collection[str] | None = None,
    clock: Clock = time.monotonic,
    now: Clock = time.time,
) -> Followed:
    """One tick. Level-triggered: a query that has ended is asked for until its result is noted as collected.

    `clock` measures the tick, `now` (seconds since 1970) the age of notes. The cursor holds which queries were done at
    which note, so that a tick reads the notes of open ones only. `announced` are ids of queries that were said to have
    ended; None where nobody says so.
    """
    told: dict[str, Any] = {"last": "", "done": {}, "asked": {}, "looked": {}} | json.loads(cursor or "{}")
    newest = {f"{table}/{week}": number for (table, week), number in newest_notes(lake).items() if _known(table, week)}
    candidates = [name for name, number in sorted(newest.items()) if told["done"].get(name) != number]
    deadline = clock() + TICK_SECONDS
    requests, said, still_open = [], [], len(candidates)
    for name in _rotated(candidates, told["last"]):
        if clock() > deadline:
            said.append("the time of this tick is over, the others come next")
            break
        told["last"] = name
        table, _, week = name.partition("/")
        record = QueryRecord(lake, table, week, now)
        if record.standing is Standing.IDLE:
            still_open -= 1
            told["done"][name] = record.number
            told["asked"].pop(name, None)
            told["looked"].pop(name, None)
            continue
        if announced is not None and _may_wait(record, told, name, announced, now()):
            said.append(f"{record.name} was looked at a moment ago, and nobody has said since that it has ended")
            continue
        ready, why = _is_ready(record, room, now())
        said.append(why)
        if ready and (request := _request(instance, name, record.number, told["asked"], now())):
            requests.append(request)
    return Followed(requests, still_open, json.dumps(told), "; ".join(said) or "no query is open")


def _known(table: str, week: str) -> bool:
    """Notes outlive the assets that they are about: one request for an asset that is gone would fail the whole tick."""
    return table in _TABLES and WEEKS.has_partition_key(week)


def _rotated(names: list[str], last: str) -> list[str]:
    """Begin after the query that was looked at last, so that one slow tick starves nobody."""
    return [*(name for name in names if name > last), *(name for name in names if name <= last)]


def _may_wait(record: QueryRecord, told: dict[str, Any], name: str, announced: Collection[str], now: float) -> bool:
    """Whether a query need not be looked at in this tick; where it must be, that is noted.

    One that was named is looked at in the next tick too, since its state may come later than the event.
    """
    if record.standing is not Standing.OPEN:
        return False
    if record.query_id in announced:
        told["looked"].pop(name, None)
        return False
    looked, asked = told["looked"].get(name), told["asked"].get(name)
    asked_for = asked is not None and asked["note"] == record.number
    seen_now = looked is not None and looked["note"] == record.number and now < looked["at"] + UNNAMED_SECONDS
    if seen_now and not asked_for:
        return True
    told["looked"][name] = {"note": record.number, "at": now}
    return False


def _is_ready(record: QueryRecord, room: CleanRoom, now: float) -> tuple[bool, str]:
    """Whether there is something to do for a run, and how the query is in a few words."""
    if record.standing is Standing.TO_RETRY:
        return now >= record.due, f"{record.name} has failed and is started again"
    if record.standing is Standing.IN_DOUBT:
        doubt = max(DOUBT_SECONDS, room.pace.arrives_within)
        return now >= record.since + doubt, f"{record.name} may have been started"
    try:
        state = room.look(record.query_id).state
    except TransientError as silence:
        return False, f"{record.name}: {silence}"
    except SegmentAssetsError as error:
        # The run meets the same error and fails with it, which is seen and alerted; a skipped tick is neither.
        return True, f"{record.name}: {error}"
    return state.final, f"{record.name} is {state} since {(now - record.since) / 60:.0f} min"


def _request(
    instance: dg.DagsterInstance, name: str, number: int, asked: dict[str, dict[str, Any]], now: float
) -> dg.RunRequest | None:
    """A run for a query, unless one is going or the last one, which left nothing behind, was a moment ago."""
    if instance.get_runs_count(dg.RunsFilter(tags={QUERY_TAG: name}, statuses=RUNNING)):
        return None
    before, attempt = asked.get(name), 1
    if before is not None and before["note"] == number:
        attempt = before["attempt"] + 1
        if now < before["at"] + min(FIRST_BACKOFF_SECONDS * 2 ** (attempt - 2), LONGEST_BACKOFF_SECONDS):
            return None
    asked[name] = {"note": number, "attempt": attempt, "at": now}
    table, _, week = name.partition("/")
    return dg.RunRequest(
        run_key=f"{name}:{number}:{attempt}:{int(now)}",
        partition_key=week,
        asset_selection=[dg.AssetKey(["clean_room", table])],
        tags={QUERY_TAG: name, SEEN_TAG: str(number)},
    )
