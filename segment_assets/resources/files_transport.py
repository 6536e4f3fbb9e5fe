"""Two ways as one: files go to a bucket of ours, signed, and all other calls to the platform with its token.

Belongs here: which way a request goes. Not here: signing (`aws_transport`), tokens (`transport`).
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from segment_assets.contracts import Request, Response, Transport

_FILES = "/s3/"


@dataclasses.dataclass(slots=True)
class FilesTransport:
    """The way to a platform that takes files from a bucket. Raises as the two ways do."""

    platform: Transport
    files: Transport

    def send(self, request: Request) -> Response:
        """Send a request by the way that its path says."""
        return (self.files if request.path.startswith(_FILES) else self.platform).send(request)

    def close(self) -> None:
        """Give the connections of both back."""
        for way in (self.platform, self.files):
            close = getattr(way, "close", None)
            if close is not None:
                close()
