"""The four analysis rules, in the API's own shapes, and what makes each valid by itself.

Belongs here: AnalysisRulePolicyV1 and the collaboration rule of an association. Not here: tables and members
(`collaboration`, `situation`), judging a query. Source: the API reference, botocore's model, the user guide.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator
from pydantic.alias_generators import to_camel

from segment_assets.privacy.verdicts import RuleKind

ColumnName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9_](([a-z0-9_ ]+-)*([a-z0-9_ ]+))?$", max_length=127)]
Columns = Annotated[list[ColumnName], Field(max_length=100)]
Some = Annotated[list[ColumnName], Field(min_length=1, max_length=100)]
Additional = Literal["ALLOWED", "REQUIRED", "NOT_ALLOWED"]
_Operator = Literal["AND", "OR"]
AggregateFunction = Literal["SUM", "SUM_DISTINCT", "COUNT", "COUNT_DISTINCT", "AVG"]
ScalarFunction = Literal[
    "ABS", "CAST", "CEILING", "COALESCE", "CONVERT", "CURRENT_DATE", "DATEADD", "EXTRACT", "FLOOR", "GETDATE", "LN",
    "LOG", "LOWER", "ROUND", "RTRIM", "SQRT", "SUBSTRING", "TO_CHAR", "TO_DATE", "TO_NUMBER", "TO_TIMESTAMP", "TRIM",
    "TRUNC", "UPPER",
]  # fmt: skip
Analysis = Annotated[
    str,
    StringConstraints(
        pattern=r"^(ANY_QUERY|ANY_JOB|arn:aws[-a-z]*:cleanrooms:[\w]{2}-[\w]{4,9}-[\d]:[\d]{12}:membership/[\d\w-]+/analysistemplate/[\d\w-]+)$",
        max_length=200,
    ),
]


class Shape(BaseModel):
    """An object of the API: its own field names, nothing else, never changed."""

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel, strict=True)


def _refuse_overlap(kinds: dict[str, set[str]]) -> None:
    names = list(kinds)
    for i, one in enumerate(names):
        for other in names[i + 1 :]:
            if both := sorted(kinds[one] & kinds[other]):
                raise ValueError(f"{', '.join(both)} cannot be in {one} and in {other}: keep each in one of them")


class AggregateColumns(Shape):
    """Columns that may be aggregated with one function."""

    column_names: Some
    function: AggregateFunction


class OutputConstraint(Shape):
    """The smallest group that may be shown. There is no default; 2 is the lowest value."""

    column_name: ColumnName
    minimum: int = Field(ge=2, le=100_000)
    type: Literal["COUNT_DISTINCT"]


class AggregationRule(Shape):
    """Statistics only, from groups of at least the minimum."""

    aggregate_columns: list[AggregateColumns] = Field(min_length=1)
    join_columns: Columns
    join_required: Literal["QUERY_RUNNER"] | None = None
    allowed_join_operators: list[_Operator] = ["AND"]
    dimension_columns: Columns
    scalar_functions: list[ScalarFunction]
    output_constraints: list[OutputConstraint] = Field(min_length=1)
    additional_analyses: Additional | None = None

    @model_validator(mode="after")
    def _classes_exclude_each_other(self) -> Self:
        dimensions = set(self.dimension_columns)
        _refuse_overlap({"dimensionColumns": dimensions, "joinColumns": set(self.join_columns)})
        _refuse_overlap({"dimensionColumns": dimensions, "aggregateColumns": self.aggregated()})
        return self

    def aggregated(self) -> set[str]:
        """Every column that some function may aggregate."""
        return {name for entry in self.aggregate_columns for name in entry.column_names}

    def functions_of(self, column: str) -> set[str]:
        """The functions paired with a column."""
        return {entry.function for entry in self.aggregate_columns if column in entry.column_names}

    def columns(self) -> set[str]:
        """Every column that the rule names."""
        constrained = {constraint.column_name for constraint in self.output_constraints}
        return self.aggregated() | set(self.join_columns) | set(self.dimension_columns) | constrained


class ListRule(Shape):
    """Row-level overlap: chosen columns of the people whom both sides know."""

    join_columns: Some
    list_columns: Columns
    allowed_join_operators: list[_Operator] = ["AND"]
    additional_analyses: Additional | None = None

    @model_validator(mode="after")
    def _classes_exclude_each_other(self) -> Self:
        _refuse_overlap({"joinColumns": set(self.join_columns), "listColumns": set(self.list_columns)})
        return self

    def columns(self) -> set[str]:
        """Every column that the rule names."""
        return set(self.join_columns) | set(self.list_columns)


class OutputColumnThreshold(Shape):
    """Another minimum for one output column; 0 exempts it."""

    output_column_name: ColumnName
    minimum_identity_count: int = Field(ge=0, le=100_000)

    @model_validator(mode="after")
    def _not_one(self) -> Self:
        if self.minimum_identity_count == 1:
            raise ValueError("minimumIdentityCount of an output column is 0 or from 2 to 100000")
        return self


class AggregationThreshold(Shape):
    """Each row of a result stands for at least so many distinct identities.

    The API marks `type` and `allowedAggregateExpressionType` as required; the user guide's own examples leave both out
    and name COLUMNS_ONLY as the default, so both may be left out here.
    """

    identity_columns: list[ColumnName] = Field(min_length=1, max_length=1)
    minimum_identity_count: int = Field(ge=2, le=100_000)
    type: Literal["COUNT_DISTINCT"] = "COUNT_DISTINCT"
    allowed_aggregate_expression_type: Literal["COLUMNS_ONLY", "ANY_EXPRESSION"] = "COLUMNS_ONLY"
    output_column_thresholds: list[OutputColumnThreshold] = []

    @model_validator(mode="after")
    def _each_column_once(self) -> Self:
        names = [entry.output_column_name for entry in self.output_column_thresholds]
        if repeated := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"outputColumnThresholds names {', '.join(repeated)} more than once")
        return self

    @property
    def identity(self) -> str:
        """The column whose distinct values are counted."""
        return self.identity_columns[0]


class ComparisonControls(Shape):
    """Which columns may be compared; a list that is left out restricts nothing, an empty one blocks everything."""

    allowed_literal_comparison_columns: Columns | None = None
    allowed_column_comparison_columns: Columns | None = None


class _DifferentialPrivacyColumn(Shape):
    name: ColumnName


class DifferentialPrivacy(Shape):
    """The column that tells users apart."""

    columns: list[_DifferentialPrivacyColumn] = Field(min_length=1, max_length=1)

    @property
    def user_column(self) -> str:
        """The user identifier column."""
        return self.columns[0].name


class CustomRule(Shape):
    """Any SQL by templates or accounts that the owner allows, within the controls that are set."""

    allowed_analyses: list[Analysis]
    allowed_analysis_providers: list[str] | None = None
    additional_analyses: Additional | None = None
    disallowed_output_columns: Columns = []
    differential_privacy: DifferentialPrivacy | None = None
    aggregation_thresholds: list[AggregationThreshold] = Field(default=[], max_length=1)
    comparison_controls: ComparisonControls | None = None
    allowed_result_receivers: list[str] | None = None
    allowed_additional_analyses: list[str] | None = Field(default=None, max_length=25)

    @model_validator(mode="after")
    def _controls_fit_together(self) -> Self:
        wildcards = {"ANY_QUERY", "ANY_JOB"} & set(self.allowed_analyses)
        if wildcards and set(self.allowed_analyses) - wildcards:
            raise ValueError("allowedAnalyses holds templates or a wildcard, not both")
        if "ANY_QUERY" in wildcards and self.allowed_analysis_providers is None:
            raise ValueError("allowedAnalysisProviders is required when allowedAnalyses is ANY_QUERY")
        if self.allowed_analysis_providers and not wildcards:
            raise ValueError("allowedAnalysisProviders goes with ANY_QUERY only: allow templates or accounts, not both")
        guarded = bool(self.aggregation_thresholds or self.comparison_controls)
        if guarded and self.differential_privacy:
            raise ValueError("differentialPrivacy excludes aggregationThresholds and comparisonControls; keep one")
        if guarded and wildcards == {"ANY_JOB"}:
            raise ValueError("aggregationThresholds and comparisonControls do not work where only jobs are allowed")
        self._identity_is_not_comparable()
        return self

    def _identity_is_not_comparable(self) -> None:
        compared = self.literal_columns or []
        if self.threshold and self.threshold.identity in compared:
            raise ValueError(f"{self.threshold.identity} is an identity column, so it cannot be compared to literals")

    @property
    def threshold(self) -> AggregationThreshold | None:
        """The one aggregation threshold, if there is one."""
        return self.aggregation_thresholds[0] if self.aggregation_thresholds else None

    @property
    def literal_columns(self) -> list[str] | None:
        """The columns that may be compared to literals; None when nothing is said."""
        controls = self.comparison_controls
        return controls.allowed_literal_comparison_columns if controls else None

    @property
    def compared_columns(self) -> list[str] | None:
        """The columns that may be compared to columns; None when nothing is said."""
        controls = self.comparison_controls
        return controls.allowed_column_comparison_columns if controls else None

    def columns(self) -> set[str]:
        """Every column that the rule names. Output columns are names of a result, so they are not among them."""
        named = set(self.disallowed_output_columns) | set(self.literal_columns or ()) | set(self.compared_columns or ())
        named |= {self.threshold.identity} if self.threshold else set()
        return named | ({self.differential_privacy.user_column} if self.differential_privacy else set())


class _Overlap(Shape):
    columns: list[str] = []


class _QueryConstraint(Shape):
    require_overlap: _Overlap


class IdMappingRule(Shape):
    """A mapping of two sides' identifiers; AWS writes this rule, and the guide's columns have capitals."""

    join_columns: list[str] = Field(min_length=2, max_length=2)
    query_constraints: list[_QueryConstraint] = Field(max_length=1)
    dimension_columns: list[str] = []

    @property
    def overlap(self) -> list[str]:
        """The columns that every query must join on."""
        return [name.lower() for constraint in self.query_constraints for name in constraint.require_overlap.columns]

    @property
    def joins(self) -> set[str]:
        """The columns that may be joined on, lower-case."""
        return {name.lower() for name in self.join_columns}

    @property
    def dimensions(self) -> set[str]:
        """The columns that may be shown, lower-case."""
        return {name.lower() for name in self.dimension_columns}

    def columns(self) -> set[str]:
        """Every column that the rule names."""
        return self.joins | self.dimensions | set(self.overlap)


Policy = AggregationRule | ListRule | CustomRule | IdMappingRule


class PolicyV1(Shape):
    """A union: exactly one rule."""

    aggregation: AggregationRule | None = None
    list: ListRule | None = None  # the API's own word
    custom: CustomRule | None = None
    id_mapping_table: IdMappingRule | None = None

    @model_validator(mode="after")
    def _one_rule(self) -> Self:
        given = [kind for kind in RuleKind if self.of(kind) is not None]
        if len(given) != 1:
            raise ValueError(f"a configured table carries one analysis rule, here are {len(given)}")
        return self

    def of(self, kind: RuleKind) -> Policy | None:
        """The rule of a kind."""
        policies: dict[RuleKind, Policy | None] = {
            RuleKind.AGGREGATION: self.aggregation,
            RuleKind.LIST: self.list,
            RuleKind.CUSTOM: self.custom,
            RuleKind.ID_MAPPING_TABLE: self.id_mapping_table,
        }
        return policies[kind]

    @property
    def kind(self) -> RuleKind:
        """The rule's type."""
        return next(kind for kind in RuleKind if self.of(kind) is not None)


class CollaborationRule(Shape):
    """ConfiguredTableAssociationAnalysisRule, the same for every rule type: who may receive, what may follow."""

    allowed_result_receivers: list[str] | None = None
    allowed_additional_analyses: list[str] | None = Field(default=None, max_length=25)
