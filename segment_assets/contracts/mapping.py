"""What a destination fulfils whose platform takes ids that another service makes of hashes, while they are sent.

Such ids name a person and change by themselves, so nothing of ours keeps them: requests, ledger and receipts have the
hashes. Not here: the service (`resources.identity_map`), who sends what (`resources.mapped_transport`).
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from segment_assets.contracts.wire import Request, Response


@dataclasses.dataclass(frozen=True, slots=True)
class MappedId:
    """What one hash stands for now, and `previous`, what it stood for until lately. Without `current`, `reason` is why.

    Never in a repr: each names a person.
    """

    current: str = dataclasses.field(default="", repr=False)
    previous: str = dataclasses.field(default="", repr=False)
    reason: str = ""


MappedIds = dict[str, dict[str, MappedId]]
"""Kind of the identity map -> hash -> what it stands for."""


class MappedDestination(Protocol):
    """A destination whose contract has `identity_map`: its requests hold hashes, and never go out as they are."""

    def hashes(self, request: Request) -> Mapping[str, Sequence[str]]:
        """Kind of the identity map -> hashes in a request, in their order; empty where it has none."""
        ...

    def mapped(self, request: Request, ids: MappedIds) -> Request | None:
        """The request with ids in the place of hashes, without those that stand for nobody. None: nobody is left."""
        ...

    def told(self, request: Request, ids: MappedIds, response: Response | None) -> Response:
        """The platform's answer in places of the request with hashes, with those that stand for nobody refused in it.

        `response` is None where nobody was left.
        """
        ...

    def is_passing(self, response: Response) -> bool:
        """Whether an answer refuses somebody for a reason that may be gone in a second."""
        ...
