"""Everything that one deployment has in QuickSight, as the requests that create it.

Belongs here: data source, data sets, dashboards with their marks; the same as files. Not here: sending (`resources`).
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from typing import TYPE_CHECKING

from segment_assets.dashboard.quicksight import boards
from segment_assets.dashboard.quicksight.fields import input_columns
from segment_assets.dashboard.quicksight.lint import Schema, refuse_broken
from segment_assets.dashboard.quicksight.visuals import cut

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from segment_assets.dashboard.pages import Page
    from segment_assets.dashboard.quicksight.fields import Json
    from segment_assets.dashboard.quicksight.place import Place
    from segment_assets.tables import Table

_NAME = 128


@dataclasses.dataclass(frozen=True, slots=True)
class Bundle:
    """Requests of CreateDataSource, CreateDataSet (by table) and CreateDashboard (by page), without permissions.

    A dashboard's VersionDescription is a digest of the rest of its request: what a version was made from.
    """

    place: Place
    data_source: Json
    data_sets: Mapping[str, Json]
    dashboards: Mapping[str, Json]

    def files(self) -> Iterator[tuple[str, str]]:
        """(name, JSON): each is what `aws quicksight create-… --cli-input-json` takes."""
        yield "data-source.json", text(self.data_source)
        for table, request in self.data_sets.items():
            yield f"data-set-{table}.json", text(request)
        for page, request in self.dashboards.items():
            yield f"dashboard-{page}.json", text(request)

    @property
    def digest(self) -> str:
        """Changes with any of the requests."""
        return hashlib.sha256("".join(content for _, content in self.files()).encode()).hexdigest()


def bundle(place: Place, shown: Sequence[tuple[Page, Sequence[Table]]]) -> Bundle:
    """The requests for pages and the tables that each shows. Raises BrokenDefinitionError."""
    tables = {table.name: table for _, of_page in shown for table in of_page}
    dashboards = {}
    for page, of_page in shown:
        definition = boards.definition(page, of_page, place)
        computed = boards.computed(page, of_page)
        schemas = {name: Schema(tables[name], fields) for name, fields in computed.items()}
        refuse_broken(page.name, definition, schemas)
        dashboards[page.name] = _dashboard(place, page, definition)
    return Bundle(
        place, _data_source(place), {name: _data_set(place, tables[name]) for name in sorted(tables)}, dashboards
    )


def text(request: Json) -> str:
    """One form for the same content."""
    return f"{json.dumps(request, indent=1, sort_keys=True, ensure_ascii=False)}\n"


def _data_source(place: Place) -> Json:
    return {
        "AwsAccountId": place.account,
        "DataSourceId": place.id(),
        "Name": f"segment_assets {place.tenant}",
        "Type": "ATHENA",
        "DataSourceParameters": {"AthenaParameters": {"WorkGroup": place.workgroup}},
        "Tags": place.tags,
    }


def _data_set(place: Place, table: Table) -> Json:
    """The table as Glue has it: its partitions point at the published versions, so nobody sees half of one."""
    relational = {
        "DataSourceArn": place.arn("datasource"),
        "Catalog": "AwsDataCatalog",
        "Schema": place.database,
        "Name": table.name,
        "InputColumns": input_columns(table),
    }
    return {
        "AwsAccountId": place.account,
        "DataSetId": place.id(table.name),
        "Name": cut(f"{place.tenant}: {table.name}", _NAME),
        "PhysicalTableMap": {table.name.replace("_", "-"): {"RelationalTable": relational}},
        "ImportMode": place.mode.value,
        "Tags": place.tags,
    }


def _dashboard(place: Place, page: Page, definition: Json) -> Json:
    made: Json = {
        "AwsAccountId": place.account,
        "DashboardId": place.id(page.name),
        "Name": f"{place.tenant}: {page.menu}",
        "Definition": definition,
        "ValidationStrategy": {"Mode": "STRICT"},
        # A filter of a reader's own could leave a mark standing for several rows.
        "DashboardPublishOptions": {
            "AdHocFilteringOption": {"AvailabilityStatus": "DISABLED"},
            "ExportToCSVOption": {"AvailabilityStatus": "ENABLED"},
        },
        "Tags": place.tags,
    }
    return made | {"VersionDescription": f"segment-assets {hashlib.sha256(text(made).encode()).hexdigest()}"}
