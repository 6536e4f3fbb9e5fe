"""A collaboration as configured: members, configured tables, one analysis rule each.

Belongs here: the shapes of the Clean Rooms API (CreateCollaboration, CreateConfiguredTable,
CreateConfiguredTableAnalysisRule, CreateConfiguredTableAssociation) and what makes them valid.
Not here: judging a query. Source: the API reference and the user guide's pages on analysis rules.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator
from pydantic.alias_generators import to_camel

from segment_assets.contracts import PermanentError
from segment_assets.privacy.verdicts import Documented, RuleKind

_Account = Annotated[str, StringConstraints(pattern=r"^\d{12}$")]
_ColumnName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9_](([a-z0-9_ ]+-)*([a-z0-9_ ]+))?$", max_length=127)]
_Name = Annotated[str, StringConstraints(pattern=r"^[a-zA-Z0-9_]+$", min_length=1, max_length=128)]
_Columns = Annotated[list[_ColumnName], Field(max_length=100)]
_Some = Annotated[list[_ColumnName], Field(min_length=1, max_length=100)]
_Ability = Literal["CAN_QUERY", "CAN_RECEIVE_RESULTS", "CAN_RUN_JOB", "CAN_EXPORT_QUERY_ANALYSIS_LOG"]
_Additional = Literal["ALLOWED", "REQUIRED", "NOT_ALLOWED"]
_Operator = Literal["AND", "OR"]
AggregateFunction = Literal["SUM", "SUM_DISTINCT", "COUNT", "COUNT_DISTINCT", "AVG"]
ScalarFunction = Literal[
    "ABS", "CAST", "CEILING", "COALESCE", "CONVERT", "CURRENT_DATE", "DATEADD", "EXTRACT", "FLOOR", "GETDATE", "LN",
    "LOG", "LOWER", "ROUND", "RTRIM", "SQRT", "SUBSTRING", "TO_CHAR", "TO_DATE", "TO_NUMBER", "TO_TIMESTAMP", "TRIM",
    "TRUNC", "UPPER",
]  # fmt: skip


class _Shape(BaseModel):
    """An object of the API: its own field names, nothing else, never changed."""

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel, strict=True)


def _refuse_overlap(kinds: dict[str, set[str]]) -> None:
    names = list(kinds)
    for i, one in enumerate(names):
        for other in names[i + 1 :]:
            if both := sorted(kinds[one] & kinds[other]):
                raise ValueError(f"{', '.join(both)} cannot be in {one} and in {other}: keep each in one of them")


class AggregateColumns(_Shape):
    """Columns that may be aggregated with one function."""

    column_names: _Some
    function: AggregateFunction


class OutputConstraint(_Shape):
    """The smallest group that may be shown. There is no default; 2 is the lowest value."""

    column_name: _ColumnName
    minimum: int = Field(ge=2, le=100_000)
    type: Literal["COUNT_DISTINCT"]


class AggregationRule(_Shape):
    """Statistics only, from groups of at least the minimum."""

    aggregate_columns: list[AggregateColumns] = Field(min_length=1)
    join_columns: _Columns
    join_required: Literal["QUERY_RUNNER"] | None = None
    allowed_join_operators: list[_Operator] = ["AND"]
    dimension_columns: _Columns
    scalar_functions: list[ScalarFunction]
    output_constraints: list[OutputConstraint] = Field(min_length=1)
    additional_analyses: _Additional | None = None

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


class ListRule(_Shape):
    """Row-level overlap: chosen columns of the people whom both sides know."""

    join_columns: _Some
    list_columns: _Columns
    allowed_join_operators: list[_Operator] = ["AND"]
    additional_analyses: _Additional | None = None

    @model_validator(mode="after")
    def _classes_exclude_each_other(self) -> Self:
        _refuse_overlap({"joinColumns": set(self.join_columns), "listColumns": set(self.list_columns)})
        return self

    def columns(self) -> set[str]:
        """Every column that the rule names."""
        return set(self.join_columns) | set(self.list_columns)


class _PolicyV1(_Shape):
    aggregation: AggregationRule | None = None
    list: ListRule | None = None  # the API's own word
    custom: dict[str, Any] | None = None

    @model_validator(mode="after")
    def _one_rule(self) -> Self:
        given = [name for name in ("aggregation", "list", "custom") if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(f"a configured table carries one analysis rule, here are {len(given)}")
        return self


class _Policy(_Shape):
    v1: _PolicyV1


class AnalysisRule(_Shape):
    """The one rule of a configured table."""

    analysis_rule_type: Literal["AGGREGATION", "LIST", "CUSTOM"]
    analysis_rule_policy: _Policy

    @model_validator(mode="after")
    def _type_matches(self) -> Self:
        if getattr(self.analysis_rule_policy.v1, self.analysis_rule_type.lower()) is None:
            raise ValueError(f"analysisRuleType is {self.analysis_rule_type}, the policy holds another rule")
        return self

    @property
    def kind(self) -> RuleKind:
        """The rule's type."""
        return RuleKind(self.analysis_rule_type)

    @property
    def policy(self) -> AggregationRule | ListRule | None:
        """The rule itself; None for a CUSTOM rule, which is not supported yet."""
        return self.analysis_rule_policy.v1.aggregation or self.analysis_rule_policy.v1.list


class _Glue(_Shape):
    table_name: _Name
    database_name: _Name
    region: str | None = None


class _TableReference(_Shape):
    glue: _Glue


class _TableShape(_Shape):
    name: _Name
    description: str = ""
    table_reference: _TableReference
    allowed_columns: _Some
    analysis_method: Literal["DIRECT_QUERY", "DIRECT_JOB", "MULTIPLE"]
    selected_analysis_methods: list[Literal["DIRECT_QUERY", "DIRECT_JOB"]] = []


class _Association(_Shape):
    name: _Name
    role_arn: str
    description: str = ""


class ConfiguredTable(_Shape):
    """One table of one member, associated with the collaboration under a name that queries use."""

    owner_account_id: _Account
    configured_table: _TableShape
    analysis_rule: AnalysisRule | None = None
    association: _Association

    @model_validator(mode="after")
    def _rule_names_allowed_columns(self) -> Self:
        policy = self.policy
        if policy and (unknown := sorted(policy.columns() - self.allowed_columns)):
            raise ValueError(f"the analysis rule names {', '.join(unknown)}: add to allowedColumns or take out")
        return self

    @property
    def name(self) -> str:
        """The name in SQL, lower-case since Spark does not distinguish."""
        return self.association.name.lower()

    @property
    def owner(self) -> str:
        """The member whose data it is."""
        return self.owner_account_id

    @property
    def glue_table(self) -> str:
        """The table in the owner's Glue catalogue."""
        return self.configured_table.table_reference.glue.table_name

    @property
    def allowed_columns(self) -> set[str]:
        """The columns that exist inside the collaboration."""
        return set(self.configured_table.allowed_columns)

    @property
    def directly_queryable(self) -> bool:
        """Whether SQL may be run on it at all."""
        shape = self.configured_table
        return shape.analysis_method == "DIRECT_QUERY" or "DIRECT_QUERY" in shape.selected_analysis_methods

    @property
    def policy(self) -> AggregationRule | ListRule | None:
        """The rule's content; None without a rule or with one that is not supported yet."""
        return self.analysis_rule.policy if self.analysis_rule else None


class Member(_Shape):
    """An invited account."""

    account_id: _Account
    display_name: str
    member_abilities: list[_Ability]


class _CollaborationShape(_Shape):
    name: str = Field(min_length=1, max_length=100)
    description: str = ""
    creator_display_name: str
    creator_member_abilities: list[_Ability]
    members: list[Member] = Field(max_length=9)
    query_log_status: Literal["ENABLED", "DISABLED"]
    analytics_engine: Literal["SPARK"] = "SPARK"


class Collaboration(_Shape):
    """Everything that judging a query needs to know."""

    creator_account_id: _Account
    collaboration: _CollaborationShape
    configured_tables: list[ConfiguredTable]

    @classmethod
    def parse(cls, document: dict[str, Any]) -> Collaboration:
        """Read and check a configuration.

        Raises PermanentError naming, for each mistake, the JSON path and the page that documents the rule.
        """
        try:
            return cls.model_validate(document)
        except ValidationError as error:
            mistakes = error.errors(include_input=False, include_url=False, include_context=False)
        lines = [f"- {_path(m['loc'])}: {m['msg']}; see {_page(m['loc']).value}" for m in mistakes]
        raise PermanentError("\n".join(["The collaboration is not valid; correct the configuration:", *lines]))

    @model_validator(mode="after")
    def _accounts_and_names(self) -> Self:
        for index, table in enumerate(self.configured_tables):
            if table.owner not in self.abilities():
                raise ValueError(f"$.configuredTables[{index}].ownerAccountId: {table.owner} is not a member")
        names = [table.name for table in self.configured_tables]
        if repeated := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"$.configuredTables: association names must differ, repeated: {', '.join(repeated)}")
        return self

    def abilities(self) -> dict[str, set[str]]:
        """What each account may do."""
        shape = self.collaboration
        return {
            self.creator_account_id: set(shape.creator_member_abilities),
            **{member.account_id: set(member.member_abilities) for member in shape.members},
        }

    def table(self, name: str) -> ConfiguredTable | None:
        """The configured table that queries know by this name."""
        return next((table for table in self.configured_tables if table.name == name.lower()), None)


def _path(location: tuple[int | str, ...]) -> str:
    return "$" + "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location)


def _page(location: tuple[int | str, ...]) -> Documented:
    for part, page in (("aggregation", Documented.AGGREGATION), ("list", Documented.LIST)):
        if part in location:
            return page
    return Documented.RULES
