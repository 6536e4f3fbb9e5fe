"""Rows with the world's mess and worse, an asset to run engines in, and one Java machine for all jobs of a test file."""

from __future__ import annotations

import dataclasses
import os
import signal
import subprocess
import sys
from pathlib import Path

import dagster as dg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from segment_assets.audience.staging import FORM_COLUMNS
from segment_assets.deployment import checkout
from segment_assets.resources.identity_engine import Order
from segment_assets.resources.lake import LocalLake
from segment_assets.sandbox import world
from segment_assets.tables import SEGMENT_MEMBERS

SCRIPT = checkout() / "deploy" / "glue" / "digest_identifiers.py"
SEGMENT = "newsletter_subscribers"
IDENTIFIERS = {
    "customer_id": "customer_id", "email_address": "email", "phone_number": "phone", "first_name": "first_name", "last_name": "last_name",
    "city": "city", "state": "state", "zip": "postal_code", "country": "country", "birth_date": "birth_date", "gender": "gender",
    "mobile_ad_id": "mobile_ad_id", "consent_ad_user_data": "consent_ad_user_data",
    "consent_ad_personalization": "consent_ad_personalization", "gpc_opt_out": "gpc_opt_out",
}  # fmt: skip
HOSTILE = (
    {"email": "ｊａｎｅ＠example.com", "phone": "+39 06 1234567"},
    {"email": "a\u0000b@example.com", "phone": "\u200f+49 30 901820\u200e", "country": "Deutschland"},
    {"email": "x" * 100_000 + "@example.com", "phone": "0" * 10_000, "country": "de"},
    {"email": "b" * 64, "phone": "d41d8cd98f00b204e9800998ecf8427e", "country": "US"},
    {"email": "", "phone": " ", "first_name": "NULL", "birth_date": "31.02.1990", "gender": "?"},
    {
        "email": "Straße@BÜCHER.example",
        "last_name": "İSTANBUL",
        "city": "Łódź",
        "postal_code": "00-950",
        "country": "pl",
    },
    {},
)


def members(rows):
    return pa.Table.from_pylist(
        [{"source_row": n, **row} for n, row in enumerate(rows)], SEGMENT_MEMBERS.arrow_schema()
    )


@pytest.fixture(scope="session")
def mess(tmp_path_factory):
    """The customers of a small world as rows of segment_members, with hostile rows between them."""
    home = tmp_path_factory.mktemp("mess")
    world.create(home, seed=5, people=400)
    customers = pq.ParquetDataset(home / "accounts" / "a" / "customers", partitioning=None).read(list(IDENTIFIERS))
    rows = customers.rename_columns(list(IDENTIFIERS.values())).to_pylist()
    rows = [{name: None if value is None or isinstance(value, bool) else str(value) for name, value in row.items() if name != "gpc_opt_out"} | {"gpc_opt_out": row["gpc_opt_out"]} for row in rows]  # fmt: skip
    return members([row for start in range(0, len(rows), 100) for row in (*rows[start : start + 100], *HOSTILE)])


@dataclasses.dataclass
class Bench:
    """A lake with one segment, and engines run inside an asset, as they are meant to be."""

    home: Path
    rows: pa.Table

    def __post_init__(self):
        self.lake = LocalLake(self.home / "lake")
        writer = self.lake.writer("segment_members", SEGMENT)
        writer.write(self.rows)
        self.members = writer.publish({})
        self.log = ""

    def order(self, **column_states):
        return Order(self.members, column_states, FORM_COLUMNS)

    def digest(self, engine, order=None):
        """The digested rows, or the engine's error raised; `log` has what Dagster noted."""
        kept = []

        @dg.asset
        def digesting(context):
            try:
                with engine.digested(context, order or self.order()) as rows:
                    kept.extend(rows)
            except BaseException as failure:  # noqa: BLE001 (an interrupt is one)
                kept.append(failure)
            return dg.MaterializeResult()

        with dg.DagsterInstance.ephemeral() as instance:
            run = dg.materialize([digesting], instance=instance)
            self.log = "\n".join(str(entry) for entry in instance.all_logs(run.run_id))
        if kept and isinstance(kept[-1], BaseException):
            raise kept[-1]
        return kept


@pytest.fixture
def bench(tmp_path, mess):
    return Bench(tmp_path, mess)


@dataclasses.dataclass
class Java:
    """The environment that lets a job use a running Java machine instead of starting its own, and its process."""

    environment: dict[str, str]
    process: subprocess.Popen

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(10)


_GATEWAY = """
import os, signal, sys
from pyspark.java_gateway import launch_gateway
gateway = launch_gateway()
print(gateway.proc.pid, gateway.gateway_parameters.port, gateway.gateway_parameters.auth_token, flush=True)
sys.stdin.read()
os.kill(gateway.proc.pid, signal.SIGKILL)
"""


@pytest.fixture(scope="module")
def java():
    """One Java machine: its start takes longer than all jobs together. A quick compiler, since nothing runs long."""
    options = "--master local[2] --driver-java-options '-XX:TieredStopAtLevel=1 -XX:+UseSerialGC' --conf spark.ui.enabled=false"
    environment = os.environ | {"PYSPARK_SUBMIT_ARGS": f"{options} pyspark-shell", "SPARK_LOCAL_IP": "127.0.0.1"}
    helper = subprocess.Popen(
        [sys.executable, "-c", _GATEWAY], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        pid, port, secret = helper.stdout.readline().split()
        machine = Java({"PYSPARK_GATEWAY_PORT": port, "PYSPARK_GATEWAY_SECRET": secret, "JAVA_PID": pid}, helper)
        yield machine
    finally:
        helper.stdin.close()
        helper.stdout.close()
        helper.wait(20)
