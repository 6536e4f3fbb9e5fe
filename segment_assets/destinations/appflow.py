"""Amazon AppFlow: people go as files to S3, and a flow of ours brings them into a CRM.

Belongs here: the flow as code, its files, its runs; the same for every CRM. Not here: what a CRM is called and takes
(`salesforce`, `hubspot`, …), reading answers (`appflow_answers`), signatures and addresses of AWS (`resources`).
Source: botocore 1.44.5 (AppFlow 2020-08-23, S3 2006-03-01), Amazon AppFlow's user guide. As of autumn 2026.

A flow has one source folder and reads everything in it with every run, so it holds one file at a time: put the file,
start the flow, wait for the end of the run, put the next. A row says that somebody is in the segment or is not, so a
file that is run twice does nothing more. Calls of S3 are below `/s3/`; the transport sends them to S3.

AppFlow validates a source when a flow is made, which an empty folder may fail (inferred): the header goes there first,
in a file of its own. In the place of people it took the place of a batch once, when that call came through late.
"""

from __future__ import annotations

import csv
import dataclasses
import io
import re
from typing import TYPE_CHECKING, Any

from segment_assets.contracts import (
    Answer,
    JobReport,
    JobState,
    NeedsHumanError,
    Operation,
    PermanentError,
    Request,
    Step,
    StepAnswer,
)
from segment_assets.destinations import appflow_answers as answers
from segment_assets.destinations.appflow_contract import FIELD

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from segment_assets.contracts import AudienceSpec, Contract, MatchKey, Member, Response, Session, Transport

_FLOW_NAME = "segment-assets-"
_PROFILE = re.compile(r"[\w/!@#+=.-]{1,256}")
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_PREFIX = re.compile(r"[\w-][\w.-]*(?:/[\w-][\w.-]*){0,9}", re.ASCII)
DEFAULT_PREFIX = "segment-assets/appflow"
SETTINGS = ("bucket", "prefix")
_PEOPLE, _COLUMNS_ALONE = "people.csv", "columns.csv"

_CSV = "text/csv"
_MOST_RECORDS = 100
# A walk through more pages than these would be a page that repeats itself.
_PAGES = 100
# Enough to know why; the others are counted without their reason.
_FILES_OF_FAILURES = 20
_DIGEST_BYTES = 32


@dataclasses.dataclass(frozen=True, slots=True)
class Crm:
    """What differs between CRMs: AppFlow's connector, its `properties` in a flow, and the fields that are written.

    `columns`: what we know of a row -> the CRM's field: `person` (the match key), `is_member` (true or false),
    `segment` (the flow's name), `member_key` (both in one). `{field}` stands for a field of the audience's own, made
    of its name.
    """

    connector_type: str
    properties: Mapping[str, object]
    columns: Mapping[str, str]
    key: MatchKey
    api_version: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class AppFlowAudiences:
    """One connector profile. `account` is its name; `bucket` is in the region of the flow, in the same AWS account."""

    account: str
    bucket: str
    crm: Crm
    contract: Contract
    prefix: str = DEFAULT_PREFIX

    def __post_init__(self) -> None:
        for name, pattern in (("account", _PROFILE), ("bucket", _BUCKET), ("prefix", _PREFIX)):
            value = getattr(self, name)
            if not pattern.fullmatch(value):
                raise PermanentError(f"{self._us}: {name} {value!r} has not its form; correct it in the plan")

    def find_audience(self, transport: Transport, spec: AudienceSpec) -> str | None:
        """The flow whose name ends with our marker. Flow names are unique in an AWS account and region."""
        response = transport.send(Request("POST", "/describe-flow", json={"flowName": _flow_name(spec)}))
        if answers.is_gone(response):
            return None
        is_deleted = answers.told(response, self._us).get("flowStatus") == "Deleted"
        return None if is_deleted else self._audience_id(spec)

    def create_audience(self, transport: Transport, spec: AudienceSpec) -> str:
        """Create the flow over a file without people. One of the same name has our marker: it is this one."""
        audience_id = self._audience_id(spec)
        answers.stored(transport.send(self._upload(audience_id, [], _COLUMNS_ALONE)), self._us)
        response = transport.send(Request("POST", "/create-flow", json=self._flow(audience_id)))
        if not answers.is_taken(response):
            answers.told(response, self._us)
        return audience_id

    def delete_audience(self, transport: Transport, audience_id: str) -> None:
        """Delete the flow and its files. Who is in the CRM stays there: they have to be taken out before."""
        body = {"flowName": _flow_of(audience_id)}
        response = transport.send(Request("POST", "/delete-flow", json=body))
        if not answers.is_gone(response):
            answers.accepted(response, self._us)
        for key in self._keys(transport, f"{self._folder(audience_id)}/"):
            answers.accepted(transport.send(Request("DELETE", self._object(key))), self._us)

    def request(self, audience_id: str, operation: Operation, members: Sequence[Member], session: Session) -> Request:
        """The file of one batch, in the place of the last one."""
        del session  # a file stands alone here
        is_member = _IS_MEMBER[operation]
        return self._upload(audience_id, (self._values(audience_id, member, is_member) for member in members))

    def read(self, members: Sequence[Member], session: Session, response: Response) -> Answer:
        """Whether S3 keeps the file. Nobody is reached by it."""
        answers.stored(response, self._us)
        received = session.received_before + len(members)
        return Answer(len(members), 0, {}, len(members), received, str(response.status))

    def step_request(self, step: Step, audience_id: str, operation: Operation, session: Session) -> Request:
        """Opening brings the flow to what it is in code; committing starts it. Its token is good for eight hours."""
        del operation
        if step is Step.OPEN:
            return Request("POST", "/update-flow", json=self._flow(audience_id))
        body = {"flowName": _flow_of(audience_id), "clientToken": f"{session.token:x}"}
        return Request("POST", "/start-flow", json=body)

    def read_step(self, step: Step, session: Session, response: Response) -> StepAnswer:
        """A flow that runs is in the way (ConflictException) until it has ended."""
        del session
        body = answers.told(response, self._us)
        if step is Step.OPEN:
            return StepAnswer(str(response.status))
        return StepAnswer(str(response.status), job=answers.started(body, self._us))

    def step_question(self, step: Step, audience_id: str, operation: Operation, session: Session) -> Request | None:
        """Nothing: an update is the same every time, and a start has its token, or does the same once more."""
        del step, audience_id, operation, session
        return None

    def read_step_question(self, step: Step, session: Session, response: Response) -> None:
        """Never asked."""

    def ask_job(self, transport: Transport, job: str) -> JobReport:
        """Look for the run among those of the flow; where it could not put all records, count why."""
        flow, _, run = job.rpartition("/")
        body: dict[str, Any] = {"flowName": flow, "maxResults": _MOST_RECORDS}
        for _ in range(_PAGES):
            response = transport.send(Request("POST", "/describe-flow-execution-records", json=body))
            if answers.is_gone(response):
                return JobReport(JobState.FAILED, 0, {"flow_is_gone": 1})
            page = answers.told(response, self._us)
            record = answers.execution(page, run)
            if record is not None:
                return self._with_reasons(transport, flow, run, answers.report(record))
            if not page.get("nextToken"):
                break
            body = {**body, "nextToken": page["nextToken"]}
        return JobReport(JobState.PROCESSING, 0, {})

    @staticmethod
    def is_throttle(response: Response) -> bool:
        """Whether an answer asks for a slower pace."""
        return answers.is_throttle(response)

    def _with_reasons(self, transport: Transport, flow: str, run: str, told: JobReport) -> JobReport:
        """With the reasons of the files of failed records. Nothing depends on them, so they may be out of reach."""
        if told.state is not JobState.PARTIAL_SUCCESS:
            return told
        try:
            keys = [key for key in self._keys(transport, f"{self._folder(flow)}/errors/") if run in key]
            files = [transport.send(Request("GET", self._object(key))) for key in keys[:_FILES_OF_FAILURES]]
            for file in files:
                answers.accepted(file, self._us)
        except (PermanentError, NeedsHumanError):
            return told
        return dataclasses.replace(told, rejected=answers.reasons(files, told.rejected[answers.UNNAMED]))

    def _flow(self, audience_id: str) -> dict[str, Any]:
        """The flow as code: the body of its creation and of its update."""
        crm, columns = self.crm, self._columns(audience_id)
        errors = {
            "failOnFirstDestinationError": False,
            "bucketName": self.bucket,
            "bucketPrefix": f"{self._folder(audience_id)}/errors",
        }
        source = {
            "bucketName": self.bucket,
            "bucketPrefix": f"{self._folder(audience_id)}/people",
            "s3InputFormatConfig": {"s3InputFileType": "CSV"},
        }
        target: dict[str, Any] = {
            "connectorType": crm.connector_type,
            "connectorProfileName": self.account,
            "destinationConnectorProperties": {crm.connector_type: {**crm.properties, "errorHandlingConfig": errors}},
        }
        if crm.api_version:
            target["apiVersion"] = crm.api_version
        return {
            "flowName": _flow_of(audience_id),
            "description": "Made by segment_assets; changes by hand are undone.",
            "triggerConfig": {"triggerType": "OnDemand"},
            "sourceFlowConfig": {"connectorType": "S3", "sourceConnectorProperties": {"S3": source}},
            "destinationFlowConfigList": [target],
            "tasks": [_projection(columns), *(_mapped(column, field) for column, field in columns.items())],
        }

    def _columns(self, audience_id: str) -> dict[str, str]:
        field = audience_id.partition("/")[2]
        return {column: name.replace("{field}", field) for column, name in self.crm.columns.items()}

    def _values(self, audience_id: str, member: Member, is_member: str) -> dict[str, str]:
        sent, flow = self.contract.match_keys[self.crm.key], _flow_of(audience_id)
        cell = member.keys.get(sent.form)
        if isinstance(cell, bytes) and len(cell) == _DIGEST_BYTES:
            person = cell.hex()
            key = f"{flow.removeprefix(_FLOW_NAME)}-{person}"
            return {"member_key": key, "segment": flow, "person": person, "is_member": is_member}
        raise PermanentError(
            f"{self._us}: a person of the batch has not the identifier of the contract in its form; nothing was sent; "
            "report this as a defect"
        )

    def _upload(self, audience_id: str, people: Iterable[Mapping[str, str]], file: str = _PEOPLE) -> Request:
        text, columns = io.StringIO(), list(self.crm.columns)
        rows = csv.DictWriter(text, columns, extrasaction="ignore", lineterminator="\n")
        rows.writeheader()
        rows.writerows(people)
        key = f"{self._folder(audience_id)}/people/{file}"
        return Request("PUT", self._object(key), content=text.getvalue().encode(), content_type=_CSV)

    def _keys(self, transport: Transport, prefix: str) -> Iterator[str]:
        """Objects below a prefix, page by page."""
        params = {"list-type": "2", "prefix": prefix}
        for _ in range(_PAGES):
            response = transport.send(Request("GET", f"/s3/{self.bucket}", params=params))
            answers.accepted(response, self._us)
            keys, more = answers.keys_listed(response)
            yield from keys
            if not more:
                return
            params = {**params, "continuation-token": more}

    def _object(self, key: str) -> str:
        return f"/s3/{self.bucket}/{key}"

    def _folder(self, audience_id: str) -> str:
        return f"{self.prefix}/{_flow_of(audience_id)}"

    def _audience_id(self, spec: AudienceSpec) -> str:
        """The flow, and, where the audience has a field of its own in the CRM, that."""
        if not any("{field}" in name for name in self.crm.columns.values()):
            return _flow_name(spec)
        field = own_field(spec.name)
        if not field:
            raise PermanentError(
                f"{self._us}: the name of the audience has no Latin letter and no digit, of which its field could be "
                "made; give the activation an audience_name"
            )
        return f"{_flow_name(spec)}/{field}"

    @property
    def _us(self) -> str:
        return f"{self.contract.platform} connection {self.account}"


def own_field(name: str) -> str:
    """The field that an audience of this name has to itself in the CRM; empty where the name gives none.

    It does not have our marker in it, since a person makes it by hand: whoever plans keeps names apart by it.

    >>> own_field("VIP-Kunden 2026")
    'segment_vip_kunden_2026'
    """
    words = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")
    return f"segment_{words}"[: FIELD.most] if words else ""


_IS_MEMBER = {Operation.ADD: "true", Operation.REMOVE: "false"}


def write_operation(platform: str, told: str) -> str:
    """The word for a plan's `write`. An update makes nobody a customer of a CRM who is none."""
    if told not in _WRITES:
        raise PermanentError(f"{platform}: write {told!r} is not one of {', '.join(_WRITES)}")
    return _WRITES[told]


_WRITES = {"update": "UPDATE", "upsert": "UPSERT"}


def _flow_name(spec: AudienceSpec) -> str:
    return f"{_FLOW_NAME}{spec.marker}"


def _flow_of(audience_id: str) -> str:
    return audience_id.partition("/")[0]


def _projection(columns: Iterable[str]) -> dict[str, Any]:
    """Every column that is mapped has to be let through first."""
    operator = {"S3": "PROJECTION"}
    return {"taskType": "Filter", "sourceFields": list(columns), "connectorOperator": operator, "taskProperties": {}}


def _mapped(column: str, field: str) -> dict[str, Any]:
    return {
        "taskType": "Map",
        "sourceFields": [column],
        "destinationField": field,
        "connectorOperator": {"S3": "NO_OP"},
        "taskProperties": {},
    }
