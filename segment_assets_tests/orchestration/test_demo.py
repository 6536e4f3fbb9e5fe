"""`segment-assets demo` as a newcomer runs it, and the commands that look at what it left.

That another demo after it sends nothing is in `faults/test_demo_killed.py`, whose last start finds everything done.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pyarrow.compute as pc
import pytest
import yaml
from click.testing import CliRunner, Result

from segment_assets.cli import main
from segment_assets.plan import default_plan
from segment_assets.resources.lake import LocalLake
from segment_assets.sandbox import process

pytestmark = pytest.mark.slow

SEGMENT_ASSETS = [sys.executable, "-c", "from segment_assets.cli import main; main()"]
PEOPLE, SEED = "4000", "11"


class Newcomer:
    """A terminal with its own home and a plan whose limits fit a small world."""

    def __init__(self, folder: Path) -> None:
        document = yaml.safe_load(default_plan().read_text(encoding="utf-8"))
        for segment in document["segments"].values():
            segment["guards"] = {"minimum_size": 1}
        (folder / "plan.yaml").write_text(
            yaml.safe_dump(document, allow_unicode=True, sort_keys=False), encoding="utf-8"
        )
        self.home = folder / "worlds" / f"{PEOPLE}-people-seed-{SEED}"
        self.folder, self.plan = folder, folder / "plan.yaml"

    def types(self, *words: str, home: Path | None = None) -> subprocess.CompletedProcess[str]:
        env = {**os.environ, "SEGMENT_ASSETS_HOME": str(home or self.home), "SEGMENT_ASSETS_PLAN": str(self.plan)}
        return subprocess.run(
            [*SEGMENT_ASSETS, *words], capture_output=True, text=True, env=env, timeout=200, check=False
        )

    def asks(self, *words: str) -> Result:
        """The same in this process, which saves the start of another one."""
        env = {"SEGMENT_ASSETS_HOME": str(self.home), "SEGMENT_ASSETS_PLAN": str(self.plan)}
        return CliRunner().invoke(main, list(words), env=env)

    def demo(self) -> subprocess.CompletedProcess[str]:
        return self.types("demo", "--people", PEOPLE, "--seed", SEED, home=self.folder)


@pytest.fixture(scope="module")
def newcomer(tmp_path_factory: pytest.TempPathFactory):
    one = Newcomer(tmp_path_factory.mktemp("newcomer"))
    yield one
    process.stop(one.home / "sandbox")


@pytest.fixture(scope="module")
def first(newcomer: Newcomer) -> subprocess.CompletedProcess[str]:
    return newcomer.demo()


def test_the_demo_ends_well_and_shows_where_everybody_is(first):
    assert first.returncode == 0, first.stdout + first.stderr
    for said in ("Segments: where everybody is", "HELD", "meta/lumen_eu[newsletter_subscribers]", "Tables built"):
        assert said in first.stdout
    assert "google/lumen_ads works on 1 jobs" in first.stdout
    assert "Traceback" not in first.stderr
    assert "Warning" not in first.stderr


def test_the_demo_stops_the_sandbox_that_it_started(newcomer, first):
    assert process.running(newcomer.home / "sandbox") is None


def test_status_says_what_is_live_and_what_is_held(newcomer, first):
    told = newcomer.asks("status")
    assert told.exit_code == 0
    assert "google/lumen_ads[newsletter_subscribers]" in told.output
    assert "Held, because the plan does not name them: store_visitors_unreviewed" in told.output


def test_why_tells_the_door_of_a_person_and_no_identifier(newcomer, first):
    lake = LocalLake(newcomer.home / "lake")
    rows = lake.dataset(lake.current("hashed_audience", "newsletter_subscribers")).to_table()
    for eligibility, said in (("eligible", "acknowledged"), ("no_consent", "not there, and not wanted")):
        person = rows.filter(pc.field("eligibility") == eligibility).to_pylist()[0]
        told = newcomer.asks("why", person["member_id"].hex())
        assert told.exit_code == 0
        assert f"door: {eligibility}" in told.output
        assert said in told.output
        assert not any(v.hex() in told.output for k, v in person.items() if isinstance(v, bytes))
    assert newcomer.asks("why", "f" * 64).exit_code == 1


def test_plan_diff_says_that_nothing_would_change_and_what_a_removed_pair_means(newcomer, first):
    told = newcomer.asks("plan", "diff")
    assert told.exit_code == 0
    assert "0 to add, 0 to change, 0 to take out" in told.output
    document = yaml.safe_load(newcomer.plan.read_text(encoding="utf-8"))
    document["activations"] = document["activations"][1:]
    fewer = newcomer.folder / "fewer.yaml"
    fewer.write_text(yaml.safe_dump(document, allow_unicode=True, sort_keys=False), encoding="utf-8")
    assert (
        "meta/1001/exposed_non_converters: not in the plan any more" in newcomer.asks("plan", "diff", str(fewer)).output
    )
