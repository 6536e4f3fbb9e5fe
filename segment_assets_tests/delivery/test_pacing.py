"""What a platform says about its pace, in the standard headers and in its own form, is what the courier keeps."""

from __future__ import annotations

import dataclasses
import email.utils

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segment_assets.contracts import Quota, Response, TransientError
from segment_assets.delivery.courier import Patience
from segment_assets.delivery.errands import Errand
from segment_assets.delivery.guards import GuardRails
from segment_assets.delivery.ledger import Pair
from segment_assets.delivery.pacing import Pace, budget_spacing, retry_after
from segment_assets.delivery.run import DeliveryRoom
from segment_assets.delivery.wanted import Wanted
from segment_assets.resources.lake import LocalLake
from segment_assets_tests.fakes import CONTRACT, FakeDestination, FakePlatform, person, publish_audience

NOW = 1_800_000_000.0


@given(st.integers(0, 86_400))
def test_seconds_and_a_date_ask_for_the_same_wait(seconds):
    date = email.utils.formatdate(NOW + seconds, usegmt=True)
    assert retry_after({"Retry-After": str(seconds)}) == seconds
    assert retry_after({"retry-after": date}, clock=lambda: NOW) == seconds
    theirs = email.utils.formatdate(NOW, usegmt=True)
    assert retry_after({"Retry-After": date, "Date": theirs}, clock=lambda: NOW - 5_000) == seconds


@pytest.mark.parametrize("said", ["", "soon", "-5", "1e9", "99999999999", "864000", "Mon, 99 Foo 2026", "\u0663"])
def test_what_is_no_wait_is_none(said):
    assert retry_after({"Retry-After": said}, clock=lambda: NOW) is None


def test_a_date_that_has_passed_is_no_wait():
    assert retry_after({"Retry-After": email.utils.formatdate(NOW - 60, usegmt=True)}, clock=lambda: NOW) == 0


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"RateLimit": '"default";r=50;t=30', "RateLimit-Policy": '"default";q=100;w=60'}, 0.6),
        ({"ratelimit": '"burst";r=0;t=7, "daily";r=900;t=3600'}, 7.0),
        ({"RateLimit": '"a,b;r=0;t=9";r=10;t=20'}, 2.0),
        ({"RateLimit-Limit": "100", "RateLimit-Remaining": "4", "RateLimit-Reset": "10"}, 2.5),
        ({"RateLimit-Remaining": "4"}, 0.0),
        ({"RateLimit": "whatever"}, 0.0),
        ({}, 0.0),
    ],
)
def test_what_is_left_of_a_budget_is_spread_over_the_time_until_it_is_filled_again(headers, seconds):
    assert budget_spacing(headers) == seconds


def test_a_platform_that_allows_more_than_was_declared_is_not_called_any_faster_nor_slower():
    pace = Pace(Quota(requests=1, per_seconds=1), "account")
    assert pace.pause_after({"RateLimit": '"default";r=50;t=30'}) == 0
    assert pace.pause_after({"RateLimit": '"default";r=10;t=30'}) == 3


class Headers(FakePlatform):
    """Says the headers with every answer, and refuses the first `throttled` uploads as throttled."""

    def __init__(self, headers: dict[str, str], *, throttled: int = 0, status: int = 503) -> None:
        super().__init__()
        self.headers, self.throttled, self.status = headers, throttled, status

    def send(self, request):
        answer = super().send(request)
        if request.path != "/audiences" and self.throttled:
            self.throttled -= 1
            return Response(self.status, self.headers, {})
        return dataclasses.replace(answer, headers=self.headers)


class Destination(FakeDestination):
    """A 503 without a number; and TikTok's way, a throttle that comes with 200 and a code in the body."""

    def read(self, members, session, response):
        if response.status == 503:
            raise TransientError("fake: unavailable")
        if response.json == {}:
            raise TransientError("fake: code 40100", retry_after=300.0)
        return super().read(members, session, response)


def deliver(tmp_path, platform: FakePlatform) -> list[float]:
    lake, waited = LocalLake(tmp_path / "lake"), []
    room = DeliveryRoom(
        lake,
        Destination(),
        platform,
        workdir=tmp_path / "work",
        sleep=waited.append,
        patience=Patience(attempts=3, longest_wait=60.0),
    )
    people = [person(f"p{n}", email=f"p{n}@x.example") for n in range(6)]
    errand = Errand(Pair("t", "fake", "1", "seg"), Wanted(CONTRACT, CONTRACT.forms()), "seg", {}, GuardRails(1.0), b"k")
    try:
        room.run(errand, publish_audience(lake, "seg", people), None)
    except TransientError as later:
        waited.append(later)
    return waited


def test_a_refusal_with_retry_after_is_waited_out_for_exactly_that(tmp_path):
    platform = Headers({"Retry-After": "17"}, throttled=1)
    assert deliver(tmp_path, platform)[0] == 17.0
    assert len(platform.people) == 6


def test_a_budget_that_is_nearly_spent_spreads_the_calls_and_does_not_fail_a_delivery_that_is_through(tmp_path):
    platform = Headers({"RateLimit": '"default";r=2;t=100'})
    assert deliver(tmp_path, platform) == [50.0, 50.0]
    assert deliver(tmp_path / "spent", Headers({"RateLimit": '"default";r=0;t=3600'}))[-1].retry_after == 3600


def test_a_throttle_that_comes_with_200_and_a_code_goes_to_a_later_run_with_its_wait(tmp_path):
    platform = Headers({}, throttled=1, status=200)
    (later,) = deliver(tmp_path, platform)
    assert later.retry_after == 300.0
    assert len(platform.calls) == 1
