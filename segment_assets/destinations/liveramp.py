"""LiveRamp Connect by file: people go into a field of an audience as rows of CSV files in an S3 bucket.

Belongs here: the contract, names and contents of files. Not here: reading S3's answers (`liveramp_answers`), pacing and
receipts (`delivery`), signing (`resources.aws_transport`).
Source: docs.liveramp.com (formatting and hashing identifiers, types of segment data fields, ways to update an existing
audience, removing records from existing segments) and Segment's connector for LiveRamp, as of autumn 2026.

The audience at LiveRamp has to be one that is updated incrementally, as it is without a word: a refresh would keep the
last file alone. A field with 1 or 0 says who is a member. Nothing ever answers but S3; what LiveRamp makes of a file is
to be seen on its pages, hours or days later. Only hashed e-mails are sent: LiveRamp wants phones as SHA-1, of which we
keep no digest, and mobile ad ids in files of their own, whose header it does not publish.

That a 0 takes somebody out of a binary field is inferred of "extends and modifies"; where LiveRamp has set up a place
for deletion files, `removals_prefix` is the documented way. Another vendor tells that a file of fewer than 25 rows
fails, and whoever says no usually comes alone: so every file ends with 24 digests of nobody, who is not in the field.
"""

from __future__ import annotations

import csv
import dataclasses
import hashlib
import io
import re
from typing import TYPE_CHECKING

from segment_assets.contracts import (
    Answer,
    Contract,
    MatchKey,
    Operation,
    Pattern,
    PermanentError,
    Quota,
    Request,
    Step,
    StepAnswer,
    Workflow,
)
from segment_assets.destinations.liveramp_answers import is_throttle, must_be_stored
from segment_assets.destinations.match_keys import route
from segment_assets.destinations.settings import known_settings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from segment_assets.contracts import AudienceSpec, Member, Response, Session, Transport

CONTRACT = Contract(
    platform="liveramp",
    version=1,
    pattern=Pattern.FILE,
    match_keys={MatchKey.EMAIL: route("liveramp", "sha256").match_keys[MatchKey.EMAIL]},
    match_groups=((MatchKey.EMAIL,),),
    identifying=(MatchKey.EMAIL,),
    # Rows of a file, as another vendor's connector cuts them.
    batch_members=50_000,
    # Ours; a full file has 7 MB. LiveRamp publishes a limit for compressed files alone.
    batch_bytes=10_000_000,
    # Ours: S3 takes thousands of files a second, and people at LiveRamp look at each.
    quota=Quota(requests=1, per_seconds=1),
    # Unique rows of an audience, as another vendor tells.
    minimum_members=25,
    expiry_days=None,
    # Not read anywhere; who passes on other people's data needs a contract with LiveRamp that says so.
    first_party_only=True,
    evidence="none of any person: S3 keeps a file, and what LiveRamp takes of it is told on its pages only",
    keeps_people=True,
    endpoint="https://s3.us-east-1.amazonaws.com",
    signed_for="s3",
    # S3's part is checked against botocore; of the files' own form there is nothing official to be had.
)

_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_PREFIX = re.compile(r"[\w.-]+(?:/[\w.-]+){0,9}")
_KEY = "audience_key"
_DIGEST_BYTES = 32
# A segment's name at LiveRamp has at most 250 characters, of which "=1" are its own.
_LONGEST_NAME, _OF_THE_MARKER = 200, 12
_SETTINGS = ("bucket", "prefix", "completion", "removals_prefix")
_COMPLETIONS = ("file", "marker")
_WORDS = {Operation.ADD: "add", Operation.REMOVE: "remove"}
_MEMBER, _NO_MEMBER = "1", "0"


@dataclasses.dataclass(frozen=True, slots=True)
class LiveRampFiles:
    """One audience of LiveRamp's: `account` is what the plan calls it, `bucket` and `prefix` are where its files go.

    `removals_prefix`: where LiveRamp takes deletion files, empty where rows with 0 take people out.
    """

    account: str
    bucket: str
    prefix: str
    removals_prefix: str = ""
    contract: Contract = CONTRACT

    def __post_init__(self) -> None:
        removals = self.removals_prefix or self.prefix
        for name, pattern, value in (
            ("bucket", _BUCKET, self.bucket),
            ("prefix", _PREFIX, self.prefix),
            ("removals_prefix", _PREFIX, removals),
        ):
            if not pattern.fullmatch(value):
                raise PermanentError(f"liveramp: {name} {value!r} has not its form; correct it in the plan")

    def find_audience(self, transport: Transport, spec: AudienceSpec) -> str | None:
        """The field's name. Nothing is asked: LiveRamp cannot be."""
        return self.create_audience(transport, spec)

    def create_audience(self, transport: Transport, spec: AudienceSpec) -> str:
        """The field's name, which is the column's header. The first file makes the field."""
        del transport
        words = re.sub(r"[^a-z0-9]+", "_", spec.name.lower()).strip("_")[:_LONGEST_NAME]
        return f"{words}_{spec.marker[:_OF_THE_MARKER]}"

    def delete_audience(self, transport: Transport, audience_id: str) -> None:
        """Nothing: a field is deleted on LiveRamp's pages. The delivery takes everybody out of it before."""

    def request(self, audience_id: str, operation: Operation, members: Sequence[Member], session: Session) -> Request:
        """The file of one batch, each e-mail once. Its name is its own, and the same whenever it is sent again."""
        sent = self.contract.match_keys[MatchKey.EMAIL]
        takes_out = operation is Operation.REMOVE and not self.removals_prefix
        value = _NO_MEMBER if takes_out else _MEMBER
        cells = dict.fromkeys(self._cell(member) for member in members)
        text = io.StringIO()
        rows = csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\n")
        rows.writerow([_KEY, sent.field, audience_id])
        # The key of a row is the identifier's own: whoever gets another e-mail has another row, and leaves by the old.
        rows.writerows([cell, cell, value] for cell in cells)
        # In every file as many, so that each person weighs what they weigh (`delivery.filling`).
        of_nobody = _MEMBER if operation is Operation.REMOVE and self.removals_prefix else _NO_MEMBER
        rows.writerows([cell, cell, of_nobody] for cell in _digests_of_nobody(self.contract.minimum_members - 1))
        name = _file(audience_id, operation, f"{session.token:x}", session.sequence)
        return self._put(operation, name, text.getvalue(), "text/csv")

    def read(self, members: Sequence[Member], session: Session, response: Response) -> Answer:
        """Whether S3 keeps the file: nobody in it is proven, and nobody refused."""
        must_be_stored(response, self._us)
        return Answer(
            received=len(members),
            accepted=0,
            rejected={},
            unproven=len(members),
            session_received=session.received_before + len(members),
            code=str(response.status),
            noted={"token": f"{session.token:x}", "sequence": str(session.sequence)},
        )

    def step_request(self, step: Step, audience_id: str, operation: Operation, session: Session) -> Request:
        """The completion marker behind the files of a session: which they are."""
        del step
        files = [_file(audience_id, operation, one["token"], int(one["sequence"])) for one in session.uploads]
        listed = "".join(f"{name}\n" for name in files)
        return self._put(operation, f"{audience_id}_{_WORDS[operation]}_{session.token:x}.done", listed, "text/plain")

    def read_step(self, step: Step, session: Session, response: Response) -> StepAnswer:
        """Whether S3 keeps the marker."""
        del step, session
        must_be_stored(response, self._us)
        return StepAnswer(str(response.status))

    def step_question(self, step: Step, audience_id: str, operation: Operation, session: Session) -> Request | None:
        """Nothing: a marker is the same every time."""
        del step, audience_id, operation, session
        return None

    def read_step_question(self, step: Step, session: Session, response: Response) -> None:
        """Never asked."""

    @staticmethod
    def is_throttle(response: Response) -> bool:
        """S3 says it with 503."""
        return is_throttle(response)

    def _put(self, operation: Operation, name: str, text: str, content_type: str) -> Request:
        prefix = self.removals_prefix if operation is Operation.REMOVE and self.removals_prefix else self.prefix
        return Request("PUT", f"/s3/{self.bucket}/{prefix}/{name}", content=text.encode(), content_type=content_type)

    def _cell(self, member: Member) -> str:
        value = member.keys.get(self.contract.match_keys[MatchKey.EMAIL].form)
        if isinstance(value, bytes) and len(value) == _DIGEST_BYTES:
            return value.hex()
        raise PermanentError(
            f"{self._us}: a person of the batch has no SHA-256 digest of an e-mail; nothing was sent; report this as a "
            "defect"
        )

    @property
    def _us(self) -> str:
        return f"liveramp {self.account}"


def _file(audience_id: str, operation: Operation, token: str, sequence: int) -> str:
    return f"{audience_id}_{_WORDS[operation]}_{token}_{sequence:04d}.csv"


def _digests_of_nobody(count: int) -> list[str]:
    return [hashlib.sha256(f"segment_assets: nobody {number}".encode()).hexdigest() for number in range(count)]


def connect(account: str, settings: Mapping[str, str], statements: Mapping[str, str]) -> LiveRampFiles:
    """One audience of the plan. It asks for no statements.

    Settings: `bucket`; `prefix`, the folder of this audience (segment-assets/<account> without one); `completion`:
    `file` where whoever fetches takes each file as it comes, `marker` where they wait for the name.done behind the
    files of a delivery; `removals_prefix`, where LiveRamp has set up a place for deletion files.
    """
    del statements
    given = known_settings("liveramp", settings, _SETTINGS)
    completion = given.get("completion", _COMPLETIONS[0])
    if completion not in _COMPLETIONS:
        raise PermanentError(f"liveramp: completion is not one of {', '.join(_COMPLETIONS)}; correct it in the plan")
    # Without a marker a file that is there may have been fetched, whatever became of the delivery.
    workflow = Workflow(opens=False) if completion == _COMPLETIONS[1] else None
    return LiveRampFiles(
        account,
        given.get("bucket", ""),
        given.get("prefix", f"segment-assets/{account}"),
        given.get("removals_prefix", ""),
        dataclasses.replace(CONTRACT, workflow=workflow),
    )
