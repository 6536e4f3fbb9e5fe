"""What a query is judged against: the tables by the names that SQL uses, who asks, and what else was settled.

Belongs here: plain values, whichever configuration they were read from. Not here: reading one (`collaboration`,
`rule_config`).
"""

from __future__ import annotations

import dataclasses
import re
from typing import TYPE_CHECKING

from segment_assets.privacy.rules import AggregationRule, CustomRule, ListRule
from segment_assets.privacy.verdicts import RuleKind

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from segment_assets.privacy.budgets import Budget
    from segment_assets.privacy.rules import CollaborationRule, Policy

_ACCOUNT = re.compile(r"\d{12}")


@dataclasses.dataclass(frozen=True, slots=True)
class Table:
    """One member's table under the name that queries use. `columns` gives types, empty where none is known."""

    name: str
    owner: str
    columns: Mapping[str, str]
    policy: Policy | None
    directly_queryable: bool = True
    collaboration_rule: CollaborationRule | None = None

    @property
    def kind(self) -> RuleKind | None:
        """The type of its analysis rule."""
        if self.policy is None:
            return None
        if isinstance(self.policy, AggregationRule):
            return RuleKind.AGGREGATION
        if isinstance(self.policy, ListRule):
            return RuleKind.LIST
        return RuleKind.CUSTOM if isinstance(self.policy, CustomRule) else RuleKind.ID_MAPPING_TABLE

    @property
    def is_mapping(self) -> bool:
        """Whether it is an ID mapping table, which takes over the rule type of the tables it is joined to."""
        return self.kind is RuleKind.ID_MAPPING_TABLE

    @property
    def receivers(self) -> frozenset[str] | None:
        """Who may receive results, by the collaboration rule and the analysis rule; None when neither says."""
        rules = [self.collaboration_rule, self.policy if isinstance(self.policy, CustomRule) else None]
        lists = [rule.allowed_result_receivers for rule in rules if rule and rule.allowed_result_receivers is not None]
        return frozenset.intersection(*map(frozenset, lists)) if lists else None


@dataclasses.dataclass(frozen=True, slots=True)
class Template:
    """An analysis template: the query was written beforehand by `provider` and has `:name` parameters."""

    arn: str
    provider: str


@dataclasses.dataclass(frozen=True, slots=True)
class Situation:
    """Who asks what of which tables. None stands for "nothing was said", which is judged as little as possible."""

    tables: Mapping[str, Table]
    runner: str
    may_query: bool = True
    template: Template | None = None
    receivers: tuple[str, ...] | None = None
    additional_analysis: bool | None = None
    budget: Budget | None = None

    def table(self, name: str) -> Table | None:
        """The table that queries know by this name; Spark does not distinguish capitals."""
        return self.tables.get(name.lower())


def misnamed(rule: CustomRule, accounts: Collection[str]) -> str:
    """What is wrong with the accounts that a rule names; empty when each is an account id or one of `accounts`."""
    named = [*(rule.allowed_analysis_providers or ()), *(rule.allowed_result_receivers or ())]
    wrong = [name for name in named if name not in accounts and not _ACCOUNT.fullmatch(name)]
    return f"{len(wrong)} of its account ids are no account: an account id has 12 digits" if wrong else ""
