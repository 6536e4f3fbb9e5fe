"""What AMC's advertiser data upload answers: refusals, uploads and how they end, deletions that are taken on.

Belongs here: reading. Not here: what is sent (`amc_data`), what S3 answers (`liveramp_answers`).
Source: Amazon's OpenAPI "Advertiser Data Upload" 3.0 (statuses, the words of an upload, its metrics) and the AMC guides
"Data uploads" and "Examples" (which also have PENDING, COMPLETED and the metric OutputRowCount). That OutputRowCount
counts the rows of this upload, and that other statuses of HTTP pass by themselves, is inferred. As of autumn 2026.

Words of Amazon's are never passed on: they may quote what was sent.
"""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from segment_assets.contracts import (
    JobReport,
    JobState,
    NeedsHumanError,
    PermanentError,
    SegmentAssetsError,
    TransientError,
)
from segment_assets.destinations.numbers import whole_number

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from segment_assets.contracts import Response

_PASSING = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.CONFLICT, HTTPStatus.LOCKED, HTTPStatus.TOO_MANY_REQUESTS})
_FOR_A_PERSON: Mapping[int, str] = {
    HTTPStatus.UNAUTHORIZED: "the token is not accepted, or nobody has accepted the terms of AMC in Amazon's console; "
    "look at both, and at the client id in the secret store",
    HTTPStatus.FORBIDDEN: "permission is missing; the app needs the scopes of campaign management and of data "
    "providers, the login the instance, and the account has to be in the region of the endpoint",
    HTTPStatus.NOT_FOUND: "the instance, data set or upload is not to be seen; correct the account in the plan, or, if "
    "the data set was deleted in AMC, end the activation with on_removal: delete, and name it again",
}
_CODE = re.compile(r"[A-Za-z]{2,60}")
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,127}")
# SUBMITTED, PENDING, IN_PROGRESS and any other word are of an upload that goes on.
_STATES = {
    "SUCCESS": JobState.SUCCESS,
    "COMPLETED": JobState.SUCCESS,
    "FAILED": JobState.FAILED,
}
_FAILED, _NOT_LOADED = "upload_failed", "rows_not_loaded"


def accepted(response: Response, account: str) -> Mapping[str, Any]:
    """The body of a successful answer. Raises TransientError, PermanentError or NeedsHumanError for a refusal."""
    if response.status < HTTPStatus.BAD_REQUEST:
        if not isinstance(response.json, dict):
            raise TransientError(f"{account}: the answer is not understood; it is asked again")
        return response.json
    code = _code(response)
    refusal = _refusal(response.status, f"{account}: answer {code}")
    refusal.code = code
    raise refusal


def may_be_there(response: Response) -> bool:
    """Whether a creation is refused in a way that a name which is taken may be told in."""
    return response.status in {HTTPStatus.BAD_REQUEST, HTTPStatus.CONFLICT}


def dataset(body: Mapping[str, Any], columns: Collection[str], account: str) -> str:
    """The name of a data set. Raises NeedsHumanError where it lacks one of the columns that the files have."""
    told = body.get("dataSet")
    found = told.get("dataSetId") if isinstance(told, dict) else None
    if not isinstance(told, dict) or not isinstance(found, str) or not _ID.fullmatch(found):
        raise TransientError(f"{account}: a data set came without its name; it is asked again")
    lacking = sorted(set(columns) - {str(column.get("name")) for column in _objects(told.get("columns"))})
    if lacking:
        raise NeedsHumanError(
            f"{account}: the data set has no column {', '.join(lacking)}; AMC would load nothing. Add it in AMC, or "
            "end the activation in the plan with on_removal: delete, and name it again"
        )
    return found


def upload_id(body: Mapping[str, Any], account: str) -> str:
    """The id of an upload that was made."""
    upload = body.get("uploadId")
    if not isinstance(upload, str) or not _ID.fullmatch(upload):
        raise TransientError(f"{account}: an upload came without its id; it is looked for")
    return upload


def upload_of(body: Mapping[str, Any], ending: str) -> str | None:
    """The id of the upload in a list whose manifest's name ends so."""
    for upload in _objects(body.get("uploads")):
        source, found = upload.get("dataSource"), upload.get("uploadId")
        key = source.get("sourceManifestS3Key") if isinstance(source, dict) else None
        if isinstance(key, str) and key.endswith(ending) and isinstance(found, str) and _ID.fullmatch(found):
            return found
    return None


def report(body: Mapping[str, Any], people: int) -> JobReport:
    """How an upload of so many `people` is. Fewer rows than these: the others were not loaded, and AMC names nobody.

    Where it tells no number, or one that cannot be of this upload, nobody is proven.
    """
    upload = body.get("upload")
    told = upload if isinstance(upload, dict) else {}
    state = _STATES.get(str(told.get("status")), JobState.PROCESSING)
    if state is JobState.PROCESSING:
        return JobReport(state, 0, {})
    if state is JobState.FAILED:
        return JobReport(state, 0, {_FAILED: 1})
    loaded = _loaded(told.get("metrics"))
    if loaded is None or loaded > people:
        return JobReport(state, 0, {})
    lacking = people - loaded
    return JobReport(JobState.PARTIAL_SUCCESS if lacking else state, people, {_NOT_LOADED: lacking} if lacking else {})


def must_be_taken_on(body: Mapping[str, Any], account: str) -> None:
    """Raise TransientError for a deletion without an id: nothing says that there is one."""
    if not body.get("userDeletionRequestId"):
        raise TransientError(f"{account}: a deletion came without its id; it is asked for again")


def _refusal(status: int, said: str) -> SegmentAssetsError:
    if status in _PASSING or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return TransientError(f"{said}: not available now, or throttled; it is asked again")
    if status in _FOR_A_PERSON:
        return NeedsHumanError(f"{said}: {_FOR_A_PERSON[status]}")
    return PermanentError(f"{said}: the request is refused; it must be changed before it is sent again")


def _code(response: Response) -> str:
    """The status, and Amazon's own word where there is one."""
    word = response.json.get("code") if isinstance(response.json, dict) else None
    return f"{response.status}/{word}" if isinstance(word, str) and _CODE.fullmatch(word) else str(response.status)


def _loaded(metrics: object) -> int | None:
    """A whole number from 0 on. Amazon's metrics are doubles."""
    value = metrics.get("OutputRowCount") if isinstance(metrics, dict) else None
    whole = int(value) if isinstance(value, float) and value.is_integer() else value
    return whole_number(whole)


def _objects(listed: object) -> list[Mapping[str, Any]]:
    return [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
