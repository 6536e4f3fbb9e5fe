"""Amazon Connect Customer Profiles: people are marked by the import of a file, and a segment definition finds them.

Belongs here: segment definitions and upload jobs. Not here: reading answers (`customer_profiles_answers`), putting a
file where AWS says (`customer_profiles_files`), signatures and addresses of AWS (`resources`).
Source: botocore 1.44.5 (Customer Profiles 2020-08-15: upload jobs, segment definitions), the administrator's guide on
segments from imported files (CSV with headers, UTF-8, below 1 GB). As of autumn 2026.

Each audience has an attribute of the profiles, `segment_<marker>`, which a file sets to true or false; the segment
definition is everybody of whom it is true. A file names a person by the SHA-256 of the e-mail in the attribute
`email_sha256`, so nothing raw leaves; whether AWS takes a custom attribute as the unique key of a file is not
published: the setting `person` names another target, of a domain that keeps the digest elsewhere.

An import makes a profile of everybody whom the domain does not know, and that is one without an address. They end with
the job's `DataExpiry`, 90 days here (two weeks where nobody says so, at most 1,098); who stays is sent again before.
AWS does not say whether that also ends the mark on profiles which were there before, so all are sent again.

A preview shows a file at a path of ours, `…/file`: where it really goes, and the key that encrypts it, AWS tells for
each file, and nothing keeps them.

Deleting the segment definition leaves the marks: everybody is taken out first. The role needs the profile actions
CreateSegmentDefinition, GetSegmentDefinition, DeleteSegmentDefinition, CreateUploadJob, GetUploadJobPath,
StartUploadJob and GetUploadJob on the domain.
"""

from __future__ import annotations

import csv
import dataclasses
import io
import re
from typing import TYPE_CHECKING, Any

from segment_assets.contracts import (
    Answer,
    Contract,
    Counted,
    Follow,
    Kept,
    Limit,
    MatchKey,
    Operation,
    Pattern,
    PermanentError,
    Quota,
    Request,
    Sent,
    Step,
    StepAnswer,
    VerifiedBy,
    Workflow,
)
from segment_assets.destinations import customer_profiles_answers as answers
from segment_assets.destinations.customer_profiles_files import FileTransport, file_of
from segment_assets.destinations.limits import fitted
from segment_assets.destinations.settings import known_settings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from segment_assets.contracts import AudienceSpec, JobReport, Member, Response, Session, Transport

_PERSON = "email_sha256"

CONTRACT = Contract(
    platform="customer_profiles",
    version=1,
    pattern=Pattern.MANAGED,
    match_keys={MatchKey.EMAIL: Sent(_PERSON, "email")},
    match_groups=((MatchKey.EMAIL,),),
    identifying=(MatchKey.EMAIL,),
    # Ours: a small part of the gigabyte that a file may have.
    batch_members=50_000,
    batch_bytes=25_000_000,
    # Ours: AWS publishes no rate for these calls. A file takes four, and its job one for each look.
    quota=Quota(requests=5, per_seconds=1),
    minimum_members=0,
    # Ours, sent with every job as its DataExpiry.
    expiry_days=90,
    # A domain of one's own; AWS has no rule on where people come from.
    first_party_only=False,
    evidence="how many profiles a job updated, created and failed; nobody is named",
    # Ours: AWS gives no advice.
    follow=Follow(first=60.0, multiplier=1.5, longest=600.0, give_up=86_400.0),
    # A job has one file. How long one waits for its file is not published.
    workflow=Workflow(batches=1, placeholders={"job": "{job}"}),
    keeps_people=True,
    endpoint="https://profile.us-east-1.amazonaws.com",
    signed_for="profile",
    more_limits=(
        Limit(Counted.CHARACTERS, 255, "segment definition", Kept.CUT, source="botocore's model"),
        Limit(Counted.FILE_BYTES, 1_000_000_000, "file", Kept.WITHIN, source="AWS's guide to upload jobs"),
    ),
    verified_by=VerifiedBy.OFFICIAL_SDK,
    verified_with="botocore 1.44.5 (Customer Profiles 2020-08-15)",
)

_DOMAIN = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_TARGET = re.compile(r"_profile(?:\.[A-Za-z0-9_]{1,64}){1,3}")
_SEGMENT_NAME = "segment_assets-"
_ATTRIBUTE = "segment_"
_DIGEST_BYTES = 32
_CSV = "text/csv"
_SETTINGS = ("person",)


@dataclasses.dataclass(frozen=True, slots=True)
class CustomerProfiles:
    """One domain. `account` is its name; `person` the place of the digest of an e-mail in a profile."""

    account: str
    person: str = f"_profile.Attributes.{_PERSON}"
    contract: Contract = CONTRACT

    def __post_init__(self) -> None:
        for name, pattern in (("account", _DOMAIN), ("person", _TARGET)):
            value = getattr(self, name)
            if not pattern.fullmatch(value):
                raise PermanentError(f"customer_profiles: {name} {value!r} has not its form; correct it in the plan")

    def carried(self, transport: Transport) -> Transport:
        """The way of files: to the address that AWS gives for each, with the key that it gives with it."""
        return FileTransport(transport)

    def find_audience(self, transport: Transport, spec: AudienceSpec) -> str | None:
        """The segment definition that has our marker for a name. Names are unique in a domain."""
        response = transport.send(Request("GET", self._definition(_segment(spec))))
        if answers.is_gone(response):
            return None
        answers.told(response, self._us)
        return _segment(spec)

    def create_audience(self, transport: Transport, spec: AudienceSpec) -> str:
        """Define the segment of everybody whose attribute is true. One of its name has our marker: it is this one."""
        dimension = {"DimensionType": "INCLUSIVE", "Values": [_IS_MEMBER[Operation.ADD]]}
        group = {"Dimensions": [{"ProfileAttributes": {"Attributes": {_attribute(_segment(spec)): dimension}}}]}
        body = {
            "DisplayName": fitted(self.contract, spec.name),
            "Description": "Made by segment_assets; changes by hand are undone.",
            "SegmentGroups": {"Groups": [{**group, "Type": "ALL"}], "Include": "ALL"},
        }
        response = transport.send(Request("POST", self._definition(_segment(spec)), json=body))
        # Of a name that is taken AWS says no more than that the request is bad.
        if answers.is_bad(response) and self.find_audience(transport, spec):
            return _segment(spec)
        answers.told(response, self._us)
        return _segment(spec)

    def delete_audience(self, transport: Transport, audience_id: str) -> None:
        """Delete the definition. Who was marked stays marked: everybody has to be taken out before."""
        response = transport.send(Request("DELETE", self._definition(audience_id)))
        if not answers.is_gone(response):
            answers.accepted(response, self._us)

    def request(self, audience_id: str, operation: Operation, members: Sequence[Member], session: Session) -> Request:
        """The file of one batch. It reaches nobody before its job is started."""
        text = io.StringIO()
        rows = csv.writer(text, lineterminator="\n")
        rows.writerow([_PERSON, _attribute(audience_id)])
        rows.writerows([self._digest(member), _IS_MEMBER[operation]] for member in members)
        path = file_of(self._job(session.noted["job"]))
        return Request("PUT", path, content=text.getvalue().encode(), content_type=_CSV)

    def read(self, members: Sequence[Member], session: Session, response: Response) -> Answer:
        """Whether the file is kept. Nobody is reached by it."""
        answers.stored(response, self._us)
        received = session.received_before + len(members)
        return Answer(len(members), 0, {}, len(members), received, str(response.status))

    def step_request(self, step: Step, audience_id: str, operation: Operation, session: Session) -> Request:
        """Opening makes a job that says which column is what; committing starts it."""
        if step is Step.COMMIT:
            return Request("PUT", self._job(session.noted["job"]))
        attribute = _attribute(audience_id)
        targets = {_PERSON: self.person, attribute: f"_profile.Attributes.{attribute}"}
        body = {
            "DisplayName": f"{audience_id} {operation.value} {session.token:x}",
            "Fields": {
                column: {"Source": f"_source.{column}", "Target": target, "ContentType": "STRING"}
                for column, target in targets.items()
            },
            "UniqueKey": _PERSON,
            "DataExpiry": self.contract.expiry_days,
        }
        return Request("POST", self._jobs, json=body)

    def read_step(self, step: Step, session: Session, response: Response) -> StepAnswer:
        """The job."""
        if step is Step.OPEN:
            job = answers.job_id(answers.told(response, self._us), self._us)
            return StepAnswer(str(response.status), noted={"job": job})
        answers.accepted(response, self._us)
        return StepAnswer(str(response.status), job=session.noted["job"])

    def step_question(self, step: Step, audience_id: str, operation: Operation, session: Session) -> Request | None:
        """Whether a job was started. One that was made and has no file does nothing, so it is made again."""
        del audience_id, operation
        return None if step is Step.OPEN else Request("GET", self._job(session.noted["job"]))

    def read_step_question(self, step: Step, session: Session, response: Response) -> StepAnswer | None:
        """A job that waits was not started."""
        del step
        waits = answers.is_waiting(answers.told(response, self._us))
        return None if waits else StepAnswer(str(response.status), job=session.noted["job"])

    def job_request(self, job: str) -> Request:
        """The call that asks about a job."""
        return Request("GET", self._job(job))

    def read_job(self, response: Response) -> JobReport:
        """How a job is, and its counts. One of which an answer tells nothing is asked about again."""
        if answers.is_gone(response):
            return answers.GONE
        answers.accepted(response, self._us)
        return answers.report(response.json if isinstance(response.json, dict) else {})

    @staticmethod
    def is_throttle(response: Response) -> bool:
        """Whether an answer asks for a slower pace."""
        return answers.is_throttle(response)

    def _digest(self, member: Member) -> str:
        cell = member.keys.get(self.contract.match_keys[MatchKey.EMAIL].form)
        if isinstance(cell, bytes) and len(cell) == _DIGEST_BYTES:
            return cell.hex()
        raise PermanentError(
            f"{self._us}: a person of the batch has not the identifier of the contract in its form; nothing was sent; "
            "report this as a defect"
        )

    def _definition(self, name: str) -> str:
        return f"/domains/{self.account}/segment-definitions/{name}"

    def _job(self, job: str) -> str:
        return f"{self._jobs}/{job}"

    @property
    def _jobs(self) -> str:
        return f"/domains/{self.account}/upload-jobs"

    @property
    def _us(self) -> str:
        return f"customer_profiles domain {self.account}"


_IS_MEMBER = {Operation.ADD: "true", Operation.REMOVE: "false"}


def _segment(spec: AudienceSpec) -> str:
    return f"{_SEGMENT_NAME}{spec.marker}"


def _attribute(segment: str) -> str:
    return f"{_ATTRIBUTE}{segment.removeprefix(_SEGMENT_NAME)}"


def connect(account: str, settings: Mapping[str, str], statements: Mapping[str, str]) -> CustomerProfiles:
    """One domain of the plan, with the setting `person`. It asks for no statements."""
    del statements
    given: dict[str, Any] = known_settings("customer_profiles", settings, _SETTINGS)
    return CustomerProfiles(account, **given)
