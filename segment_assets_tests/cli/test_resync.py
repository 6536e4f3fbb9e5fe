"""Modes, refreshes and resyncs as a person meets them: at a terminal, in the plan, and in what the reconciler asks for."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from segment_assets.assets.activations import errand, wanted_version
from segment_assets.cli import main
from segment_assets.contracts import Mode
from segment_assets.delivery.ledger import AudienceLedger, Pair
from segment_assets.plan import PlanError, default_plan, load_plan
from segment_assets.resources.lake import LocalLake
from segment_assets.withdrawals import is_unfinished
from segment_assets_tests.fakes import person, publish_audience

SEGMENT, GOOGLE = "newsletter_subscribers", "lumen_ads"


@pytest.fixture
def plan():
    return load_plan()


@pytest.fixture
def lake(tmp_path, monkeypatch):
    monkeypatch.setenv("SEGMENT_ASSETS_HOME", str(tmp_path))
    lake = LocalLake(tmp_path / "lake")
    publish_audience(lake, SEGMENT, [person("a", email="a@x")])
    return lake


def ledger(plan, lake) -> AudienceLedger:
    account = plan.accounts[GOOGLE]
    return AudienceLedger(lake, Pair(plan.tenant, account.destination, account.account, SEGMENT), time.time)


def delivered(plan, lake, **header) -> None:
    """A delivery of the newest audience in the ledger, with nothing in it but what is decided on."""
    audience = lake.current("hashed_audience", SEGMENT)
    log = ledger(plan, lake).open({"lane": "audience", "to_snapshot": audience.id, "on_removal": "keep", **header})
    log.chain.append("closed", {"outcome": "done", "state": "", "leaving": 0})


def asked(pair: str, *more: str) -> Result:
    return CliRunner().invoke(main, ["resync", pair, "--reason", "the list shrank", "--as", "dana.reyes", *more])


@pytest.mark.parametrize("account", [GOOGLE, "1234567890"])
def test_a_resync_is_noted_once_for_all_and_makes_the_pair_wanted_anew(plan, lake, account):
    delivered(plan, lake, refresh_due=time.time() + 86_400, expiry_days=540)
    before = wanted_version(plan, GOOGLE, SEGMENT, lake)
    answer = asked(f"google/{account}/{SEGMENT}")
    assert answer.exit_code == 0, answer.output
    assert wanted_version(plan, GOOGLE, SEGMENT, lake) != before
    [key] = [key for key in lake.keys("ledger") if "resyncs" in key]
    note = json.loads(lake.get(key))
    assert (note["kind"], note["body"]) == ("asked", {"reason": "the list shrank", "as": "dana.reyes"})


@pytest.mark.parametrize("pair", [f"meta/{GOOGLE}/{SEGMENT}", "google/lumen_ads/nobody", SEGMENT])
def test_a_pair_that_the_plan_does_not_name_is_not_resynced(lake, pair):
    answer = asked(pair)
    assert answer.exit_code == 1
    assert lake.keys("ledger") == []


def test_a_pair_is_unfinished_when_its_members_are_due_for_a_refresh_although_nothing_changed(plan, lake):
    delivered(plan, lake, refresh_due=time.time() + 86_400, expiry_days=540)
    assert not is_unfinished(plan, lake, GOOGLE, SEGMENT)
    delivered(plan, lake, refresh_due=time.time() - 1, expiry_days=540)
    assert is_unfinished(plan, lake, GOOGLE, SEGMENT)


def test_a_pair_whose_ledger_does_not_tell_yet_when_members_expire_is_looked_at_once(plan, lake):
    delivered(plan, lake)
    assert is_unfinished(plan, lake, GOOGLE, SEGMENT)


def with_mode(tmp_path: Path, account: str, mode: str) -> Path:
    """The project's own plan with a mode for the activations of one account."""
    text = (
        default_plan()
        .read_text(encoding="utf-8")
        .replace(f"account: {account}\n", f"account: {account}\n    mode: {mode}\n")
    )
    (tmp_path / "plan.yaml").write_text(text, encoding="utf-8")
    return tmp_path / "plan.yaml"


def test_a_replace_is_refused_in_the_plan_of_a_platform_that_has_none(tmp_path):
    with pytest.raises(PlanError, match="google has no replace; it has mirror, add_only, remove_only"):
        load_plan(with_mode(tmp_path, GOOGLE, "replace"))


def test_the_plans_mode_is_what_the_delivery_room_is_told(tmp_path):
    plan = load_plan(with_mode(tmp_path, "lumen_eu", "replace"))
    for permission in plan.activations_of("lumen_eu").values():
        assert errand(plan, "lumen_eu", permission, b"key").wanted.mode is Mode.REPLACE


def test_a_preview_of_a_replace_shows_metas_own_call(tmp_path, lake):
    members = tmp_path / "members.csv"
    members.write_text("email\nmary@example.com\nmax@example.com\n", encoding="utf-8")
    command = ["preview", "--destination", "meta", "--members", str(members), "--mode", "replace", "--out"]
    answer = CliRunner().invoke(main, [*command, str(tmp_path / "out")])
    assert answer.exit_code == 0, answer.output
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert (summary["mode"], summary["requests"], summary["records"]["replace"]) == (
        "replace",
        {"create": 1, "add": 0, "remove": 0, "replace": 1},
        2,
    )
    request = json.loads((tmp_path / "out" / "0002.json").read_text())
    assert request["url"].endswith("/usersreplace")
    assert request["body"]["session"]["batch_seq"] == 1
