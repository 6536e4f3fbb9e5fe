"""`segment-assets dev` with its real daemons: a file that lands becomes audiences on two platforms by itself.

Nothing is called here but the command: what happens is seen in the ledger and at the sandbox's inspection doors. The
only hand is on the sandbox's clock, because Google's jobs take their hours.
"""

from __future__ import annotations

import csv
import datetime as dt
import hashlib
import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import dagster as dg
import httpx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from click.testing import CliRunner

from segment_assets.cli import main
from segment_assets.destinations import registry
from segment_assets.plan import default_plan
from segment_assets.resources.lake import LocalLake
from segment_assets.road import open_instance
from segment_assets.sandbox import process
from segment_assets.tables import CUSTOMERS, OPT_OUTS
from segment_assets_tests import processes

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.slow

SEGMENT_ASSETS = [sys.executable, "-c", "from segment_assets.cli import main; main()"]
VIP = "vip"
AGREED, REFUSED, OPTED_OUT = 40, 3, 2
MUST_BE_THERE_WITHIN, MUST_END_WITHIN = 180, 60


class Dev:
    """A home with account A's tables and a plan that names one landing segment on both accounts, and its `dev`."""

    def __init__(self, home: Path) -> None:
        self.home, self.plan = home, home / "plan.yaml"
        self.started: list[subprocess.Popen] = []
        self.plan.write_text(yaml.safe_dump(plan_of_vip(), sort_keys=False), encoding="utf-8")
        self.environment = {"SEGMENT_ASSETS_HOME": str(home), "SEGMENT_ASSETS_PLAN": str(self.plan)}
        no = {"opt_out_id": "o", "opted_out_at": dt.datetime(2026, 10, 20, tzinfo=dt.UTC), "source": "letter"}
        nos = [
            dict.fromkeys(OPT_OUTS.column_names()) | no | {"email_address": email(f"no{n}")} for n in range(OPTED_OUT)
        ]
        for table, rows in ((CUSTOMERS, []), (OPT_OUTS, nos)):
            file = home / "accounts" / "a" / table.name / "part-00000.parquet"
            file.parent.mkdir(parents=True)
            pq.write_table(pa.Table.from_pylist(rows, table.arrow_schema()), file)

    def begins(self) -> subprocess.Popen:
        """Start it, and wait until it says where to put files."""
        log = self.home / "dev.log"
        with log.open("ab") as said:
            command = [*SEGMENT_ASSETS, "dev", "--port", str(processes.free_port())]
            environment = {**os.environ, **self.environment}
            running = subprocess.Popen(command, stdout=said, stderr=said, env=environment, start_new_session=True)
            self.started.append(running)
        until(lambda: "Landing folder" in self.says() or running.poll() is not None, self.says)
        return running

    def says(self) -> str:
        return (self.home / "dev.log").read_text(encoding="utf-8", errors="replace")

    def lands(self, rows: list[dict[str, str]]) -> None:
        """A file is moved into the landing folder, as a file transfer does."""
        folder = self.home / "landing" / "segments" / VIP
        folder.mkdir(parents=True)
        draft = folder / "list.csv.tmp"
        with draft.open("w", encoding="utf-8", newline="") as stream:
            writer = csv.DictWriter(stream, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
        draft.rename(folder / "list.csv")

    def deliveries(self) -> dict[str, list[dict[str, Any]]]:
        """Platform -> rows of the ledger's table, in their order."""
        lake, found = LocalLake(self.home / "lake"), {}
        for name in lake.partitions("deliveries"):
            rows = lake.dataset(lake.current("deliveries", name)).to_table().to_pylist()
            found.setdefault(name.split("/")[0], []).extend(rows)
        return found

    def held(self) -> dict[str, list[str]]:
        """Platform -> e-mail digests of everybody in its audiences, after another hour on the sandbox's clock."""
        platforms = process.running(self.home / "sandbox")
        assert platforms is not None, self.says()[-2000:]
        with httpx.Client(base_url=f"{platforms.url}/_sandbox/", trust_env=False, verify=False) as http:
            http.post("clock", json={"offset": http.get("clock").json()["offset"] + 3600})
            # Beside the platforms the event bus shows what it was told.
            audiences = [one for one in http.get("audiences").json() if one["platform"] in registry()]
            people = {a["platform"]: http.get(f"audiences/{a['id']}/members").json() for a in audiences}
            assert len(people) == len(audiences), "an audience was created twice"
        return {platform: sorted(person["EMAIL"] for person in members) for platform, members in people.items()}


def plan_of_vip() -> dict[str, Any]:
    """The shipped plan's accounts on Meta and Google and their statements, with one small segment of its own."""
    document = yaml.safe_load(default_plan().read_text(encoding="utf-8"))
    document["accounts"] = {name: document["accounts"][name] for name in ("lumen_eu", "lumen_ads")}
    shipped = document["segments"]["newsletter_subscribers"]
    document["segments"] = {VIP: {**shipped, "headers": {}, "guards": {"minimum_size": 1, "max_quarantine_share": 1}}}
    shipped_there = [a for a in document["activations"] if a["segment"] == "newsletter_subscribers"]
    there = {a["account"]: a for a in shipped_there if a["account"] in document["accounts"]}
    document["activations"] = [{**activation, "segment": VIP} for activation in there.values()]
    return document


def email(name: str) -> str:
    return f"{name}@shop.example"


def landed() -> list[dict[str, str]]:
    """People who agreed, people who did not, and people who agreed and opted out at account A since."""
    says = {"yes": "granted", "refused": "denied", "no": "granted"}
    names = {"yes": AGREED, "refused": REFUSED, "no": OPTED_OUT}
    return [
        {
            "email": email(f"{kind}{n}"),
            "country": "DE",
            "consent_ad_user_data": word,
            "consent_ad_personalization": word,
        }
        for kind, word in says.items()
        for n in range(names[kind])
    ]


def until(is_so, told, within: float = MUST_BE_THERE_WITHIN) -> None:
    deadline = time.monotonic() + within
    while not is_so():
        assert time.monotonic() < deadline, told()[-4000:]
        time.sleep(0.5)


@pytest.fixture
def dev(tmp_path: Path) -> Iterator[Dev]:
    one = Dev(tmp_path)
    yield one
    processes.kill_all(tmp_path)
    for running in one.started:
        running.wait(5)


def test_a_file_that_lands_reaches_both_platforms_by_itself_and_sigterm_leaves_no_process(dev: Dev):
    running = dev.begins()
    dev.lands(landed())
    expected = sorted(hashlib.sha256(email(f"yes{n}").encode()).hexdigest() for n in range(AGREED))

    until(lambda: dev.held() == {"meta": expected, "google": expected}, dev.says)
    # Google's delivery ends when the follower has heard so.
    until(lambda: set(dev.deliveries()) == {"meta", "google"}, dev.says)

    for rows in dev.deliveries().values():
        assert [(row["outcome"], row["accepted"], row["no_consent"]) for row in rows] == [("done", AGREED, REFUSED)]
    with open_instance(dev.home) as instance:
        failed = instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.FAILURE]))
        assert not failed, dev.says()[-4000:]
        for account in ("meta/lumen_eu", "google/lumen_ads"):
            key = dg.AssetKey(["activation", *account.split("/")])
            assert instance.get_materialized_partitions(key) == {VIP}

    second = CliRunner().invoke(main, ["dev"], env=dev.environment)
    assert second.exit_code == 1
    assert "running already" in second.output

    running.send_signal(signal.SIGTERM)
    assert running.wait(MUST_END_WITHIN) == 0, dev.says()[-2000:]
    assert processes.ended(dev.home, within=5) == {}


def test_ctrl_c_while_it_starts_ends_it_and_leaves_no_process(dev: Dev):
    running = dev.begins()
    running.send_signal(signal.SIGINT)
    assert running.wait(MUST_END_WITHIN) == 0, dev.says()[-2000:]
    assert processes.ended(dev.home, within=5) == {}


def test_when_dagster_dies_dev_says_so_and_ends_with_everything_it_started(dev: Dev):
    running = dev.begins()
    until(lambda: any("dagster dev" in line for line in processes.of_home(dev.home).values()), dev.says)
    for pid, line in processes.of_home(dev.home).items():
        if "dagster dev" in line:
            os.kill(pid, signal.SIGKILL)
    assert running.wait(MUST_END_WITHIN) == 1
    assert "ended by themselves" in dev.says()
    assert processes.ended(dev.home, within=5) == {}
