"""What the judge says: a verdict with its reasons and the thresholds that will apply.

Belongs here: the vocabulary of refusals. Not here: how a refusal is found.
Source of the rules: the AWS Clean Rooms user guide, as read in autumn 2026.
"""

from __future__ import annotations

import dataclasses
import enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlglot import exp

_GUIDE = "https://docs.aws.amazon.com/clean-rooms/latest/userguide"


class Documented(enum.StrEnum):
    """Where a rule is written down."""

    RULES = f"{_GUIDE}/analysis-rules.html"
    AGGREGATION = f"{_GUIDE}/analysis-rules-aggregation.html"
    LIST = f"{_GUIDE}/analysis-rules-list.html"
    CUSTOM = f"{_GUIDE}/analysis-rules-custom.html"
    QUOTAS = f"{_GUIDE}/clean-rooms-quotas.html"
    LOCAL = "segment_assets.privacy: narrower than AWS on purpose"


class RuleKind(enum.StrEnum):
    """The analysis rule types of the API."""

    AGGREGATION = "AGGREGATION"
    LIST = "LIST"
    CUSTOM = "CUSTOM"

    @property
    def documented(self) -> Documented:
        """The page that describes this rule type."""
        return Documented[self.name]


class Refusal(enum.StrEnum):
    """Why a query was refused. Codes are stored in logs, so a code is never renamed."""

    SYNTAX = "syntax"
    QUERY_TOO_LONG = "query_too_long"
    SEVERAL_STATEMENTS = "several_statements"
    NOT_A_SELECT = "not_a_select"
    SET_OPERATION = "set_operation"
    UNKNOWN_SYNTAX = "unknown_syntax"
    UNRENDERED_PARAMETER = "unrendered_parameter"
    COMMON_TABLE_EXPRESSION = "common_table_expression"
    SUBQUERY = "subquery"
    STAR = "star"
    WINDOW_FUNCTION = "window_function"
    HINT = "hint"
    LIMIT = "limit"
    OFFSET = "offset"
    NO_TABLE = "no_table"
    UNKNOWN_TABLE = "unknown_table"
    TOO_MANY_TABLES = "too_many_tables"
    DUPLICATE_ALIAS = "duplicate_alias"
    NO_RULE = "no_rule"
    RULE_NOT_SUPPORTED_YET = "rule_not_supported_yet"
    MIXED_RULES = "mixed_rules"
    NOT_DIRECTLY_QUERYABLE = "not_directly_queryable"
    RUNNER_MAY_NOT_QUERY = "runner_may_not_query"
    COLUMN_NOT_ALLOWED = "column_not_allowed"
    AMBIGUOUS_COLUMN = "ambiguous_column"
    OUTPUT_NAME = "output_name"
    DUPLICATE_OUTPUT = "duplicate_output"
    JOIN_NOT_INNER = "join_not_inner"
    JOIN_CONDITION = "join_condition"
    JOIN_COLUMN = "join_column"
    JOIN_OPERATOR = "join_operator"
    RUNNER_JOIN_REQUIRED = "runner_join_required"
    NO_AGGREGATE = "no_aggregate"
    AGGREGATE_ARGUMENT = "aggregate_argument"
    AGGREGATE_NOT_ALLOWED = "aggregate_not_allowed"
    AGGREGATE_PLACE = "aggregate_place"
    DISTINCT = "distinct"
    DISTINCT_MISSING = "distinct_missing"
    NOT_A_DIMENSION = "not_a_dimension"
    NOT_A_LIST_COLUMN = "not_a_list_column"
    NOT_GROUPED = "not_grouped"
    GROUP_BY = "group_by"
    ORDER_BY = "order_by"
    HAVING = "having"
    CONDITION = "condition"
    LITERAL = "literal"
    FUNCTION_NOT_ALLOWED = "function_not_allowed"
    FUNCTION_NOT_SUPPORTED_YET = "function_not_supported_yet"
    NESTED_FUNCTION = "nested_function"


@dataclasses.dataclass(frozen=True, slots=True)
class Reason:
    """One reason of a refusal. `snippet` has its literals masked; `line` and `column` count from 1."""

    code: Refusal
    message: str
    rule: Documented
    snippet: str = ""
    line: int | None = None
    column: int | None = None
    table: str | None = None
    owner: str | None = None

    def __str__(self) -> str:
        """One line for a person: place, code, message, source."""
        place = f"line {self.line}, column {self.column}: " if self.line else ""
        whose = f" (table {self.table} of account {self.owner})" if self.table else ""
        where = f" in [{self.snippet}]" if self.snippet else ""
        return f"{place}{self.code}: {self.message}{where}{whose}; see {self.rule.value}"


@dataclasses.dataclass(frozen=True, slots=True)
class Threshold:
    """Rows with fewer than `minimum` distinct values of `alias.column` in their group are withheld."""

    table: str
    owner: str
    alias: str
    column: str
    minimum: int


@dataclasses.dataclass(frozen=True, slots=True)
class Verdict:
    """Accepted when there is no reason against. `tree` is the qualified query that `enforce` rewrites."""

    sql: str = dataclasses.field(repr=False)
    reasons: tuple[Reason, ...]
    kind: RuleKind | None = None
    tables: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    thresholds: tuple[Threshold, ...] = ()
    tree: exp.Select | None = dataclasses.field(default=None, repr=False, compare=False)

    @property
    def accepted(self) -> bool:
        """Whether the query may run."""
        return not self.reasons

    @property
    def strictest(self) -> int | None:
        """The highest minimum over all tables, which is the one that decides; None for a LIST query."""
        return max((threshold.minimum for threshold in self.thresholds), default=None)

    def explain(self) -> str:
        """The verdict in plain lines, safe to log."""
        if self.reasons:
            return "\n".join(["refused", *(f"- {reason}" for reason in self.reasons)])
        lines = [
            f"- groups below {t.minimum} distinct {t.alias}.{t.column} are withheld (table {t.table} of {t.owner})"
            for t in self.thresholds
        ]
        return "\n".join(["accepted", *lines])
