"""Sending windows and freezes, in the time of a place: when a delivery may begin, and when it may next."""

from __future__ import annotations

import datetime as dt
import zoneinfo
from typing import Any

import pydantic
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segment_assets.plan import Sending
from segment_assets.plan.sending import opens_at

WEEK = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
OFFICE = {"days": WEEK[:5], "from": "08:00", "to": "18:00"}


def rule(zone: str = "Europe/Berlin", **parts: Any) -> Sending:
    return Sending.model_validate({"time_zone": zone, **parts})


def utc(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC)


# A Friday in November: Berlin is one hour before UTC.
@pytest.mark.parametrize(
    ("moment", "opens"),
    [
        ("2026-11-27 06:59", "2026-11-27 07:00"),
        ("2026-11-27 07:00", "2026-11-27 07:00"),
        ("2026-11-27 16:59", "2026-11-27 16:59"),
        ("2026-11-27 17:00", "2026-11-30 07:00"),
        ("2026-11-29 12:00", "2026-11-30 07:00"),
    ],
)
def test_a_window_opens_and_closes_by_the_clock_of_its_place(moment: str, opens: str) -> None:
    assert opens_at([rule(windows=[OFFICE])], utc(moment)) == utc(opens)


def test_a_window_keeps_its_hour_when_the_clocks_change() -> None:
    """Berlin leaves summer time on 25 October 2026: eight o'clock is six UTC before and seven UTC after."""
    daily = rule(windows=[{"from": "08:00", "to": "09:00"}])
    assert opens_at([daily], utc("2026-10-24 00:00")) == utc("2026-10-24 06:00")
    assert opens_at([daily], utc("2026-10-25 00:00")) == utc("2026-10-25 07:00")


def test_a_window_over_midnight_belongs_to_the_day_on_which_it_begins() -> None:
    night = rule("UTC", windows=[{"days": ["fri"], "from": "22:00", "to": "02:00"}])
    assert night.is_open(utc("2026-11-28 01:59"))
    assert not night.is_open(utc("2026-11-28 02:00"))
    assert not night.is_open(utc("2026-11-27 01:00")), "Thursday's night"


def test_a_freeze_holds_on_its_last_day_too_and_beats_a_window() -> None:
    frozen = rule(windows=[OFFICE], freezes=[{"from": "2026-11-27", "to": "2026-11-30", "reason": "Black Friday"}])
    assert opens_at([frozen], utc("2026-11-27 09:00")) == utc("2026-12-01 07:00")


def test_a_freeze_without_windows_ends_at_local_midnight() -> None:
    frozen = rule("America/New_York", freezes=[{"from": "2026-11-27", "to": "2026-11-27", "reason": "Black Friday"}])
    assert opens_at([frozen], utc("2026-11-27 12:00")) == utc("2026-11-28 05:00")


def test_account_and_activation_have_to_be_open_both() -> None:
    morning, evening = ({"from": a, "to": b} for a, b in (("08:00", "12:00"), ("11:00", "20:00")))
    both = [rule("UTC", windows=[morning]), rule("UTC", windows=[evening])]
    assert opens_at(both, utc("2026-11-27 08:30")) == utc("2026-11-27 11:00")
    never = [
        rule("UTC", windows=[{"from": "08:00", "to": "09:00"}]),
        rule("UTC", windows=[{"from": "10:00", "to": "11:00"}]),
    ]
    assert opens_at(never, utc("2026-11-27 08:30")) is None


def test_without_rules_it_is_always_open() -> None:
    assert opens_at([], utc("2026-11-27 03:00")) == utc("2026-11-27 03:00")


@pytest.mark.parametrize(
    ("parts", "says"),
    [
        ({"time_zone": "Mars/Olympus"}, "no such time zone"),
        ({"windows": [{"from": 1080, "to": "20:00"}]}, "in quotes"),
        ({"windows": [{"from": "8:75", "to": "20:00"}]}, "not a time of day"),
        ({"windows": [{"from": "24:01", "to": "24:00"}]}, "not a time of day"),
        ({"windows": [{"days": [], "from": "08:00", "to": "20:00"}]}, "no day is named"),
        ({"windows": [{"days": ["someday"], "from": "08:00", "to": "20:00"}]}, "mon"),
        ({"freezes": [{"from": "2026-11-30", "to": "2026-11-27", "reason": "late"}]}, "ends before it starts"),
        ({"freezes": [{"from": "2026-11-27", "to": "2026-11-30"}]}, "reason"),
    ],
)
def test_what_cannot_be_meant_is_refused(parts: dict[str, Any], says: str) -> None:
    with pytest.raises(pydantic.ValidationError) as refusal:
        Sending.model_validate({"time_zone": "UTC", **parts})
    assert says in str(refusal.value)


CLOCK = st.integers(0, 23).map(lambda hour: f"{hour:02}:00")
WINDOW = st.fixed_dictionaries(
    {"days": st.lists(st.sampled_from(WEEK), min_size=1, unique=True), "from": CLOCK, "to": CLOCK}
)
RULE = st.builds(
    lambda zone, windows: rule(zone, windows=windows),
    st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata"]),
    st.lists(WINDOW, max_size=2),
)
MOMENT = st.integers(0, 2 * 365 * 48).map(lambda halves: utc("2026-01-01 00:00") + dt.timedelta(minutes=30 * halves))


@settings(max_examples=40, deadline=None)
@given(rules=st.lists(RULE, max_size=2), moment=MOMENT)
def test_it_opens_at_the_first_open_moment_and_not_before(rules: list[Sending], moment: dt.datetime) -> None:
    opens = opens_at(rules, moment)
    # Half an hour is the grain of all these rules (India's clocks are half an hour off); a fortnight sees every week.
    steps = (moment + dt.timedelta(minutes=30 * n) for n in range(2 * 24 * 14))
    first = next((step for step in steps if all(_by_the_clock(one, step) for one in rules)), None)
    if first is not None:
        assert opens == first
    else:
        assert opens is None or opens > moment + dt.timedelta(days=13)


def _by_the_clock(rule: Sending, moment: dt.datetime) -> bool:
    """What somebody reads off a wall clock and a calendar."""
    local = moment.astimezone(zoneinfo.ZoneInfo(rule.time_zone))
    minutes, today = local.hour * 60 + local.minute, WEEK[local.weekday()]
    yesterday = WEEK[local.weekday() - 1]
    return not rule.windows or any(
        (today in w.days and w.start <= minutes < (w.end if w.end > w.start else 24 * 60))
        or (yesterday in w.days and w.end <= w.start and minutes < w.end)
        for w in rule.windows
    )
