"""A file on its way to an upload job: AWS is asked where it goes and by which key it is encrypted, and it goes there.

Belongs here: these two calls in the place of one. Not here: the file, what an answer means.
Source: botocore 1.44.5 (GetUploadJobPath: the address, the key, and the three headers that the file needs).

It is a transport, so that the key is in memory for as long as its file travels: requests that are kept (previews,
replays, digests in receipts) have neither the key nor the address, and an address is never too old.
"""

from __future__ import annotations

import base64
import binascii
import dataclasses
import hashlib
from typing import TYPE_CHECKING

from segment_assets.contracts import Request, TransientError
from segment_assets.destinations import customer_profiles_answers as answers

if TYPE_CHECKING:
    from segment_assets.contracts import Response, Transport

_FILE, _PATH = "/file", "/path"
_SSE = "x-amz-server-side-encryption-customer-"


def file_of(job_path: str) -> str:
    """Where a file of a job goes by the transport of this module; AWS has no such path."""
    return f"{job_path}{_FILE}"


@dataclasses.dataclass(slots=True)
class FileTransport:
    """The way to a domain. Raises as the transport that it goes by."""

    inner: Transport

    def send(self, request: Request) -> Response:
        """Send a request; of a file ask first. A refusal of the question is the answer."""
        if request.content is None:
            return self.inner.send(request)
        where = self.inner.send(Request("GET", f"{request.path.removesuffix(_FILE)}{_PATH}"))
        if where.status >= answers.REFUSED:
            return where
        url, key = answers.address(where)
        return self.inner.send(
            Request(
                "PUT",
                url,
                content=request.content,
                content_type=request.content_type,
                headers={
                    f"{_SSE}algorithm": "AES256",
                    f"{_SSE}key": key,
                    f"{_SSE}key-MD5": _md5(key),
                },
            )
        )

    def close(self) -> None:
        """Give the connections back."""
        close = getattr(self.inner, "close", None)
        if close is not None:
            close()


def _md5(key: str) -> str:
    try:
        raw = base64.b64decode(key, validate=True)
    except binascii.Error:
        raise TransientError("customer_profiles: the key of a file is not understood; it is asked for again") from None
    return base64.b64encode(hashlib.md5(raw, usedforsecurity=False).digest()).decode()
