"""When a platform account may be sent an audience: windows of the week, and dates on which nothing goes out.

Belongs here: the shape of `sending`, and the next moment at which sending may begin. Not here: who waits for it
(`segment_assets.permission`). Opt-outs never ask.
"""

import datetime as dt
import zoneinfo
from collections.abc import Iterator, Sequence
from typing import Annotated, Any, Literal

import pydantic

from segment_assets.plan.vocabulary import Strict

Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
_WEEK: tuple[Weekday, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DAY = 24 * 60
# Further ahead nobody plans: a plan that is closed for longer says so instead of a date.
_DAYS_AHEAD = 400


def _minutes(said: Any) -> int:
    """Minutes after midnight of "HH:MM". YAML reads 18:00 without quotes as the number 1080, so text is asked for."""
    hours, colon, minutes = said.partition(":") if isinstance(said, str) else ("", "", "")
    is_time = colon and hours.isascii() and hours.isdigit() and minutes.isascii() and minutes.isdigit()
    if not is_time or len(minutes) != len("00") or int(minutes) > 59 or int(hours) * 60 + int(minutes) > _DAY:  # noqa: PLR2004
        raise ValueError('not a time of day; write it in quotes, "00:00" to "24:00"')
    return int(hours) * 60 + int(minutes)


TimeOfDay = Annotated[int, pydantic.BeforeValidator(_minutes)]


class Window(Strict):
    """Hours of weekdays, in local time. One that ends at or before its start ends on the next day."""

    days: tuple[Weekday, ...] = _WEEK
    start: TimeOfDay = pydantic.Field(alias="from")
    end: TimeOfDay = pydantic.Field(alias="to")

    @pydantic.field_validator("days")
    @classmethod
    def _some_day(cls, days: tuple[Weekday, ...]) -> tuple[Weekday, ...]:
        if not days:
            raise ValueError("no day is named; leave `days` out for every day")
        return days


class Freeze(Strict):
    """Whole days, both included, in local time, on which nothing is sent, and why."""

    start: dt.date = pydantic.Field(alias="from")
    end: dt.date = pydantic.Field(alias="to")
    reason: str = pydantic.Field(min_length=3)

    @pydantic.model_validator(mode="after")
    def _ends_after_it_starts(self) -> "Freeze":
        if self.end < self.start:
            raise ValueError("ends before it starts; exchange `from` and `to`")
        return self


class Sending(Strict):
    """Windows in which sending may begin (without any: always) and freezes, in one named time zone."""

    time_zone: str
    windows: tuple[Window, ...] = ()
    freezes: tuple[Freeze, ...] = ()

    @pydantic.field_validator("time_zone")
    @classmethod
    def _zone_exists(cls, name: str) -> str:
        try:
            zoneinfo.ZoneInfo(name)
        except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError("no such time zone; name one as Europe/Berlin or UTC") from None
        return name

    def is_open(self, moment: dt.datetime) -> bool:
        """Whether a delivery may begin at a moment (aware)."""
        day = moment.astimezone(self._zone).date()
        if any(freeze.start <= day <= freeze.end for freeze in self.freezes):
            return False
        days = (day - dt.timedelta(1), day)
        return not self.windows or any(start <= moment < end for start, end in self._opened(days))

    def openings(self, moment: dt.datetime) -> Iterator[dt.datetime]:
        """Moments after `moment` at which a window begins or a freeze ends, unsorted."""
        first = moment.astimezone(self._zone).date()
        days = [first + dt.timedelta(ahead) for ahead in range(-1, _DAYS_AHEAD)]
        ends = [self._at(freeze.end, _DAY) for freeze in self.freezes if (freeze.end - first).days < _DAYS_AHEAD]
        yield from (at for at in (*ends, *(start for start, _ in self._opened(days))) if at > moment)

    def _opened(self, days: Sequence[dt.date]) -> Iterator[tuple[dt.datetime, dt.datetime]]:
        for day in days:
            for window in self.windows:
                if _WEEK[day.weekday()] in window.days:
                    later = _DAY if window.end <= window.start else 0
                    yield self._at(day, window.start), self._at(day, window.end + later)

    def _at(self, day: dt.date, minutes: int) -> dt.datetime:
        days, rest = divmod(minutes, _DAY)
        local = dt.datetime.combine(day + dt.timedelta(days), dt.time(rest // 60, rest % 60), self._zone)
        # Compared in UTC: two times of one zone are compared by their clocks, also across a change of clocks.
        return local.astimezone(dt.UTC)

    @property
    def _zone(self) -> zoneinfo.ZoneInfo:
        return zoneinfo.ZoneInfo(self.time_zone)


def opens_at(rules: Sequence[Sending], moment: dt.datetime) -> dt.datetime | None:
    """The first moment from `moment` on (aware) at which all rules are open; None when none is within a year."""
    candidates = {moment, *(at for rule in rules for at in rule.openings(moment))}
    return next((at for at in sorted(candidates) if all(rule.is_open(at) for rule in rules)), None)
