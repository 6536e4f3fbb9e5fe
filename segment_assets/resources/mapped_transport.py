"""Hashes become a platform's own ids on their way out, and its answers come back in places of the hashes.

Belongs here: asking the identity map, sending what is left, once more where the answer says that it may pass. Not here:
what a request looks like (`destinations`), the map (`identity_map`).

It is a transport, so that what is kept of a delivery (requests in a preview, digests in receipts, a replay) has the
hashes, and an id is in memory for as long as its request. The Trade Desk's own package resolves in the same place.
"""

from __future__ import annotations

import dataclasses
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from segment_assets.contracts import Request, Response, Sleep
    from segment_assets.contracts.mapping import MappedDestination
    from segment_assets.resources.identity_map import IdentityMap
    from segment_assets.resources.transport import HttpTransport

# Seconds before a request is sent once more of which the platform could not do a part.
_PAUSES = (1.0, 4.0)


@dataclasses.dataclass(slots=True)
class MappedTransport:
    """The way to a platform behind an identity map. Raises as HttpTransport and IdentityMap do."""

    platform: HttpTransport
    identity_map: IdentityMap
    destination: MappedDestination
    sleep: Sleep = time.sleep

    def send(self, request: Request) -> Response:
        """Map, send, and translate the answer back. Nothing goes to the platform where nobody is left."""
        wanted = self.destination.hashes(request)
        ids = self.identity_map.ids(wanted) if wanted else {}
        mapped = self.destination.mapped(request, ids)
        return self.destination.told(request, ids, self._sent(mapped) if mapped is not None else None)

    def _sent(self, request: Request) -> Response:
        response = self.platform.send(request)
        for pause in _PAUSES:
            if not self.destination.is_passing(response):
                break
            self.sleep(pause)
            response = self.platform.send(request)
        return response

    def close(self) -> None:
        """Give the connections back."""
        self.platform.close()
        self.identity_map.transport.close()
