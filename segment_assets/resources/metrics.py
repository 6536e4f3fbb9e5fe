"""Numbers for whoever watches a deployment: which there are, their units, and what they are split by.

Belongs here: the vocabulary, and the local world's way of not telling any. Not here: CloudWatch's format
(`aws.metrics`), what is worth an alert (`alerting`).
"""

from __future__ import annotations

import dataclasses
import enum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping


class Unit(enum.StrEnum):
    """Those of CloudWatch's units that we use; it has none for CRPU-hours."""

    COUNT = "Count"
    SECONDS = "Seconds"
    BYTES = "Bytes"
    NONE = "None"


class Dimension(enum.StrEnum):
    """What a metric is split by: names that the plan or the code gives, never anything of a person."""

    PLATFORM = "platform"
    ACCOUNT = "account"
    SEGMENT_FAMILY = "segment_family"
    QUERY = "query"
    ASSETS = "assets"


_PAIR = (Dimension.PLATFORM, Dimension.ACCOUNT, Dimension.SEGMENT_FAMILY)


class Metric(enum.Enum):
    """Every metric with its unit and dimensions. Metrics of one line have the same dimensions."""

    MEMBERS_ACCEPTED = ("members_accepted", Unit.COUNT, _PAIR)
    MEMBERS_REJECTED = ("members_rejected", Unit.COUNT, _PAIR)
    MEMBERS_UNPROVEN = ("members_unproven", Unit.COUNT, _PAIR)
    MEMBERS_REMOVED = ("members_removed", Unit.COUNT, _PAIR)
    OPT_OUT_LATENCY = ("opt_out_latency", Unit.SECONDS, (Dimension.PLATFORM, Dimension.ACCOUNT))
    QUERY_CRPU_HOURS = ("query_crpu_hours", Unit.NONE, (Dimension.QUERY,))
    BYTES_SCANNED = ("bytes_scanned", Unit.BYTES, (Dimension.QUERY,))
    FAILED_RUNS = ("failed_runs", Unit.COUNT, (Dimension.ASSETS,))
    UNDELIVERED_ALERTS = ("undelivered_alerts", Unit.COUNT, (Dimension.ASSETS,))
    ACCOUNTS_AWAY = ("accounts_away", Unit.COUNT, (Dimension.ACCOUNT,))
    OPT_OUTS_OVERDUE = ("opt_outs_overdue", Unit.COUNT, (Dimension.ACCOUNT,))

    def __init__(self, label: str, unit: Unit, dimensions: tuple[Dimension, ...]) -> None:
        self.label, self.unit, self.dimensions = label, unit, dimensions


class Metrics(Protocol):
    """Where metrics go."""

    def put(self, values: Mapping[Metric, float], dimensions: Mapping[Dimension, str]) -> None:
        """Tell numbers that belong together. Never raises for a number: what is measured must not fail for it.

        `dimensions` are exactly those that each of the metrics declares; anything else is an error of the caller.
        """
        ...


@dataclasses.dataclass(frozen=True, slots=True)
class NoMetrics:
    """The local world's: nobody watches it."""

    def put(self, values: Mapping[Metric, float], dimensions: Mapping[Dimension, str]) -> None:
        """As Metrics, and nothing is told."""
        checked(values, dimensions)


def checked(values: Mapping[Metric, float], dimensions: Mapping[Dimension, str]) -> None:
    """Raises ValueError for metrics without a dimension of theirs, or with another's."""
    for metric in values:
        if set(metric.dimensions) != set(dimensions):
            raise ValueError(f"{metric.label} is split by {', '.join(metric.dimensions)}, and by nothing else")
