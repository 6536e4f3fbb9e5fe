"""Whether two names that people gave are of one person, however they were typed.

Belongs here: comparing names of colleagues. Not here: identifiers of the people in audiences (`identity`).
"""

from __future__ import annotations

import unicodedata


def is_one_person(one: str, other: str) -> bool:
    """Whether two names differ in nothing that a reader sees: case, spaces, the way accents are encoded."""
    return _folded(one) == _folded(other)


def _folded(name: str) -> str:
    seen = "".join(letter for letter in unicodedata.normalize("NFKC", name) if unicodedata.category(letter) != "Cf")
    # Folding can undo what normalising did.
    return " ".join(unicodedata.normalize("NFKC", seen.casefold()).split())
