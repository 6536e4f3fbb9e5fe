"""Trouble on request: rules that make matching calls fail in a chosen way, so that callers can prove what they do then.

Rules live in memory, not in the store: a restart is the end of an experiment, not a part of it.
"""

from __future__ import annotations

import dataclasses
import enum
import re
from typing import TYPE_CHECKING, Any

from segment_assets.contracts import PermanentError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class Kind(enum.StrEnum):
    """What happens to a call that a rule hits. Those of `UNPROCESSED` never reach the platform."""

    STATUS = "status"
    THROTTLE = "throttle"
    EXPIRED_TOKEN = "expired_token"  # noqa: S105  the name of a fault, no password
    RESET_BEFORE = "reset_before"
    SLOW = "slow"
    ANSWER = "answer"
    POISON = "poison"
    RESET_AFTER = "reset_after"
    TRUNCATED = "truncated"
    BAD_JSON = "bad_json"


_IDENTIFIER = re.compile(
    rb"[0-9a-f]{64}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|[A-Za-z0-9+/]{43}=|X[Yi][A-Za-z0-9_-]{20,98}"
)

UNPROCESSED = frozenset({Kind.STATUS, Kind.THROTTLE, Kind.EXPIRED_TOKEN, Kind.RESET_BEFORE, Kind.ANSWER, Kind.POISON})
"""Kinds that take the place of the platform: nothing is stored."""


@dataclasses.dataclass(slots=True)
class Rule:
    """One rule: which calls (method, path pattern, from the nth on, so many) and what happens to them.

    `identifiers` are digests (in base64 too, as UID2s are), mobile ids or RampIDs, for `poison` only: a call is hit
    when it holds any of them. It is then refused as a whole; `names_members` says whether the platform tells which,
    where its published form can.
    """

    kind: Kind
    method: str | None = None
    path: str = ""
    nth: int = 1
    count: int | None = None
    status: int = 503
    seconds: float = 0.0
    body: object = None
    identifiers: frozenset[str] = dataclasses.field(default=frozenset(), repr=False)
    names_members: bool = True
    seen: int = 0
    hits: int = 0

    def strikes(self, method: str, path: str, body: bytes = b"") -> bool:
        """Count the call if it matches, and say whether the rule hits it."""
        if (self.method and self.method != method) or not re.search(self.path, path):
            return False
        if self.kind is Kind.POISON and not self.poisoned(body):
            return False
        self.seen += 1
        hit = self.seen >= self.nth and (self.count is None or self.seen < self.nth + self.count)
        self.hits += hit
        return hit

    def poisoned(self, body: bytes) -> bool:
        """Whether any of the identifiers is in a body or in a part of one."""
        return not self.identifiers.isdisjoint(map(bytes.decode, _IDENTIFIER.findall(body)))


class Faults:
    """The rules now in force. The first that hits decides."""

    def __init__(self) -> None:
        self.rules: list[Rule] = []

    def replace(self, rules: Sequence[Mapping[str, Any]]) -> None:
        """Put new rules in force instead of all earlier ones. An empty list ends all trouble.

        `nth` alone means that one call; `count` alone the first so many; neither means every matching call.
        Raises PermanentError naming the rule that cannot be read; the earlier rules then stay.
        """
        self.rules = [_read(number, rule) for number, rule in enumerate(rules, start=1)]

    def hit(self, method: str, path: str, body: bytes = b"") -> Rule | None:
        """The rule that strikes this call, if any. Counts the call with every rule that it matches up to there."""
        return next((rule for rule in self.rules if rule.strikes(method, path, body)), None)

    def describe(self) -> list[dict[str, Any]]:
        """The rules with how often each was matched (`seen`) and struck (`hits`), and how many identifiers it has."""
        return [{**dataclasses.asdict(rule), "identifiers": len(rule.identifiers)} for rule in self.rules]


_SETTABLE = {"kind", "method", "path", "nth", "count", "status", "seconds", "body", "identifiers", "names_members"}


def _read(number: int, fields: Mapping[str, Any]) -> Rule:
    unknown = sorted(set(fields) - _SETTABLE)
    try:
        if unknown:
            message = f"unknown fields {unknown}, known are {sorted(_SETTABLE)}"
            raise ValueError(message)  # noqa: TRY301  one place words the refusal
        named = frozenset(fields.get("identifiers", ()))
        count = fields.get("count", 1 if "nth" in fields else None)
        rule = Rule(**{**fields, "kind": Kind(fields["kind"]), "count": count, "identifiers": named})
        re.compile(rule.path)
    except (KeyError, TypeError, ValueError, re.error) as error:
        message = f"Fault rule {number} cannot be read: {error}. Correct it and post the whole list again."
        raise PermanentError(message) from error
    return rule
