"""Cells of members as a platform's JSON has them, a column at a time: what a body costs is mostly this.

Belongs here: members to rows of text. Not here: names and places of fields, which each platform has its own of.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from segment_assets.contracts import Member


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
