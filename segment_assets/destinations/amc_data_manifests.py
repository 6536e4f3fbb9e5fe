"""A manifest on its way to AMC: it is put beside the files that it names, and then the upload is made that names it.

Belongs here: the names of files and manifests, and these two calls in the place of one. Not here: what is inside of a
file (`amc_data_files`), what an answer means.
Source: the AMC guide "Data uploads" (a manifest has an address in S3 on each line; no name begins with a dot or an
underscore).

It is a transport, so that what is kept of a commit (its digest, a preview) is the manifest: which files an upload has.
"""

from __future__ import annotations

import dataclasses
from http import HTTPStatus
from typing import TYPE_CHECKING

from segment_assets.contracts import Operation

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from segment_assets.contracts import Request, Response, Session, Transport

_ENDING = ".manifest"
_WORDS = {Operation.ADD: "add", Operation.REMOVE: "remove"}


def file(dataset: str, operation: Operation, noted: Mapping[str, str]) -> str:
    """The name of a file, of what is `noted` of it."""
    return f"{dataset}_{_WORDS[operation]}_{noted['token']}_{int(noted['sequence']):05d}.csv"


def noted(session: Session) -> dict[str, str]:
    """What the ledger keeps of a file."""
    return {"token": f"{session.token:x}", "sequence": str(session.sequence)}


def manifest(dataset: str, operation: Operation, session: Session) -> str:
    """The name of the manifest of a session."""
    return f"{dataset}_{_WORDS[operation]}{ending(session)}"


def ending(session: Session) -> str:
    """How the name of a session's manifest ends, and no other's."""
    return f"_{session.token:x}{_ENDING}"


def dataset_of(key: str) -> str:
    """The data set of a manifest.

    >>> dataset_of("segment-assets/amc1/vip_0123456789abcdef_add_a7.manifest")
    'vip_0123456789abcdef'
    """
    return key.rpartition("/")[2].rsplit("_", 2)[0]


@dataclasses.dataclass(slots=True)
class ManifestTransport:
    """The way to an instance. `upload` makes the call that follows a manifest, of the path that it was put to.

    Raises as the transport that it goes by.
    """

    inner: Transport
    upload: Callable[[str], Request]

    def send(self, request: Request) -> Response:
        """Send a request, and behind a manifest its upload. A refusal of the manifest is the answer."""
        response = self.inner.send(request)
        if not request.path.endswith(_ENDING) or response.status >= HTTPStatus.BAD_REQUEST:
            return response
        return self.inner.send(self.upload(request.path))

    def close(self) -> None:
        """Give the connections back."""
        close = getattr(self.inner, "close", None)
        if close is not None:
            close()
