"""A collaboration as configured: members, configured tables, one analysis rule each.

Belongs here: the shapes of the Clean Rooms API (CreateCollaboration, CreateConfiguredTable,
CreateConfiguredTableAnalysisRule, CreateConfiguredTableAssociation) and what makes them valid.
Not here: judging a query. Source: the API reference and the user guide's pages on analysis rules.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Field, StringConstraints, ValidationError, model_validator

from segment_assets.contracts import PermanentError
from segment_assets.privacy.rules import CollaborationRule, CustomRule, Policy, PolicyV1, Shape, Some
from segment_assets.privacy.situation import Situation, Table, misnamed
from segment_assets.privacy.verdicts import Documented, RuleKind

_Account = Annotated[str, StringConstraints(pattern=r"^\d{12}$")]
_Name = Annotated[str, StringConstraints(pattern=r"^[a-zA-Z0-9_]+$", min_length=1, max_length=128)]
_Ability = Literal["CAN_QUERY", "CAN_RECEIVE_RESULTS", "CAN_RUN_JOB", "CAN_EXPORT_QUERY_ANALYSIS_LOG"]


class _Policy(Shape):
    v1: PolicyV1


class AnalysisRule(Shape):
    """The one rule of a configured table."""

    analysis_rule_type: Literal["AGGREGATION", "LIST", "CUSTOM", "ID_MAPPING_TABLE"]
    analysis_rule_policy: _Policy

    @model_validator(mode="after")
    def _type_matches(self) -> Self:
        if self.analysis_rule_policy.v1.kind != self.analysis_rule_type:
            raise ValueError(f"analysisRuleType is {self.analysis_rule_type}, the policy holds another rule")
        return self

    @property
    def kind(self) -> RuleKind:
        """The rule's type."""
        return RuleKind(self.analysis_rule_type)

    @property
    def policy(self) -> Policy:
        """The rule itself."""
        policy = self.analysis_rule_policy.v1.of(self.kind)
        assert policy is not None, "the type is the policy's"
        return policy


class _Glue(Shape):
    table_name: _Name
    database_name: _Name
    region: str | None = None


class _TableReference(Shape):
    glue: _Glue


class _TableShape(Shape):
    name: _Name
    description: str = ""
    table_reference: _TableReference
    allowed_columns: Some
    analysis_method: Literal["DIRECT_QUERY", "DIRECT_JOB", "MULTIPLE"]
    selected_analysis_methods: list[Literal["DIRECT_QUERY", "DIRECT_JOB"]] = Field(default=[])


class _Association(Shape):
    name: _Name
    role_arn: str
    description: str = ""


class ConfiguredTable(Shape):
    """One table of one member, associated with the collaboration under a name that queries use."""

    owner_account_id: _Account
    configured_table: _TableShape
    analysis_rule: AnalysisRule | None = None
    association: _Association
    collaboration_rule: CollaborationRule | None = None

    @model_validator(mode="after")
    def _rule_names_allowed_columns(self) -> Self:
        if self.policy and (unknown := sorted(self.policy.columns() - self.allowed_columns)):
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
    def policy(self) -> Policy | None:
        """The rule's content; None without a rule."""
        return self.analysis_rule.policy if self.analysis_rule else None

    def queried(self) -> Table:
        """What judging a query needs to know of it."""
        return Table(
            self.name,
            self.owner,
            dict.fromkeys(self.configured_table.allowed_columns, ""),
            self.policy,
            self.directly_queryable,
            self.collaboration_rule,
        )


class Member(Shape):
    """An invited account."""

    account_id: _Account
    display_name: str
    member_abilities: list[_Ability]


class _CollaborationShape(Shape):
    name: str = Field(min_length=1, max_length=100)
    description: str = ""
    creator_display_name: str
    creator_member_abilities: list[_Ability]
    members: list[Member] = Field(max_length=9)
    query_log_status: Literal["ENABLED", "DISABLED"]
    analytics_engine: Literal["SPARK"] = "SPARK"


class Collaboration(Shape):
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
            if isinstance(table.policy, CustomRule) and (wrong := misnamed(table.policy, set())):
                raise ValueError(f"$.configuredTables[{index}].analysisRule: {wrong}")
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

    def situation(self, runner: str) -> Situation:
        """What a query of `runner` is judged against."""
        tables = {table.name: table.queried() for table in self.configured_tables}
        return Situation(tables, runner, may_query="CAN_QUERY" in self.abilities().get(runner, set()))


def _path(location: tuple[int | str, ...]) -> str:
    return "$" + "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location)


def _page(location: tuple[int | str, ...]) -> Documented:
    pages = (("aggregation", Documented.AGGREGATION), ("list", Documented.LIST), ("custom", Documented.CUSTOM))
    for part, page in pages:
        if part in location:
            return page
    return Documented.RULES
