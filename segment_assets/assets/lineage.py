"""Column lineage in Dagster's words, from the account tables to a platform's field.

Belongs here: bringing together what is declared where it is known: in the SQL (`queries.lineage`), at the column
(`tables`), at the normal form (`identity`), at the match key (a destination's contract). Nothing is declared here.
https://docs.dagster.io/guides/build/assets/metadata-and-tags/column-level-lineage
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import dagster as dg

from segment_assets.assets.common import COLUMN_LINEAGE
from segment_assets.identity import NORMAL_FORMS
from segment_assets.queries import lineage as sql
from segment_assets.tables import HASHED_AUDIENCE, SEGMENT_MEMBERS, TABLES, Table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from segment_assets.contracts import Contract

    Asset = dg.AssetsDefinition | dg.AssetSpec

_SCHEMA = "dagster/column_schema"


def with_column_lineage(assets: Sequence[Asset]) -> Sequence[Asset]:
    """The same assets; those that hold a table say of each column what it is made from.

    A table that two assets hold (segment_members, one for each family of sources) counts as a source where the asset
    depends on it: the list that a partner dropped is not made from our customers.
    """
    specs = [spec for asset in assets for spec in ([asset] if isinstance(asset, dg.AssetSpec) else asset.specs)]
    tables = {spec.key: TABLES.get(spec.metadata.get("dagster/table_name", "")) for spec in specs}
    holding = {key: table for key, table in tables.items() if table is not None}

    def told(spec: dg.AssetSpec) -> dg.AssetSpec:
        table = holding.get(spec.key)
        if table is None:
            return spec
        read = {dep.asset_key: holding[dep.asset_key].name for dep in spec.deps if dep.asset_key in holding}
        return spec.merge_attributes(metadata=_metadata(spec.metadata[_SCHEMA], origins(table), read))

    return dg.map_asset_specs(told, assets)


def origins(table: Table) -> Mapping[str, Sequence[str]]:
    """Column of a table -> `table.column` of what its values are made from."""
    if table.query:
        return sql.declared().get(table.query, {})
    forms = _forms() if table is HASHED_AUDIENCE else {}
    return {column.name: forms.get(column.name, column.of) for column in table.columns}


def platform_fields(contract: Contract, audience: dg.AssetKey) -> Mapping[str, Any]:
    """Definition metadata of an activation: the fields that a platform is sent, and the column each is read from."""
    columns = {column.name: column for column in HASHED_AUDIENCE.columns}
    sent = {sent.field: columns[sent.form] for sent in contract.match_keys.values()}
    schema = dg.TableSchema(
        columns=[
            dg.TableColumn(field, "string", description=column.description, tags={"pii": column.pii.value})
            for field, column in sent.items()
        ]
    )
    of = {field: [f"{HASHED_AUDIENCE.name}.{column.name}"] for field, column in sent.items()}
    return _metadata(schema, of, {audience: HASHED_AUDIENCE.name})


def _forms() -> dict[str, list[str]]:
    """A normal form reads its raw column, and the country where the same value reads differently in another one."""
    return {
        form.name: [
            f"{SEGMENT_MEMBERS.name}.{column}"
            for column in dict.fromkeys([form.column, *(["country"] if form.needs_country else [])])
        ]
        for form in NORMAL_FORMS.values()
    }


def _metadata(
    schema: dg.TableSchema, of: Mapping[str, Sequence[str]], read: Mapping[dg.AssetKey, str]
) -> Mapping[str, Any]:
    """Lineage for Dagster+, which draws it, and in the words of the column list for everybody else.

    `read`: asset that is depended on -> the table that it holds.
    """
    known = {column: [name for name in names if _table(name) in read.values()] for column, names in of.items()}
    deps = {
        column: [
            dg.TableColumnDep(key, name.partition(".")[2])
            for name in names
            for key, table in read.items()
            if table == _table(name)
        ]
        for column, names in known.items()
        if names
    }
    if not deps:
        return {}
    columns = [_with_origins(column, known.get(column.name, ())) for column in schema.columns]
    return {_SCHEMA: dg.TableSchema(columns=columns), COLUMN_LINEAGE: dg.TableColumnLineage(deps)}


def _with_origins(column: dg.TableColumn, names: Sequence[str]) -> dg.TableColumn:
    said = f"{column.description} ← {_in_words(names)}" if names else column.description
    return dg.TableColumn(column.name, column.type, said, column.constraints, column.tags)


def _in_words(names: Sequence[str]) -> str:
    """`segment_members.email`, and of several columns of a table `segment_members (phone, country)`."""
    tables: dict[str, list[str]] = {}
    for name in names:
        tables.setdefault(_table(name), []).append(name.partition(".")[2])
    return ", ".join(
        f"{table}.{columns[0]}" if len(columns) == 1 else f"{table} ({', '.join(columns)})"
        for table, columns in tables.items()
    )


def _table(name: str) -> str:
    return name.partition(".")[0]
