"""What campaigns caused in whole regions: `geo_lift`.

Belongs here: finding the inputs, publishing. Not here: reading files, sums and statistics (`measurement`).
"""

from pathlib import Path

import dagster as dg

from segment_assets.assets.common import Owner, published, table_metadata
from segment_assets.assets.incrementality import SPENT
from segment_assets.assets.invariants import checked, invariant_specs
from segment_assets.automation import ON_NEW_VERSIONS
from segment_assets.contracts import Lake
from segment_assets.resources.ports import AccountTables, Landing
from segment_assets.tables import CONVERSIONS, CUSTOMERS, GEO_LIFT, SPEND

LIFT = dg.AssetKey(["activation_insights", GEO_LIFT.name])
ALL = "all"
# Beside the folder `segments` of the landing area.
FOLDER = "geo_experiments"


@dg.asset(
    key=LIFT,
    group_name="activation_insights",
    owners=[Owner.INSIGHTS.value],
    kinds={"python", "duckdb", "parquet"},
    deps=[
        dg.AssetDep(["account_a", CUSTOMERS.name]),
        dg.AssetDep(["account_a", CONVERSIONS.name], partition_mapping=dg.AllPartitionMapping()),
        dg.AssetDep(SPENT),
    ],
    metadata=table_metadata(GEO_LIFT.name),
    check_specs=invariant_specs(GEO_LIFT, LIFT),
    # A week of the calendar that was never made holds nothing up: the newest order says how far the numbers go.
    automation_condition=ON_NEW_VERSIONS.replace(
        "an input was never made",
        dg.AutomationCondition.any_deps_missing()
        .allow(dg.AssetSelection.assets(["account_a", CUSTOMERS.name]))
        .with_label("account A's customers were never read"),
    ),
)
def geo_lift(
    lake: dg.ResourceParam[Lake],
    landing: dg.ResourceParam[Landing],
    accounts: dg.ResourceParam[AccountTables],
    workdir: dg.ResourceParam[Path],
) -> dg.MaterializeResult:
    """What each experiment on regions caused, from account A's own orders and the files in `landing/geo_experiments`.

    Regions are compared as they were drawn, whoever saw an ad.
    """
    import pyarrow as pa

    from segment_assets.measurement.geo_regions import geo_lift_rows, read_experiments

    with landing.beside(FOLDER) as files:
        found = read_experiments(files)
    spent = lake.current(SPEND.name, ALL)
    rates = spent.stats["per_eur"] if spent else {"EUR": 1.0}
    customers, orders = accounts.dataset(CUSTOMERS.name), accounts.dataset(CONVERSIONS.name)
    rows = [row for one in found.experiments for row in geo_lift_rows(one, customers, orders, rates, workdir)]
    table = pa.Table.from_pylist(rows, GEO_LIFT.arrow_schema())
    writer = lake.writer(GEO_LIFT.name, ALL)
    writer.write(table)
    told = {"refused_rows": len(found.refused), "refused": list(found.refused[:20])}
    return checked(published(writer.publish({"refused_rows": len(found.refused)}), told), GEO_LIFT, table, workdir)


ASSETS = [geo_lift]
