"""Files on their way to a CRM segment: The Trade Desk is asked where one goes and it goes there; and what both answer.

Belongs here: these two calls in the place of one, segments and refusals. Not here: what is inside of a file
(`the_trade_desk_crm`).
Source: Segment's connector (an address for each file, signed for an hour, to which the file is put with no token of
ours), The Trade Desk's upgrade notes (`RetentionEnabled` is no more, so it is not sent). Which statuses pass by
themselves is inferred.

It is a transport, so that an address is in no request that is kept, and never too old. Words of The Trade Desk's are
never passed on: they may quote what was sent.
"""

from __future__ import annotations

import dataclasses
import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from segment_assets.contracts import (
    NeedsHumanError,
    PermanentError,
    RefusedRemovalError,
    Request,
    SegmentAssetsError,
    TransientError,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from segment_assets.contracts import Response, Transport

MODE, REMOVE = "MergeMode", ""
_PASSING = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS})
_FOR_A_PERSON: Mapping[int, str] = {
    HTTPStatus.UNAUTHORIZED: "the token is not accepted; make a new one on The Trade Desk's pages (API tokens) "
    "and put it into the secret store",
    HTTPStatus.FORBIDDEN: "permission is missing, or the agreement on UID2 is not signed; look at the advertiser on "
    "The Trade Desk's pages, and at the role of the token's user",
    HTTPStatus.NOT_FOUND: "the advertiser or the segment is not to be seen; correct the account or `segment_path` in "
    "the plan, or, if the segment is gone, end the activation with on_removal: delete, and name it again",
}
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,127}")


@dataclasses.dataclass(slots=True)
class DropTransport:
    """The way to an advertiser. `pii_type` is what files hold. Raises as the transport that it goes by."""

    inner: Transport
    pii_type: str

    def send(self, request: Request) -> Response:
        """Send a request; of a file ask first. A refusal of the question is the answer.

        Raises RefusedRemovalError for a file of people to take out, of which nothing is sent.
        """
        if request.content is None:
            return self.inner.send(request)
        mode = request.params[MODE]
        if mode == REMOVE:
            raise RefusedRemovalError(
                "the_trade_desk_crm: a file takes the place of everybody or is added, so nobody can be taken out of a "
                "segment; use the mode replace in the plan, and on_removal: delete to empty it"
            )
        wanted = {"PiiType": self.pii_type, MODE: mode}
        where = self.inner.send(Request("POST", request.path, json=wanted))
        if not _is_success(where):
            return where
        return self.inner.send(
            Request("PUT", _address(where), content=request.content, content_type=request.content_type)
        )

    def close(self) -> None:
        """Give the connections back."""
        close = getattr(self.inner, "close", None)
        if close is not None:
            close()


def accepted(response: Response, account: str) -> Mapping[str, Any]:
    """The body of a successful answer. Raises TransientError, PermanentError or NeedsHumanError for a refusal."""
    _must_not_be_refused(response, account)
    if not isinstance(response.json, dict):
        raise TransientError(f"{account}: the answer is not understood; it is asked again")
    return response.json


def must_be_received(response: Response, account: str) -> None:
    """Raise as `accepted` for a file that was not taken. Who refuses in no JSON is where the files are kept.

    A redirect is no success either: nobody follows it, so the file is nowhere.
    """
    if is_refused_by_the_platform(response):
        _must_not_be_refused(response, account)
    if _is_success(response):
        return
    refusal = TransientError(
        f"{account}: answer {response.status}: the file was not taken; it is sent again, to a new address"
    )
    refusal.code = str(response.status)
    raise refusal


def is_refused_by_the_platform(response: Response) -> bool:
    """Whether it is The Trade Desk that refuses, and not where the files are kept."""
    return response.status >= HTTPStatus.BAD_REQUEST and isinstance(response.json, dict)


def segments(body: Mapping[str, Any]) -> tuple[Sequence[Mapping[str, Any]], str]:
    """The segments of a page, and what asks for the next one."""
    listed, token = body.get("Segments"), body.get("PagingToken")
    found = [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
    return found, token if isinstance(token, str) else ""


def segment_id(segment: Mapping[str, Any], account: str) -> str:
    """The id by which a segment is sent files."""
    told = segment.get("CrmDataId")
    if not isinstance(told, str) or not _ID.fullmatch(told):
        raise TransientError(f"{account}: a segment came without its id; it is looked for again")
    return told


def _is_success(response: Response) -> bool:
    return HTTPStatus.OK <= response.status < HTTPStatus.MULTIPLE_CHOICES


def _address(response: Response) -> str:
    """Where a file goes. It is never told."""
    url = response.json.get("Url") if isinstance(response.json, dict) else None
    if not isinstance(url, str) or not url.startswith(("https://", "http://")):
        raise TransientError("the_trade_desk_crm: the address of a file is not understood; it is asked for again")
    return url


def _must_not_be_refused(response: Response, account: str) -> None:
    if response.status < HTTPStatus.BAD_REQUEST:
        return
    refusal = _refusal(response.status, f"{account}: answer {response.status}")
    refusal.code = str(response.status)
    raise refusal


def _refusal(status: int, said: str) -> SegmentAssetsError:
    if status in _PASSING or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return TransientError(f"{said}: not available now; it is asked again")
    if status in _FOR_A_PERSON:
        return NeedsHumanError(f"{said}: {_FOR_A_PERSON[status]}")
    return PermanentError(f"{said}: the request is refused; it must be changed before it is sent again")
