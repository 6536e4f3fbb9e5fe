"""Phone numbers: a national number for every person, and the ways in which people write it down.

Belongs here: number ranges and notations. Not here: who gives which number (people, customers).
Numbers come from ranges in use, since a validator must accept them; they are made from person numbers and
never leave the sandbox.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from segment_assets.sandbox.world.cells import Kind, as_hex, as_strings, joined, padded, sha256, words
from segment_assets.sandbox.world.places import COUNTRIES
from segment_assets.sandbox.world.randomness import scrambled

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    from segment_assets.sandbox.world.places import Country


def national_numbers(person: npt.NDArray[np.int64], country: npt.NDArray[np.int64]) -> pa.Array:
    """National significant numbers, different for different persons below 24 million (16 million customers)."""
    parts, rows = [], []
    for position, declared in enumerate(COUNTRIES):
        mine = np.flatnonzero(country == position)
        room = 10**declared.tail_digits
        slot = scrambled(person[mine], room * len(declared.mobile_prefixes))
        parts.append(joined(words(declared.mobile_prefixes, slot // room), padded(slot % room, declared.tail_digits)))
        rows.append(mine)
    return pa.concat_arrays(parts).take(pa.array(np.argsort(np.concatenate(rows), kind="stable")))


def _per_country(people: pa.Table, write: Callable[[Country, pa.Array], Any]) -> pa.Array:
    country = people["country_number"].to_numpy()
    national = as_strings(people["phone_national"], len(people))
    parts, rows = [], []
    for position in np.unique(country):
        mine = np.flatnonzero(country == position)
        parts.append(write(COUNTRIES[position], national.take(pa.array(mine))))
        rows.append(mine)
    return pa.concat_arrays(parts).take(pa.array(np.argsort(np.concatenate(rows), kind="stable")))


def _grouped(declared: Country, national: pa.Array, separator: str) -> Any:
    ends = list(itertools.accumulate(declared.groups))
    slices = [
        pc.utf8_slice_codeunits(national, end - size, end) for end, size in zip(ends, declared.groups, strict=True)
    ]
    return pc.binary_join_element_wise(*slices, separator)


def _international(people: pa.Table, prefix: str, separator: str) -> pa.Array:
    return _per_country(
        people, lambda c, number: joined(f"{prefix}{c.calling_code}{separator}", _grouped(c, number, separator))
    )


def _national(people: pa.Table, separator: str) -> pa.Array:
    return _per_country(people, lambda c, number: joined(c.trunk, _grouped(c, number, separator)))


def _bracketed(people: pa.Table) -> pa.Array:
    def write(c: Country, number: pa.Array) -> Any:
        head = c.groups[0]
        rest = _grouped(c, number, "-")
        return joined(
            f"({c.trunk}", pc.utf8_slice_codeunits(number, 0, head), ") ", pc.utf8_slice_codeunits(rest, head + 1)
        )

    return _per_country(people, write)


def _optional_zero(people: pa.Table) -> pa.Array:
    """`+44 (0) 7400 …`; countries without a trunk prefix have no such habit and get the plain notation."""
    return _per_country(
        people,
        lambda c, number: joined(
            f"+{c.calling_code} ({c.trunk}) " if c.trunk else f"+{c.calling_code} ", _grouped(c, number, " ")
        ),
    )


READABLE = (
    Kind("e164", 0.20, lambda p: joined("+", p["phone_digits"])),
    Kind("international_spaces", 0.22, lambda p: _international(p, "+", " ")),
    Kind("international_dashes", 0.05, lambda p: _international(p, "+", "-")),
    Kind("international_00", 0.08, lambda p: _international(p, "00", " ")),
    Kind("optional_zero", 0.03, _optional_zero),
    Kind("national_compact", 0.12, lambda p: _national(p, "")),
    Kind("national_spaces", 0.12, lambda p: _national(p, " ")),
    Kind("national_dashes", 0.08, lambda p: _national(p, "-")),
    Kind("national_brackets", 0.08, _bracketed),
    Kind("extension", 0.02, lambda p: joined(_international(p, "+", " "), " ext. 12")),
)

_UNREADABLE = (
    Kind("null", 0.06, lambda _: None),
    Kind("empty", 0.01, lambda _: ""),
    Kind("null_text", 0.006, lambda _: "null"),
    Kind("nan_text", 0.004, lambda _: "nan"),
    Kind("not_available", 0.004, lambda _: "N/A"),
    Kind("garbage", 0.006, lambda _: "call me"),
    Kind("too_short", 0.005, lambda p: pc.utf8_slice_codeunits(p["phone_national"], 0, 4)),
    Kind("hashed", 0.005, lambda p: as_hex(sha256(as_strings(p["phone_digits"], len(p))))),
)

TYPED = tuple(Kind(k.name, k.share * 0.9, k.write) for k in READABLE) + _UNREADABLE
