"""What the stand-in says of a definition: data sets and columns that are not there.

Belongs here: a reading of its own, written without our linter. Not here: the rest of a version (`service`).
Our reading of the error types: DATA_SET_NOT_FOUND for a data set, COLUMN_TYPE_MISMATCH for a column.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


def errors_of(definition: Mapping[str, Any], data_sets: Mapping[str, Mapping[str, Any]]) -> list[dict[str, str]]:
    """Errors of a dashboard's version. `data_sets`: ARN -> the request that it was made by."""
    declared = {one["Identifier"]: one["DataSetArn"] for one in definition["DataSetIdentifierDeclarations"]}
    columns = {name: _columns(data_sets[arn]) for name, arn in declared.items() if arn in data_sets}
    for field in definition.get("CalculatedFields", ()):
        columns.get(field["DataSetIdentifier"], set()).add(field["Name"])
    errors = [_error("DATA_SET_NOT_FOUND") for arn in declared.values() if arn not in data_sets]
    for name, column in _named(definition):
        if name in columns and column not in columns[name]:
            errors.append(_error("COLUMN_TYPE_MISMATCH"))
        elif name not in declared:
            errors.append(_error("DATA_SET_NOT_FOUND"))
    return errors


def _columns(request: Mapping[str, Any]) -> set[str]:
    return {
        column["Name"]
        for physical in request["PhysicalTableMap"].values()
        for column in physical["RelationalTable"]["InputColumns"]
    }


def _named(value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        if "ColumnName" in value:
            yield value.get("DataSetIdentifier", ""), value["ColumnName"]
        for part in value.values():
            yield from _named(part)
    elif isinstance(value, list):
        for part in value:
            yield from _named(part)


def _error(kind: str) -> dict[str, str]:
    return {"Type": kind, "Message": "see the definition"}
