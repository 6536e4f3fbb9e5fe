"""Telling other systems that an audience is ready: one event for each version of each audience that passed its checks.

Belongs here: which audiences are told of, what of them, and the sensor. Not here: the call (`resources.events`).

Level-triggered like the reconciler: what the lake says was told is not told again, and whatever was missed (an outage,
a check that a person let pass by changing the plan) is told by a later tick. EventBridge knows no idempotency token, so
a process that ends between its answer and our note tells the same once more: `id` in the event is the same then.

The event names segment, version and counts of people. No person, no identifier and no place of a file is in it.
"""

import dataclasses
import hashlib
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import dagster as dg

from segment_assets.backoff import next_attempt
from segment_assets.checks import failed_findings
from segment_assets.contracts import Lake, NeedsHumanError, SegmentAssetsError, TransientError
from segment_assets.plan import Plan
from segment_assets.tables import HASHED_AUDIENCE

if TYPE_CHECKING:
    from segment_assets.contracts import Clock, Snapshot

SOURCE, DETAIL_TYPE = "segment_assets", "Audience Ready"
VERSION = 1
_COUNTS = ("eligible", "held_out", "no_consent", "suppressed")


class Events(Protocol):
    """Where events go."""

    def put(self, source: str, detail_type: str, detail: Mapping[str, object]) -> str:
        """Put one event and return its id there."""
        ...


@dataclasses.dataclass(frozen=True, slots=True)
class Announced:
    """What one look told: segments, and why others were not told of, in words."""

    segments: Sequence[str]
    said: Sequence[str]


def announce(
    plan: Plan,
    lake: Lake,
    events: Events,
    *,
    clock: "Clock" = time.time,
    asked: dict[str, dict[str, Any]] | None = None,
) -> Announced:
    """Tell of every audience of the plan whose newest version is sound and was not told of yet.

    `asked` notes the looks at each, so that one that fails its checks, which read all of it, is looked at again after a
    growing pause only, or when the audience or the plan's word on its segment is another.
    Raises PermanentError or NeedsHumanError where events are refused; what was told until then is noted.
    """
    told, said = list[str](), list[str]()
    for audience in _untold(plan, lake):
        wish = f"{audience.id}:{plan.segments[audience.partition].model_dump_json()}"
        version = hashlib.sha256(wish.encode()).hexdigest()
        if asked is not None and next_attempt(asked, audience.partition, version, now=clock()) is None:
            said.append(f"{audience.partition}: looked at a moment ago, and again later")
            continue
        try:
            failed = [finding.name for finding in failed_findings(lake, plan, audience)]
        except NeedsHumanError as outdated:
            said.append(str(outdated))
            continue
        if failed:
            said.append(f"{audience.partition}: {', '.join(failed)}")
            continue
        try:
            event = events.put(SOURCE, DETAIL_TYPE, detail(plan, audience))
        except TransientError as silence:
            said.append(f"{audience.partition}: {silence}")
            continue
        note = {"event": event, "at": clock()}
        lake.put_if_absent(_key(plan, audience), json.dumps(note, sort_keys=True).encode())
        told.append(audience.partition)
    return Announced(told, said)


def detail(plan: Plan, audience: "Snapshot") -> Mapping[str, object]:
    """The body of an event: who reads it knows it by `version`, and a repeated one by `id`."""
    counts = {name: audience.stats[name] for name in _COUNTS if isinstance(audience.stats.get(name), int)}
    return {
        "version": VERSION,
        "id": f"{plan.tenant}/{audience.partition}/{audience.id}",
        "tenant": plan.tenant,
        "segment": audience.partition,
        "snapshot": audience.id,
        "people": audience.rows,
        **counts,
    }


def _untold(plan: Plan, lake: Lake) -> Iterator["Snapshot"]:
    """Newest versions of which no note is there. Segments that the plan does not name are held, and told to nobody."""
    for segment in sorted(plan.segments):
        audience = lake.current(HASHED_AUDIENCE.name, segment)
        if audience is not None and lake.get(_key(plan, audience)) is None:
            yield audience


def _key(plan: Plan, audience: "Snapshot") -> str:
    return f"announcements/audience_ready/{plan.tenant}/{audience.partition}/{audience.id}"


@dg.sensor(
    name="audience_ready",
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Puts an event on the bus for each new version of an audience that passed its checks.",
)
def audience_ready(
    context: dg.SensorEvaluationContext,
    plan: dg.ResourceParam[Plan],
    lake: dg.ResourceParam[Lake],
    events: dg.ResourceParam[Events],
) -> dg.SensorResult:
    """One look. No run is started: the event and its note are all there is to do."""
    asked: dict[str, dict[str, Any]] = json.loads(context.cursor or "{}")
    try:
        found = announce(plan, lake, events, asked=asked)
    except SegmentAssetsError as error:
        raise dg.Failure(description=f"audience_ready: {error}", allow_retries=False) from error
    left = {segment: noted for segment, noted in asked.items() if segment not in found.segments}
    told = f"told of {', '.join(found.segments)}" if found.segments else "nothing new to tell"
    return dg.SensorResult(skip_reason="; ".join([told, *found.said]), cursor=json.dumps(left))
