"""What S3 or an SFTP server answers to a file: that it keeps it, or why not.

Belongs here: reading. Not here: what is sent (`liveramp`), how long to wait and what to try again (`delivery`).
Source: S3 2006-03-01 (PutObject with its ETag, error codes), SFTP 3 (status codes), as of autumn 2026.
"""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import TYPE_CHECKING

from segment_assets.contracts import NeedsHumanError, PermanentError, SegmentAssetsError, TransientError

if TYPE_CHECKING:
    from segment_assets.contracts import Response

_CODE = re.compile(rb"<Code>([A-Za-z0-9.]{1,64})</Code>")
_THROTTLED = "SlowDown"
_PASSING = frozenset({_THROTTLED, "InternalError", "OperationAborted", "RequestTimeout", "ServiceUnavailable"})
_KEYS = frozenset({"ExpiredToken", "InvalidAccessKeyId", "InvalidToken", "SignatureDoesNotMatch"})
_FOR_A_PERSON = {
    **dict.fromkeys(_KEYS, "the access key is not accepted; renew the keys of this bucket in the secret store"),
    "AccessDenied": "the key may not write there; ask whose bucket it is for PutObject on the prefix of this account",
    "NoSuchBucket": "there is no such bucket; correct the setting `bucket` of this account",
}

_NO_FOLDER = "there is no such folder on the server; have LiveRamp make it, or correct the setting `prefix`"
_NOT_ALLOWED = "the user may not write there; ask LiveRamp which folder this account has"
_UNFIT = "the server cannot do what a drop needs; send by S3, or ask LiveRamp"
_BY_SFTP: dict[str, tuple[type[SegmentAssetsError], str]] = {
    "NO_SUCH_FILE": (NeedsHumanError, _NO_FOLDER),
    "NO_SUCH_PATH": (NeedsHumanError, _NO_FOLDER),
    "PERMISSION_DENIED": (NeedsHumanError, _NOT_ALLOWED),
    "WRITE_PROTECT": (NeedsHumanError, _NOT_ALLOWED),
    "QUOTA_EXCEEDED": (NeedsHumanError, "the folder is full; ask LiveRamp"),
    "NO_SPACE_ON_FILESYSTEM": (NeedsHumanError, "the server is full; ask LiveRamp"),
    "FILE_ALREADY_EXISTS": (
        NeedsHumanError,
        "a file of this name with another size is there, which is not ours and stays; look who else writes there",
    ),
    "OP_UNSUPPORTED": (PermanentError, _UNFIT),
    "BAD_MESSAGE": (PermanentError, _UNFIT),
    "INVALID_FILENAME": (PermanentError, _UNFIT),
}


def must_be_stored(response: Response, said: str) -> None:
    """Raise TransientError, NeedsHumanError or PermanentError unless S3 says that it keeps the object (its ETag)."""
    if response.status < HTTPStatus.BAD_REQUEST:
        if any(name.lower() == "etag" and value for name, value in response.headers.items()):
            return
        raise TransientError(f"{said}: S3's answer is not understood; the file is sent again")
    code = _code(response)
    error = _refusal(code, response.status, f"{said}: answer {code}")
    error.code = code
    raise error


def must_be_there(response: Response, said: str) -> None:
    """Raise TransientError, NeedsHumanError or PermanentError unless the SFTP server tells the size of the file."""
    code = response.headers.get("sftp-status", "")
    if code == "OK" and response.headers.get("sftp-size"):
        return
    kind, words = _BY_SFTP.get(code, (TransientError, "the file is not in its place; it is sent again"))
    error = kind(f"{said}: answer {code or response.status}: {words}")
    error.code = code or str(response.status)
    raise error


def is_throttle(response: Response) -> bool:
    """Whether S3 asks for a slower pace."""
    return response.status == HTTPStatus.TOO_MANY_REQUESTS or _code(response) == _THROTTLED


def _code(response: Response) -> str:
    """S3's code of a refusal, or the status."""
    found = _CODE.search(response.content)
    return found[1].decode() if found else str(response.status)


def _refusal(code: str, status: int, said: str) -> SegmentAssetsError:
    if code in _FOR_A_PERSON:
        return NeedsHumanError(f"{said}: {_FOR_A_PERSON[code]}")
    is_passing = code in _PASSING or status == HTTPStatus.TOO_MANY_REQUESTS
    if is_passing or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return TransientError(f"{said}: not available now; the file is sent again")
    if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        return NeedsHumanError(f"{said}: {_FOR_A_PERSON['AccessDenied']}")
    return PermanentError(f"{said}: the file is refused; it must be changed before it is sent again")
