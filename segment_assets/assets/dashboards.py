"""Group `dashboards`: the pages that a client reads, made from the insight tables: an asset each, one for QuickSight.

Belongs here: reading the tables, writing the pages, previews for the catalogue. Not here: words and charts
(`dashboard`), numbers (`insights`).
"""

import base64
import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import dagster as dg

from segment_assets.assets.audiences import HASHED
from segment_assets.assets.common import Owner, as_failure
from segment_assets.assets.insights import WEEKLY
from segment_assets.automation import ON_NEW_VERSIONS
from segment_assets.contracts import Lake, SegmentAssetsError
from segment_assets.dashboard import PAGES, Page
from segment_assets.plan import Plan
from segment_assets.resources.pages import Pages
from segment_assets.resources.ports import QuickSight
from segment_assets.tables import (
    AUDIENCE_OVERLAP,
    AUDIENCE_PROFILE_INDEX,
    CREATIVE_OVERLAP,
    DELIVERY_SUMMARY,
    HASHED_AUDIENCE,
    REACH_BY_CAMPAIGN_CHANNEL,
    TABLES,
    VALUE_BANDS,
    Table,
)

if TYPE_CHECKING:
    from segment_assets.dashboard import Audience, Figures

DASHBOARD = dg.AssetKey(["dashboards", "road"])
DELIVERIES_SHOWN = dg.AssetKey(["activation_insights", DELIVERY_SUMMARY.name])
PAGE = PAGES["road"].file
ROAD_TABLES = (
    DELIVERY_SUMMARY, AUDIENCE_OVERLAP, REACH_BY_CAMPAIGN_CHANNEL, CREATIVE_OVERLAP, VALUE_BANDS, AUDIENCE_PROFILE_INDEX
)  # fmt: skip
_WEEKLY_KEYS = {insight.table.name: dg.AssetKey(list(insight.key)) for insight in WEEKLY}
_C = dg.AutomationCondition

# A page shows what there is: a week or a segment that was never made holds it up as little as a withheld number.
# Without this it would wait for ever, since the calendar always has a week that nobody has asked for yet.
ON_NEW_NUMBERS = ON_NEW_VERSIONS.replace(
    "an input was never made",
    _C.any_deps_missing().allow(dg.AssetSelection.assets(DELIVERIES_SHOWN)).with_label("nothing was ever delivered"),
)
ON_ANY_NUMBERS = ON_NEW_VERSIONS.replace(
    "an input was never made",
    (~_C.any_deps_match(~_C.missing())).with_label("none of its tables was ever made"),
)


def tables_of(page: Page) -> Sequence[Table]:
    """The tables that a page shows."""
    own = ROAD_TABLES if page.name == "road" else (DELIVERY_SUMMARY,) if page.deliveries else ()
    return list(dict.fromkeys([*own, *(TABLES[name] for name in page.tables())]))


def key_of(table: Table) -> dg.AssetKey:
    """The asset that holds a table for readers."""
    return _WEEKLY_KEYS.get(table.name, dg.AssetKey(["activation_insights", table.name]))


def _asset(page: Page) -> dg.AssetsDefinition:
    @dg.asset(
        key=["dashboards", page.name],
        group_name="dashboards",
        owners=[Owner.INSIGHTS.value],
        kinds={"dashboard", "file"},
        description=(
            f"{page.menu}: {page.title}.\n\nA single HTML file without any external reference; open it from disk or "
            "mail it. It links to the other pages by the names of their files."
        ),
        deps=[
            *([dg.AssetDep(HASHED)] if page.deliveries else []),
            *(dg.AssetDep(key_of(table)) for table in tables_of(page)),
        ],
        automation_condition=ON_NEW_NUMBERS if page.deliveries else ON_ANY_NUMBERS,
    )
    def page_for_readers(
        plan: dg.ResourceParam[Plan], lake: dg.ResourceParam[Lake], pages: dg.ResourceParam[Pages]
    ) -> dg.MaterializeResult:
        return _made(page, figures_of(plan, lake, page), pages)

    return page_for_readers


def _made(page: Page, figures: "Figures", pages: Pages) -> dg.MaterializeResult:
    from segment_assets import dashboard

    text = dashboard.page(figures, page)
    address = pages.put(page.file, text)
    small = dashboard.previews(figures, page)
    return dg.MaterializeResult(
        metadata={
            # To be copied: a browser opens no file: link of a page that came by http.
            "page": dg.MetadataValue.path(address),
            "file": dg.MetadataValue.path(address.removeprefix("file://")),
            "bytes": len(text.encode()),
            "preview": dg.MetadataValue.md(
                "\n\n".join(f"**{_plain(title)}**\n\n{_picture(png)}" for title, png in small.items())
            ),
        },
        data_version=dg.DataVersion(hashlib.sha256(text.encode()).hexdigest()),
    )


def figures_of(plan: Plan, lake: Lake, page: Page = PAGES["road"]) -> "Figures":
    """What the lake tells now for one page, over all weeks and segments."""
    from segment_assets.dashboard import Figures

    rows = {table.name: _rows(lake, table) for table in tables_of(page)}
    return Figures(
        tenant=plan.tenant,
        audiences=_audiences(plan, lake) if page.deliveries else (),
        deliveries=rows.get(DELIVERY_SUMMARY.name, ()),
        overlap=rows.get(AUDIENCE_OVERLAP.name, ()),
        reach=rows.get(REACH_BY_CAMPAIGN_CHANNEL.name, ()),
        creatives=rows.get(CREATIVE_OVERLAP.name, ()),
        bands=rows.get(VALUE_BANDS.name, ()),
        profile=rows.get(AUDIENCE_PROFILE_INDEX.name, ()),
        tables=rows,
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


@dg.asset(
    key=["dashboards", "quicksight"],
    group_name="dashboards",
    owners=[Owner.INSIGHTS.value],
    kinds={"dashboard", "quicksight"},
    description=(
        "The same pages as dashboards of Amazon QuickSight: an Athena data source, a data set for each table, a "
        "dashboard for each page, with a week to choose.\n\nWhere the deployment names no QuickSight account, the "
        "requests are JSON files beside the pages, to be looked at or imported, and nothing is called."
    ),
    deps=[
        dg.AssetDep(key) for key in dict.fromkeys(key_of(table) for page in PAGES.values() for table in tables_of(page))
    ],
    automation_condition=ON_ANY_NUMBERS,
)
def quicksight_dashboards(
    plan: dg.ResourceParam[Plan], lake: dg.ResourceParam[Lake], quicksight: dg.ResourceParam[QuickSight]
) -> dg.MaterializeResult:
    """Have QuickSight's dashboards as the pages are declared, over what the lake has now."""
    from segment_assets.dashboard.quicksight import bundle

    try:
        made = bundle(quicksight.place(plan.tenant), [(page, tables_of(page)) for page in PAGES.values()])
        outcome = quicksight.publish(made, {name: _version(lake, name) for name in made.data_sets})
    except SegmentAssetsError as error:
        raise as_failure(error) from None
    counts = {said: sum(done == said for done in outcome.values()) for said in sorted(set(outcome.values()))}
    return dg.MaterializeResult(
        metadata={
            "dashboards": len(made.dashboards),
            "data_sets": len(made.data_sets),
            **counts,
            "outcome": dg.MetadataValue.md("\n".join(f"- {what}: {done}" for what, done in outcome.items())),
        },
        data_version=dg.DataVersion(made.digest),
    )


def _version(lake: Lake, table: str) -> str:
    """Changes with what readers of a table see; empty before its first version."""
    found = [(partition, lake.current(table, partition)) for partition in sorted(lake.partitions(table))]
    told = "\n".join(f"{partition} {snapshot.id}" for partition, snapshot in found if snapshot)
    return hashlib.sha256(told.encode()).hexdigest() if told else ""


ASSETS = [*(_asset(page) for page in PAGES.values()), quicksight_dashboards]
