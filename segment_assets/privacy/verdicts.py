"""What the judge says: a verdict with its reasons and the thresholds that will apply.

Belongs here: verdicts, reasons, thresholds. Not here: the codes (`refusals`), how a reason is found.
Source of the rules: the AWS Clean Rooms user guide, as read in autumn 2026.
"""

from __future__ import annotations

import dataclasses
import enum
from typing import TYPE_CHECKING

from segment_assets.privacy.refusals import Refusal, control_of

if TYPE_CHECKING:
    from sqlglot import exp

_GUIDE = "https://docs.aws.amazon.com/clean-rooms/latest/userguide"


class Documented(enum.StrEnum):
    """Where a rule is written down."""

    RULES = f"{_GUIDE}/analysis-rules.html"
    AGGREGATION = f"{_GUIDE}/analysis-rules-aggregation.html"
    LIST = f"{_GUIDE}/analysis-rules-list.html"
    CUSTOM = f"{_GUIDE}/analysis-rules-custom.html"
    ALLOWED_ANALYSES = f"{_GUIDE}/custom-allowed-analyses.html"
    DISALLOWED_OUTPUT = f"{_GUIDE}/disallowed-columns.html"
    THRESHOLDS = f"{_GUIDE}/custom-min-agg-thresholds.html"
    COMPARISONS = f"{_GUIDE}/custom-comparison-controls.html"
    CAPABILITIES = f"{_GUIDE}/custom-sql-capabilities.html"
    DP_CAPABILITIES = f"{_GUIDE}/dp-sql-capabilities.html"
    DP_SETTINGS = f"{_GUIDE}/dp-settings.html"
    ID_MAPPING_TABLE = f"{_GUIDE}/analysis-rules-id-mapping-table.html"
    BUDGETS = f"{_GUIDE}/working-with-intermediate-tables.html"
    API = "https://docs.aws.amazon.com/clean-rooms/latest/apireference/API_AnalysisRulePolicyV1.html"
    QUOTAS = f"{_GUIDE}/clean-rooms-quotas.html"
    LOCAL = "segment_assets.privacy: narrower than AWS on purpose"


class RuleKind(enum.StrEnum):
    """The analysis rule types of the API."""

    AGGREGATION = "AGGREGATION"
    LIST = "LIST"
    CUSTOM = "CUSTOM"
    ID_MAPPING_TABLE = "ID_MAPPING_TABLE"

    @property
    def documented(self) -> Documented:
        """The page that describes this rule type."""
        return Documented[self.name]


class Outcome(enum.StrEnum):
    """What AWS Clean Rooms would say to a query, as far as its documentation tells."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    INVALID_CONFIGURATION = "invalid_configuration"
    UNCERTAIN = "uncertain"


class Weight(enum.StrEnum):
    """What a reason does to the verdict."""

    INVALID = "invalid"
    REFUSES = "refuses"
    DOUBTS = "doubts"
    # AWS runs the query; the engine on this machine does not give the same result, so it is not run here.
    LOCAL = "local"


@dataclasses.dataclass(frozen=True, slots=True)
class Reason:
    """One reason against a query. `snippet` has its literals masked; `line` and `column` count from 1."""

    code: Refusal
    message: str
    rule: Documented
    snippet: str = ""
    line: int | None = None
    column: int | None = None
    table: str | None = None
    owner: str | None = None
    weight: Weight = Weight.REFUSES

    def __str__(self) -> str:
        """One line for a person: place, code, message, source."""
        place = f"line {self.line}, column {self.column}: " if self.line else ""
        whose = f" (table {self.table} of account {self.owner})" if self.table else ""
        where = f" in [{self.snippet}]" if self.snippet else ""
        return f"{place}{self.code}: {self.message}{where}{whose}; see {self.rule.value}"

    def to_json(self) -> dict[str, str | int | None]:
        """The reason for machines: the documented control, the place, whose table, the page, what to do."""
        return {
            "rule": control_of(self.code),
            "code": self.code.value,
            "weight": self.weight.value,
            "line": self.line,
            "column": self.column,
            "snippet": self.snippet,
            "table": self.table,
            "owner": self.owner,
            "source": self.rule.value,
            "message": self.message,
        }


@dataclasses.dataclass(frozen=True, slots=True)
class Threshold:
    """Rows with fewer than `minimum` distinct values of `alias.column` in their group are withheld."""

    table: str
    owner: str
    alias: str
    column: str
    minimum: int

    def to_json(self) -> dict[str, str | int]:
        """The threshold for machines; `type` is the API's only one."""
        return {**dataclasses.asdict(self), "type": "COUNT_DISTINCT"}


@dataclasses.dataclass(frozen=True, slots=True)
class Verdict:
    """What the documentation says to a query, and what `enforce` needs to run it.

    `reasons` speak against it, `limits` only against running it on this machine. `tree` is the query that `enforce`
    rewrites: qualified under AGGREGATION and LIST. `thresholds` is what AWS withholds; under CUSTOM `enforced` is what
    is withheld here, which is never less.
    """

    sql: str = dataclasses.field(repr=False)
    reasons: tuple[Reason, ...]
    kind: RuleKind | None = None
    tables: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    thresholds: tuple[Threshold, ...] = ()
    tree: exp.Query | None = dataclasses.field(default=None, repr=False, compare=False)
    limits: tuple[Reason, ...] = ()
    noised: bool = False
    enforced: tuple[Threshold, ...] = ()

    @property
    def outcome(self) -> Outcome:
        """The heaviest reason decides: a configuration that AWS would not take, a refusal, a doubt."""
        weights = {reason.weight for reason in self.reasons}
        if Weight.INVALID in weights:
            return Outcome.INVALID_CONFIGURATION
        if Weight.REFUSES in weights:
            return Outcome.REFUSED
        return Outcome.UNCERTAIN if weights else Outcome.ACCEPTED

    @property
    def accepted(self) -> bool:
        """Whether AWS would run it."""
        return self.outcome is Outcome.ACCEPTED

    @property
    def runnable(self) -> bool:
        """Whether it may run on this machine: AWS would run it, and the result here is the same."""
        return self.accepted and not self.limits

    def may_run(self, *, uncertain_allowed: bool = False) -> bool:
        """Like `runnable`, where somebody may have allowed what the documentation leaves open.

        What could not be followed to its end has no tree, and does not run here on anybody's word.
        """
        allowed = uncertain_allowed and self.outcome is Outcome.UNCERTAIN and self.tree is not None
        return self.runnable or (allowed and not self.limits)

    @property
    def strictest(self) -> int | None:
        """The highest minimum over all tables, which is the one that decides; None where no row is withheld."""
        return max((threshold.minimum for threshold in self.thresholds), default=None)

    def explain(self) -> str:
        """The verdict in plain lines, safe to log."""
        if self.reasons:
            return "\n".join([self.outcome.value, *(f"- {reason}" for reason in self.reasons)])
        lines = [
            f"- groups below {t.minimum} distinct {t.alias}.{t.column} are withheld (table {t.table} of {t.owner})"
            for t in self.thresholds
        ]
        lines += [f"- not on this machine: {limit}" for limit in self.limits]
        return "\n".join(["accepted", *lines])
