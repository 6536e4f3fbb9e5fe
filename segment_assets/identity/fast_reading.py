"""What a reader of plainly written columns answers, and what all readers need of pyarrow.

Belongs here: the vocabulary of the short cuts. Not here: any of them (`fast_forms`, `fast_phones`).
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from segment_assets.contracts import Reason


@dataclasses.dataclass(frozen=True, slots=True, repr=False)
class Reading:
    """What a reader decided. `decided` is an Arrow mask without nulls; where it is False the normals mean nothing.

    `normals`: per form the normal form of every value. Forms of equal normals hold the same array, hashed once.
    `refined`: forms that differ from one of these at few places. `refused`: what no form of them accepts.
    """

    decided: Any
    normals: Mapping[str, Any]
    refined: Mapping[str, Refined] = dataclasses.field(default_factory=dict)
    refused: Refused | None = None


@dataclasses.dataclass(frozen=True, slots=True, repr=False)
class Refined:
    """A form that differs from `base` at a few `places` (numpy) only, where its normals are `normals`."""

    base: str
    places: Any
    normals: Any


@dataclasses.dataclass(frozen=True, slots=True, repr=False)
class Refused:
    """The values (a numpy mask, none of them decided) that every form of a reading refuses for one reason."""

    mask: Any
    reason: Reason


@dataclasses.dataclass(frozen=True, slots=True, repr=False)
class Countries:
    """Per value the number (numpy) of its country in `names`: alpha-2 in lower case, or None where it is not known."""

    names: list[str | None]
    numbers: Any


def nothing_read(values: int) -> Reading:
    """The reading of a column that has no short cut.

    >>> nothing_read(2).decided.to_pylist()
    [False, False]
    """
    import numpy as np
    import pyarrow as pa

    return Reading(pa.array(np.zeros(values, bool)), {})


def mask_of(size: int, places: Any) -> Any:
    """An Arrow mask of a size that is True at some places (numpy)."""
    import numpy as np
    import pyarrow as pa

    mask = np.zeros(size, bool)
    mask[places] = True
    return pa.array(mask)


def yes(mask: Any) -> Any:
    """An Arrow mask with False for null."""
    return kernels().fill_null(mask, fill_value=False)


def kernels() -> Any:
    """pyarrow.compute, imported when it is first needed; its stubs know no mixed arguments."""
    import pyarrow.compute

    return pyarrow.compute
