"""A rehearsed delivery asks for exactly what the real one asks for afterwards, and leaves no trace."""

from __future__ import annotations

import dataclasses
import json
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segment_assets.contracts import Quota
from segment_assets.delivery.daily import for_ordinary_calls
from segment_assets.delivery.errands import Errand
from segment_assets.delivery.guards import GuardRails
from segment_assets.delivery.overlay import OverlayLake
from segment_assets.delivery.preview import PLACEHOLDER_AUDIENCE, Rehearsal, least_seconds, rehearsing
from segment_assets.delivery.run import DeliveryRoom
from segment_assets.delivery.wanted import Wanted
from segment_assets.resources.lake import LocalLake
from segment_assets_tests.delivery import test_following
from segment_assets_tests.delivery.road import PAIR, Road, crowd
from segment_assets_tests.fakes import CONTRACT, FakeDestination, FakePlatform, digest, person


class Recording(FakePlatform):
    """Keeps what it is really sent."""

    def __init__(self):
        super().__init__()
        self.kept = []

    def send(self, request):
        self.kept.append(as_text(request))
        return super().send(request)


def as_text(request) -> str:
    # The real platform gives ids of its own.
    return json.dumps([request.method, request.path, request.json], sort_keys=True).replace(PLACEHOLDER_AUDIENCE, "a1")


@pytest.fixture
def road(tmp_path):
    road = Road(tmp_path)
    road.platform = Recording()
    return road


def rehearsed(
    road, tmp_path, *, destination=None, rails: GuardRails | None = None, clock=time.time
) -> tuple[Rehearsal, list[str]]:
    kept: list[str] = []
    rehearsal = Rehearsal(lambda _, request: kept.append(as_text(request)))
    taking = rehearsing(destination or FakeDestination(), rehearsal)
    lake = OverlayLake(road.lake, LocalLake(tmp_path / "above"))
    room = DeliveryRoom(lake, taking, taking.transport, workdir=tmp_path / "room", clock=clock)
    errand = Errand(PAIR, Wanted(CONTRACT, CONTRACT.forms()), "seg", {}, rails or GuardRails(1.0), b"key")
    rehearsal.run(lambda: room.run(errand, road.audience, road.suppressions))
    return rehearsal, kept


def test_a_rehearsal_asks_for_what_the_delivery_then_asks_for_and_leaves_no_trace(road, tmp_path):
    road.wants(*crowd(*"abcdefg"), person("nobody"))
    rehearsal, expected = rehearsed(road, tmp_path / "first")
    assert (rehearsal.requests, rehearsal.no_usable_key) == ({"create": 1, "add": 3}, 1)
    road.run()
    assert road.platform.kept == expected
    road.wants(*crowd(*"efghi"))
    road.opt_out(("email", digest("g@x")))
    sent, before = len(road.platform.kept), everything(tmp_path / "lake")
    rehearsal, expected = rehearsed(road, tmp_path / "second")
    assert everything(tmp_path / "lake") == before
    assert (rehearsal.records["add"], rehearsal.records["remove"]) == (2, 5)
    road.run()
    assert road.platform.kept[sent:] == expected


def everything(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_what_a_guard_would_stop_is_told_and_nothing_of_it_is_asked_for(road, tmp_path):
    road.wants(*crowd(*"abcd"))
    road.run()
    road.wants(*crowd("a"))
    rehearsal, asked = rehearsed(road, tmp_path / "rehearsal", rails=GuardRails(0.3))
    assert asked == []
    assert "3 of 4 people (75%)" in rehearsal.stopped


def test_open_jobs_are_told_and_only_asked_about(tmp_path):
    road = test_following.Road(tmp_path)
    road.wants(*test_following.crowd("abcde"))
    road.run()
    rehearsal, asked = rehearsed(
        road,
        tmp_path / "rehearsal",
        destination=test_following.JobDestination(),
        clock=lambda: road.now + test_following.FOLLOWED.follow.first,
    )
    assert [json.loads(text)[1] for text in asked] == ["/jobs/j0", "/jobs/j1"]
    assert "still works on jobs" in rehearsal.stopped


def test_a_strict_quota_makes_the_prediction_long_and_not_the_rehearsal(road, tmp_path):
    road.wants(*crowd(*"abcdefg"))
    slow = dataclasses.replace(CONTRACT, quota=Quota(requests=1, per_seconds=3600))
    rehearsal, _ = rehearsed(road, tmp_path / "rehearsal", destination=FakeDestination(slow))
    assert least_seconds(slow.quota, rehearsal.requests.total()) == 3 * 3600


@given(st.integers(1, 50), st.integers(1, 3600), st.integers(0, 300))
def test_the_predicted_time_is_the_least_in_which_no_stretch_has_more_than_the_quota(requests, per_seconds, number):
    # Sent as early as allowed: the request after each stretch's worth waits for the stretch to end.
    at = [per_seconds * (place // requests) for place in range(number)]
    assert least_seconds(Quota(requests, per_seconds), number) == max(at, default=0)


@given(st.integers(1, 20), st.integers(1, 3600), st.integers(2, 60), st.integers(0, 300))
def test_the_predicted_time_knows_the_day_s_quota_and_what_of_it_is_for_opt_outs(
    requests, per_seconds, per_day, number
):
    at: list[float] = []
    for place in range(number):
        after = [at[place - requests] + per_seconds] if place >= requests else []
        worth = for_ordinary_calls(per_day)
        after += [at[place - worth] + 86_400] if place >= worth else []
        at.append(max([0.0, *at[-1:], *after]))
    assert 0 <= max(at, default=0.0) - least_seconds(Quota(requests, per_seconds, per_day), number) <= per_seconds * 300
