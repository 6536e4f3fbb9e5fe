"""What is looked at before a query is paid for: the rules, the state of every table, the membership, the templates.

Belongs here: asking Clean Rooms for these, and saying whose move it is. None of these calls costs anything.
Not here: queries (`clean_rooms`), reading the answers (`clean_rooms_schemas`), the rules themselves (`privacy`).

Documented: the calls and the reason codes (botocore 1.44.5). Tried against the stand-in of `sandbox.aws.clean_rooms`
only. An update time tells of a schema or its rule, not of rows: no member learns from Clean Rooms that another one's
rows have come.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
from typing import TYPE_CHECKING, Any

from segment_assets.contracts import NeedsHumanError, PermanentError, TransientError
from segment_assets.resources.aws.clean_rooms_answers import asked
from segment_assets.resources.aws.clean_rooms_requests import checked_membership, provider_of
from segment_assets.resources.aws.clean_rooms_schemas import (
    MembershipStatus,
    TableStatus,
    TemplateStatus,
    membership_of,
    table_status,
    template_status,
)
from segment_assets.resources.ports import CatalogEntry

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from segment_assets.privacy import Collaboration
    from segment_assets.resources.aws.session import AwsSession
    from segment_assets.resources.clean_room import ProtectedQuery

# What one call takes.
_TABLES_AT_A_TIME, _TEMPLATES_AT_A_TIME = 25, 10


class Preflight:
    """What a membership can see of its collaboration, held against `collaboration.json` (the `document`)."""

    def __init__(self, session: AwsSession, membership: str, document: Mapping[str, Any]) -> None:
        self._session, self._membership, self._document = session, checked_membership(membership), document

    def __repr__(self) -> str:
        return f"Preflight(membership={self._membership!r})"

    def membership(self) -> MembershipStatus:
        """Whether we are a member, and what we may do (GetMembership)."""
        return membership_of(self._call("get_membership", membershipIdentifier=self._membership))

    def tables(self, names: Collection[str] | None = None) -> list[TableStatus]:
        """How the tables of the collaboration are, all or some, by the names that SQL uses, in our document's order."""
        ours = {
            told["association"]["name"]: told
            for told in self._document["configuredTables"]
            if names is None or told["association"]["name"] in names
        }
        found, rules = self._schemas(list(ours)), self._rules(ours)
        return [table_status(told, found.get(name), rules.get(name)) for name, told in ours.items()]

    def templates(self, templates: Mapping[str, str]) -> list[TemplateStatus]:
        """Whether the approved templates ask what our queries ask. `templates` gives the ARN by the query's name."""
        arns = sorted(set(templates.values()))
        found: dict[str, dict[str, Any]] = {}
        for first in range(0, len(arns), _TEMPLATES_AT_A_TIME):
            answer = self._call(
                "batch_get_collaboration_analysis_template",
                collaborationIdentifier=self._collaboration_id,
                analysisTemplateArns=arns[first : first + _TEMPLATES_AT_A_TIME],
            )
            found |= {told["arn"]: told for told in answer.get("collaborationAnalysisTemplates") or []}
        return [template_status(name, arn, found.get(arn)) for name, arn in templates.items()]

    def check(self, query: ProtectedQuery, template: str = "") -> None:
        """Raise what speaks against starting a query, before it costs anything.

        PermanentError when the rules refuse it or its template asks something else, NeedsHumanError when a table is
        not ready, or when the rules leave it open and the plan does not allow that; each names the next action.
        """
        tables = self._judged(query, template)
        told = [problem for status in self.tables(tables) for problem in status.blocking] if tables else []
        if told:
            raise NeedsHumanError(f"{query.name}: not started: {'; '.join(told)}")
        if template:
            self._same_question(query, template)

    def partner_table(self, table: str) -> CatalogEntry | None:
        """A table of the other member (its name in Glue) as far as its owner shows it; None where it shows nothing.

        `version` changes with columns, rules and their update times, and not with rows, which nobody tells us of.
        """
        names = [
            told["association"]["name"]
            for told in self._document["configuredTables"]
            if told["configuredTable"]["tableReference"]["glue"]["tableName"] == table
            and told["ownerAccountId"] != self._document["creatorAccountId"]
        ]
        shown = [status for status in self.tables(names) if status.is_there] if names else []
        if not shown:
            return None
        version = hashlib.sha256(json.dumps([status.version for status in shown]).encode()).hexdigest()
        differences = {problem for status in shown for problem in (*status.differences, *status.not_ready)}
        return CatalogEntry(rows=None, files=0, version=version, differences=sorted(differences))

    def _judged(self, query: ProtectedQuery, template: str) -> tuple[str, ...]:
        """The tables of a query that the rules allow."""
        from segment_assets.privacy.judging import judge_in
        from segment_assets.privacy.situation import Template
        from segment_assets.privacy.verdicts import Outcome

        situation = self._parsed.situation(self._document["creatorAccountId"])
        if template:
            situation = dataclasses.replace(situation, template=Template(template, provider_of(template)))
        verdict = judge_in(query.sql, situation)
        if verdict.outcome in (Outcome.REFUSED, Outcome.INVALID_CONFIGURATION):
            raise PermanentError(f"{query.name}: not started: the rules of the tables refuse it: {verdict.explain()}")
        if verdict.outcome is Outcome.UNCERTAIN and not query.uncertain_allowed:
            raise NeedsHumanError(f"{query.name}: not started: {query.how_to_allow}: {verdict.explain()}")
        return verdict.tables

    def _same_question(self, query: ProtectedQuery, template: str) -> None:
        [status] = self.templates({query.name: template})
        told = [*status.problems]
        if status.parameters is not None and set(status.parameters) != set(query.parameters):
            told.append(f"its parameters are not {', '.join(sorted(query.parameters)) or 'none'}")
        if told:
            raise PermanentError(
                f"{query.name}: not started: its analysis template: {'; '.join(told)}; have today's query approved, or "
                "take the template out of SEGMENT_ASSETS_CLEAN_ROOM_TEMPLATES"
            )

    @functools.cached_property
    def _parsed(self) -> Collaboration:
        from segment_assets.privacy import Collaboration

        return Collaboration.parse(dict(self._document))

    @functools.cached_property
    def _collaboration_id(self) -> str:
        return self.membership().collaboration

    def _schemas(self, names: list[str]) -> dict[str, dict[str, Any]]:
        found: dict[str, dict[str, Any]] = {}
        for first in range(0, len(names), _TABLES_AT_A_TIME):
            answer = self._call(
                "batch_get_schema",
                collaborationIdentifier=self._collaboration_id,
                names=names[first : first + _TABLES_AT_A_TIME],
            )
            found |= {told["name"]: told for told in answer.get("schemas") or []}
        return found

    def _rules(self, ours: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
        wanted = [{"name": name, "type": told["analysisRule"]["analysisRuleType"]} for name, told in ours.items()]
        found: dict[str, dict[str, Any]] = {}
        for first in range(0, len(wanted), _TABLES_AT_A_TIME):
            answer = self._call(
                "batch_get_schema_analysis_rule",
                collaborationIdentifier=self._collaboration_id,
                schemaAnalysisRuleRequests=wanted[first : first + _TABLES_AT_A_TIME],
            )
            found |= {told["name"]: told for told in answer.get("analysisRules") or []}
        return found

    def _call(self, operation: str, **more: Any) -> dict[str, Any]:
        what = f"Clean Rooms, {operation.replace('_', ' ')}"
        with asked(what):
            answer: dict[str, Any] = getattr(self._session.client("cleanrooms"), operation)(**more)
        if operation == "get_membership" and not answer.get("membership"):
            raise TransientError(f"{what}: no whole answer; asked again later")
        return answer
