"""`segment-assets plan diff` promises no delivery that the run would refuse."""

from __future__ import annotations

import time
from pathlib import Path

from click.testing import CliRunner

from segment_assets.cli import main
from segment_assets.delivery.ledger import AudienceLedger, Pair
from segment_assets.resources.lake import LocalLake
from segment_assets_tests import fakes
from segment_assets_tests.orchestration.local_world import EXPOSED, write_plan


def test_an_audience_that_was_made_by_value_is_said_to_take_nobody_without(tmp_path: Path):
    plan, lake = write_plan(tmp_path / "plan.yaml"), LocalLake(tmp_path / "lake")
    fakes.publish_audience(lake, EXPOSED, [fakes.person("ann", email="ann@example.com")])
    chain = AudienceLedger(lake, Pair("lumen_shop", "meta", "1001", EXPOSED), time.time).audience()
    chain.append("created", {"id": "1", "by_value": True})
    told = CliRunner(env={"SEGMENT_ASSETS_HOME": str(tmp_path)}).invoke(main, ["plan", "diff", str(plan)])
    (line,) = [line for line in told.output.splitlines() if EXPOSED in line]
    assert "Would stop: " in line
    assert "value_based was switched in the plan" in line
