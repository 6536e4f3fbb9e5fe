"""Alerts: every failed run is told once, in words that hold no data; metrics are lines that CloudWatch understands."""

from __future__ import annotations

import json

import dagster as dg
import pytest

from segment_assets.alerting import run_failures
from segment_assets.assets.common import as_failure
from segment_assets.contracts import NeedsHumanError, PermanentError
from segment_assets.resources.alerts import Alerts


def told_about(asset, tmp_path, **alerts):
    """The alert and metric lines after one failed run of an asset."""
    with dg.DagsterInstance.ephemeral() as instance:
        result = dg.materialize([asset], instance=instance, raise_on_error=False)
        context = dg.build_run_status_sensor_context(
            sensor_name="run_failures",
            dagster_instance=instance,
            dagster_run=result.dagster_run,
            dagster_event=result.get_run_failure_event(),
        ).for_run_failure()
        run_failures(context, alerts=Alerts(tmp_path, **alerts))
    return [
        [json.loads(line) for line in (tmp_path / name).read_text().splitlines()]
        for name in ("alerts.jsonl", "metrics.jsonl")
    ]


def test_a_failure_of_ours_is_told_in_its_own_words(tmp_path):
    @dg.asset
    def audience() -> None:
        raise as_failure(NeedsHumanError("the segment is empty; look at its source"))

    [alert], [metric] = told_about(audience, tmp_path)
    assert alert["title"] == "audience failed"
    assert "needs a human: the segment is empty; look at its source" in alert["text"]
    assert metric["failed_runs"] == 1
    assert metric["_aws"]["CloudWatchMetrics"][0]["Dimensions"] == [["assets"]]


def test_of_a_defect_only_its_kind_is_told_since_its_text_may_quote_data(tmp_path):
    @dg.asset
    def audience() -> None:
        raise ValueError("could not read ann@example.com")

    [alert], _ = told_about(audience, tmp_path)
    assert "ValueError" in alert["text"]
    assert "ann@example.com" not in json.dumps(alert)


def test_a_webhook_that_is_not_encrypted_is_refused_and_the_file_has_the_alert_all_the_same(tmp_path):
    with pytest.raises(PermanentError, match="only https"):
        Alerts(tmp_path, webhook="http://hooks.example.com/x").alert("title", "text")
    assert "title" in (tmp_path / "alerts.jsonl").read_text()
