"""Why this room refuses a row or a cell, beyond what `contracts.Reason` says of one value.

Belongs here: the codes, and what a person can do about each. Not here: where they are found.
"""

from __future__ import annotations

import enum
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


class Refusal(enum.StrEnum):
    """Reasons of quarantined rows and cells. Codes are stored in tables, so a code is never renamed."""

    WRONG_NUMBER_OF_CELLS = "wrong_number_of_cells"
    BROKEN_QUOTES = "broken_quotes"
    NOT_TEXT = "not_text"
    TOO_LONG = "too_long"
    NOT_A_JSON_OBJECT = "not_a_json_object"
    DIGEST_OF_NOTHING = "digest_of_nothing"
    HASHED_WHERE_RAW_IS_DECLARED = "hashed_where_raw_is_declared"
    RAW_WHERE_HASHED_IS_DECLARED = "raw_where_hashed_is_declared"


REMEDIES: Mapping[str, str] = MappingProxyType(
    {
        Refusal.WRONG_NUMBER_OF_CELLS: "quote cells that hold the separator",
        Refusal.BROKEN_QUOTES: "close every quote, and double a quote inside a quoted cell",
        Refusal.NOT_TEXT: "write the whole file in one encoding, best UTF-8, without NUL characters",
        Refusal.TOO_LONG: "no identifier is that long; look for a missing line end or a column of documents",
        Refusal.NOT_A_JSON_OBJECT: "write one object of plain values per line",
        Refusal.DIGEST_OF_NOTHING: "the source hashes blanks; have it leave them empty",
        Refusal.HASHED_WHERE_RAW_IS_DECLARED: "declare the column hashed or auto in the plan, or land it raw",
        Refusal.RAW_WHERE_HASHED_IS_DECLARED: "declare the column raw or auto in the plan, or land it as SHA-256",
    }
)
