"""Flows: created, updated, described, listed, deleted, by the rules of AppFlow.

Source: botocore's model of AppFlow 2020-08-23 (shapes, enumerations, errors), the user guide: a source folder that is
not the bucket's root, an upsert by a field that is mapped, a projection that names every mapped field, 1,000 flows.
Our readings: an empty source folder is refused; a flow on demand is Active at once; a flow that runs can be neither
changed nor deleted; of a deleted flow's people nothing changes in the CRM.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, NoReturn

from segment_assets.sandbox.platforms.appflow import errors, objects
from segment_assets.sandbox.platforms.kit import audiences
from segment_assets.sandbox.platforms.kit.exchange import Answer

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping

    from segment_assets.sandbox.platforms.appflow.crm import Entity
    from segment_assets.sandbox.platforms.appflow.visit import Visit

TABLES = """
CREATE TABLE IF NOT EXISTS appflow_flow (
  platform TEXT, name TEXT, definition TEXT NOT NULL, created REAL NOT NULL, updated REAL NOT NULL,
  PRIMARY KEY (platform, name)
) WITHOUT ROWID;
"""
_NAME = re.compile(r"[a-zA-Z0-9][\w!@#.-]{0,255}")
_MOST_FLOWS = 1_000
_ARN = "arn:aws:appflow:us-east-1:000000000000:flow/"


def create(visit: Visit) -> Answer:
    """A flow that is Active at once."""
    wanted = visit.parameters("CreateFlow")
    if _NAME.fullmatch(wanted["flowName"]) is None:
        errors.refuse("ValidationException", "flowName does not match its pattern")
    if _row(visit, wanted["flowName"]) is not None:
        errors.refuse("ConflictException", "A flow of this name exists")
    if _number(visit) >= visit.switch("most_flows", _MOST_FLOWS):
        errors.refuse("ServiceQuotaExceededException", "The quota of flows is used up")
    _judge(visit, wanted)
    _keep(visit, wanted, visit.now)
    if audiences.find(visit.db, wanted["flowName"], visit.platform) is None:
        number = audiences.create(
            visit.db, visit.platform, visit.account or "", name=wanted["flowName"], detail={}, now=visit.now
        )
        audiences.set_id(visit.db, number, wanted["flowName"])
    return Answer(200, {"flowArn": arn(wanted["flowName"]), "flowStatus": "Active"})


def update(visit: Visit) -> Answer:
    """A flow as it is now."""
    wanted = visit.parameters("UpdateFlow")
    created = existing(visit, wanted["flowName"])["created"]
    _refuse_while_it_runs(visit, wanted["flowName"])
    _judge(visit, wanted)
    _keep(visit, wanted, created)
    return Answer(200, {"flowStatus": "Active"})


def describe(visit: Visit) -> Answer:
    """One flow."""
    name = visit.parameters("DescribeFlow")["flowName"]
    row = existing(visit, name)
    wanted = json.loads(row["definition"])
    shown = {key: wanted[key] for key in ("description", *_PARTS) if key in wanted}
    times = {"createdAt": row["created"], "lastUpdatedAt": row["updated"]}
    return Answer(200, {"flowName": name, "flowArn": arn(name), "flowStatus": "Active", **shown, **times})


def every(visit: Visit) -> Answer:
    """All flows, in one page."""
    visit.parameters("ListFlows")
    rows = visit.db.execute("SELECT * FROM appflow_flow WHERE platform = ? ORDER BY name", (visit.platform,)).fetchall()
    return Answer(200, {"flows": [{"flowName": row["name"], "flowStatus": "Active"} for row in rows]})


def delete(visit: Visit) -> Answer:
    """The flow goes; who is in the CRM stays, and so does the sandbox's view of them while there is anybody."""
    wanted = visit.parameters("DeleteFlow")
    existing(visit, wanted["flowName"])
    if not wanted.get("forceDelete"):
        _refuse_while_it_runs(visit, wanted["flowName"])
    visit.db.execute("DELETE FROM appflow_flow WHERE platform = ? AND name = ?", (visit.platform, wanted["flowName"]))
    audience = audiences.find(visit.db, wanted["flowName"], visit.platform)
    if audience is not None and not audience["people"]:
        audiences.delete(visit.db, audience)
    return Answer(200, {})


def existing(visit: Visit, name: str) -> sqlite3.Row:
    """The flow of that name. Refuses one that is not there."""
    row = _row(visit, name)
    if row is None:
        errors.refuse("ResourceNotFoundException", "There is no flow of this name")
    audience = audiences.find(visit.db, name, visit.platform)
    if audience is not None:
        visit.account, visit.audience = audience["account"], audience["id"]
    return row


def target(definition: Mapping[str, Any]) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """Where a flow goes: the destination's configuration, and the CRM's properties in it."""
    (config,) = definition["destinationFlowConfigList"]
    (properties,) = config["destinationConnectorProperties"].values()
    return config, properties


def mapping(definition: Mapping[str, Any]) -> dict[str, str]:
    """Source field -> the CRM's field."""
    return {
        task["sourceFields"][0]: task["destinationField"] for task in definition["tasks"] if task["taskType"] == "Map"
    }


def of_the_same_field(db: sqlite3.Connection, platform: str, name: str, entity: Entity) -> list[str]:
    """The flow, and whichever others write the same field of people: who is in one of them is in all."""
    if not entity.member.endswith("*"):
        return [name]  # records of their own, which no other flow writes
    rows = db.execute("SELECT name, definition FROM appflow_flow WHERE platform = ?", (platform,))
    written = {row["name"]: set(mapping(json.loads(row["definition"])).values()) for row in rows}
    ours = {field for field in written[name] if entity.is_member_field(field)}
    return [flow for flow, fields in written.items() if not ours.isdisjoint(fields)]


def arn(name: str) -> str:
    """The ARN of a flow."""
    return f"{_ARN}{name}"


_PARTS = ("triggerConfig", "sourceFlowConfig", "destinationFlowConfigList", "tasks")


def _row(visit: Visit, name: str) -> sqlite3.Row | None:
    row: sqlite3.Row | None = visit.db.execute(
        "SELECT * FROM appflow_flow WHERE platform = ? AND name = ?", (visit.platform, name)
    ).fetchone()
    return row


def _number(visit: Visit) -> int:
    rows = visit.db.execute("SELECT count(*) FROM appflow_flow WHERE platform = ?", (visit.platform,))
    return int(rows.fetchone()[0])


def _keep(visit: Visit, wanted: Mapping[str, Any], created: float) -> None:
    visit.db.execute(
        "INSERT OR REPLACE INTO appflow_flow VALUES (?, ?, ?, ?, ?)",
        (visit.platform, wanted["flowName"], json.dumps(wanted), created, visit.now),
    )


def _refuse_while_it_runs(visit: Visit, name: str) -> None:
    rows = visit.db.execute(
        "SELECT 1 FROM appflow_run WHERE platform = ? AND flow = ? AND status = 'InProgress'", (visit.platform, name)
    )
    if rows.fetchone() is not None:
        errors.refuse("ConflictException", "The flow is running")


def _judge(visit: Visit, wanted: Mapping[str, Any]) -> None:
    if wanted["triggerConfig"]["triggerType"] != "OnDemand":
        _invalid("the sandbox runs flows on demand only")
    _judge_source(visit, wanted["sourceFlowConfig"])
    if len(wanted["destinationFlowConfigList"]) != 1:
        _invalid("a flow has one destination")
    _judge_target(visit, wanted)
    projected = [task["sourceFields"] for task in wanted["tasks"] if task["taskType"] == "Filter"]
    if len(projected) != 1 or not set(mapping(wanted)) <= set(projected[0]):
        _invalid("one filter task has to project every mapped field")
    if any(set(task.get("connectorOperator", {})) != {"S3"} for task in wanted["tasks"]):
        _invalid("the operators of tasks have to be the source's")


def _judge_source(visit: Visit, source: Mapping[str, Any]) -> None:
    properties = source["sourceConnectorProperties"].get("S3")
    if source["connectorType"] != "S3" or properties is None:
        _invalid("the sandbox reads from S3 only")
    if not properties.get("bucketPrefix"):
        _invalid("a source is a folder of a bucket, not its root")
    if properties.get("s3InputFormatConfig", {}).get("s3InputFileType", "CSV") != "CSV":
        _invalid("the sandbox reads CSV only")
    if not objects.below(visit.db, visit.platform, properties["bucketName"], f"{properties['bucketPrefix']}/"):
        _invalid("the source folder holds no file")


def _judge_target(visit: Visit, wanted: Mapping[str, Any]) -> None:
    crm, (config, properties) = visit.crm, target(wanted)
    if config["connectorType"] != crm.connector_type or set(config["destinationConnectorProperties"]) != {
        crm.connector_type
    }:
        _invalid(f"this sandbox has the connector {crm.connector_type}")
    if crm.connector_type == "CustomConnector" and not config.get("apiVersion"):
        _invalid("a custom connector needs its apiVersion")
    profile = config.get("connectorProfileName", "")
    if not audiences.account_exists(visit.db, visit.platform, profile):
        errors.refuse("ConnectorAuthenticationException", "There is no such connector profile")
    visit.account = profile
    entity = crm.entities.get(properties[crm.entity_field])
    if entity is None:
        errors.refuse("ConnectorServerException", "The CRM has no such object")
    fields = list(mapping(wanted).values())
    if not all(entity.has(field) for field in fields):
        _invalid("a mapped field is not one of the object")
    if sum(entity.is_member_field(field) for field in fields) != 1 or entity.person not in fields:
        _invalid("the sandbox needs the fields that tell who is a member")
    operation, ids = properties.get("writeOperationType", "INSERT"), properties.get("idFieldNames", [])
    if not crm.takes_ids:
        return
    if operation not in {"UPSERT", "UPDATE"}:
        _invalid("the sandbox upserts and updates only")
    if len(ids) != 1 or ids[0] not in entity.ids or ids[0] not in fields:
        _invalid("a record is found by one mapped field that is an id")


def _invalid(words: str) -> NoReturn:
    errors.refuse("ValidationException", f"Invalid request provided: {words}")
