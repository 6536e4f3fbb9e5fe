"""The asset graph: everything a reader of the UI relies on is declared, and it does not change by accident."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from segment_assets.assets.activations import activation_key
from segment_assets.assets.common import Owner
from segment_assets.assets.insights import WEEKLY
from segment_assets.checks import AUDIENCE_CHECKS
from segment_assets.definitions import build_definitions
from segment_assets.deployment import Deployment, Kind, checkout
from segment_assets.plan import load_plan
from segment_assets.tables import TABLES

SNAPSHOT = Path(__file__).with_name("graph_snapshot.json")
RENEW = "SEGMENT_ASSETS_RENEW_SNAPSHOTS"
GROUPS = {
    "collaboration", "clean_room", "segments", "audiences", "activation", "erasure", "planning", "measurement",
    "activation_insights", "dashboards",
}  # fmt: skip
HEAVY = (
    "boto3", "botocore", "dagster_aws", "pyspark", "altair", "scipy", "numpy", "numba", "polars", "pandas",
    "duckdb", "pyarrow", "sqlglot", "starlette", "faker", "httpx", "phonenumbers", "asyncssh",
)  # fmt: skip


@pytest.fixture(scope="module")
def definitions(tmp_path_factory: pytest.TempPathFactory) -> dg.Definitions:
    return build_definitions(Deployment(Kind.LOCAL, tmp_path_factory.mktemp("home")))


@pytest.fixture(scope="module")
def specs(definitions: dg.Definitions) -> dict[str, dg.AssetSpec]:
    return {spec.key.to_user_string(): spec for spec in definitions.resolve_all_asset_specs()}


@pytest.fixture(scope="module")
def activations(definitions: dg.Definitions) -> list[dg.AssetsDefinition]:
    assets = definitions.resolve_asset_graph().assets_defs
    return [a for a in assets if a.is_executable and a.keys and all(k.path[0] == "activation" for k in a.keys)]


def checks_of(definitions: dg.Definitions) -> list[dg.AssetCheckSpec]:
    graph = definitions.resolve_asset_graph()
    return [graph.get_check_spec(key) for key in graph.asset_check_keys]


def test_the_definitions_can_be_loaded(definitions: dg.Definitions) -> None:
    dg.Definitions.validate_loadable(definitions)


def test_building_the_definitions_touches_no_file(tmp_path: Path) -> None:
    build_definitions(Deployment(Kind.LOCAL, tmp_path / "home"))
    assert list(tmp_path.iterdir()) == []


def test_the_groups_are_the_rooms_that_a_reader_knows(specs: dict[str, dg.AssetSpec]) -> None:
    assert {spec.group_name for spec in specs.values()} == GROUPS


def test_every_asset_has_an_owner_a_description_and_kinds(specs: dict[str, dg.AssetSpec]) -> None:
    owners = {owner.value for owner in Owner}
    for name, spec in specs.items():
        assert spec.owners, name
        assert set(spec.owners) <= owners, name
        assert spec.description, name
        assert len(spec.description) > 20, name
        assert 0 < len(spec.kinds) <= 3, name


def test_every_asset_that_holds_a_table_shows_its_declared_columns(specs: dict[str, dg.AssetSpec]) -> None:
    holding = {name: spec for name, spec in specs.items() if not name.startswith(("activation/", "dashboards/"))}
    for name, spec in holding.items():
        schema = spec.metadata["dagster/column_schema"]
        table = TABLES[spec.metadata["dagster/table_name"]]
        assert [column.name for column in schema.columns] == table.column_names(), name
        personal = {c.name: c.pii.value for c in table.columns if c.pii.value != "none"}
        assert {c.name: c.tags["pii"] for c in schema.columns if c.tags} == personal, name


def test_every_account_has_an_asset_with_a_pool_a_retry_policy_and_partitions_of_its_own(
    activations: list[dg.AssetsDefinition],
) -> None:
    planned = {activation_key(name, account) for name, account in load_plan().accounts.items()}
    assert {asset.key for asset in activations} == planned
    assert len({asset.op.pool for asset in activations}) == len(activations)
    assert all("/".join(asset.key.path[1:]) in asset.descriptions_by_key[asset.key] for asset in activations)
    assert len({asset.partitions_def.name for asset in activations}) == len(activations)
    for asset in activations:
        assert asset.op.pool
        assert asset.op.retry_policy.max_retries > 0


def test_every_account_has_a_check_of_its_accounting(
    definitions: dg.Definitions, activations: list[dg.AssetsDefinition]
) -> None:
    checked = {spec.asset_key for spec in checks_of(definitions)}
    assert {asset.key for asset in activations} <= checked


def test_every_check_of_a_partitioned_asset_is_partitioned_like_it(definitions: dg.Definitions) -> None:
    """An unpartitioned one lets a bad partition pass when another one was good last."""
    graph = definitions.resolve_asset_graph()
    partitioned = [spec for spec in checks_of(definitions) if graph.get(spec.asset_key).partitions_def]
    assert len(partitioned) == len(AUDIENCE_CHECKS) + len(load_plan().accounts) + len(WEEKLY)
    for spec in partitioned:
        assert spec.partitions_def == graph.get(spec.asset_key).partitions_def, spec.key


def test_the_checks_of_an_audience_are_blocking(definitions: dg.Definitions) -> None:
    audience = dg.AssetKey(["audiences", "hashed_audience"])
    assert {spec.name for spec in checks_of(definitions) if spec.asset_key == audience and spec.blocking} == {
        "schema", "digest_shape", "no_digest_of_empty", "minimum_size", "quarantine_share", "drift", "column_states",
    }  # fmt: skip


def test_an_activation_is_made_by_the_reconciler_alone(
    definitions: dg.Definitions, activations: list[dg.AssetsDefinition]
) -> None:
    graph = definitions.resolve_asset_graph()
    by_condition = definitions.get_repository_def().get_sensor_def("made_when_inputs_change").asset_selection
    assert by_condition.resolve(graph).isdisjoint({asset.key for asset in activations})
    assert all(graph.get(asset.key).automation_condition is None for asset in activations)


def test_the_graph_is_the_one_that_was_agreed(definitions: dg.Definitions, specs: dict[str, dg.AssetSpec]) -> None:
    graph = json.dumps(described(definitions, specs), indent=1, sort_keys=True) + "\n"
    if os.environ.get(RENEW):
        SNAPSHOT.write_text(graph, encoding="utf-8")
    agreed = SNAPSHOT.read_text(encoding="utf-8") if SNAPSHOT.exists() else ""
    assert graph == agreed, (
        f"The graph differs from {SNAPSHOT.name}. If that is meant, run this test once with {RENEW}=1 "
        "and review the difference of the file like code."
    )


def described(definitions: dg.Definitions, specs: dict[str, dg.AssetSpec]) -> dict[str, Any]:
    graph = definitions.resolve_asset_graph()
    assets = {}
    for name, spec in specs.items():
        node = graph.get(spec.key)
        partitions, condition = node.partitions_def, node.automation_condition
        assets[name] = {
            "group": spec.group_name,
            "owners": list(spec.owners),
            "kinds": sorted(spec.kinds),
            "deps": {
                dep.asset_key.to_user_string(): type(dep.partition_mapping).__name__ if dep.partition_mapping else None
                for dep in spec.deps
            },
            "partitions": getattr(partitions, "name", None) or (type(partitions).__name__ if partitions else None),
            "automation": condition.get_label() if condition else None,
            "pools": sorted(node.pools or ()),
            "materializable": node.is_materializable,
        }
    checks = {f"{c.asset_key.to_user_string()}:{c.name}": {"blocking": c.blocking} for c in checks_of(definitions)}
    repository = definitions.get_repository_def()
    sensors = {s.name: s.default_status.value for s in repository.sensor_defs}
    jobs = sorted(job.name for job in repository.get_all_jobs() if not job.name.startswith("__"))
    return {"assets": assets, "checks": checks, "sensors": sensors, "jobs": jobs}


@pytest.mark.slow
def test_dagster_can_load_the_workspace() -> None:
    command = [sys.executable, "-m", "dagster", "definitions", "validate", "-w", "workspace.yaml"]
    done = subprocess.run(command, cwd=checkout(), capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr[-2000:]


def test_importing_the_definitions_is_cheap_and_loads_no_heavy_library() -> None:
    """In seconds of the processor on top of dagster alone: what it can cost, so one of three tries is enough."""
    code = f"""
import sys, time, dagster
begun = time.process_time()
import segment_assets.definitions
print(time.process_time() - begun, *[name for name in {HEAVY!r} if name in sys.modules])
"""
    for _ in range(3):
        seconds, *heavy = printed(code).split()
        assert heavy == []
        if float(seconds) < 1.0:
            return
    pytest.fail(f"the definitions take {seconds} s more than dagster alone")


def printed(code: str) -> str:
    command = [sys.executable, "-W", "ignore", "-c", code]
    return subprocess.run(command, cwd=checkout(), capture_output=True, text=True, timeout=60, check=True).stdout
