"""The configuration that `segment-assets check-query` reads: tables, owners, columns and rules in one object.

Belongs here: reading and checking it. Not here: the shapes of the rules (`rules`), judging (`judging`).
"""

from __future__ import annotations

import re
from typing import Any, Self

from pydantic import AliasChoices, ConfigDict, Field, ValidationError, model_validator

from segment_assets.privacy.budgets import Budget  # noqa: TC001 - pydantic reads the annotation
from segment_assets.privacy.refusals import Refusal
from segment_assets.privacy.rules import CollaborationRule, CustomRule, PolicyV1, Shape
from segment_assets.privacy.situation import Situation, Table, Template, misnamed
from segment_assets.privacy.verdicts import Documented, Reason, Weight

_TEXT = re.compile(r"(string|varchar|char|text)\s*(\(\s*\d+\s*\))?", re.IGNORECASE)
_ACCOUNT_OF_ARN = re.compile(r"^arn:aws[-a-z]*:cleanrooms:[^:]*:(\d{12}):")
_PAGES = {
    "aggregation": Documented.AGGREGATION,
    "list": Documented.LIST,
    "custom": Documented.CUSTOM,
    "idMappingTable": Documented.ID_MAPPING_TABLE,
}


class _Ours(Shape):
    """An object of this configuration, which has no shape at AWS: snake_case names."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, alias_generator=None)


class _TableConfig(_Ours):
    owner: str = Field(min_length=1)
    columns: dict[str, str] = Field(min_length=1)
    rule: PolicyV1 | None = None
    collaboration_rule: CollaborationRule | None = Field(
        default=None, validation_alias=AliasChoices("collaboration_rule", "collaborationRule")
    )

    @model_validator(mode="after")
    def _rule_fits_the_columns(self) -> Self:
        policy = self.rule.of(self.rule.kind) if self.rule else None
        if policy is None:
            return self
        known = {name.lower(): kind for name, kind in self.columns.items()}
        if unknown := sorted(policy.columns() - set(known)):
            raise ValueError(f"the rule names {', '.join(unknown)}, which the table does not have: add or take out")
        if isinstance(policy, CustomRule) and policy.threshold:
            kind = known.get(policy.threshold.identity, "")
            if not _TEXT.fullmatch(kind.strip()):
                name = policy.threshold.identity
                raise ValueError(f"the identity column {name} must be string, varchar or char, here it is {kind}")
        return self


class _TemplateConfig(_Ours):
    arn: str
    provider: str | None = None


class RuleConfig(_Ours):
    """Who asks, and the tables by the names that queries use."""

    query_runner: str = Field(min_length=1)
    tables: dict[str, _TableConfig] = Field(min_length=1)

    @model_validator(mode="after")
    def _accounts_and_users(self) -> Self:
        accounts = {self.query_runner, *(table.owner for table in self.tables.values())}
        users: dict[str, str] = {}
        for name, table in self.tables.items():
            rule = table.rule and table.rule.custom
            if rule and (wrong := misnamed(rule, accounts)):
                raise ValueError(f"tables.{name}.rule.custom: {wrong}")
            if rule and rule.differential_privacy:
                users[name] = rule.differential_privacy.user_column
        if len(set(users.values())) > 1:
            raise ValueError(f"tables with differentialPrivacy need the same user column, here {sorted(users)} differ")
        if len({name.lower() for name in self.tables}) < len(self.tables):
            raise ValueError("names of tables must differ in more than capitals")
        return self


class Question(_Ours):
    """One line: a configuration, a query, and what else was settled."""

    rule_config: RuleConfig
    sql: str
    template: str | _TemplateConfig | None = None
    receivers: list[str] | None = None
    additional_analysis: bool | str | None = None
    budget: Budget | None = None
    id: Any = None

    def situation(self) -> Situation:
        """What the query is judged against."""
        tables = {name.lower(): _table(name, config) for name, config in self.rule_config.tables.items()}
        return Situation(
            tables,
            self.rule_config.query_runner,
            template=self._template(),
            receivers=tuple(self.receivers) if self.receivers is not None else None,
            additional_analysis=bool(self.additional_analysis) if self.additional_analysis is not None else None,
            budget=self.budget,
        )

    def _template(self) -> Template | None:
        if self.template is None:
            return None
        config = _TemplateConfig(arn=self.template) if isinstance(self.template, str) else self.template
        owner = _ACCOUNT_OF_ARN.match(config.arn)
        return Template(config.arn, config.provider or (owner[1] if owner else self.rule_config.query_runner))


def _table(name: str, config: _TableConfig) -> Table:
    policy = config.rule.of(config.rule.kind) if config.rule else None
    columns = {column.lower(): kind for column, kind in config.columns.items()}
    return Table(name.lower(), config.owner, columns, policy, collaboration_rule=config.collaboration_rule)


def read_question(line: object) -> Question | tuple[Reason, ...]:
    """The question of a line, or why its configuration is not valid, each with its place and page.

    >>> read_question({"sql": "SELECT 1"})[0].message
    'rule_config: Field required'
    """
    try:
        return Question.model_validate(line)
    except ValidationError as error:
        mistakes = error.errors(include_input=False, include_url=False, include_context=False)
    return tuple(dict.fromkeys(_invalid(mistake["loc"], mistake["msg"], line) for mistake in mistakes))


def _invalid(location: tuple[int | str, ...], message: str, line: object) -> Reason:
    page = next((page for part, page in _PAGES.items() if part in location), Documented.API)
    path = ".".join(str(part) for part in location)
    name = next((str(part) for part in location[2:3]), None) if location[1:2] == ("tables",) else None
    text = f"{path or 'the line'}: {message.removeprefix('Value error, ')}"
    return Reason(
        Refusal.INVALID_CONFIGURATION, text, page, table=name, owner=_owner(line, name), weight=Weight.INVALID
    )


def _owner(line: object, name: str | None) -> str | None:
    found = line
    for key in ("rule_config", "tables", name, "owner"):
        found = found.get(key) if isinstance(found, dict) else None
    return found if isinstance(found, str) else None
