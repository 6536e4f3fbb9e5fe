"""The audience on the platform: created once, or adopted, found again by our own marker, deleted when the plan says so.

Belongs here: the chain of notes about the audience itself. Not here: its members.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hmac
from hashlib import sha256
from typing import TYPE_CHECKING

from segment_assets.contracts import IS_VALUE_BASED, AudienceSpec, NeedsHumanError, PermanentError
from segment_assets.delivery.ledger import AudienceLedger, minted

if TYPE_CHECKING:
    from segment_assets.contracts import Destination, Sleep, Transport
    from segment_assets.delivery.errands import Errand
    from segment_assets.delivery.ledger import Chain, Entry

# Seconds. A platform can finish a request whose caller has hung up (seen in CI: two audiences after a time-out).
_CREATION_MAY_STILL_ARRIVE = 120.0
_LOOKS = (0.5, 1.0, 2.0, 4.0)


def audience_on_platform(
    ledger: AudienceLedger, errand: Errand, destination: Destination, transport: Transport, sleep: Sleep
) -> str:
    """The id of the audience, which is created when there is none; an unanswered creation is looked up first.

    The one that the pair has counts, whatever the plan adopts by now: who said no has to leave it
    (`refuse_to_adopt_another` stops the others). Raises NeedsHumanError where that to adopt is another pair's.
    """
    chain, pair = ledger.audience(), errand.pair
    known = _known(chain)
    if known:
        return known
    if errand.adopt:
        _refuse_to_adopt_what_is_taken(ledger, errand.adopt)
        chain.append("adopted", {"id": errand.adopt})
        return errand.adopt
    token = minted(pair.tenant, pair.destination, pair.account, pair.segment)
    marker = hmac.new(errand.key, token.encode(), sha256).hexdigest()[:32]
    spec = AudienceSpec(errand.spec_name, marker, errand.statements)
    last = chain.entries[-1] if chain.entries else None
    chain.append("intent", {"name": spec.name})
    found = None
    if last is not None and last.kind == "intent":
        is_young = ledger.clock() - last.at < _CREATION_MAY_STILL_ARRIVE
        found = _looked_for(spec, destination, transport, sleep, _LOOKS if is_young else ())
    elif last is not None and last.kind == "refused":
        # A part may have been made. Who cannot look need not: nothing was left without an answer.
        with contextlib.suppress(NeedsHumanError):
            found = destination.find_audience(transport, spec)
    try:
        audience_id = found or destination.create_audience(transport, spec)
    except (PermanentError, NeedsHumanError):
        chain.append("refused", {})
        raise
    chain.append("created", {"id": audience_id, **({"by_value": True} if _is_by_value(errand) else {})})
    return audience_id


def refuse_another_kind(ledger: AudienceLedger, errand: Errand) -> None:
    """Stop people from being added after `value_based` was switched: what an audience was made as it stays.

    Every batch would be refused, and so would each half of it. Who said no is taken out either way.
    Raises NeedsHumanError.
    """
    made = _made(ledger.audience())
    if made is None or bool(made.body.get("by_value")) == _is_by_value(errand):
        return
    was = "by value" if made.body.get("by_value") else "without values"
    # What becomes of an audience is noted with a delivery, so `on_removal` has to be said while one is let through.
    way_out = (
        "then, for a new audience, end the activation with on_removal: delete, and name it again by the other kind"
    )
    if made.kind == "adopted":
        way_out = "an adopted audience takes people without values"
    raise NeedsHumanError(
        f"{errand.pair}: value_based was switched in the plan, and the audience was made {was}, which stays. Nobody is "
        f"added. Switch it back; {way_out}"
    )


def refuse_to_adopt_another(ledger: AudienceLedger, errand: Errand) -> None:
    """Stop people from being added after `adopt` was named in the plan, or changed, for a pair that has an audience.

    Who said no is taken out of that one either way. Raises NeedsHumanError.
    """
    known = id_of(ledger)
    if known and errand.adopt not in {"", known}:
        raise NeedsHumanError(
            f"{errand.pair}: the plan adopts an audience, and this pair has another one, which its ledger knows by id. "
            "Nobody is added. Take `adopt` out of the plan, or end the activation with on_removal: delete first"
        )


def id_of(ledger: AudienceLedger) -> str:
    """The id of the audience that a pair has; empty where it has none, or none any more."""
    return _known(ledger.audience())


def is_adopted(ledger: AudienceLedger) -> bool:
    """Whether the audience that a pair has was on the platform before us, whatever the plan says by now."""
    kinds = [entry.kind for entry in ledger.audience().entries if entry.kind in {"created", "adopted", "deleted"}]
    return kinds[-1:] == ["adopted"]


def _known(chain: Chain) -> str:
    made = _made(chain)
    return str(made.body["id"]) if made else ""


def _made(chain: Chain) -> Entry | None:
    """The note on the audience that the pair has."""
    for entry in reversed(chain.entries):
        if entry.kind == "deleted":
            break
        if entry.kind in {"created", "adopted"}:
            return entry
    return None


def _is_by_value(errand: Errand) -> bool:
    return errand.statements.get(IS_VALUE_BASED) == "true"


def _refuse_to_adopt_what_is_taken(ledger: AudienceLedger, wanted: str) -> None:
    pair = ledger.pair
    account = f"ledger/{pair.destination}/{pair.account}"
    for segment in sorted({key.split("/")[3] for key in ledger.lake.keys(account)} - {pair.segment}):
        other = AudienceLedger(ledger.lake, dataclasses.replace(pair, segment=segment), ledger.clock)
        # An audience of several lists has the ids of all of them, one after the other.
        if not set(wanted.split()).isdisjoint(id_of(other).split()):
            raise NeedsHumanError(f"{pair}: the audience that the plan adopts is that of {segment}; give each its own")


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
