"""What activations tell those who watch a deployment: people by what became of them, per account.

Belongs here: which numbers of a report are told. Not here: metrics and their units (`resources.metrics`).
"""

from typing import TYPE_CHECKING

from segment_assets.plan import Account
from segment_assets.resources.metrics import Dimension, Metric, Metrics

if TYPE_CHECKING:
    from segment_assets.delivery.errands import Report

_TOLD = {
    Metric.MEMBERS_ACCEPTED: "accepted",
    Metric.MEMBERS_REJECTED: "rejected",
    Metric.MEMBERS_UNPROVEN: "unproven",
    Metric.MEMBERS_REMOVED: "removes_acknowledged",
}


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
