"""Group `collaboration`: the tables that the two accounts contribute, as a catalogue sees them.

Belongs here: row counts, versions and declared columns of the accounts' tables. In the AWS world these are Glue
tables. Not here: any row of them.
"""

import dagster as dg

from segment_assets.assets.common import Owner, table_metadata
from segment_assets.contracts import PermanentError
from segment_assets.partitions import WEEKS
from segment_assets.resources.ports import AccountTables
from segment_assets.tables import CONVERSIONS, CUSTOMERS, IMPRESSIONS, OPT_OUTS, ComputedIn, Table


def _account_table(table: Table, *, weekly: bool) -> dg.AssetsDefinition:
    account = "account_b" if table.computed_in is ComputedIn.PARTNER else "account_a"

    @dg.asset(
        key=[account, table.name],
        group_name="collaboration",
        description=f"{table.description} Catalogued as it is now; the rows stay with their owner.",
        owners=[Owner.COLLABORATION.value],
        kinds={"parquet", "table"},
        partitions_def=WEEKS if weekly else None,
        metadata=table_metadata(table.name),
        output_required=False,
    )
    def account_table(
        context: dg.AssetExecutionContext, accounts: dg.ResourceParam[AccountTables]
    ) -> dg.MaterializeResult:
        week = context.partition_key if weekly else None
        entry = accounts.catalogue(table.name, week)
        if entry is None:
            where = f"{table.name}, week {week}" if week else table.name
            raise PermanentError(f"{where}: {account} has contributed no files; ask its owner, or run `make demo`")
        if entry.differences:
            raise PermanentError(
                f"{table.name}: columns differ from the declared table: {'; '.join(entry.differences)}"
            )
        return dg.MaterializeResult(
            # The partner does not tell how many rows it has.
            metadata={"files": entry.files} | ({} if entry.rows is None else {"dagster/row_count": entry.rows}),
            data_version=dg.DataVersion(entry.version),
        )

    return account_table


ASSETS = [
    _account_table(CUSTOMERS, weekly=False),
    _account_table(OPT_OUTS, weekly=False),
    _account_table(CONVERSIONS, weekly=True),
    _account_table(IMPRESSIONS, weekly=True),
]
