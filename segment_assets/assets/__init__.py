"""The road as Dagster assets, in the order in which data flows.

Belongs here: thin assets that fetch their arguments, call a pure room, write and report. Not here: any rule.
`group_modules` says which modules make which group, so that the group of an asset cannot drift from its place.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    import dagster as dg

    from segment_assets.plan import Plan


def all_assets(plan: Plan) -> Sequence[dg.AssetsDefinition | dg.AssetSpec]:
    """Every asset of the project for a plan: activations are made from its accounts."""
    from segment_assets.assets import (
        activation_tables,
        activations,
        analysis_log,
        audiences,
        clean_room,
        collaboration,
        dashboards,
        erasures,
        experiments,
        geo_lift,
        incrementality,
        insights,
        segments,
    )
    from segment_assets.assets.lineage import with_column_lineage

    assets = [
        *collaboration.ASSETS,
        *analysis_log.ASSETS,
        *clean_room.ASSETS,
        *segments.ASSETS,
        *audiences.ASSETS,
        *erasures.build(plan),
        *activations.build(plan),
        *insights.ASSETS,
        *experiments.ASSETS,
        *incrementality.ASSETS,
        *geo_lift.ASSETS,
        *activation_tables.ASSETS,
        *dashboards.ASSETS,
    ]
    return with_column_lineage(assets)
