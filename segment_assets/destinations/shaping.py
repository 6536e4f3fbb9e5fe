"""Cells of members as a platform's JSON has them, a column at a time: what a body costs is mostly this.

Belongs here: members to rows of text. Not here: names and places of fields, which each platform has its own of.
"""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Any

from segment_assets.contracts.columns import InColumns, JsonRows
from segment_assets.identity.hexadecimal import hexadecimal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from segment_assets.contracts import Member

# What JSON writes in another way than it is.
_ESCAPED = r"[\x00-\x1f\"\\]"


@dataclasses.dataclass(frozen=True, slots=True)
class RowEnd:
    """What stands in each row behind its texts: `cells`, but `instead` for whoever has one of `digests` in `form`.

    Whoever has nothing in `form` has `cells`. They are anything that JSON has.
    """

    cells: Sequence[Any]
    instead: Sequence[Any] = ()
    form: str = ""
    digests: frozenset[bytes] = frozenset()

    def of(self, member: Member) -> Sequence[Any]:
        """The cells of one member."""
        return self.instead if member.keys.get(self.form) in self.digests else self.cells

    def written(self, members: InColumns) -> Any:
        """The cells of all members as JSON behind a comma: an Arrow array of texts, or one text that is everybody's."""
        import pyarrow as pa
        import pyarrow.compute as pc

        cells, instead = (_written_cells(one) for one in (self.cells, self.instead))
        known = members.column(self.form) if self.digests else None
        if known is None:
            return cells
        kernels: Any = pc
        return kernels.if_else(kernels.is_in(known, pa.array(sorted(self.digests), known.type)), instead, cells)


def json_rows(members: Sequence[Member], forms: Sequence[str], end: RowEnd | None = None) -> Sequence[list[Any]]:
    """`text_rows` with an end, written at once where the members are columns: a twentieth of the work of a body."""
    columns = [members.column(form) for form in forms] if isinstance(members, InColumns) else []
    there = [cells for cells in columns if cells is not None]
    if not isinstance(members, InColumns) or not there or any(_has_escapes(cells) for cells in there):
        rows = text_rows(members, forms)
        return rows if end is None else [[*row, *end.of(member)] for row, member in zip(rows, members, strict=True)]
    return JsonRows(_joined(columns, "" if end is None else end.written(members)), len(members))


def _written_cells(cells: Sequence[Any]) -> str:
    """Cells as a request writes them (see `contracts.wire`), each behind a comma.

    >>> _written_cells([["LDU"], 0])
    ',["LDU"],0'
    """
    return "".join(f",{json.dumps(cell, ensure_ascii=False, separators=(',', ':'))}" for cell in cells)


def _has_escapes(cells: Any) -> bool:
    import pyarrow as pa
    import pyarrow.compute as pc

    kernels: Any = pc
    return bool(cells.type == pa.string() and kernels.any(kernels.match_substring_regex(cells, _ESCAPED)).as_py())


def _joined(columns: Sequence[Any | None], end: Any) -> bytes:
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
    pieces += [f'{label}"', end, "],"]
    rows = kernels.binary_join_element_wise(*pieces, "", null_handling="replace", null_replacement="")
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
