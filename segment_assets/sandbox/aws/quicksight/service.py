"""What the stand-in does: resources by id, versions of dashboards, work that ends some looks later.

Belongs here: operations and what they refuse. Not here: HTTP (`app`), definitions (`definitions`).
Readings of ours: a resource that was asked for ends its creation after `Settings.looks` descriptions; the first version
of a dashboard is published by its creation, later ones by UpdateDashboardPublishedVersion only.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import threading
from typing import TYPE_CHECKING, Any

from segment_assets.sandbox.aws.clean_rooms.faults import Plans
from segment_assets.sandbox.aws.clean_rooms.refusing import Refused
from segment_assets.sandbox.aws.quicksight.definitions import errors_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

_KINDS = {"DataSource": "datasource", "DataSet": "dataset", "Dashboard": "dashboard"}
_NOW = dt.datetime(2026, 11, 22, 12, tzinfo=dt.UTC)


@dataclasses.dataclass(slots=True)
class Settings:
    """How it behaves; may be changed at any time. `principals`: the users and groups that it knows, all without."""

    looks: int = 1
    principals: frozenset[str] | None = None
    may_use_athena: bool = True
    denied: frozenset[str] = frozenset()


@dataclasses.dataclass(slots=True)
class _Kept:
    """A resource: what was asked for last, how far it is, who may use it."""

    kind: str
    arn: str
    asked: dict[str, Any]
    tags: dict[str, str]
    permissions: dict[str, set[str]]
    status: str
    looks: int
    versions: list[dict[str, Any]] = dataclasses.field(default_factory=list)
    published: int = 1
    loads: list[dict[str, Any]] = dataclasses.field(default_factory=list)


class QuickSight:
    """One account's QuickSight. `calls` are the operations asked, in order."""

    def __init__(self, region: str = "us-east-1", settings: Settings | None = None) -> None:
        self.region, self.settings, self.plans = region, settings or Settings(), Plans()
        self.calls: list[str] = []
        self.kept: dict[tuple[str, str], _Kept] = {}
        self._lock = threading.Lock()

    @property
    def operations(self) -> Sequence[str]:
        """Names of what it has."""
        return sorted(_OPERATIONS)

    def perform(self, operation: str, asked: dict[str, Any]) -> dict[str, Any]:
        """The answer of an operation. Raises Refused."""
        with self._lock:
            self.calls.append(operation)
            if operation in self.settings.denied:
                raise Refused("AccessDeniedException", Message="not authorized")
            return _OPERATIONS[operation](self, asked)

    def find(self, kind: str, name: str) -> _Kept:
        """A resource. Raises Refused where it is not there."""
        try:
            return self.kept[kind, name]
        except KeyError:
            raise Refused("ResourceNotFoundException", Message=f"{kind} is not there") from None

    def ids(self, kind: str) -> list[str]:
        """Ids of all resources of a kind."""
        return sorted(name for of, name in self.kept if of == kind)

    def create(self, kind: str, asked: dict[str, Any]) -> _Kept:
        """A new resource. Raises Refused where there is one."""
        name = asked[f"{kind}Id"]
        if (kind, name) in self.kept:
            raise Refused("ResourceExistsException", Message=f"{kind} exists")
        arn = f"arn:aws:quicksight:{self.region}:{asked['AwsAccountId']}:{_KINDS[kind]}/{name}"
        tags = {tag["Key"]: tag["Value"] for tag in asked.get("Tags", ())}
        made = _Kept(kind, arn, asked, tags, {}, "CREATION_IN_PROGRESS", self.settings.looks)
        self.kept[kind, name] = made
        return made

    def known(self, principal: str) -> bool:
        """Whether it knows a user or group."""
        return self.settings.principals is None or principal in self.settings.principals


def _create_data_source(all_: QuickSight, asked: dict[str, Any]) -> dict[str, Any]:
    made = all_.create("DataSource", asked)
    return {"Arn": made.arn, "DataSourceId": asked["DataSourceId"], "CreationStatus": made.status}


def _update_data_source(all_: QuickSight, asked: dict[str, Any]) -> dict[str, Any]:
    kept = _free(all_.find("DataSource", asked["DataSourceId"]))
    kept.asked, kept.status, kept.looks = {**kept.asked, **asked}, "UPDATE_IN_PROGRESS", all_.settings.looks
    return {"Arn": kept.arn, "DataSourceId": asked["DataSourceId"], "UpdateStatus": kept.status}


def _describe_data_source(all_: QuickSight, asked: dict[str, Any]) -> dict[str, Any]:
    kept = all_.find("DataSource", asked["DataSourceId"])
    _looked_at(kept, failed=not all_.settings.may_use_athena)
    told = {name: kept.asked[name] for name in ("DataSourceId", "Name", "Type", "DataSourceParameters")}
    error = {"ErrorInfo": {"Type": "ACCESS_DENIED", "Message": "Athena"}} if kept.status.endswith("FAILED") else {}
    return {"DataSource": {"Arn": kept.arn, "Status": kept.status, "CreatedTime": _NOW, **told, **error}}


def _create_data_set(all_: QuickSight, asked: dict[str, Any]) -> dict[str, Any]:
    sources = {one.arn for (kind, _), one in all_.kept.items() if kind == "DataSource"}
    for physical in asked["PhysicalTableMap"].values():
        if physical["RelationalTable"]["DataSourceArn"] not in sources:
            raise Refused("InvalidParameterValueException", Message="no such data source")
    made = all_.create("DataSet", asked)
    made.status = "CREATION_SUCCESSFUL"
    return {"Arn": made.arn, "DataSetId": asked["DataSetId"], **_loaded(made, "INITIAL_INGESTION")}


def _update_data_set(all_: QuickSight, asked: dict[str, Any]) -> dict[str, Any]:
    kept = all_.find("DataSet", asked["DataSetId"])
    kept.asked = {**kept.asked, **asked}
    return {"Arn": kept.arn, "DataSetId": asked["DataSetId"], **_loaded(kept, "EDIT")}


def _loaded(kept: _Kept, why: str) -> dict[str, Any]:
    """A data set that is a copy is loaded by its creation and by every change."""
    if kept.asked["ImportMode"] != "SPICE":
        return {}
    name = f"own-{len(kept.loads) + 1}"
    kept.loads.insert(0, _load(kept, name, why, "COMPLETED"))
    return {"IngestionId": name, "IngestionArn": f"{kept.arn}/ingestion/{name}"}


def _describe_data_set(all_: QuickSight, asked: dict[str, Any]) -> dict[str, Any]:
    kept = all_.find("DataSet", asked["DataSetId"])
    columns = [
        {"Name": one["Name"], "Type": one["Type"]}
        for physical in kept.asked["PhysicalTableMap"].values()
        for one in physical["RelationalTable"]["InputColumns"]
        if one["Type"] in {"STRING", "INTEGER", "DECIMAL", "DATETIME"}
    ]
    told = {name: kept.asked[name] for name in ("DataSetId", "Name", "PhysicalTableMap", "ImportMode")}
    return {"DataSet": {"Arn": kept.arn, "OutputColumns": columns, "CreatedTime": _NOW, **told}}


def _create_dashboard(all_: QuickSight, asked: dict[str, Any]) -> dict[str, Any]:
    made = all_.create("Dashboard", asked)
    return _versioned(all_, made, asked, "CREATION") | {"CreationStatus": "CREATION_IN_PROGRESS"}


def _update_dashboard(all_: QuickSight, asked: dict[str, Any]) -> dict[str, Any]:
    kept = _free(all_.find("Dashboard", asked["DashboardId"]))
    return _versioned(all_, kept, asked, "UPDATE") | {"CreationStatus": "UPDATE_IN_PROGRESS"}


def _versioned(all_: QuickSight, kept: _Kept, asked: dict[str, Any], way: str) -> dict[str, Any]:
    data_sets = {one.arn: one.asked for (kind, _), one in all_.kept.items() if kind == "DataSet"}
    errors = errors_of(asked["Definition"], data_sets)
    number = len(kept.versions) + 1
    arn = f"{kept.arn}/version/{number}"
    kept.versions.append({"asked": asked, "arn": arn, "errors": errors, "number": number})
    kept.asked, kept.status, kept.looks = {**kept.asked, **asked}, f"{way}_IN_PROGRESS", all_.settings.looks
    return {"Arn": kept.arn, "VersionArn": arn, "DashboardId": asked["DashboardId"]}


def _describe_dashboard(all_: QuickSight, asked: dict[str, Any]) -> dict[str, Any]:
    kept = all_.find("Dashboard", asked["DashboardId"])
    latest = asked.get("AliasName") == "$LATEST"
    number = asked.get("VersionNumber") or (len(kept.versions) if latest else kept.published)
    version = kept.versions[number - 1]
    _looked_at(kept, failed=bool(kept.versions[-1]["errors"]))
    status = kept.status if number == len(kept.versions) else "CREATION_SUCCESSFUL"
    told: dict[str, Any] = {"VersionNumber": number, "Status": status, "Arn": version["arn"], "CreatedTime": _NOW}
    if description := version["asked"].get("VersionDescription"):
        told["Description"] = description
    if version["errors"]:
        told["Errors"] = version["errors"]
    named = {"DashboardId": asked["DashboardId"], "Arn": kept.arn, "Name": kept.asked["Name"]}
    return {"Dashboard": {**named, "Version": told, "CreatedTime": _NOW}}


def _publish(all_: QuickSight, asked: dict[str, Any]) -> dict[str, Any]:
    kept = _free(all_.find("Dashboard", asked["DashboardId"]))
    if asked["VersionNumber"] > len(kept.versions) or kept.versions[asked["VersionNumber"] - 1]["errors"]:
        raise Refused("InvalidParameterValueException", Message="no such version")
    kept.published = asked["VersionNumber"]
    return {"DashboardId": asked["DashboardId"], "DashboardArn": kept.arn}


def _free(kept: _Kept) -> _Kept:
    if kept.status.endswith("IN_PROGRESS"):
        # Our reading: the other change goes on while somebody asks.
        _looked_at(kept, failed=False)
        raise Refused("ConflictException", Message="another change is in progress")
    return kept


def _looked_at(kept: _Kept, *, failed: bool) -> None:
    if kept.status.endswith("IN_PROGRESS"):
        if kept.looks > 0:
            kept.looks -= 1
        else:
            kept.status = kept.status.replace("IN_PROGRESS", "FAILED" if failed else "SUCCESSFUL")


def _describe_permissions(kind: str) -> Callable[[QuickSight, dict[str, Any]], dict[str, Any]]:
    def describe(all_: QuickSight, asked: dict[str, Any]) -> dict[str, Any]:
        kept = all_.find(kind, asked[f"{kind}Id"])
        told = [{"Principal": who, "Actions": sorted(actions)} for who, actions in sorted(kept.permissions.items())]
        # The lists of data sources and data sets have at least one entry.
        return {f"{kind}Id": asked[f"{kind}Id"], f"{kind}Arn": kept.arn} | ({"Permissions": told} if told else {})

    return describe


def _update_permissions(kind: str) -> Callable[[QuickSight, dict[str, Any]], dict[str, Any]]:
    def update(all_: QuickSight, asked: dict[str, Any]) -> dict[str, Any]:
        kept = all_.find(kind, asked[f"{kind}Id"])
        for one in asked.get("GrantPermissions", ()):
            if not all_.known(one["Principal"]):
                raise Refused("InvalidParameterValueException", Message="principal is not valid")
            kept.permissions.setdefault(one["Principal"], set()).update(one["Actions"])
        return {f"{kind}Id": asked[f"{kind}Id"], f"{kind}Arn": kept.arn}

    return update


def _create_ingestion(all_: QuickSight, asked: dict[str, Any]) -> dict[str, Any]:
    kept = all_.find("DataSet", asked["DataSetId"])
    if asked["IngestionId"] in {one["IngestionId"] for one in kept.loads}:
        raise Refused("ResourceExistsException", Message="ingestion exists")
    kept.loads.insert(0, _load(kept, asked["IngestionId"], "FULL_REFRESH", "RUNNING"))
    arn = f"{kept.arn}/ingestion/{asked['IngestionId']}"
    return {"Arn": arn, "IngestionId": asked["IngestionId"], "IngestionStatus": "INITIALIZED"}


def _list_ingestions(all_: QuickSight, asked: dict[str, Any]) -> dict[str, Any]:
    # In no order: no page promises one.
    newest = all_.find("DataSet", asked["DataSetId"]).loads[: asked.get("MaxResults", 100)]
    return {"Ingestions": sorted(newest, key=lambda one: one["IngestionId"])}


def _load(kept: _Kept, name: str, why: str, status: str) -> dict[str, Any]:
    arn, at = f"{kept.arn}/ingestion/{name}", _NOW + dt.timedelta(seconds=len(kept.loads))
    return {"Arn": arn, "IngestionId": name, "IngestionStatus": status, "RequestType": why, "CreatedTime": at}


def _tags(all_: QuickSight, asked: dict[str, Any]) -> dict[str, Any]:
    found = next((one for one in all_.kept.values() if one.arn == asked["ResourceArn"]), None)
    if found is None:
        raise Refused("ResourceNotFoundException", Message="no such resource")
    tags = [{"Key": key, "Value": value} for key, value in sorted(found.tags.items())]
    return {"Tags": tags} if tags else {}


def _described(kind: str) -> Callable[[QuickSight, dict[str, Any]], dict[str, Any]]:
    """A user or group, by the end of its ARN."""

    def describe(all_: QuickSight, asked: dict[str, Any]) -> dict[str, Any]:
        name = f"{kind.lower()}/{asked['Namespace']}/{asked[f'{kind}Name']}"
        arn = f"arn:aws:quicksight:{all_.region}:{asked['AwsAccountId']}:{name}"
        if not all_.known(arn):
            raise Refused("ResourceNotFoundException", Message=f"{kind} is not there")
        return {kind: {"Arn": arn, f"{kind}Name": asked[f"{kind}Name"]}}

    return describe


_OPERATIONS: Mapping[str, Callable[[QuickSight, dict[str, Any]], dict[str, Any]]] = {
    "CreateDataSource": _create_data_source,
    "UpdateDataSource": _update_data_source,
    "DescribeDataSource": _describe_data_source,
    "CreateDataSet": _create_data_set,
    "UpdateDataSet": _update_data_set,
    "DescribeDataSet": _describe_data_set,
    "CreateDashboard": _create_dashboard,
    "UpdateDashboard": _update_dashboard,
    "DescribeDashboard": _describe_dashboard,
    "UpdateDashboardPublishedVersion": _publish,
    "CreateIngestion": _create_ingestion,
    "ListIngestions": _list_ingestions,
    "ListTagsForResource": _tags,
    "DescribeUser": _described("User"),
    "DescribeGroup": _described("Group"),
    **{f"Describe{kind}Permissions": _describe_permissions(kind) for kind in _KINDS},
    **{f"Update{kind}Permissions": _update_permissions(kind) for kind in _KINDS},
}
