"""What is settled before any SQL is looked at: who may ask, by which template, and who may receive the result.

Belongs here: abilities, allowedAnalyses and allowedAnalysisProviders, result receivers, additional analyses, access
budgets; all tables of the query must agree. Not here: the query (`aggregation`, `listing`, `custom`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from segment_assets.privacy.refusals import Refusal
from segment_assets.privacy.rules import AggregationRule, CustomRule, ListRule
from segment_assets.privacy.verdicts import Documented, Reason, Weight

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from segment_assets.privacy.situation import Situation, Table


def check_permissions(situation: Situation, used: Sequence[Table]) -> Iterator[Reason]:
    """The reasons against a query of these tables, whatever it asks."""
    if not situation.may_query:
        message = f"account {situation.runner} has not the ability CAN_QUERY; run as the member who has"
        yield Reason(Refusal.RUNNER_MAY_NOT_QUERY, message, Documented.RULES)
    if situation.template and used and not any(isinstance(table.policy, CustomRule) for table in used):
        message = "analysis templates work with the custom rule only; ask directly"
        yield Reason(Refusal.TEMPLATE_NOT_ALLOWED, message, Documented.RULES)
    for table in used:
        if isinstance(table.policy, CustomRule):
            yield from _check_analysis(situation, table, table.policy)
    yield from _check_receivers(situation, used)
    yield from _check_additional_analysis(situation, used)
    if situation.budget and situation.budget.spent:
        message = "the access budget is used up; wait until it is renewed or ask the owner for more"
        yield Reason(Refusal.ACCESS_BUDGET, message, Documented.BUDGETS)


def _against(code: Refusal, message: str, table: Table, page: Documented, weight: Weight = Weight.REFUSES) -> Reason:
    return Reason(code, message, page, table=table.name, owner=table.owner, weight=weight)


def _check_analysis(situation: Situation, table: Table, rule: CustomRule) -> Iterator[Reason]:
    """Each owner allows the template by name, or everything of the account that wrote the query."""
    page = Documented.ALLOWED_ANALYSES
    allowed = set(rule.allowed_analyses)
    template = situation.template
    if not allowed:
        message = "allowedAnalyses is empty, so nothing runs; its owner must allow a template or a provider"
        yield _against(Refusal.NO_ANALYSIS_ALLOWED, message, table, page)
    elif "ANY_QUERY" in allowed:
        author = template.provider if template else situation.runner
        if author not in (rule.allowed_analysis_providers or []):
            message = (
                f"account {author}, who wrote the query, is not in allowedAnalysisProviders; its owner must add it"
            )
            yield _against(Refusal.PROVIDER_NOT_ALLOWED, message, table, page)
    elif allowed == {"ANY_JOB"}:
        message = "its owner allows jobs only; ask for ANY_QUERY or for a SQL template"
        yield _against(Refusal.ONLY_JOBS_ALLOWED, message, table, page)
    elif template is None:
        message = "its owner allows named templates only; run one of them instead of a direct query"
        yield _against(Refusal.TEMPLATE_NOT_ALLOWED, message, table, page)
    elif template.arn not in allowed:
        message = "its owner has not allowed this template; ask for its ARN in allowedAnalyses"
        yield _against(Refusal.TEMPLATE_NOT_ALLOWED, message, table, page)


def _check_receivers(situation: Situation, used: Sequence[Table]) -> Iterator[Reason]:
    """Whoever receives must be allowed by every table that names receivers."""
    page = Documented.RULES
    limited = [(table, table.receivers) for table in used if table.receivers is not None]
    for receiver in situation.receivers or ():
        for table, allowed in limited:
            if allowed is not None and receiver not in allowed:
                message = f"account {receiver} is not in allowedResultReceivers; its owner must add it"
                yield _against(Refusal.RESULT_RECEIVER, message, table, page)
    lists = [allowed for _, allowed in limited if allowed is not None]
    if lists and not frozenset.intersection(*lists):
        message = "no account is in allowedResultReceivers of all tables of the query, so nobody could have the result"
        yield _against(Refusal.RESULT_RECEIVER, message, limited[0][0], page)


def _check_additional_analysis(situation: Situation, used: Sequence[Table]) -> Iterator[Reason]:
    page = Documented.CUSTOM
    for table in used:
        rule = table.policy
        said = rule.additional_analyses if isinstance(rule, (AggregationRule, ListRule, CustomRule)) else None
        if situation.additional_analysis and said == "NOT_ALLOWED":
            message = "additionalAnalyses is NOT_ALLOWED, so the result cannot go on into another analysis"
            yield _against(Refusal.ADDITIONAL_ANALYSIS, message, table, page)
        elif said == "REQUIRED" and not situation.additional_analysis:
            message = "additionalAnalyses is REQUIRED; whether the result may be had by itself is not documented"
            yield _against(Refusal.ADDITIONAL_ANALYSIS, message, table, page, Weight.DOUBTS)
