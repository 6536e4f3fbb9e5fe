"""What assets tell those who watch a deployment: people by what became of them, per account; bytes that queries read.

Belongs here: which numbers of a report are told. Not here: metrics and their units (`resources.metrics`).
"""

from typing import TYPE_CHECKING

from segment_assets.plan import Account
from segment_assets.resources.metrics import Dimension, Metric, Metrics
from segment_assets.resources.query_usage import usage_of

if TYPE_CHECKING:
    import pyarrow as pa

    from segment_assets.delivery.errands import Report

_TOLD = {
    Metric.MEMBERS_ACCEPTED: "accepted",
    Metric.MEMBERS_REJECTED: "rejected",
    Metric.MEMBERS_UNPROVEN: "unproven",
    Metric.MEMBERS_REMOVED: "removes_acknowledged",
}


def usage_told(metrics: Metrics, query: str, rows: "pa.Table") -> dict[str, str | int | float | bool]:
    """What the query for `rows` took, for an asset's metadata; its bytes are told as a metric once.

    Nothing for rows that nobody paid for.
    """
    usage = usage_of(rows)
    if usage is None:
        return {}
    if not usage.is_reused:
        metrics.put({Metric.BYTES_SCANNED: usage.scanned_bytes}, {Dimension.QUERY: query})
    return usage.as_metadata()


def count_members(metrics: Metrics, report: "Report", account: Account, family: str) -> None:
    """The sums over what one run delivered; nothing for a run that sent nothing."""
    if not report.deliveries:
        return
    dimensions = {
        Dimension.PLATFORM: account.destination,
        Dimension.ACCOUNT: account.account,
        Dimension.SEGMENT_FAMILY: family,
    }
    sums = {metric: sum(row[name] or 0 for row in report.deliveries) for metric, name in _TOLD.items()}
    metrics.put(sums, dimensions)
