"""What a look at the ledger costs on S3: notes never change, so a process reads each of them once."""

from __future__ import annotations

import time
import uuid
from typing import TYPE_CHECKING

import dagster as dg
import pytest

from segment_assets import sensors
from segment_assets.assets.activations import activation_key, wanted_version
from segment_assets.delivery.ledger import AudienceLedger, Pair
from segment_assets.plan import load_plan
from segment_assets.resources.aws.kept import Kept
from segment_assets.resources.aws.lake import S3Lake
from segment_assets.resources.lake import LocalLake
from segment_assets.withdrawals import is_unfinished
from segment_assets_tests import fakes
from segment_assets_tests.aws.emulators import Emulator, connected
from segment_assets_tests.orchestration.local_world import ACCOUNT, NEWSLETTER, write_plan

if TYPE_CHECKING:
    from pathlib import Path

    from segment_assets.contracts import Lake
    from segment_assets.plan import Plan

BUCKET, BATCHES = "read-ledgers", 40


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> Plan:
    return load_plan(write_plan(tmp_path_factory.mktemp("plan") / "plan.yaml"))


def delivered(plan: Plan, lake: Lake) -> int:
    """The newsletter's audience, and the log of a delivery of it, closed; the number of its notes."""
    audience = fakes.publish_audience(lake, NEWSLETTER, [fakes.person("ann", email="ann@example.com")])
    account = plan.accounts[ACCOUNT]
    pair = Pair(plan.tenant, account.destination, account.account, NEWSLETTER)
    header = {"lane": "audience", "to_snapshot": audience.id, "refresh_due": time.time() + 1e6, "forms": []}
    log = AudienceLedger(lake, pair, time.time).open(header)
    for batch in range(BATCHES):
        log.chain.append("intent", {"phase": "add", "batch": batch})
        log.chain.append("receipt", {"phase": "add", "batch": batch})
    log.chain.append("closed", {"outcome": "done", "leaving": 0})
    return len(log.chain.entries)


@pytest.mark.aws
def test_the_reconcilers_next_look_at_a_settled_pair_reads_no_note_again(
    ministack: Emulator, plan: Plan, tmp_path: Path
) -> None:
    session = connected(ministack, "s3")
    session.client("s3").create_bucket(Bucket=BUCKET)
    lake = S3Lake(session, f"s3://{BUCKET}/{uuid.uuid4().hex}", workdir=tmp_path)
    delivered(plan, lake)
    reads, events = [], session.client("s3").meta.events
    key = activation_key(ACCOUNT, plan.accounts[ACCOUNT])
    with dg.DagsterInstance.ephemeral() as instance:
        version = wanted_version(plan, ACCOUNT, NEWSLETTER, lake)
        instance.report_runless_asset_event(
            dg.AssetMaterialization(key, partition=NEWSLETTER, tags={"dagster/data_version": version})
        )
        events.register("before-send.s3.GetObject", lambda **_: reads.append(1))
        first = sensors.reconcile(instance, None, plan, lake)
        after_one = len(reads)
        assert sensors.reconcile(instance, first.cursor, plan, lake).run_requests == first.run_requests == []
    assert after_one > 2 * BATCHES
    assert len(reads) - after_one <= 10


def test_one_look_at_a_pair_reads_every_note_of_its_log_once(plan: Plan, tmp_path: Path) -> None:
    class Counting(LocalLake):
        def get(self, key: str) -> bytes | None:
            read.append(key)
            return super().get(key)

    read: list[str] = []
    lake = Counting(tmp_path)
    notes = delivered(plan, lake)
    assert not is_unfinished(plan, lake, ACCOUNT, NEWSLETTER)
    assert len([key for key in read if "/deliveries/" in key]) == len(set(read)) == notes


def test_what_is_kept_is_bounded_in_bytes_and_in_number() -> None:
    kept = Kept(most_bytes=10, most_keys=3)
    for key in ("a", "b", "c"):
        kept.put(key, b"xx")
    assert kept.get("a") == b"xx"
    kept.put("d", b"xx")
    assert [key for key in "abcd" if kept.get(key)] == ["a", "c", "d"]
    kept.put("e", b"x" * 8)
    assert [key for key in "abcde" if kept.get(key)] == ["d", "e"]
    kept.put("f", b"x" * 11)
    assert not any(kept.get(key) for key in "abcdef")
