"""Group `dashboards`: the page that a client reads, made from the insight tables.

Belongs here: reading the tables, writing the page, previews for the catalogue. Not here: words and charts
(`dashboard`), numbers (`insights`).
"""

import base64
import hashlib
from typing import TYPE_CHECKING, Any

import dagster as dg

from segment_assets.assets.audiences import HASHED
from segment_assets.assets.common import Owner
from segment_assets.assets.insights import WEEKLY
from segment_assets.automation import ON_NEW_VERSIONS
from segment_assets.contracts import Lake
from segment_assets.plan import Plan
from segment_assets.resources.pages import Pages
from segment_assets.tables import (
    AUDIENCE_OVERLAP,
    AUDIENCE_PROFILE_INDEX,
    CREATIVE_OVERLAP,
    DELIVERY_SUMMARY,
    HASHED_AUDIENCE,
    REACH_BY_CAMPAIGN_CHANNEL,
    VALUE_BANDS,
    Table,
)

if TYPE_CHECKING:
    from segment_assets.dashboard import Audience, Figures

DASHBOARD = dg.AssetKey(["dashboards", "road"])
DELIVERIES_SHOWN = dg.AssetKey(["activation_insights", DELIVERY_SUMMARY.name])
PAGE = "index.html"

# The page shows what there is: a week or a segment that was never made holds it up as little as a withheld number.
# Without this it would wait for ever, since the calendar always has a week that nobody has asked for yet.
ON_NEW_NUMBERS = ON_NEW_VERSIONS.replace(
    "an input was never made",
    dg.AutomationCondition.any_deps_missing()
    .allow(dg.AssetSelection.assets(DELIVERIES_SHOWN))
    .with_label("nothing was ever delivered"),
)


@dg.asset(
    key=DASHBOARD,
    group_name="dashboards",
    owners=[Owner.INSIGHTS.value],
    kinds={"dashboard", "file"},
    deps=[
        dg.AssetDep(HASHED),
        *(dg.AssetDep(list(insight.key)) for insight in WEEKLY),
        dg.AssetDep(DELIVERIES_SHOWN),
    ],
    automation_condition=ON_NEW_NUMBERS,
)
def road(plan: dg.ResourceParam[Plan], lake: dg.ResourceParam[Lake], pages: dg.ResourceParam[Pages]) -> Any:
    """One page for everybody: where the people of every audience went, and what the campaign did.

    A single HTML file without any external reference; open it from disk or mail it.
    """
    from segment_assets.dashboard import page, previews

    figures = figures_of(plan, lake)
    text = page(figures)
    address = pages.put(PAGE, text)
    return dg.MaterializeResult(
        metadata={
            # To be copied: a browser opens no file: link of a page that came by http.
            "page": dg.MetadataValue.path(address),
            "file": dg.MetadataValue.path(address.removeprefix("file://")),
            "bytes": len(text.encode()),
            "preview": dg.MetadataValue.md(
                "\n\n".join(f"**{_plain(title)}**\n\n{_picture(png)}" for title, png in previews(figures).items())
            ),
        },
        data_version=dg.DataVersion(hashlib.sha256(text.encode()).hexdigest()),
    )


def figures_of(plan: Plan, lake: Lake) -> "Figures":
    """What the lake tells now, over all weeks and segments."""
    from segment_assets.dashboard import Figures

    return Figures(
        tenant=plan.tenant,
        audiences=_audiences(plan, lake),
        deliveries=_rows(lake, DELIVERY_SUMMARY),
        overlap=_rows(lake, AUDIENCE_OVERLAP),
        reach=_rows(lake, REACH_BY_CAMPAIGN_CHANNEL),
        creatives=_rows(lake, CREATIVE_OVERLAP),
        bands=_rows(lake, VALUE_BANDS),
        profile=_rows(lake, AUDIENCE_PROFILE_INDEX),
    )


def _audiences(plan: Plan, lake: Lake) -> "list[Audience]":
    from segment_assets.audience.accounting import counts_from_stats
    from segment_assets.dashboard import Audience

    found = []
    for segment in lake.partitions(HASHED_AUDIENCE.name):
        snapshot = lake.current(HASHED_AUDIENCE.name, segment)
        assert snapshot is not None
        counts = counts_from_stats(snapshot.stats).as_stats()
        numbers = {name: value for name, value in counts.items() if isinstance(value, int)}
        found.append(Audience(segment, segment in plan.segments, numbers))
    return found


def _rows(lake: Lake, table: Table) -> list[dict[str, Any]]:
    snapshots = (lake.current(table.name, partition) for partition in lake.partitions(table.name))
    return [row for snapshot in snapshots if snapshot for row in lake.dataset(snapshot).to_table().to_pylist()]


def _picture(png: bytes) -> str:
    return f"![chart](data:image/png;base64,{base64.b64encode(png).decode()})"


def _plain(title: str) -> str:
    """Names of segments come from folders: nothing of them is markdown."""
    return "".join(f"\\{sign}" if sign in "\\`*_{}[]()<>#!|" else sign for sign in title)


ASSETS = [road]
