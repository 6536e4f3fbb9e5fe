"""The words of the plan: what a use, a provenance and a consent can be.

Belongs here: types that several parts of the plan are made of. Not here: what they have to fit (`rules`).
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import pydantic

from segment_assets.contracts import PermanentError

# A segment is a partition key, a folder name and part of a platform audience's name.
SegmentName = Annotated[str, pydantic.StringConstraints(pattern=r"^[a-z0-9][a-z0-9_]{0,63}$")]
Share = Annotated[float, pydantic.Field(ge=0, le=1)]
# Somebody whom one can ask: a person, by mail address or name.
Person = Annotated[str, pydantic.StringConstraints(strip_whitespace=True, min_length=3, max_length=200)]


class PlanError(PermanentError):
    """The plan cannot be used. Each line of the message names a place in the file and what to change."""


class Strict(pydantic.BaseModel):
    """A part of the plan: no key but the declared ones, and nothing changes once it is read."""

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True)


class Use(StrEnum):
    """What a platform does with an audience: show to it, keep from it, or look for people like it.

    A seed is sent as a target is, without the held-out. What is made of it (a look-alike, which a buyer asks the
    platform for) is the platform's own, and nobody's membership in that is ours to take back. With `value_based` each
    person's value goes along, where the platform takes one.
    """

    TARGET = "target"
    EXCLUDE = "exclude"
    SEED = "seed"


class Provenance(StrEnum):
    """Where the people of a segment come from; platforms have rules about it."""

    FIRST_PARTY = "first_party"
    PARTNER = "partner"
    CLEAN_ROOM = "clean_room"


class Sensitive(StrEnum):
    """What a segment tells about the people in it: GDPR articles 9 and 10, and money, which platforms treat alike."""

    NONE = "none"
    HEALTH = "health"
    FINANCE = "finance"
    ETHNICITY = "ethnicity"
    POLITICS = "politics"
    RELIGION = "religion"
    TRADE_UNION = "trade_union"
    SEXUALITY = "sexuality"
    BIOMETRICS = "biometrics"
    CRIMINAL_RECORD = "criminal_record"


class Minors(StrEnum):
    """Whether people under age can be in a segment."""

    EXCLUDED = "excluded"
    INCLUDED = "included"
    UNKNOWN = "unknown"


class ConsentSource(StrEnum):
    """Who says that people agreed: the customers table, the landed file, or a person on the plan's word."""

    CUSTOMERS = "customers"
    FILE = "file"
    ASSERTED = "asserted"
