"""The weekly schedule: which week it asks for, and that a week is asked for once."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import dagster as dg
import pytest

from segment_assets.definitions import build_definitions
from segment_assets.deployment import Deployment, Kind
from segment_assets.jobs import weekly_schedule


def asked_on(moment: dt.datetime) -> dg.RunRequest | dg.SkipReason:
    repository = build_definitions(Deployment(Kind.LOCAL, Path("unused"))).get_repository_def()
    context = dg.build_schedule_context(scheduled_execution_time=moment, repository_def=repository)
    told = weekly_schedule.evaluate_tick(context)
    return told.run_requests[0] if told.run_requests else dg.SkipReason(told.skip_message)


@pytest.mark.parametrize(("day", "week"), [(19, "2026-10-12"), (26, "2026-10-19")])
def test_on_monday_morning_the_week_that_ended_at_midnight_is_asked_for(day, week):
    request = asked_on(dt.datetime(2026, 10, day, 6, tzinfo=dt.UTC))
    assert (request.partition_key, request.run_key) == (week, week)


def test_before_the_first_week_is_over_nothing_is_asked_for():
    assert isinstance(asked_on(dt.datetime(2026, 10, 5, 6, tzinfo=dt.UTC)), dg.SkipReason)
