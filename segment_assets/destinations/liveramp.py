"""LiveRamp Connect by file: people go into a field of an audience as rows of CSV files, in S3 or on its SFTP server.

Belongs here: the contract, names and contents of files. Not here: reading answers (`liveramp_answers`), pacing and
receipts (`delivery`), signing (`resources.aws_transport`), putting a file in one piece (`resources.sftp_transport`).
Source: docs.liveramp.com (formatting and hashing identifiers, types of segment data fields, ways to update an existing
audience, removing records from existing segments) and Segment's connector for LiveRamp, as of autumn 2026.

The audience at LiveRamp has to be one that is updated incrementally, as it is without a word: a refresh would keep the
last file alone. A field with 1 or 0 says who is a member. Nothing ever answers but S3 or the SFTP server; what LiveRamp
makes of a file is to be seen on its pages, hours or days later. Only hashed e-mails are sent: LiveRamp wants phones as
SHA-1, of which we keep no digest, and mobile ad ids in files of their own, whose header it does not publish.

That a 0 takes somebody out of a binary field is inferred of "extends and modifies"; where LiveRamp has set up a place
for deletion files, `removals_prefix` is the documented way. Another vendor tells that a file of fewer than 25 rows
fails, and whoever says no usually comes alone: so every file ends with 24 digests of nobody, who is not in the field.

By SFTP a file is written under a name with a dot in front and `.part` behind, and renamed. That LiveRamp fetches no
such name is ours to assume; whoever is in doubt has it wait for the marker. What a process that was killed leaves under
such a name is removed when a file is put into that folder a day later. The server's key is not published: on LiveRamp's
own word it goes into the account's secret, which is believed before the plan; a plan that names a `server` of its own
needs it there. For EMEA another vendor tells that a private key is needed; a password does for others.
"""

from __future__ import annotations

import csv
import dataclasses
import hashlib
import io
import re
from typing import TYPE_CHECKING, Any

from segment_assets.contracts import (
    Answer,
    Contract,
    Counted,
    Kept,
    Limit,
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
from segment_assets.destinations.limits import fitted
from segment_assets.destinations.liveramp_answers import is_throttle, must_be_stored, must_be_there
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
    evidence="none of any person: a file is kept, and what LiveRamp takes of it is told on its pages only",
    keeps_people=True,
    endpoint="https://s3.us-east-1.amazonaws.com",
    signed_for="s3",
    more_limits=(Limit(Counted.CHARACTERS, 250, "segment", Kept.CUT, source="LiveRamp's pages"),),
    # S3's part is checked against botocore; of the files' own form there is nothing official to be had.
)

_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_NO_BUCKET = re.compile("")
# No folder begins with a dot: `..` would be somebody else's.
_PREFIX = re.compile(r"[\w-][\w.-]*(?:/[\w-][\w.-]*){0,9}", re.ASCII)
_KEY = "audience_key"
_DIGEST_BYTES = 32
_OF_THE_MARKER = 12
# What LiveRamp puts behind the name of a field to name the segment of those who have a 1 in it.
_OF_LIVERAMP = "=1"
_SERVER = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]{0,252}(?::[0-9]{1,5})?")
_SETTINGS = ("bucket", "prefix", "completion", "removals_prefix", "transport", "server", "host_key")
_COMPLETIONS = ("file", "marker")
_S3, _SFTP = _TRANSPORTS = ("s3", "sftp")
# LiveRamp's own server, as its page on uploads and other vendors' have it.
_FILES = "files.liveramp.com"
_WORDS = {Operation.ADD: "add", Operation.REMOVE: "remove"}
_MEMBER, _NO_MEMBER = "1", "0"


@dataclasses.dataclass(frozen=True, slots=True)
class LiveRampFiles:
    """One audience of LiveRamp's: `account` is what the plan calls it, `bucket` and `prefix` are where its files go.

    `removals_prefix`: where LiveRamp takes deletion files, empty where rows with 0 take people out. `transport`: `s3`,
    or `sftp`, which has no bucket.
    """

    account: str
    bucket: str
    prefix: str
    removals_prefix: str = ""
    transport: str = _S3
    contract: Contract = CONTRACT

    def __post_init__(self) -> None:
        removals = self.removals_prefix or self.prefix
        bucket = ("bucket", _BUCKET if self.transport == _S3 else _NO_BUCKET, self.bucket)
        for name, pattern, value in (
            bucket,
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
        words = re.sub(r"[^a-z0-9]+", "_", spec.name.lower()).strip("_")
        ending = f"_{spec.marker[:_OF_THE_MARKER]}{_OF_LIVERAMP}"
        return fitted(self.contract, words, ending).removesuffix(_OF_LIVERAMP)

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
        """Whether the file is kept: nobody in it is proven, and nobody refused."""
        self._must_be_kept(response)
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
        """Whether the marker is kept."""
        del step, session
        self._must_be_kept(response)
        return StepAnswer(str(response.status))

    def step_question(self, step: Step, audience_id: str, operation: Operation, session: Session) -> Request | None:
        """Nothing: a marker is the same every time."""
        del step, audience_id, operation, session
        return None

    def read_step_question(self, step: Step, session: Session, response: Response) -> None:
        """Never asked."""

    @staticmethod
    def is_throttle(response: Response) -> bool:
        """S3 says it with 503. SFTP has no word for it."""
        return is_throttle(response)

    def _must_be_kept(self, response: Response) -> None:
        if self.transport == _SFTP:
            must_be_there(response, self._us)
        else:
            must_be_stored(response, self._us)

    def _put(self, operation: Operation, name: str, text: str, content_type: str) -> Request:
        prefix = self.removals_prefix if operation is Operation.REMOVE and self.removals_prefix else self.prefix
        root = f"/s3/{self.bucket}" if self.transport == _S3 else ""
        return Request("PUT", f"{root}/{prefix}/{name}", content=text.encode(), content_type=content_type)

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

    Settings: `transport`: `s3`, or `sftp`; `bucket`, for S3 only; `prefix`, the folder of this audience, which SFTP
    does not make (without one segment-assets/<account>, uploads/<account> by SFTP); `completion`: `file` where whoever
    fetches takes each file as it comes, `marker` where they wait for the name.done behind the files of a delivery;
    `removals_prefix`, where LiveRamp has set up a place for deletion files. For SFTP only: `server`, a host and, where
    it is not 22, its port (files.liveramp.com without one); `host_key`, its public keys, each on a line of its own.

    By SFTP the account's secret holds `user`, `password` or `private_key` (without a passphrase), and `host_key`; that
    of the plan is for a secret without one, and for no `server` of the plan's.
    """
    del statements
    given = known_settings("liveramp", settings, _SETTINGS)
    completion = _one_of("completion", given, _COMPLETIONS)
    way = _one_of("transport", given, _TRANSPORTS)
    for name in ("server", "host_key") if way == _S3 else ("bucket",):
        if name in given:
            raise PermanentError(f"liveramp: there is no {name} where the transport is {way}; correct it in the plan")
    # Without a marker a file that is there may have been fetched, whatever became of the delivery.
    workflow = Workflow(opens=False) if completion == _COMPLETIONS[1] else None
    return LiveRampFiles(
        account,
        given.get("bucket", ""),
        given.get("prefix", f"{'segment-assets' if way == _S3 else 'uploads'}/{account}"),
        given.get("removals_prefix", ""),
        way,
        dataclasses.replace(
            CONTRACT, workflow=workflow, **(_by_sftp(given.get("server", _FILES)) if way == _SFTP else {})
        ),
    )


def _one_of(name: str, given: Mapping[str, str], words: Sequence[str]) -> str:
    word = given.get(name, words[0])
    if word not in words:
        raise PermanentError(f"liveramp: {name} is not one of {', '.join(words)}; correct it in the plan")
    return word


def _by_sftp(server: str) -> dict[str, Any]:
    """What the contract says otherwise: another address, which nothing is signed for."""
    if not _SERVER.fullmatch(server):
        raise PermanentError("liveramp: server is not a host or host:port; correct it in the plan")
    return {"endpoint": f"sftp://{server}", "signed_for": ""}
