"""Meta's Limited Data Use: whom a customer file asks Meta to handle as a processor only, for laws of US states.

Belongs here: which people are flagged, and the cells that say so. Not here: the rest of a row (`meta`), and who may be
sent at all (`audience.doors`): the flag is about people who are sent.
Source: Meta's Customer File Custom Audiences guide and its page on data processing options, as of autumn 2026.

The place is never ours to say. A row has no more than digests of a country and a state, and the codes of states beside
California's are not verified; so every row asks Meta to find the place itself (0 and 0), and Meta applies the flag
where it has terms for it. Meta's own example of a stated place has an undocumented `customer_consent` beside the
payload, which is never sent.
"""

from __future__ import annotations

import enum
import functools

from segment_assets.contracts import PermanentError
from segment_assets.destinations.shaping import RowEnd
from segment_assets.identity import NORMAL_FORMS, digest
from segment_assets.identity.countries import entries

FIELDS = ("DATA_PROCESSING_OPTIONS", "DATA_PROCESSING_OPTIONS_COUNTRY", "DATA_PROCESSING_OPTIONS_STATE")

_GEOLOCATE = (0, 0)
_FLAGGED, _UNFLAGGED = ((options, *_GEOLOCATE) for options in (["LDU"], []))

# The states and the territories, which have codes of their own in ISO 3166-1.
_UNITED_STATES = frozenset({"US", "AS", "GU", "MP", "PR", "UM", "VI"})


class LimitedDataUse(enum.StrEnum):
    """Whom an account flags. `united_states`: everybody who is not known to be in another country."""

    NONE = "none"
    UNITED_STATES = "united_states"
    EVERYBODY = "everybody"

    @classmethod
    def of(cls, written: str) -> LimitedDataUse:
        """From the plan. Raises PermanentError for any other word: a typing error must not take the flag away."""
        if written not in {one.value for one in cls}:
            known = ", ".join(one.value for one in cls)
            raise PermanentError(f"meta: limited_data_use has an unknown word; write one of {known}")
        return cls(written)

    def row_end(self) -> RowEnd | None:
        """What every row of an upload ends with; None where nothing is said.

        A country that is not known, or is a digest of no country, counts as the United States: a flag too many costs
        reach, and one too few breaks a promise to a person.
        """
        if self is LimitedDataUse.NONE:
            return None
        if self is LimitedDataUse.EVERYBODY:
            return RowEnd(_FLAGGED)
        return RowEnd(_FLAGGED, instead=_UNFLAGGED, form="country", digests=_elsewhere())


@functools.cache
def _elsewhere() -> frozenset[bytes]:
    """The digests of all countries but the United States."""
    others = [alpha2 for alpha2, *_ in entries() if alpha2 not in _UNITED_STATES]
    found = [digest(NORMAL_FORMS["country"], alpha2).value for alpha2 in others]
    return frozenset(value for value in found if isinstance(value, bytes))
