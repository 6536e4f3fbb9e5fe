"""What a platform accepts, as declared data.

Not here: any platform (`destinations`).
"""

from __future__ import annotations

import dataclasses
import enum
from typing import TYPE_CHECKING

from segment_assets.contracts.vocabulary import Encoding, MatchKey

if TYPE_CHECKING:
    from collections.abc import Mapping


class Pattern(enum.StrEnum):
    """How a platform takes audiences (the three ways of the AWS guidance, and files)."""

    MANAGED = "managed"
    MULTI_STEP = "multi_step"
    SINGLE_STEP = "single_step"
    FILE = "file"


class Operation(enum.StrEnum):
    """What a request asks of an audience."""

    ADD = "add"
    REMOVE = "remove"


@dataclasses.dataclass(frozen=True, slots=True)
class Sent:
    """How one match key goes over the wire: the platform's field, the normal form, and how that is written.

    For destinations with a connector the normal form is also the column of hashed_audience.
    """

    field: str
    form: str
    encoding: Encoding = Encoding.SHA256_HEX


@dataclasses.dataclass(frozen=True, slots=True)
class Quota:
    """Requests that one account may make in a stretch of seconds."""

    requests: int
    per_seconds: float


@dataclasses.dataclass(frozen=True, slots=True)
class Follow:
    """How often a platform wants to be asked about a job, by its own advice. Seconds."""

    first: float
    multiplier: float
    longest: float
    give_up: float


@dataclasses.dataclass(frozen=True, slots=True)
class Contract:
    """What a platform accepts, declared once; limits, documentation and checks are derived from it.

    `match_groups`: a person is usable when every key of at least one group is known.
    `identifying`: keys of which any single one makes the platform add or remove a person.
    `minimum_members`: the smallest audience that the platform can use.
    `expiry_days`: after how many days a member leaves by itself, None where never.
    `follow`: set where a request is only a job that the platform works on later.
    `statements`: what the plan has to state about each activation, and the words the platform takes for it.
    `endpoint`: the platform's published address; a deployment may name another (a sandbox, a region).
    """

    platform: str
    version: int
    pattern: Pattern
    match_keys: Mapping[MatchKey, Sent]
    match_groups: tuple[tuple[MatchKey, ...], ...]
    identifying: tuple[MatchKey, ...]
    batch_members: int
    batch_bytes: int
    quota: Quota
    minimum_members: int
    expiry_days: int | None
    first_party_only: bool
    evidence: str
    follow: Follow | None = None
    statements: Mapping[str, tuple[str, ...]] = dataclasses.field(default_factory=dict)
    endpoint: str = ""

    def forms(self) -> tuple[str, ...]:
        """Columns of hashed_audience that this platform is sent, in the order of the wire."""
        return tuple(sent.form for sent in self.match_keys.values())
