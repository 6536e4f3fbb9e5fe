"""Cells of members as a platform's JSON has them, a column at a time: what a body costs is mostly this.

Belongs here: members to rows of text. Not here: names and places of fields, which each platform has its own of.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from segment_assets.contracts.columns import InColumns, JsonRows
from segment_assets.identity.hexadecimal import hexadecimal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from segment_assets.contracts import Member

# What JSON writes in another way than it is.
_ESCAPED = r"[\x00-\x1f\"\\]"


def json_rows(members: Sequence[Member], forms: Sequence[str]) -> Sequence[list[str]]:
    """`text_rows`, written at once where the members are columns: a twentieth of the work of a body."""
    if not isinstance(members, InColumns):
        return text_rows(members, forms)
    columns = [members.column(form) for form in forms]
    there = [cells for cells in columns if cells is not None]
    if not there or any(_has_escapes(cells) for cells in there):
        return text_rows(members, forms)
    return JsonRows(_joined(columns), len(members))


def _has_escapes(cells: Any) -> bool:
    import pyarrow as pa
    import pyarrow.compute as pc

    kernels: Any = pc
    return bool(cells.type == pa.string() and kernels.any(kernels.match_substring_regex(cells, _ESCAPED)).as_py())


def _joined(columns: Sequence[Any | None]) -> bytes:
    """Columns as one JSON list of rows of text; a column or a cell that is not there is an empty text."""
    import pyarrow as pa
    import pyarrow.compute as pc

    pieces: list[Any] = []
    label = '["'
    for place, cells in enumerate(columns):
        label += '","' if place else ""
        if cells is not None:
            pieces += [label, cells if cells.type == pa.string() else hexadecimal(cells)]
            label = ""
    kernels: Any = pc
    rows = kernels.binary_join_element_wise(*pieces, f'{label}"],', "", null_handling="replace", null_replacement="")
    # The texts stand one behind the other, the last with a comma too many.
    return b"".join((b"[", memoryview(rows.buffers()[2])[:-1], b"]"))


def text_rows(members: Sequence[Member], forms: Sequence[str]) -> list[list[str]]:
    r"""A row for each member and a cell for each form: digests in lower-case hex, nothing as an empty string.

    >>> from segment_assets.contracts import Member
    >>> text_rows([Member(b"", {"email": b"\xab", "country_code": "de"})], ["country_code", "phone_digits", "email"])
    [['de', '', 'ab']]
    """
    keys = [member.keys for member in members]
    anybody = set().union(*keys)
    blank = [""] * len(keys)
    columns = [_column(keys, form) if form in anybody else blank for form in forms]
    return list(map(list, zip(*columns, strict=True)))


def _column(keys: Sequence[Mapping[str, bytes | str]], form: str) -> list[str]:
    # In one expression: a call for each of a million cells would cost more than the rest.
    return [
        "" if (cell := known.get(form)) is None else cell if isinstance(cell, str) else cell.hex() for known in keys
    ]
