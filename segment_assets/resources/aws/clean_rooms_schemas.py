"""Schemas, rules, templates and a membership of Clean Rooms, held against our own declarations.

Belongs here: reading these answers, and the next action for each documented reason. Pure. Not here: asking for them
(`clean_rooms_preflight`).
Source: botocore 1.44.5's model (Schema, SchemaStatusReasonCode, AnalysisRule, CollaborationAnalysisTemplate).
"""

from __future__ import annotations

import dataclasses
import json
import re
from typing import TYPE_CHECKING, Any

from segment_assets.tables import TABLES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_ACTIONS = {
    "ANALYSIS_RULE_MISSING": "give the configured table an analysis rule",
    "ANALYSIS_TEMPLATES_NOT_CONFIGURED": "name the approved templates in the table's rule",
    "ANALYSIS_PROVIDERS_NOT_CONFIGURED": "name the accounts whose queries are allowed in the table's rule",
    "DIFFERENTIAL_PRIVACY_POLICY_NOT_CONFIGURED": "give the collaboration a differential-privacy policy",
    "ID_MAPPING_TABLE_NOT_POPULATED": "populate the ID mapping table",
    "COLLABORATION_ANALYSIS_RULE_NOT_CONFIGURED": "give the association a collaboration analysis rule",
    "ADDITIONAL_ANALYSES_NOT_CONFIGURED": "say in the collaboration rule which additional analyses are allowed",
    "RESULT_RECEIVERS_NOT_CONFIGURED": "name who may receive results in the collaboration rule",
    "ADDITIONAL_ANALYSES_NOT_ALLOWED": "allow additional analyses in the table's rule",
    "RESULT_RECEIVERS_NOT_ALLOWED": "allow our account as receiver of results",
    "ANALYSIS_RULE_TYPES_NOT_COMPATIBLE": "give the tables of one query the same type of rule",
    "INTERMEDIATE_TABLE_NOT_POPULATED": "populate the intermediate table",
    "INTERMEDIATE_TABLE_ANALYSIS_RULE_MISSING": "give the intermediate table an analysis rule",
    "INTERMEDIATE_TABLE_BASE_TABLE_REMOVED": "associate the base table again, or drop the intermediate table",
    "INTERMEDIATE_TABLE_INHERITED_CONSTRAINTS_VIOLATED": "make the intermediate table's rule as strict as its bases'",
    "INTERMEDIATE_TABLE_DISALLOWED_BY_DATA_PROVIDER": "allow intermediate tables in the base table's rule",
    "INTERMEDIATE_TABLE_RETENTION_PERIOD_EXPIRED": "populate the intermediate table again",
}
_ASK = "look at the table's page in the collaboration"
_CODE = re.compile(r"[A-Z_]{1,100}")
# What an engine may call a type that holds every value of the declared one, or fewer.
_SAME = {
    "tinyint": "bigint", "smallint": "bigint", "int": "bigint", "integer": "bigint", "long": "bigint",
    "float": "double", "real": "double", "decimal": "double",
    "varchar": "string", "char": "string", "bool": "boolean",
    "timestamp_ntz": "timestamp", "timestamp_ltz": "timestamp", "timestamptz": "timestamp",
}  # fmt: skip


@dataclasses.dataclass(frozen=True, slots=True)
class MembershipStatus:
    """Our membership: its state and abilities in AWS's words, and whether we pay for queries."""

    collaboration: str
    status: str
    abilities: tuple[str, ...]
    pays_for_queries: bool


@dataclasses.dataclass(frozen=True, slots=True)
class TableStatus:
    """A table as SQL names it. `reasons` are AWS's codes; `differences` compare it with what we have declared.

    `missing` are allowed columns that are not there, `rule_differences` the parts of its rule that our judge does not
    know as they are. `updated` is the last change of schema or rule, as ISO text.
    """

    name: str
    owner: str
    is_there: bool
    reasons: tuple[str, ...] = ()
    differences: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    rule_differences: tuple[str, ...] = ()
    updated: str = ""
    version: str = ""

    @property
    def ready(self) -> bool:
        """Whether a query may use it now."""
        return not self.blocking

    @property
    def not_ready(self) -> tuple[str, ...]:
        """What AWS says against it, each with whose move it is and what to do."""
        return tuple(
            f"table {self.name} is not ready ({code}): account {self.owner} has to {_ACTIONS.get(code, _ASK)}"
            for code in self.reasons
        )

    @property
    def blocking(self) -> tuple[str, ...]:
        """Everything that a query on it would fail with."""
        if not self.is_there:
            return (f"table {self.name} is not in the collaboration: account {self.owner} has to associate it",)
        if not self.missing:
            return self.not_ready
        hidden = f"table {self.name} does not show {', '.join(self.missing)}"
        return (*self.not_ready, f"{hidden}: account {self.owner} has to allow what collaboration.json names")


@dataclasses.dataclass(frozen=True, slots=True)
class TemplateStatus:
    """The analysis template of a query. `parameters` are its declared names, None where it cannot be seen."""

    query: str
    arn: str
    parameters: tuple[str, ...] | None
    problems: tuple[str, ...]


def membership_of(answer: Mapping[str, Any]) -> MembershipStatus:
    """Of GetMembership's answer."""
    told = answer["membership"]
    pays = (told.get("paymentConfiguration") or {}).get("queryCompute") or {}
    return MembershipStatus(
        collaboration=str(told["collaborationId"]),
        status=str(told.get("status", "")),
        abilities=tuple(told.get("memberAbilities") or ()),
        pays_for_queries=bool(pays.get("isResponsible")),
    )


def table_status(
    ours: Mapping[str, Any], schema: Mapping[str, Any] | None, rule: Mapping[str, Any] | None
) -> TableStatus:
    """`ours` is an entry of `configuredTables` in collaboration.json; `schema` and `rule` are what AWS shows of it."""
    name, owner = ours["association"]["name"], ours["ownerAccountId"]
    if schema is None:
        return TableStatus(name, owner, is_there=False, differences=(f"{name} is not in the collaboration",))
    columns = {told["name"]: told["type"] for told in (*schema["columns"], *(schema.get("partitionKeys") or []))}
    missing, differences = _compared(ours, columns)
    times = [told.get("updateTime") for told in (schema, rule) if told]
    updated = max((time.isoformat() for time in times if time is not None), default="")
    return TableStatus(
        name,
        str(schema.get("creatorAccountId") or owner),
        is_there=True,
        reasons=tuple(_reasons(schema)),
        differences=tuple(differences),
        missing=tuple(missing),
        rule_differences=_rule_differences(ours["analysisRule"]["analysisRulePolicy"], rule),
        updated=updated,
        version=json.dumps([name, sorted(columns.items()), updated]),
    )


def _compared(ours: Mapping[str, Any], columns: Mapping[str, str]) -> tuple[list[str], list[str]]:
    """Allowed columns that are missing, and differences in the words of a catalogue."""
    table = ours["configuredTable"]["tableReference"]["glue"]["tableName"]
    declared = {column.name: column.type.value for column in TABLES[table].columns}
    allowed = ours["configuredTable"]["allowedColumns"]
    missing = [name for name in allowed if name not in columns]
    others = [
        f"{name} is {_type_of(columns[name])}"
        for name in allowed
        if name in columns and name in declared and _type_of(columns[name]) != declared[name]
    ]
    return missing, [*(f"{name} is missing" for name in missing), *others]


def _type_of(type_: str) -> str:
    plain = type_.lower().partition("(")[0].strip()
    return _SAME.get(plain, plain)


def _reasons(schema: Mapping[str, Any]) -> Iterator[str]:
    for detail in schema.get("schemaStatusDetails") or []:
        if detail.get("status") != "NOT_READY" or detail.get("analysisType") == "ADDITIONAL_ANALYSIS":
            continue
        codes = [str(reason.get("code", "")) for reason in detail.get("reasons") or []]
        yield from [code for code in codes if _CODE.fullmatch(code)] or ["NOT_READY"]


def _rule_differences(ours: Mapping[str, Any], rule: Mapping[str, Any] | None) -> tuple[str, ...]:
    """The members of the policy that are not as in our document; the whole where no rule is shown."""
    if rule is None:
        return ("the rule is not shown",)
    [(kind, known)] = ours["v1"].items()
    shown = ((rule.get("policy") or {}).get("v1") or {}).get(kind)
    if shown is None:
        return (f"the rule is not {kind}",)
    members = sorted({*known, *shown})
    return tuple(name for name in members if _plain(known.get(name)) != _plain(shown.get(name)))


def _plain(value: Any) -> Any:
    """The value without what has no meaning: the order of a list, and whether nothing is written down."""
    if isinstance(value, list):
        return sorted((_plain(part) for part in value), key=lambda part: json.dumps(part, sort_keys=True)) or None
    if isinstance(value, dict):
        return {name: _plain(part) for name, part in value.items() if _plain(part) is not None}
    return value


def template_status(query: str, arn: str, told: Mapping[str, Any] | None) -> TemplateStatus:
    """`told` is a CollaborationAnalysisTemplate, None where there is none of this ARN."""
    from segment_assets.queries import read

    if told is None:
        return TemplateStatus(query, arn, None, ("it is not in the collaboration",))
    problems = []
    if told.get("format") != "SQL":
        problems.append("it is no SQL")
    text = (told.get("source") or {}).get("text")
    if text is not None and _bare(text) != _bare(read(f"clean_room/{query}")):
        problems.append(f"its text is not segment_assets/queries/clean_room/{query}.sql")
    parameters = tuple(parameter["name"] for parameter in told.get("analysisParameters") or [])
    return TemplateStatus(query, arn, parameters, tuple(problems))


def _bare(sql: str) -> str:
    """A text without comments, line ends and indents."""
    lines = [line for line in sql.splitlines() if not line.lstrip().startswith("--")]
    return " ".join(" ".join(lines).split()).rstrip("; ")
