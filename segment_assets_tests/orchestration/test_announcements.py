"""Events about audiences: one for each version that is sound, none for the others, and nobody in any of them."""

from __future__ import annotations

import json

import dagster as dg
import pytest

from segment_assets import announcements
from segment_assets.announcements import DETAIL_TYPE, SOURCE, announce, audience_ready, detail
from segment_assets.checks import policy_version
from segment_assets.contracts import PermanentError, TransientError
from segment_assets.plan import load_plan
from segment_assets.resources.events import LocalEvents
from segment_assets.resources.lake import LocalLake
from segment_assets_tests.fakes import digest, person, publish_audience

PLAN = load_plan(None)
SEGMENT = "newsletter_subscribers"
NOW = 1_795_000_000.0
# The plan lets no smaller audience out.
ENOUGH = 100


class Events:
    """Keeps events. `trouble` is raised in the place of the next answers; `before_note` is called after each event."""

    def __init__(self, *trouble: Exception | None) -> None:
        self.put_so_far, self.trouble = [], list(trouble)
        self.after = lambda: None

    def put(self, source, detail_type, told):
        trouble = self.trouble.pop(0) if self.trouble else None
        if trouble:
            raise trouble
        self.put_so_far.append((source, detail_type, dict(told)))
        self.after()
        return f"event-{len(self.put_so_far)}"


@pytest.fixture
def lake(tmp_path):
    return LocalLake(tmp_path / "lake")


def publish(lake, people: int = ENOUGH, segment: str = SEGMENT, **stats):
    """An audience of so many people, made under the plan as it is."""
    counts = {"members": people, "eligible": people, "rows_in": people, "policy": policy_version(PLAN, segment)}
    rows = [person(f"p{n}", email=f"p{n}@x.example") for n in range(people)]
    return publish_audience(lake, segment, rows, counts | stats)


def look(lake, events):
    return announce(PLAN, lake, events, clock=lambda: NOW)


def test_each_version_of_an_audience_is_told_once_whatever_the_number_of_looks(lake):
    events = Events()
    first = publish(lake)
    assert look(lake, events).segments == [SEGMENT]
    assert look(lake, events).segments == []
    second = publish(lake, ENOUGH + 1)
    assert look(lake, events).segments == [SEGMENT]
    publish(lake)
    assert look(lake, events).segments == []
    assert [told["snapshot"] for _, _, told in events.put_so_far] == [first.id, second.id]
    assert {kind[:2] for kind in events.put_so_far} == {(SOURCE, DETAIL_TYPE)}


def test_an_event_has_the_segment_its_version_and_counts_and_nobody(lake):
    counts = {"eligible": 1, "held_out": 2, "suppressed": 3, "no_consent": 4}
    audience = publish(lake, 2, **counts, source_made_at=NOW, columns={"email": {"values": 2}})
    told = detail(PLAN, audience)
    assert told == {
        "version": 1,
        "id": f"lumen_shop/{SEGMENT}/{audience.id}",
        "tenant": "lumen_shop",
        "segment": SEGMENT,
        "snapshot": audience.id,
        "people": 2,
        **counts,
    }
    text = json.dumps(told)
    assert digest("p0@x.example").hex() not in text
    assert audience.uri not in text


def test_a_count_that_an_older_audience_lacks_is_left_out(lake):
    assert "eligible" not in detail(PLAN, publish(lake, 1, eligible=None))


def test_an_audience_that_fails_a_check_is_told_to_nobody_and_its_sound_version_is(lake):
    events = Events()
    publish(lake, ENOUGH - 1)
    assert look(lake, events).said == [f"{SEGMENT}: minimum_size"]
    publish(lake)
    assert look(lake, events) == announcements.Announced([SEGMENT], [])
    assert len(events.put_so_far) == 1


def test_an_audience_that_fails_a_check_is_read_again_after_a_growing_pause_only(lake):
    asked, moments, events = {}, iter([0, 30, 60, 90, 120, 180, 210, 240]), Events()
    publish(lake, ENOUGH - 1)
    read = [
        "minimum_size" in announce(PLAN, lake, events, clock=lambda now=now: NOW + now, asked=asked).said[0]
        for now in moments
    ]
    assert read == [True, False, True, False, False, True, False, False]
    # Another version, or another word of the plan, is looked at at once.
    publish(lake)
    assert announce(PLAN, lake, events, clock=lambda: NOW + 241, asked=asked).segments == [SEGMENT]
    publish(lake, ENOUGH - 2)
    announce(PLAN, lake, events, clock=lambda: NOW + 300, asked=asked)
    segment = PLAN.segments[SEGMENT]
    lower = segment.model_copy(update={"guards": segment.guards.model_copy(update={"minimum_size": 1})})
    plan = PLAN.model_copy(update={"segments": {**PLAN.segments, SEGMENT: lower}})
    assert announce(plan, lake, events, clock=lambda: NOW + 301, asked=asked).segments == [SEGMENT]


def test_an_audience_of_an_earlier_plan_is_told_of_when_it_is_made_again(lake):
    events = Events()
    publish(lake, policy="earlier")
    (said,) = look(lake, events).said
    assert "earlier plan" in said
    assert events.put_so_far == []


def test_a_bus_that_is_away_costs_nothing_and_no_other_segment(lake):
    publish(lake)
    publish(lake, segment="high_value_converters")
    events = Events(TransientError("away"))
    found = look(lake, events)
    assert (found.segments, found.said) == ([SEGMENT], ["high_value_converters: away"])
    assert look(lake, events).segments == ["high_value_converters"]
    assert len(events.put_so_far) == 2


def test_a_process_that_ends_before_its_note_tells_the_same_event_again(lake):
    class Crash(BaseException):
        pass

    def crash():
        raise Crash

    publish(lake)
    events = Events()
    events.after = crash
    with pytest.raises(Crash):
        look(lake, events)
    events.after = lambda: None
    look(lake, events)
    look(lake, events)
    ids = [told["id"] for _, _, told in events.put_so_far]
    assert len(ids) == 2
    assert len(set(ids)) == 1


def test_a_segment_that_the_plan_does_not_name_is_told_to_nobody(lake):
    publish_audience(lake, "unknown_segment", [person("a", email="a@x.example")], {})
    events = Events()
    assert look(lake, events) == announcements.Announced([], [])
    assert events.put_so_far == []


def test_the_sensor_says_what_it_told_and_fails_where_events_are_refused(lake, tmp_path):
    publish(lake)

    with dg.DagsterInstance.ephemeral() as instance:
        cursor = None

        def tick(events):
            nonlocal cursor
            resources = {"plan": PLAN, "lake": lake, "events": events}
            with dg.build_sensor_context(instance=instance, resources=resources, cursor=cursor) as context:
                result = audience_ready(context)
            cursor = result.cursor
            return result.skip_reason.skip_message

        with pytest.raises(dg.Failure, match="no more"):
            tick(Events(PermanentError("no more")))
        assert "sandbox is not running" in tick(LocalEvents(tmp_path))
        assert "looked at a moment ago" in tick(Events())
        cursor = None
        assert tick(Events()) == f"told of {SEGMENT}"
        assert tick(Events()) == "nothing new to tell"
