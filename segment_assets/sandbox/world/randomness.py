"""Where every random number of the world comes from: a stream per (seed, purpose, chunk, week).

Belongs here: streams, draws by share, and the injective scramble behind identifiers.
Not here: what the numbers mean.
"""

from __future__ import annotations

import dataclasses
import enum
from typing import TYPE_CHECKING

import numpy as np

from segment_assets.sandbox.world.facts import monday_of

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Sequence

    import numpy.typing as npt

# A prime above every count of number ranges, so it is coprime to each capacity that `scrambled` is called with.
_MULTIPLIER = 7_368_787
_SHIFT = 1_618_033


class Purpose(enum.IntEnum):
    """What a stream is for. A number is never given a second meaning: it would change every world."""

    PEOPLE = 1
    CUSTOMERS = 2
    OPT_OUTS = 3
    LANDING = 4
    OUTCOMES = 5
    IMPRESSIONS = 6
    ORDERS = 7


@dataclasses.dataclass(frozen=True, slots=True)
class Turn:
    """One chunk in one week (counted from 0) of one world: what every draw depends on, besides its purpose."""

    seed: int
    chunk: int
    week: int = 0

    @property
    def monday(self) -> dt.date:
        """First day of the turn's week."""
        return monday_of(self.week)

    def stream(self, purpose: Purpose) -> np.random.Generator:
        """A generator that depends on nothing but the turn and the purpose, so turns can be played in any order."""
        entropy = np.random.SeedSequence([self.seed, int(purpose), self.chunk, self.week])
        return np.random.Generator(np.random.Philox(entropy))


def by_share(rng: np.random.Generator, shares: Sequence[float], size: int) -> npt.NDArray[np.int64]:
    """Draw positions 0…len(shares)-1 with the given shares, which must add up to 1."""
    edges = np.cumsum(shares)
    if abs(edges[-1] - 1.0) > 1e-9:  # noqa: PLR2004 - rounding of sums of decimal shares
        raise ValueError(f"shares add up to {edges[-1]:.6f}; correct the table of shares so that they add up to 1")
    return np.minimum(np.searchsorted(edges, rng.random(size), side="right"), len(shares) - 1).astype(np.int64)


def scrambled(numbers: npt.NDArray[np.int64], capacity: int) -> npt.NDArray[np.int64]:
    """Spread numbers over 0…capacity-1 without ever mapping two numbers below `capacity` to one."""
    return (numbers * _MULTIPLIER + _SHIFT) % capacity
