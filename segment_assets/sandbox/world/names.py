"""Names of people, from Faker's word lists: read once, then chosen by number.

Belongs here: the lists as flat arrays with an offset per country. Not here: how a name is typed (spellings).
Faker is never called per person: that costs 50 µs a name, which is minutes per million people.
"""

from __future__ import annotations

import dataclasses
import functools
import importlib
import unicodedata
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from segment_assets.sandbox.world.places import COUNTRIES

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt


@dataclasses.dataclass(frozen=True, slots=True)
class WordList:
    """The words of all countries in one array; `slugs` are their ASCII spellings for e-mail addresses."""

    texts: pa.Array
    slugs: pa.Array
    starts: npt.NDArray[np.int64]
    sizes: npt.NDArray[np.int64]

    def choose(self, country: npt.NDArray[np.int64], uniform: npt.NDArray[np.float64]) -> pa.Array:
        """Positions of one word per row, of the row's country. Squaring makes some names common and most rare."""
        return pa.array(self.starts[country] + (uniform * uniform * self.sizes[country]).astype(np.int64))


@functools.cache
def first_names(sex: str) -> WordList:
    """First names for `female` or `male`."""
    return _word_list([_words(_provider(c.locale), (f"first_names_{sex}", "first_names")) for c in COUNTRIES])


@functools.cache
def last_names() -> WordList:
    """Family names."""
    return _word_list([_words(_provider(c.locale), ("unisex_last_names", "last_names")) for c in COUNTRIES])


def _provider(locale: str) -> Any:
    return importlib.import_module(f"faker.providers.person.{locale}").Provider


def _words(provider: Any, attributes: Sequence[str]) -> list[str]:
    found = next(value for name in attributes if (value := getattr(provider, name, None)))
    return [word for word in dict.fromkeys(found) if word.strip()]


def _word_list(per_country: Sequence[Sequence[str]]) -> WordList:
    sizes = np.array([len(listed) for listed in per_country], dtype=np.int64)
    texts = [word for listed in per_country for word in listed]
    return WordList(
        texts=pa.array(texts, pa.string()),
        slugs=pa.array([_slug(word) for word in texts], pa.string()),
        starts=np.cumsum(sizes) - sizes,
        sizes=sizes,
    )


def _slug(word: str) -> str:
    """`Müller` → `muller`; a word without Latin letters → `user`."""
    folded = unicodedata.normalize("NFKD", word).encode("ascii", "ignore").decode().lower()
    return "".join(letter for letter in folded if letter.isalpha()) or "user"
