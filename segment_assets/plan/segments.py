"""The plan's segments: where people come from, on whose word, and how much of them may be held out or refused.

Belongs here: the shape of `segments` and `experiments`. Not here: what is done with them (`audience`, `assets`).
"""

from collections.abc import Mapping
from typing import Annotated, Literal

import pydantic

from segment_assets.contracts import ColumnState
from segment_assets.plan.vocabulary import ConsentSource, Minors, Person, Provenance, Sensitive, Share, Strict
from segment_assets.tables import IDENTIFIER_COLUMNS, SEGMENT_MEMBERS, SOURCE_PLACE


class Experiment(Strict):
    """A hold-out: `share` of the eligible people is never targeted, drawn with a `salt` of its own."""

    salt: str = pydantic.Field(min_length=4)
    share: float = pydantic.Field(ge=0, lt=1)


class AudienceGuards(Strict):
    """Limits of a hashed audience; below or above them nothing but opt-outs leaves.

    `max_source_drop` is the share by which the source may be shorter than it usually was. `max_age_days` is the age of
    the source that may still be sent, null for any.
    """

    minimum_size: int = pydantic.Field(default=100, ge=1)
    max_quarantine_share: Share = 0.2
    max_drift: float = pydantic.Field(default=0.5, gt=0)
    column_state_disagreement_limit: Share = 0.05
    max_source_drop: Share = 0.4
    # A monthly export, and a few days for it to be late.
    max_age_days: float | None = pydantic.Field(default=35.0, gt=0)


class CleanRoomSegment(Strict):
    """Members of a clean-room LIST result, with or without account A's own converters.

    `sensitive` and `minors` say what the people of the segment have in common; anything but `none` and `excluded` needs
    `allowed_by`, somebody else than the plan's author.
    `opt_in_everywhere` asks for a yes also where the law is content without a no. `value_currency` (ISO 4217) says that
    a person's value goes along: the sum of their own orders of the week in this currency.
    """

    source: Literal["clean_room"]
    query: Literal["exposed_customers"]
    converters: Literal["any", "without", "only"] = "any"
    price_bands: tuple[str, ...] = ()
    value_currency: str | None = pydantic.Field(default=None, pattern=r"^[A-Z]{3}$")
    description: str
    owner: str
    provenance: Provenance
    legal_basis: str = pydantic.Field(min_length=3)
    sensitive: Sensitive
    minors: Minors
    allowed_by: Person | None = None
    consent: Literal[ConsentSource.CUSTOMERS] = ConsentSource.CUSTOMERS
    opt_in_everywhere: bool = False
    experiment: str | None = None
    guards: AudienceGuards = AudienceGuards()


class LandingSegment(Strict):
    """Members of files that land in `landing/segments/<segment>/`.

    `columns` says of our identifier columns whether they land `raw` or `hashed` (SHA-256 in hex or base64); of the
    others every value is looked at (`auto`).
    """

    source: Literal["landing"]
    headers: Mapping[str, str] = pydantic.Field(default_factory=dict)
    column_states: Mapping[str, ColumnState] = pydantic.Field(default_factory=dict, alias="columns")
    description: str
    owner: str
    provenance: Provenance
    legal_basis: str = pydantic.Field(min_length=3)
    sensitive: Sensitive
    minors: Minors
    allowed_by: Person | None = None
    consent: Literal[ConsentSource.FILE, ConsentSource.ASSERTED]
    consent_asserted_by: str | None = None
    opt_in_everywhere: bool = False
    experiment: str | None = None
    guards: AudienceGuards = AudienceGuards()

    @pydantic.field_validator("headers")
    @classmethod
    def _headers_name_our_columns(cls, headers: Mapping[str, str]) -> Mapping[str, str]:
        known = {column.name for column in SEGMENT_MEMBERS.columns if column not in SOURCE_PLACE}
        unknown = sorted(set(headers.values()) - known)
        if unknown:
            raise ValueError(f"{', '.join(unknown)}: not among our columns ({', '.join(sorted(known))})")
        return headers

    @pydantic.field_validator("column_states")
    @classmethod
    def _states_are_of_identifiers(cls, states: Mapping[str, ColumnState]) -> Mapping[str, ColumnState]:
        known = {column.name for column in IDENTIFIER_COLUMNS}
        unknown = sorted(set(states) - known)
        if unknown:
            raise ValueError(f"{', '.join(unknown)}: not among our identifiers ({', '.join(sorted(known))})")
        return states

    @pydantic.model_validator(mode="after")
    def _an_assertion_has_a_name(self) -> "LandingSegment":
        if (self.consent is ConsentSource.ASSERTED) != (self.consent_asserted_by is not None):
            raise ValueError(
                "consent: asserted and consent_asserted_by belong together: name who says that people agreed"
            )
        return self


Segment = Annotated[CleanRoomSegment | LandingSegment, pydantic.Field(discriminator="source")]
