"""Metrics as lines of CloudWatch's embedded metric format on standard output, one JSON document each.

Belongs here: the format. Not here: which metrics there are (`resources.metrics`).
Source: CloudWatch user guide, embedded metric format specification (2026-11): at most 100 metrics and 30 dimensions in
a line, names of dimensions and their values in ASCII, values up to 1,024 characters, time in milliseconds.

CloudWatch makes metrics of these lines where standard output goes to CloudWatch Logs (awslogs on ECS, Lambda). Under
Dagster that is a step's output, so the compute logs have to leave it where it is (NoOpComputeLogManager) or pass it on.
A line was compared with what aws-embedded-metrics 3.5 writes of the same numbers; none ever reached CloudWatch.
"""

from __future__ import annotations

import dataclasses
import json
import math
import re
import sys
import time
from typing import TYPE_CHECKING

from segment_assets.resources.metrics import checked

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from segment_assets.contracts import Clock
    from segment_assets.resources.metrics import Dimension, Metric

NAMESPACE = "segment_assets"
# Names of the plan and of the code. Anything shaped like an address or a digest is not told, wherever it comes from.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_./,: \[\]-]{0,254}")
_DIGEST = re.compile(r"[0-9A-Fa-f]{32}")
WITHHELD = "withheld"


def _to_stdout(line: str) -> None:
    # Asked for with every line: Dagster puts another stream in its place for every step.
    sys.stdout.write(line)
    sys.stdout.flush()


@dataclasses.dataclass(frozen=True, slots=True)
class EmbeddedMetrics:
    """Writes each `put` as one line. `clock` is in seconds since the epoch."""

    namespace: str = NAMESPACE
    write: Callable[[str], None] = _to_stdout
    clock: Clock = time.time

    def put(self, values: Mapping[Metric, float], dimensions: Mapping[Dimension, str]) -> None:
        """One line for all values. What is no finite number is left out, as CloudWatch would refuse the line for it."""
        checked(values, dimensions)
        told = {metric: value for metric, value in values.items() if math.isfinite(value)}
        if not told:
            return
        names = {dimension.value: _named(value) for dimension, value in sorted(dimensions.items())}
        metrics = [{"Name": metric.label, "Unit": metric.unit.value} for metric in told]
        line = {
            "_aws": {
                "Timestamp": int(self.clock() * 1000),
                "CloudWatchMetrics": [
                    {"Namespace": self.namespace, "Dimensions": [list(names)], "Metrics": metrics},
                ],
            },
            **names,
            **{metric.label: value for metric, value in told.items()},
        }
        self.write(f"{json.dumps(line)}\n")


def _named(value: str) -> str:
    return value if _NAME.fullmatch(value) and not _DIGEST.search(value) else WITHHELD
