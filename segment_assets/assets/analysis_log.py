"""The log of analyses as a table of group `collaboration`: who asked what of whose tables, and how it ended.

Belongs here: reading the log, publishing the table. Not here: its records (`resources.clean_room.log_table`).
"""

from collections.abc import Iterator

import dagster as dg

from segment_assets.assets.common import Owner, as_failure, published, table_metadata
from segment_assets.assets.insights import ALL
from segment_assets.contracts import Lake, SegmentAssetsError
from segment_assets.resources.ports import AnalysisLog
from segment_assets.tables import ANALYSIS_LOG

KEY = dg.AssetKey(["collaboration", ANALYSIS_LOG.name])
_NOT_TOLD = "the deployment is not told where the log is; set SEGMENT_ASSETS_CLEAN_ROOM_LOG_GROUP"

_C = dg.AutomationCondition
_NIGHTLY = (_C.cron_tick_passed("30 4 * * *").since_last_handled() & ~_C.in_progress()).with_label("once a night")


@dg.asset(
    key=KEY,
    group_name="collaboration",
    description=(
        "Every analysis in the collaboration as its log tells it: who asked, over which tables, by which rule, and how "
        "it ended, refusals with their reasons. Literals are masked. Renewed every night."
    ),
    owners=[Owner.COLLABORATION.value],
    kinds={"parquet", "aws"},
    metadata=table_metadata(ANALYSIS_LOG.name),
    # A refused query makes no version of anything, so there is no input to wait for.
    automation_condition=_NIGHTLY,
    output_required=False,
)
def analysis_log(
    context: dg.AssetExecutionContext, analysis_log: dg.ResourceParam[AnalysisLog], lake: dg.ResourceParam[Lake]
) -> Iterator[dg.MaterializeResult]:
    """One row per record of the log."""
    from segment_assets.resources.clean_room import log_table

    try:
        records = analysis_log.records()
    except SegmentAssetsError as error:
        raise as_failure(error) from None
    if records is None:
        context.log_event(dg.AssetObservation(KEY, description=_NOT_TOLD))
        return
    writer = lake.writer(ANALYSIS_LOG.name, ALL)
    writer.write(log_table.read(records))
    yield published(writer.publish({}))


ASSETS = [analysis_log]
