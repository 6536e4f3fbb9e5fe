"""Looking at platform accounts: which fields a secret has, and whether the platform takes its token.

Belongs here: one harmless call per account, the search for an audience of ours that does not exist. Not here: what is
right (`accounts`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from segment_assets.contracts import AudienceSpec, NeedsHumanError, PermanentError, SegmentAssetsError, TransientError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from segment_assets.contracts import Destination, Request, Response, Transport
    from segment_assets.doctor.findings import Finding, Subject
    from segment_assets.resources.secrets import Secrets

# No audience of ours has it: markers are digests.
_NOBODYS = "segment-assets-doctor"
_READS = ("GET", "HEAD")


class _ReadsOnly:
    """The way to a platform, for calls only that change nothing."""

    def __init__(self, way: Transport) -> None:
        self._way, self.asked = way, 0

    def send(self, request: Request) -> Response:
        """Send a read. Anything else is not sent."""
        if request.method not in _READS:
            raise _NoHarmlessCallError
        self.asked += 1
        return self._way.send(request)


class _NoHarmlessCallError(Exception):
    """The search of this platform is no plain read."""


def fields_of(secrets: Secrets, name: str) -> dict[str, str]:
    """The names of a secret's fields, with the value of `grant_type`, which is none. Raises as `Secrets.read`."""
    held = secrets.read(name).values
    return {field: value if field == "grant_type" else "" for field, value in held.items() if value}


def ask_platform(destination: Destination, way: Transport, subject: Subject) -> Iterator[Finding]:
    """Look for an audience that does not exist: whether the address, the token and the account are taken."""
    reads = _ReadsOnly(way)
    try:
        destination.find_audience(reads, AudienceSpec(_NOBODYS, _NOBODYS, {}))
    except _NoHarmlessCallError:
        pass
    except TransientError as error:
        yield subject.wrong("platform_not_reached", _said(error), "look at the network, then run it again")
        return
    except (NeedsHumanError, PermanentError) as error:
        yield subject.wrong("token_refused", _said(error), "put a token in the secret that this account takes")
        return
    if reads.asked:
        yield subject.fine("the platform takes its token")
    else:
        yield subject.unknown(
            "token_not_checked",
            "this connector has no call that changes nothing",
            "see whether the first delivery works",
        )


def _said(error: SegmentAssetsError) -> str:
    return str(error).rpartition("; ")[0] or str(error)
