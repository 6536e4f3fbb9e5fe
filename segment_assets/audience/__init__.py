"""Audiences: the rows of a segment become one record per person, with the door that the person reached.

Belongs here: reading landed files, merging a person's rows, clusters, opt-outs, consent, hold-outs, and judging the
result. Not here: what a normal form is (identity), where tables are kept (the lake), or what a platform is sent
(delivery).
"""

from __future__ import annotations

from segment_assets.audience.accounting import AudienceCounts
from segment_assets.audience.building import build_audience
from segment_assets.audience.column_states import ColumnTally
from segment_assets.audience.consent import OPT_IN_COUNTRIES, AudiencePolicy, HoldOut, Regime
from segment_assets.audience.findings import Finding
from segment_assets.audience.forgetting import ErasureCounts, build_erasures
from segment_assets.audience.judging import (
    AudienceLimits,
    AudienceStats,
    Inspection,
    audience_stats,
    inspect,
    judge_audience,
)
from segment_assets.audience.read_report import FileReport, ReadReport
from segment_assets.audience.reading import Reading, read_files
from segment_assets.audience.refusals import Refusal
from segment_assets.audience.suppressing import SuppressionCounts, build_suppressions

__all__ = [
    "OPT_IN_COUNTRIES",
    "AudienceCounts",
    "AudienceLimits",
    "AudiencePolicy",
    "AudienceStats",
    "ColumnTally",
    "ErasureCounts",
    "FileReport",
    "Finding",
    "HoldOut",
    "Inspection",
    "ReadReport",
    "Reading",
    "Refusal",
    "Regime",
    "SuppressionCounts",
    "audience_stats",
    "build_audience",
    "build_erasures",
    "build_suppressions",
    "inspect",
    "judge_audience",
    "read_files",
]
