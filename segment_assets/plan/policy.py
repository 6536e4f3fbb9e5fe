"""What a platform's own rules, and ours about people who need more care, say to one activation.

Belongs here: one function per rule about a single segment on a single account. Asked when the plan is read, and again
in every run: a plan that was made in another way than by reading the file is held to the same.
Not here: whether the parts of a plan fit together (`rules`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from segment_assets.contracts import IS_VALUE_BASED
from segment_assets.destinations import registry
from segment_assets.plan.names import flagged
from segment_assets.plan.vocabulary import Minors, Provenance, Sensitive, Use

if TYPE_CHECKING:
    from collections.abc import Iterator

    from segment_assets.contracts import Contract
    from segment_assets.plan.activations import Activation
    from segment_assets.plan.model import Plan
    from segment_assets.plan.segments import CleanRoomSegment, LandingSegment


def broken_by(plan: Plan, activation: Activation) -> Iterator[str]:
    """What keeps an activation from being sent, each as what to change. Its segment and account are in the plan."""
    segment = plan.segments[activation.segment]
    contract = registry()[plan.accounts[activation.account].destination]
    if contract.first_party_only and segment.provenance is not Provenance.FIRST_PARTY:
        yield (
            f"{contract.platform} takes first-party data only, and {activation.segment} is {segment.provenance.value}"
        )
    unknown = [key.value for key in activation.match_keys if key not in contract.match_keys]
    if unknown:
        yield f"{contract.platform} has no match key {', '.join(unknown)}"
    if activation.mode not in contract.modes:
        modes = ", ".join(mode.value for mode in contract.modes)
        yield f"mode: {contract.platform} has no {activation.mode.value}; it has {modes}"
    yield from _unstated(contract, activation)
    yield from _not_adoptable(contract, activation)
    yield from _without_expiry(contract, activation)
    yield from _without_value(contract, activation, segment)
    if _says_that_everybody_consented(activation) and not segment.opt_in_everywhere:
        yield (
            "states that everybody consented, but where the law does not ask for a yes "
            f"{activation.segment} keeps people who said nothing; set opt_in_everywhere on the segment"
        )
    if care := needs_care(plan, segment):
        yield f"{activation.segment} {care}"
    yield from _telling_name(plan, activation)


def needs_care(plan: Plan, segment: CleanRoomSegment | LandingSegment) -> str:
    """Why a segment of sensitive people, or of minors, may not be sent; empty when it may."""
    reasons = []
    if segment.sensitive is not Sensitive.NONE:
        reasons.append(f"is about {segment.sensitive.value}")
    if segment.minors is not Minors.EXCLUDED:
        reasons.append("holds minors" if segment.minors is Minors.INCLUDED else "may hold minors")
    if not reasons:
        return ""
    said = " and ".join(reasons)
    if segment.allowed_by is None:
        return f"{said}; it is sent when somebody else than the plan's author allows it by name in allowed_by"
    if plan.is_author(segment.allowed_by):
        return f"{said}, and the plan's author allows it; somebody else has to (allowed_by)"
    return ""


def _says_that_everybody_consented(activation: Activation) -> bool:
    """In the words of Google or of Amazon. Amazon's `removal_signal` has the same word and says nothing of anybody."""
    said = activation.statements
    return "CONSENT_GRANTED" in said.values() or said.get("amzn_user_data") == "GRANTED"


def _unstated(contract: Contract, activation: Activation) -> Iterator[str]:
    """What the platform asks the plan to state, and the plan does not, or not in the platform's words."""
    for name, words in contract.statements.items():
        if name not in activation.statements:
            yield f"statements.{name} is missing; {contract.platform} takes {' or '.join(words)}"
        elif activation.statements[name] not in words:
            yield f"statements.{name} is not in the words of {contract.platform}; it takes {' or '.join(words)}"


def _not_adoptable(contract: Contract, activation: Activation) -> Iterator[str]:
    """Where nothing can be adopted, and what an adopted audience of several lists lacks.

    One id would be taken for all kinds of identifiers.
    """
    if activation.adopt is None:
        return
    if not contract.takes_people_out:
        yield (
            f"adopt: {contract.platform} takes nobody out of an audience but all at once, also whom somebody else put "
            "there; leave adopt out, so that one is made"
        )
    if not contract.list_per_lane:
        return
    wanted = [key.value for key in activation.match_keys or contract.match_keys]
    kinds = [kind for part in activation.adopt.split() for kind, _, number in [part.partition(":")] if number]
    if len(kinds) != len(activation.adopt.split()) or sorted(kinds) != sorted(wanted):
        example = " ".join(f"{key}:ID" for key in wanted)
        yield f"adopt: {contract.platform} has a list for each match key; name each of them ({example})"


def _without_expiry(contract: Contract, activation: Activation) -> Iterator[str]:
    """What is not said of when people leave an adopted audience: taken for ours, they would expire unseen."""
    is_asked = activation.adopt is not None and contract.expires_by_audience
    if is_asked and activation.adopted_expiry_days is None:
        yield (
            f"adopted_expiry_days is missing; people leave an audience of {contract.platform} after days of its own, "
            "so write down the number that the platform shows for the one that is adopted"
        )
    if activation.adopted_expiry_days is not None and not is_asked:
        yield (
            f"adopted_expiry_days: only an adopted audience has days of its own, where {contract.platform} gives them "
            "to each audience; leave it out"
        )


def _without_value(
    contract: Contract, activation: Activation, segment: CleanRoomSegment | LandingSegment
) -> Iterator[str]:
    """What an audience by value lacks. A file that has no values gives an audience of nobody, which a check stops."""
    if IS_VALUE_BASED in activation.statements:
        yield f"statements.{IS_VALUE_BASED}: write value_based: true on the activation itself"
    if not activation.value_based:
        return
    if not contract.value_field:
        yield f"value_based: {contract.platform} takes no value of people"
    if activation.adopt is not None:
        yield "value_based: an adopted audience may have been made without values; leave adopt out, so that one is made"
    if activation.use is not Use.SEED:
        yield "value_based: only people who are a seed for others have a value there; say use: seed"
    if segment.source == "clean_room" and segment.value_currency is None:
        yield f"value_based: {activation.segment} has no values; name a value_currency on the segment"


def _telling_name(plan: Plan, activation: Activation) -> Iterator[str]:
    name = plan.audience_name(activation)
    if "@" in name or not name.isprintable():
        yield "audience_name holds a character that no name of an audience needs; write letters, digits and blanks"
    hits = flagged(name)
    if hits and activation.name_reviewed_by is None:
        words = ", ".join(f"{word!r} ({category})" for word, category in hits)
        yield (
            f"the name of its audience says something about the people in it: {words}; choose a neutral audience_name, "
            "or have somebody vouch for it in name_reviewed_by"
        )
