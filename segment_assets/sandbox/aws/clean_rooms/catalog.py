"""What a member of the stand-in's collaboration sees: membership, collaboration, schemas, rules, templates.

Belongs here: the answers, made from `collaboration.json` and the declared tables. Not here: queries.
A test changes what is shown in `changes`, as the other member or AWS would.
"""

from __future__ import annotations

import datetime as dt
import uuid
from typing import TYPE_CHECKING, Any

from segment_assets.queries import render
from segment_assets.sandbox.aws.clean_rooms.refusing import Refused
from segment_assets.tables import TABLES

if TYPE_CHECKING:
    from collections.abc import Mapping

_MADE = dt.datetime(2026, 1, 5, 9, tzinfo=dt.UTC)
_NAMESPACE = uuid.UUID("5f1f2d3c-7c0e-4d8e-9a7d-0c1f2e3d4a5b")


def made_id(name: str) -> str:
    """A UUID that is the same in every process."""
    return str(uuid.uuid5(_NAMESPACE, name))


class Catalog:
    """One collaboration as the account that created it sees it, in one Region."""

    def __init__(self, document: Mapping[str, Any], region: str) -> None:
        self._document, self._region = document, region
        self.account = document["creatorAccountId"]
        self.collaboration, self.membership = made_id("collaboration"), made_id("membership")
        self.collaboration_arn = f"arn:aws:cleanrooms:{region}:{self.account}:collaboration/{self.collaboration}"
        self.membership_arn = f"arn:aws:cleanrooms:{region}:{self.account}:membership/{self.membership}"
        # Table or template -> members of its answer that are otherwise; None where it is not there.
        self.changes: dict[str, dict[str, Any] | None] = {}
        self.membership_changes: dict[str, Any] = {}
        self._templates: dict[str, tuple[str, str]] = {}

    def template(self, name: str, text: str) -> str:
        """Approve an analysis template of our own; its ARN."""
        arn = f"{self.membership_arn}/analysistemplate/{made_id(name)}"
        self._templates[arn] = (name, text)
        return arn

    def text_of(self, asked: Mapping[str, Any]) -> str:
        """What `sqlParameters` ask, with the values of a template in the places of its parameters."""
        if "queryString" in asked:
            return str(asked["queryString"])
        name, text = self._templates.get(asked["analysisTemplateArn"], ("", ""))
        if not name:
            raise Refused("ResourceNotFoundException", message="No template", resourceId="", resourceType="MEMBERSHIP")
        try:
            given = {key: dt.date.fromisoformat(value) for key, value in asked.get("parameters", {}).items()}
            return render(text, given)
        except Exception:  # noqa: BLE001 - whatever is wrong with the values
            raise Refused("ValidationException", message="Parameters", reason="INVALID_QUERY") from None

    def get_membership(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """GetMembership."""
        self._ours(asked["membershipIdentifier"], self.membership)
        names = self._document["collaboration"]
        told = {
            "id": self.membership, "arn": self.membership_arn, "collaborationArn": self.collaboration_arn,
            "collaborationId": self.collaboration, "collaborationCreatorAccountId": self.account,
            "collaborationCreatorDisplayName": names["creatorDisplayName"], "collaborationName": names["name"],
            "createTime": _MADE, "updateTime": _MADE, "status": "ACTIVE", "queryLogStatus": "ENABLED",
            "memberAbilities": names["creatorMemberAbilities"],
            "paymentConfiguration": {"queryCompute": {"isResponsible": True}},
        }  # fmt: skip
        return {"membership": told | self.membership_changes}

    def get_collaboration(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """GetCollaboration."""
        self._ours(asked["collaborationIdentifier"], self.collaboration)
        names = self._document["collaboration"]
        told = {
            "id": self.collaboration, "arn": self.collaboration_arn, "name": names["name"],
            "description": names["description"], "creatorAccountId": self.account,
            "creatorDisplayName": names["creatorDisplayName"], "createTime": _MADE, "updateTime": _MADE,
            "memberStatus": "ACTIVE", "membershipId": self.membership, "membershipArn": self.membership_arn,
            "queryLogStatus": names["queryLogStatus"], "analyticsEngine": names["analyticsEngine"],
        }  # fmt: skip
        return {"collaboration": told}

    def batch_get_schema(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """BatchGetSchema."""
        self._ours(asked["collaborationIdentifier"], self.collaboration)
        tables = {told["association"]["name"]: told for told in self._document["configuredTables"]}
        there = [name for name in asked["names"] if name in tables and self.changes.get(name, {}) is not None]
        gone = [name for name in asked["names"] if name not in there]
        return {
            "schemas": [self._schema(name, tables[name]) | (self.changes.get(name) or {}) for name in there],
            "errors": [{"name": name, "code": "RESOURCE_NOT_FOUND", "message": "No such schema"} for name in gone],
        }

    def batch_get_schema_analysis_rule(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """BatchGetSchemaAnalysisRule."""
        self._ours(asked["collaborationIdentifier"], self.collaboration)
        tables = {told["association"]["name"]: told["analysisRule"] for told in self._document["configuredTables"]}
        rules, errors = [], []
        for wanted in asked["schemaAnalysisRuleRequests"]:
            rule = tables.get(wanted["name"])
            if rule is None or rule["analysisRuleType"] != wanted["type"]:
                errors.append({**wanted, "code": "RESOURCE_NOT_FOUND", "message": "No such rule"})
                continue
            told = {
                "collaborationId": self.collaboration, **wanted, "createTime": _MADE, "updateTime": _MADE,
                "policy": rule["analysisRulePolicy"],
            }  # fmt: skip
            rules.append(told | (self.changes.get(f"rule {wanted['name']}") or {}))
        return {"analysisRules": rules, "errors": errors}

    def list_analysis_templates(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """ListAnalysisTemplates."""
        self._ours(asked["membershipIdentifier"], self.membership)
        return {
            "analysisTemplateSummaries": [
                self._named(arn, name) | {"membershipArn": self.membership_arn, "membershipId": self.membership}
                for arn, (name, _) in self._templates.items()
            ]
        }

    def batch_get_collaboration_analysis_template(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """BatchGetCollaborationAnalysisTemplate."""
        self._ours(asked["collaborationIdentifier"], self.collaboration)
        found, errors = [], []
        for arn in asked["analysisTemplateArns"]:
            if arn not in self._templates:
                errors.append({"arn": arn, "code": "RESOURCE_NOT_FOUND", "message": "No such template"})
                continue
            name, text = self._templates[arn]
            told = self._named(arn, name) | {
                "creatorAccountId": self.account, "schema": {}, "format": "SQL", "source": {"text": text},
                "analysisParameters": [
                    {"name": parameter, "type": "DATE"} for parameter in ("week_start", "week_end")
                    if f":{parameter}" in text
                ],
            }  # fmt: skip
            found.append(told | (self.changes.get(name) or {}))
        return {"collaborationAnalysisTemplates": found, "errors": errors}

    def _named(self, arn: str, name: str) -> dict[str, Any]:
        return {
            "arn": arn, "id": arn.rpartition("/")[2], "name": name, "createTime": _MADE, "updateTime": _MADE,
            "collaborationArn": self.collaboration_arn, "collaborationId": self.collaboration,
        }  # fmt: skip

    def _schema(self, name: str, told: Mapping[str, Any]) -> dict[str, Any]:
        types = {
            column.name: column.type.value
            for column in TABLES[told["configuredTable"]["tableReference"]["glue"]["tableName"]].columns
        }
        kind = told["analysisRule"]["analysisRuleType"]
        return {
            "columns": [
                {"name": column, "type": types[column]} for column in told["configuredTable"]["allowedColumns"]
            ],
            "partitionKeys": [], "analysisRuleTypes": [kind], "analysisMethod": "DIRECT_QUERY",
            "creatorAccountId": told["ownerAccountId"], "name": name, "type": "TABLE",
            "collaborationId": self.collaboration, "collaborationArn": self.collaboration_arn,
            "description": told["configuredTable"].get("description", ""), "createTime": _MADE, "updateTime": _MADE,
            "schemaStatusDetails": [
                {"status": "READY", "analysisRuleType": kind, "analysisType": "DIRECT_ANALYSIS"},
            ],
        }  # fmt: skip

    def _ours(self, told: str, ours: str) -> None:
        if told != ours:
            raise Refused(
                "ResourceNotFoundException", message="Not found", resourceId=told, resourceType="COLLABORATION"
            )
