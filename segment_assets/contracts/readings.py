"""Readings: what a platform's texts leave open about a match key, and the contract as one of them has it.

Belongs here: the shape of a reading, and contracts by readings. Not here: any platform's (`destinations.match_keys`).
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from segment_assets.contracts.errors import PermanentError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from segment_assets.contracts.platform import Contract, Sent
    from segment_assets.contracts.vocabulary import MatchKey


@dataclasses.dataclass(frozen=True, slots=True)
class Reading:
    """A rule of match keys on which a platform's texts disagree or are silent; a setting of that name chooses.

    `choices` maps each word of the setting to the keys that it sends otherwise; the first is the default. `why` names
    the texts.
    """

    choices: Mapping[str, Mapping[MatchKey, Sent]]
    why: str

    @property
    def default(self) -> str:
        """The first choice."""
        return next(iter(self.choices))


def read_by(contract: Contract, settings: Mapping[str, str]) -> Contract:
    """The contract as an account's settings read it; settings that are no reading are left alone.

    Raises PermanentError for a choice that a reading has not.
    """
    keys = dict(contract.match_keys)
    for name, reading in contract.readings.items():
        choice = settings.get(name, reading.default)
        if choice not in reading.choices:
            known = ", ".join(reading.choices)
            raise PermanentError(
                f"{contract.platform}: {name} {choice!r} is not one of {known}; correct the account's settings"
            )
        if choice != reading.default:
            keys |= reading.choices[choice]
    return dataclasses.replace(contract, match_keys=keys)


def read_as_sent(contract: Contract, forms: Collection[str]) -> Contract:
    """The contract with the readings by which these columns were sent; a key of which nothing was is left as it is."""
    keys = dict(contract.match_keys)
    for key, sent in keys.items():
        if sent.form not in forms:
            keys[key] = next((other for other in _others(contract, key) if other.form in forms), sent)
    return dataclasses.replace(contract, match_keys=keys)


def every_form(contract: Contract) -> set[str]:
    """Columns of hashed_audience that some reading of the contract sends."""
    return {*contract.forms(), *(sent.form for key in contract.match_keys for sent in _others(contract, key))}


def _others(contract: Contract, key: MatchKey) -> Iterator[Sent]:
    for reading in contract.readings.values():
        yield from (choice[key] for choice in reading.choices.values() if key in choice)
