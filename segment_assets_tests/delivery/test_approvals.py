"""Guards that ask a person, and what the person's yes is good for: one delivery, these numbers, a week."""

from __future__ import annotations

import itertools
import json
import shutil
from typing import TYPE_CHECKING, Any

import pytest

from segment_assets.contracts import NeedsHumanError, PermanentError, TransientError
from segment_assets.delivery.approvals import APPROVAL_HOLDS, Desk, approvals_given, approve, pending
from segment_assets.delivery.guards import GuardRails, Source, Stop, stopped_sources
from segment_assets.delivery.ledger import FencedError
from segment_assets_tests.delivery.test_delivery import PAIR, Road
from segment_assets_tests.fakes import digest, person

if TYPE_CHECKING:
    from pathlib import Path

AUTHOR, OTHER = "dana@lumen.example", "kim@lumen.example"


class Asked(Road):
    """A road whose deliveries ask at a desk, at a time that the test moves."""

    now = 1_000_000.0
    found: tuple[Stop, ...] = ()

    def wants(self, *names: str) -> None:
        super().wants(*(person(name, email=f"{name}@x") for name in names))

    def goes(self, share: float = 0.3, permission: str = "as planned") -> int:
        """Run, and say how many batches were sent."""
        self.now += 1
        desk = Desk(self.lake, PAIR, self.audience.id, permission, lambda: self.now)
        rails = GuardRails(share, found=lambda: self.found, desk=desk)
        return self.run(rails=rails, clock=lambda: self.now).sent

    def stops(self, **options: Any) -> str:
        calls = len(self.platform.calls)
        with pytest.raises(NeedsHumanError) as stopped:
            self.goes(**options)
        assert len(self.platform.calls) == calls, "nothing was sent"
        return str(stopped.value)

    def approved(self, which: str = PAIR.partition, **other: str) -> None:
        said = {"by": OTHER, "reason": "the campaign has ended"} | other
        approve(self.lake, which, author=AUTHOR, tenant=PAIR.tenant, clock=lambda: self.now, **said)

    @property
    def pending(self) -> list[str]:
        return [one.id for one in pending(self.lake, PAIR.tenant, lambda: self.now)]


@pytest.fixture(scope="module")
def delivered(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Asked]:
    """Four people are there, and one of them is wanted."""
    folder = tmp_path_factory.mktemp("delivered")
    road = Asked(folder)
    road.wants("ann", "ben", "cleo", "dan")
    road.goes()
    road.wants("ann")
    return folder, road


@pytest.fixture
def asked(delivered: tuple[Path, Asked], tmp_path: Path) -> Asked:
    """The same, to be changed: above the share of removals, so it stops."""
    folder, before = delivered
    shutil.copytree(folder / "lake", tmp_path / "lake")
    road = Asked(tmp_path)
    road.platform.people = [set(one) for one in before.platform.people]
    road.now = before.now
    road.audience = road.lake.current("hashed_audience", PAIR.segment)
    return road


def test_a_stop_says_the_numbers_and_how_to_approve_and_waits(asked: Asked) -> None:
    said = asked.stops()
    assert "3 of 4 people" in said
    [waiting] = pending(asked.lake, PAIR.tenant, lambda: asked.now)
    assert waiting.id[:12] in said
    assert waiting.guards["removal_share"]["numbers"] == {"removes": 3, "last_known": 4, "wanted": 1}
    assert asked.stops() == said
    assert len(asked.lake.keys("approvals")) == 1, "asking again is no new stop"


@pytest.mark.parametrize("by_id", [True, False])
def test_an_approved_delivery_goes_out_and_nothing_waits_any_more(asked: Asked, by_id: bool) -> None:
    asked.stops()
    asked.approved(asked.pending[0][:8] if by_id else PAIR.partition)
    assert asked.pending == []
    asked.goes()
    asked.expected("ann@x")
    assert approvals_given(asked.lake, PAIR, lambda: asked.now) == 1


def test_the_record_says_who_when_why_and_what_and_names_nobody(asked: Asked) -> None:
    asked.stops()
    [delivery] = asked.pending
    asked.approved()
    asked.goes()
    notes = [json.loads(asked.lake.get(key)) for key in asked.lake.keys("approvals")]
    assert [note["kind"] for note in notes] == ["stopped", "approved", "let_through"]
    body = notes[1]["body"]
    assert (body["by"], body["reason"], body["delivery"]) == (OTHER, "the campaign has ended", delivery)
    assert notes[1]["at"] == pytest.approx(asked.now, abs=2)
    everything = b"".join(asked.lake.get(key) for key in asked.lake.keys("approvals"))
    for name in ("ann", "ben", "cleo", "dan"):
        assert f"{name}@x".encode() not in everything
        assert digest(f"{name}@x").hex().encode() not in everything


def test_the_author_of_the_plan_cannot_approve(asked: Asked) -> None:
    asked.stops()
    for by in (AUTHOR, " Dana@LUMEN.example ", "DANA@lumen.example", "ｄana@lumen.example", "dana@lumen.\u200bexample"):
        with pytest.raises(NeedsHumanError, match="author"):
            asked.approved(by=by)
    asked.stops()


def test_a_reason_has_words_and_names_nobody(asked: Asked) -> None:
    asked.stops()
    for reason in ("", "  ", "ann@example.com asked", "call +49 170 1234567", digest("a").hex()):
        with pytest.raises(PermanentError, match="reason"):
            asked.approved(reason=reason)
    assert asked.pending


def test_a_later_audience_needs_its_own_approval(asked: Asked) -> None:
    asked.stops()
    asked.approved()
    asked.wants("ben")
    asked.stops()


def test_the_same_audience_later_needs_its_own_approval(asked: Asked) -> None:
    """Approved, sent, everybody back, and the same wish once more: nobody has looked at that one."""
    asked.stops()
    asked.approved()
    asked.goes()
    asked.wants("ann", "ben", "cleo", "dan")
    asked.goes()
    asked.wants("ann")
    asked.stops()
    assert len(asked.pending) == 1


def test_an_approval_is_for_the_permission_that_was_looked_at(asked: Asked) -> None:
    asked.stops()
    asked.approved()
    asked.stops(permission="another purpose")


def test_an_approval_outlives_an_opt_out_and_a_try_that_failed(asked: Asked) -> None:
    asked.stops()
    asked.approved()
    asked.opt_out(("email", digest("dan@x")))

    def fails_once_people_go(_call: int) -> None:
        if any(method == "DELETE" for method, _ in asked.platform.calls):
            raise TransientError("fake: gone away")

    asked.platform.before = fails_once_people_go
    with pytest.raises(TransientError):
        asked.goes()
    assert not asked.platform.holds("dan@x"), "the opt-out went first"
    asked.platform.before = lambda _call: None
    asked.goes()
    asked.expected("ann@x")


def test_an_approval_ends_after_a_week(asked: Asked) -> None:
    asked.stops()
    asked.approved()
    asked.now += APPROVAL_HOLDS + 1
    asked.stops()
    assert len(asked.pending) == 1


def test_an_approval_is_for_no_other_guard_and_for_no_larger_number(asked: Asked) -> None:
    asked.stops()
    asked.approved()
    asked.found = (Stop("short_source", "fake: the source is short", amount=3),)
    assert "the source is short" in asked.stops()
    asked.approved()
    asked.found = (Stop("short_source", "fake: the source is shorter", amount=4),)
    assert "shorter" in asked.stops()
    asked.found = (Stop("short_source", "fake: the source is short", amount=2),)
    asked.goes()
    asked.expected("ann@x")


def test_what_does_not_wait_cannot_be_approved(asked: Asked) -> None:
    with pytest.raises(PermanentError, match="none"):
        asked.approved()
    asked.stops()
    with pytest.raises(PermanentError, match="names no single stopped delivery"):
        asked.approved("fake/acc/other")
    asked.wants("ann", "ben", "cleo", "dan", "eve")
    assert asked.pending == [], "another audience is wanted by now"


def test_of_two_approvals_at_once_one_is_created(asked: Asked) -> None:
    asked.stops()
    lake, once = asked.lake, itertools.count()

    class Meanwhile:
        """Somebody else approves between reading and writing."""

        def __getattr__(self, name: str) -> Any:
            return getattr(lake, name)

        def put_if_absent(self, key: str, body: bytes) -> bool:
            if next(once) == 0:
                asked.approved(by="lee@lumen.example")
            return lake.put_if_absent(key, body)

    said = {"by": OTHER, "reason": "fine", "author": AUTHOR, "tenant": PAIR.tenant, "clock": lambda: asked.now}
    with pytest.raises(FencedError):
        approve(Meanwhile(), PAIR.partition, **said)
    assert approvals_given(lake, PAIR, lambda: asked.now) == 1


def test_an_altered_approval_is_refused(asked: Asked, tmp_path: Path) -> None:
    asked.stops()
    asked.approved()
    first = next((tmp_path / "lake").rglob(f"approvals/{PAIR.partition}/000001.json"))
    first.write_bytes(first.read_bytes().replace(b'"amount":3', b'"amount":9'))
    with pytest.raises(PermanentError, match="altered"):
        asked.goes()


def test_opt_outs_ask_nobody(asked: Asked) -> None:
    asked.found = (Stop("short_source", "fake: the source is short", of_audience=True),)
    asked.opt_out(("email", digest("dan@x")))
    with pytest.raises(NeedsHumanError):
        asked.goes()
    assert not asked.platform.holds("dan@x")
    assert asked.platform.holds("ben@x")


# ── the source ──

DAY = 86_400.0
BEFORE = [Source(1_000, {"email": 900, "phone": 500}, 0.0), Source(10, {}, 0.0), Source(1_200, {}, 0.0)]


def stopped(source: Source, before: list[Source] = BEFORE, now: float = DAY) -> set[str]:
    found = stopped_sources(PAIR, source, before, max_drop=0.4, max_age_days=35, now=now)
    return {stop.guard for stop in found}


@pytest.mark.parametrize(("rows", "stops"), [(600, False), (599, True), (5_000, False), (0, True)])
def test_a_source_is_short_against_the_middle_of_the_earlier_ones(rows: int, stops: bool) -> None:
    assert ("short_source" in stopped(Source(rows, {"email": 1, "phone": 1}, 0.0))) is stops


@pytest.mark.parametrize(("age", "stops"), [(35 * DAY, False), (35 * DAY + 1, True)])
def test_a_source_is_stale_after_the_plan_s_days(age: float, stops: bool) -> None:
    assert stopped(Source(1_000, {"email": 1, "phone": 1}, 0.0), now=age) == ({"stale_source"} if stops else set())


def test_a_column_that_was_filled_and_is_empty_is_drift_and_one_that_never_was_is_not() -> None:
    assert stopped(Source(1_000, {"email": 1, "phone": 0}, 0.0)) == {"schema_drift:phone"}
    assert stopped(Source(1_000, {"email": 1}, 0.0), [Source(1_000, {"email": 1, "phone": 0}, 0.0)]) == set()


def test_the_first_audience_of_a_pair_has_nothing_to_be_compared_with() -> None:
    assert stopped(Source(3, {}, None), []) == set()
