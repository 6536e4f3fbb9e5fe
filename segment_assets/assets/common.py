"""What assets share: owners, metadata from declared tables, and reporting a published snapshot.

Belongs here: how a table's declaration is shown in Dagster. Not here: any single asset.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Any

import dagster as dg

from segment_assets.contracts import PermanentError, TransientError
from segment_assets.data_dictionary import metadata_of
from segment_assets.tables import TABLES, Pii, Table

if TYPE_CHECKING:
    from collections.abc import Mapping

    from segment_assets.contracts import SegmentAssetsError, Snapshot


# Seconds. The reconciler asks again for whatever is left.
_TOO_LONG_FOR_A_RUN = 60.0
COLUMN_LINEAGE = "dagster/column_lineage"


class Owner(StrEnum):
    """Who is asked about an asset."""

    COLLABORATION = "team:data-partnerships"
    AUDIENCES = "team:audience-data"
    ACTIVATION = "team:activation"
    INSIGHTS = "team:media-analytics"


def column_schema(table: Table) -> dg.TableSchema:
    """A declared table as Dagster shows it; the PII class is a tag of every column."""
    return dg.TableSchema(
        columns=[
            dg.TableColumn(
                name=column.name,
                type=column.type.value,
                description=column.description,
                constraints=dg.TableColumnConstraints(nullable=column.nullable),
                tags={} if column.pii is Pii.NONE else {"pii": column.pii.value},
            )
            for column in table.columns
        ]
    )


def table_metadata(name: str) -> dict[str, Any]:
    """Definition metadata of an asset that holds a declared table."""
    table = TABLES[name]
    return {
        "dagster/column_schema": column_schema(table),
        "dagster/table_name": table.name,
        "grain": ", ".join(table.grain) or "one row",
        "computed_in": table.computed_in.value,
        "retention_days": table.retention_days,
        **metadata_of(table),
    }


def published(snapshot: Snapshot, metadata: Mapping[str, Any] | None = None) -> dg.MaterializeResult:
    """Report a snapshot: its id is the data version, its rows are plotted."""
    return dg.MaterializeResult(
        metadata={
            "dagster/row_count": snapshot.rows,
            "dagster/uri": snapshot.uri,
            "snapshot": snapshot.id[:12],
            **(metadata or {}),
            **declared_lineage(dg.AssetExecutionContext.get()),
        },
        data_version=dg.DataVersion(snapshot.id),
    )


def declared_lineage(context: dg.AssetExecutionContext) -> Mapping[str, Any]:
    """The definition's column lineage once more, for a materialization: Dagster+ draws it from there alone.

    https://docs.dagster.io/guides/build/assets/metadata-and-tags/column-level-lineage
    """
    metadata = context.assets_def.get_asset_spec(context.asset_key).metadata
    return {COLUMN_LINEAGE: metadata[COLUMN_LINEAGE]} if COLUMN_LINEAGE in metadata else {}


def as_failure(error: SegmentAssetsError) -> Exception:
    """What Dagster should do about one of our errors: transient ones may be tried again, the others may not."""
    if type(error).__name__ == "FencedError":
        # The other run is the one to end this delivery: trying again would only fence that one in turn.
        return dg.Failure(description=f"overtaken: {error}", allow_retries=False)
    if isinstance(error, TransientError):
        wait = error.retry_after if error.retry_after is not None else 5.0
        if wait > _TOO_LONG_FOR_A_RUN:
            # A run that waits holds one of the few that may go at once, from accounts whose platforms answer.
            return dg.Failure(description=f"later: {error}", allow_retries=False)
        return dg.RetryRequested(max_retries=2, seconds_to_wait=wait)
    kind = "permanent" if isinstance(error, PermanentError) else "needs a human"
    return dg.Failure(description=f"{kind}: {error}", allow_retries=False)
