"""The audience on the platform: created once, found again by our own marker, deleted when the plan says so.

Belongs here: the chain of notes about the audience itself. Not here: its members.
"""

from __future__ import annotations

import hmac
from hashlib import sha256
from typing import TYPE_CHECKING

from segment_assets.contracts import AudienceSpec
from segment_assets.delivery.ledger import minted

if TYPE_CHECKING:
    from segment_assets.contracts import Destination, Sleep, Transport
    from segment_assets.delivery.errands import Errand
    from segment_assets.delivery.ledger import AudienceLedger

# Seconds. A platform can finish a request whose caller has hung up (seen in CI: two audiences after a time-out).
_CREATION_MAY_STILL_ARRIVE = 120.0
_LOOKS = (0.5, 1.0, 2.0, 4.0)


def audience_on_platform(
    ledger: AudienceLedger, errand: Errand, destination: Destination, transport: Transport, sleep: Sleep
) -> str:
    """The id of the audience, which is created when there is none; an unanswered creation is looked up first."""
    chain = ledger.audience()
    for entry in reversed(chain.entries):
        if entry.kind == "deleted":
            break
        if entry.kind == "created":
            return str(entry.body["id"])
    pair = errand.pair
    token = minted(pair.tenant, pair.destination, pair.account, pair.segment)
    marker = hmac.new(errand.key, token.encode(), sha256).hexdigest()[:32]
    spec = AudienceSpec(errand.spec_name, marker, errand.statements)
    unanswered = chain.entries[-1] if chain.entries and chain.entries[-1].kind == "intent" else None
    chain.append("intent", {"name": spec.name})
    found = None
    if unanswered is not None:
        is_young = ledger.clock() - unanswered.at < _CREATION_MAY_STILL_ARRIVE
        found = _looked_for(spec, destination, transport, sleep, _LOOKS if is_young else ())
    audience_id = found or destination.create_audience(transport, spec)
    chain.append("created", {"id": audience_id})
    return audience_id


def _looked_for(
    spec: AudienceSpec, destination: Destination, transport: Transport, sleep: Sleep, pauses: tuple[float, ...]
) -> str | None:
    """The audience of an unanswered creation, looked for again after every pause: it may still be on its way."""
    for pause in (*pauses, None):
        found = destination.find_audience(transport, spec)
        if found or pause is None:
            return found
        sleep(pause)
    return None
