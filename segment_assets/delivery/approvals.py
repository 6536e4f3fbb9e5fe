"""Approvals: who let which stopped delivery through the guards, when and why.

Belongs here: the chain of a pair's stops and approvals in the lake, and what an approval is good for. One is for
exactly one audience after exactly one other: it outlives opt-outs and tries that failed, and ends with the next
delivery of another audience, or after a week. Not here: what stops a delivery (`guards`).
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from segment_assets.contracts import NeedsHumanError, PermanentError
from segment_assets.contracts.persons import is_one_person
from segment_assets.delivery.ledger import AudienceLedger, Chain, Pair, minted
from segment_assets.delivery.reasons import names_somebody

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from segment_assets.contracts import Clock, Lake
    from segment_assets.delivery.guards import Stop
    from segment_assets.delivery.ledger import Entry

ROOT = "approvals"
# Seconds. A yes is to what somebody has looked at; after a week the world is another one.
APPROVAL_HOLDS = 7 * 86_400.0
_SHORTEST_ID = 6


@dataclasses.dataclass(frozen=True, slots=True)
class Pending:
    """A stopped delivery that waits for somebody. `id` names it; `guards` maps each guard to its numbers."""

    id: str
    pair: Pair
    at: float
    guards: Mapping[str, Mapping[str, Any]]


@dataclasses.dataclass(frozen=True, slots=True)
class Desk:
    """Where one delivery asks for approval. `audience` is the id of its snapshot; `permission` what it is sent under.

    `notes` is off for a rehearsal, which asks and leaves nothing behind.
    """

    lake: Lake
    pair: Pair
    audience: str
    permission: str
    clock: Clock
    notes: bool = True

    def not_approved(self, stops: Sequence[Stop]) -> list[Stop]:
        """The stops that nobody has approved. What stops, and what is let through, is noted."""
        if not stops:
            return []
        chain, delivery = _chain(self.lake, self.pair, self.clock), self.delivery_id()
        granted = self._granted(chain, delivery)
        left = [stop for stop in stops if not _covers(granted, stop)]
        if self.notes and left:
            _note_once(chain, "stopped", {"delivery": delivery, "audience": self.audience, "guards": _guards(stops)})
        elif self.notes:
            _note_once(chain, "let_through", {"delivery": delivery, "audience": self.audience})
        return left

    def delivery_id(self) -> str:
        """Digest of what an approval is for: the audience, what it is sent under, and the one that it follows."""
        pair = self.pair
        before = _follows(AudienceLedger(self.lake, pair, self.clock), self.audience)
        return minted(pair.tenant, pair.destination, pair.account, pair.segment, self.audience, self.permission, before)

    def how_to_approve(self) -> str:
        """The next action for a person who has looked and agrees."""
        return (
            f"To let exactly this one through: segment-assets approve {self.delivery_id()[:12]} --reason … --as …, "
            "by somebody else than the plan's author"
        )

    def _granted(self, chain: Chain, delivery: str) -> Mapping[str, Mapping[str, Any]]:
        """Guard -> what was approved of it, for this delivery and now."""
        since = self.clock() - APPROVAL_HOLDS
        approved = [e for e in chain.entries if e.kind == "approved" and e.body["delivery"] == delivery]
        return approved[-1].body["guards"] if approved and approved[-1].at >= since else {}


def approve(lake: Lake, which: str, *, by: str, reason: str, author: str, tenant: str, clock: Clock) -> Pending:
    """Let a stopped delivery through: `which` is its id, a beginning of that, or destination/account/segment.

    Raises NeedsHumanError when `by` is the plan's author, PermanentError when nothing of the kind is stopped.
    """
    who, why = " ".join(by.split()), " ".join(reason.split())
    if not who or not why:
        raise PermanentError("an approval has a name and a reason; give --as and --reason")
    if is_one_person(who, author):
        raise NeedsHumanError(f"{which}: the plan's author cannot approve; have somebody else look at the numbers")
    if names_somebody(why):
        raise PermanentError("the reason holds something that names a person or looks like it; say it without")
    waiting = _named(pending(lake, tenant, clock), which)
    chain = _chain(lake, waiting.pair, clock)
    # Appending to the chain as it was read: of two approvals at once one is created, the other is fenced.
    chain.append("approved", {"delivery": waiting.id, "by": who, "reason": why, "guards": waiting.guards})
    return waiting


def pending(lake: Lake, tenant: str, clock: Clock) -> list[Pending]:
    """Stopped deliveries that nobody has approved yet, the newest of every pair."""
    pairs = sorted({tuple(key.split("/")[1:4]) for key in lake.keys(ROOT)})
    found = []
    for names in pairs:
        pair = Pair(tenant, *names)
        entries = _chain(lake, pair, clock).entries
        last = entries[-1]
        is_open = last.kind == "stopped" and _is_the_last_wish(lake, pair, last, clock)
        if is_open:
            found.append(Pending(last.body["delivery"], pair, last.at, last.body["guards"]))
    return found


def approvals_of(pair: Pair) -> str:
    """Where the chain of a pair's stops and approvals lies."""
    return f"{ROOT}/{pair.partition}"


def approvals_given(lake: Lake, pair: Pair, clock: Clock) -> int:
    """How many approvals a pair has had: a new one is a reason to try again at once."""
    return sum(entry.kind == "approved" for entry in _chain(lake, pair, clock).entries)


def _is_the_last_wish(lake: Lake, pair: Pair, stopped: Entry, clock: Clock) -> bool:
    """Whether the audience that was stopped is the one that would be sent now, and has not been."""
    from segment_assets.tables import HASHED_AUDIENCE

    current = lake.current(HASHED_AUDIENCE.name, pair.segment)
    ledger = AudienceLedger(lake, pair, clock)
    done = any(
        log.header["to_snapshot"] == stopped.body["audience"]
        and log.closed is not None
        and log.closed.at >= stopped.at
        and log.closed.body["outcome"] in {"done", "empty"}
        for log in ledger.deliveries()
    )
    return current is not None and current.id == stopped.body["audience"] and not done


def _named(waiting: Sequence[Pending], which: str) -> Pending:
    found = [
        one
        for one in waiting
        if which in {one.pair.partition, str(one.pair)} or (len(which) >= _SHORTEST_ID and one.id.startswith(which))
    ]
    if len(found) == 1:
        return found[0]
    there = ", ".join(f"{one.id[:12]} ({one.pair.partition})" for one in found or waiting) or "none"
    raise PermanentError(f"{which}: names no single stopped delivery; those that wait for approval: {there}")


def _follows(ledger: AudienceLedger, audience: str) -> str:
    """Id of the last delivery that went to another audience; opt-outs, and tries with this one, do not count."""
    for log in reversed(list(ledger.deliveries())):
        if log.header["lane"] != "opt_out" and log.header["to_snapshot"] != audience:
            return str(log.header["delivery_id"])
    return ""


def _chain(lake: Lake, pair: Pair, clock: Clock) -> Chain:
    chain = Chain(lake, approvals_of(pair), clock)
    chain.verify()
    return chain


def _guards(stops: Sequence[Stop]) -> dict[str, dict[str, Any]]:
    return {stop.guard: {"amount": stop.amount, "numbers": dict(stop.numbers)} for stop in stops}


def _covers(granted: Mapping[str, Mapping[str, Any]], stop: Stop) -> bool:
    return stop.guard in granted and stop.amount <= granted[stop.guard]["amount"]


def _note_once(chain: Chain, kind: str, body: Mapping[str, Any]) -> None:
    """Note what was not noted last: a reconciler asks many times, and a chain should tell a story."""
    newest = chain.entries[-1] if chain.entries else None
    if newest is None or (newest.kind, newest.body) != (kind, body):
        chain.append(kind, body)
