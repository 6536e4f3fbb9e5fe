"""What StartProtectedQuery is asked, checked before it is sent.

Belongs here: building the request, and the limits that AWS documents. Pure. Not here: sending it (`clean_rooms`).
Source: botocore 1.44.5's model of Clean Rooms (its validator checks members and types, neither patterns nor most
limits); the user guide's quota page, which gives 500 KB and 90 KB for a query's text: the smaller one is kept.
"""

from __future__ import annotations

import dataclasses
import re
from typing import TYPE_CHECKING, Any

from segment_assets.contracts import PermanentError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from segment_assets.resources.clean_room import ProtectedQuery

LARGEST_TEXT_BYTES = 90_000
MOST_PARAMETERS = 50
LONGEST_VALUE = 1000
LONGEST_PREFIX = 512
# In ascending order of memory per worker. CR.8X since July 2026.
WORKER_TYPES = ("CR.1X", "CR.4X", "CR.8X")
FEWEST_WORKERS, MOST_WORKERS = 2, 400

_PREFIX = re.compile(r"[\w!.=*/-]*", re.ASCII)
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_PARAMETER = re.compile(r"[0-9a-zA-Z_]{1,100}")
_TEMPLATE = re.compile(r"arn:aws[-a-z]*:cleanrooms:\w{2}-\w{4,9}-\d:(\d{12}):membership/[\w-]+/analysistemplate/[\w-]+")
_ACCOUNT = re.compile(r"\d{12}")
_MEMBERSHIP = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclasses.dataclass(frozen=True, slots=True)
class Worker:
    """What a query runs on: `number` workers of a type."""

    type: str
    number: int

    def __post_init__(self) -> None:
        if self.type not in WORKER_TYPES or not FEWEST_WORKERS <= self.number <= MOST_WORKERS:
            raise PermanentError(
                f"{self} are no workers of Clean Rooms; give a type of {', '.join(WORKER_TYPES)} and "
                f"{FEWEST_WORKERS} to {MOST_WORKERS} of it"
            )

    def __str__(self) -> str:
        return f"{self.type}x{self.number}"

    @property
    def next_size(self) -> Worker | None:
        """What to try when memory, disk or time were too small; None when there is nothing larger."""
        place = WORKER_TYPES.index(self.type) + 1
        if place < len(WORKER_TYPES):
            return Worker(WORKER_TYPES[place], self.number)
        return Worker(self.type, min(self.number * 2, MOST_WORKERS)) if self.number < MOST_WORKERS else None

    def to_aws(self) -> dict[str, Any]:
        """The `computeConfiguration` of a request."""
        return {"worker": {"type": self.type, "number": self.number}}


def checked_membership(membership: str) -> str:
    """The id, or PermanentError."""
    if not _MEMBERSHIP.fullmatch(membership):
        raise PermanentError("The membership is not a UUID; copy the id of our own membership from the collaboration")
    return membership


def checked_payer(account: str) -> str:
    """The account that pays for queries, empty for the collaboration's default; or PermanentError."""
    if account and not _ACCOUNT.fullmatch(account):
        raise PermanentError("The payer of queries is not an account id; give 12 digits, or nothing")
    return account


def checked_templates(templates: Mapping[str, str]) -> Mapping[str, str]:
    """Query -> ARN of its analysis template, or PermanentError."""
    for name, arn in templates.items():
        if not _TEMPLATE.fullmatch(arn):
            raise PermanentError(f"The template of {name} is not the ARN of an analysis template; copy it from AWS")
    return templates


def provider_of(template: str) -> str:
    """The account that owns an analysis template, by its ARN."""
    found = _TEMPLATE.fullmatch(template)
    return found[1] if found else ""


def bucket_and_prefix(results: str) -> tuple[str, str]:
    """Of `s3://bucket/prefix`, or PermanentError: no spaces and no colons, unlike elsewhere in S3."""
    scheme, _, rest = results.partition("://")
    bucket, _, prefix = rest.partition("/")
    prefix = prefix.rstrip("/")
    if scheme != "s3" or not _BUCKET.fullmatch(bucket):
        raise PermanentError("The folder of clean-room results is not in S3; give for instance s3://bucket/prefix")
    if not _PREFIX.fullmatch(prefix) or len(prefix) > LONGEST_PREFIX:
        raise PermanentError(
            f"Clean Rooms does not take {prefix[:80]!r} as key prefix of results; use up to {LONGEST_PREFIX} letters, "
            "digits and _ ! . = * / -"
        )
    return bucket, prefix


def sql_parameters(query: ProtectedQuery, templates: Mapping[str, str]) -> dict[str, Any]:
    """The question: an approved template with its parameters where there is one, otherwise the text."""
    if template := templates.get(query.name):
        return {"analysisTemplateArn": template} | _parameters(query)
    if len(query.sql.encode()) > LARGEST_TEXT_BYTES:
        raise PermanentError(
            f"{query.name}: its text is larger than the {LARGEST_TEXT_BYTES:,} bytes that Clean Rooms takes; shorten it"
        )
    return {"queryString": query.sql}


def _parameters(query: ProtectedQuery) -> dict[str, Any]:
    given = dict(query.parameters)
    wrong = [name for name, value in given.items() if not _PARAMETER.fullmatch(name) or len(value) > LONGEST_VALUE]
    if wrong or len(given) > MOST_PARAMETERS:
        raise PermanentError(
            f"{query.name}: parameters of a template have names of letters, digits and _, values of up to "
            f"{LONGEST_VALUE} characters, and are {MOST_PARAMETERS} at most; {len(wrong)} of {len(given)} are not so"
        )
    return {"parameters": given} if given else {}


def start_request(
    query: ProtectedQuery, *, membership: str, results: str, templates: Mapping[str, str], worker: Worker, payer: str
) -> dict[str, Any]:
    """The whole request. Raises PermanentError where AWS would refuse it, at no cost."""
    bucket, prefix = bucket_and_prefix(results)
    s3 = {"resultFormat": query.result_format.value, "bucket": bucket} | ({"keyPrefix": prefix} if prefix else {})
    return {
        "type": "SQL",
        "membershipIdentifier": membership,
        "sqlParameters": sql_parameters(query, templates),
        "resultConfiguration": {"outputConfiguration": {"s3": s3}},
        "computeConfiguration": worker.to_aws(),
    } | ({"queryComputePayerAccountId": payer} if payer else {})
