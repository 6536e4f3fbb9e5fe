"""The plan's accounts and activations: which segment may go to which account, for what, and under what limits.

Belongs here: the shape of `accounts` and `activations`. Not here: whether they fit together (`rules`).
"""

import dataclasses
import datetime as dt
from collections.abc import Mapping
from typing import Annotated, Literal

import pydantic

from segment_assets.contracts import IS_VALUE_BASED, Contract, MatchKey, Mode, read_by
from segment_assets.destinations import registry
from segment_assets.plan.sending import Sending
from segment_assets.plan.vocabulary import Person, SegmentName, Share, Strict, Use

# Days. Snapchat's number for members who stay for life; no platform has a larger one.
_LONGEST_EXPIRY = 9_999


class Account(Strict):
    """One account on a platform. `terms_accepted_by` and `terms_accepted_on` say who agreed to its terms, and when.

    `sending` says when audiences may be sent to it; without it, always.
    """

    destination: str
    account: str = pydantic.Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")
    owner: str = pydantic.Field(min_length=3)
    terms_accepted_by: Person
    terms_accepted_on: dt.date
    sending: Sending | None = None
    settings: Mapping[str, str] = pydantic.Field(default_factory=dict)

    @pydantic.field_validator("terms_accepted_on")
    @classmethod
    def _has_happened(cls, day: dt.date) -> dt.date:
        # It is today already in the first time zone of the world.
        if day > (dt.datetime.now(dt.UTC) + dt.timedelta(hours=14)).date():
            raise ValueError("lies in the future; accept the platform's terms first, then write down that day")
        return day

    @pydantic.field_validator("destination")
    @classmethod
    def _destination_exists(cls, name: str) -> str:
        if name not in registry():
            raise ValueError(f"{name}: no such destination; there are {', '.join(registry())}")
        return name

    @property
    def contract(self) -> Contract:
        """The platform's contract by the readings that the settings choose (see `destinations.contract_of`)."""
        return read_by(registry()[self.destination], self.settings)


class Activation(Strict):
    """Permission for one segment on one account for one purpose.

    `sending` narrows the account's own. `name_reviewed_by` vouches for a name that the lint finds not neutral.
    `adopt` is the platform's id of an audience that is there already and shall be used in place of a new one; whoever
    is in it that we never sent stays in it, because no platform says who that is. `adopted_expiry_days` is after how
    many days its members leave, where that is a matter of the audience: the platform's page of it says the number.
    With `value_based` the value of each person goes along, so that the platform looks for people like the best of them.
    """

    segment: SegmentName
    account: str
    purpose: str = pydantic.Field(min_length=3)
    use: Use
    value_based: bool = False
    mode: Mode = Mode.MIRROR
    match_keys: tuple[MatchKey, ...] = ()
    audience_name: Annotated[str, pydantic.StringConstraints(min_length=1, max_length=200)] | None = None
    name_reviewed_by: Person | None = None
    adopt: Annotated[str, pydantic.StringConstraints(strip_whitespace=True, min_length=1, max_length=200)] | None = None
    adopted_expiry_days: int | None = pydantic.Field(default=None, ge=1, le=_LONGEST_EXPIRY)
    max_removal_share: Share = 0.3
    sending: Sending | None = None
    on_removal: Literal["keep", "empty", "delete"] = "keep"
    statements: Mapping[str, str] = pydantic.Field(default_factory=dict)

    @property
    def said(self) -> Mapping[str, str]:
        """What the platform is told of the activation: the plan's statements, and whether it is by value."""
        return {**self.statements, **({IS_VALUE_BASED: "true"} if self.value_based else {})}

    def held_to(self, contract: Contract) -> Contract:
        """A destination's contract for this activation: in an adopted audience people stay for as long as it says."""
        if self.adopted_expiry_days is None:
            return contract
        days = min(self.adopted_expiry_days, contract.expiry_days or self.adopted_expiry_days)
        return dataclasses.replace(contract, expiry_days=days)
