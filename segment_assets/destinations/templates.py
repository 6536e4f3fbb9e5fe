"""Records of a whole batch, written from one example of each kind of person: a tenth of the work of one by one.

Belongs here: filling the places of digests. Not here: what a record is, which stays the platform's own function of one
member.

People who differ in nothing but their digests have records that differ in nothing else. So the platform's function is
asked for one person of each kind, once with marks in the place of the digests, and where the marks come out the digests
of all others belong. It is not trusted to do nothing else with a digest: the template has to give the record of a real
person of the kind to the byte. Where it does not, or where there are many kinds, records are made one by one.
"""

from __future__ import annotations

import dataclasses
import json
import re
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from segment_assets.contracts.columns import InColumns, JsonRows
from segment_assets.identity.hexadecimal import hexadecimal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from segment_assets.contracts import Member

# Every kind costs two records of its own and a pass over the batch.
_MOST_KINDS = 32
_DIGITS = 64
_MEMBER_ID = "member_id"


def json_records(members: Sequence[Member], record: Callable[[Member], object]) -> Sequence[Any]:
    """What `record` makes of each member, as a list for JSON. It may depend on nothing but its member.

    Raises what `record` raises.
    """
    written = _written(members, lambda member: _json(record(member)))
    if written is None:
        return [record(member) for member in members]
    return JsonRows(b"".join((b"[", written, b"]")), len(members))


def joined_texts(members: Sequence[Member], text: Callable[[Member], str]) -> str:
    """What `text` makes of each member, with commas between. As `json_records`."""
    written = _written(members, text)
    return ",".join(map(text, members)) if written is None else str(written, "utf-8")


def holders_once(members: Sequence[Member], form: str) -> Sequence[Member]:
    """Of the members who share a cell of a form only the first, in their order."""
    if isinstance(members, InColumns):
        return members.holders_once(form)
    first: dict[object, Member] = {}
    for member in members:
        first.setdefault(member.keys.get(form), member)
    return list(first.values())


def one_of_each_kind(members: Sequence[Member]) -> Sequence[Member]:
    """Members among whom is somebody with each set of cells that anybody has."""
    kinds = members.kinds(_MOST_KINDS) if isinstance(members, InColumns) else None
    return members if kinds is None else [member for _, member in kinds]


def _written(members: Sequence[Member], text: Callable[[Member], str]) -> memoryview | None:
    """The texts of all members with commas between; None where they have to be made one by one."""
    kinds = members.kinds(_MOST_KINDS) if isinstance(members, InColumns) else None
    if not kinds or not isinstance(members, InColumns):
        return None
    templates = [_template(example, text) for _, example in kinds]
    written = [
        _filled(template, members, places)
        for (places, _), template in zip(kinds, templates, strict=True)
        if template is not None
    ]
    if len(written) < len(kinds):
        return None
    # The texts stand one behind the other, the last with a comma too many.
    return memoryview(_in_order(written, [places for places, _ in kinds]))[: sum(rows.size for rows in written) - 1]


@dataclasses.dataclass(frozen=True, slots=True)
class _Template:
    """The text of everybody of a kind, a comma behind it, and in it the places of digests, by column."""

    text: bytes
    places: Sequence[tuple[int, str]]


def _template(example: Member, text: Callable[[Member], str]) -> _Template | None:
    """Of everybody who differs from a member in digests only. None where their text differs in something else."""
    marks = {name: sha256(name.encode()).digest() for name in (_MEMBER_ID, *example.keys)}
    written = text(_with(example, marks)).encode()
    names = {mark.hex().encode(): name for name, mark in marks.items()}
    found = [(match.start(), names[match.group()]) for match in re.finditer(b"|".join(names), written)]
    template = _Template(written + b",", found)
    # Of a record in which equal digests mean something, somebody without equal ones proves nothing.
    proofs = (example, _with(example, dict.fromkeys(marks, marks[_MEMBER_ID])))
    return template if all(_of_one(template, member) == text(member).encode() + b"," for member in proofs) else None


def _with(member: Member, digests: Mapping[str, bytes]) -> Member:
    keys = {form: digests[form] if isinstance(cell, bytes) else cell for form, cell in member.keys.items()}
    return dataclasses.replace(member, member_id=digests[_MEMBER_ID], keys=keys)


def _of_one(template: _Template, member: Member) -> bytes:
    known = {form: cell for form, cell in member.keys.items() if isinstance(cell, bytes)}
    real = bytearray(template.text)
    for place, name in template.places:
        real[place : place + _DIGITS] = known.get(name, member.member_id).hex().encode()
    return bytes(real)


def _filled(template: _Template, members: InColumns, places: Any) -> Any:
    """The texts of the members in some places as a numpy matrix, a row for each."""
    import numpy as np
    import pyarrow as pa

    rows: Any = np.empty((len(places), len(template.text)), np.uint8)
    rows[:] = np.frombuffer(template.text, np.uint8)
    for name in {name for _, name in template.places}:
        column = members.column(name)
        if column is not None:
            mine = column if len(places) == len(column) else column.take(pa.array(places))
            digits = np.frombuffer(hexadecimal(mine).buffers()[2], np.uint8).reshape(-1, _DIGITS)
            for place, of in template.places:
                if of == name:
                    rows[:, place : place + _DIGITS] = digits
    return rows


def _in_order(written: Sequence[Any], places: Sequence[Any]) -> Any:
    """The texts of all kinds in the order of members, one behind the other."""
    import numpy as np
    import pyarrow as pa

    if len(written) == 1:
        return written[0].reshape(-1)
    arrow: Any = pa
    texts = arrow.concat_arrays([_texts(rows) for rows in written])
    return texts.take(pa.array(np.argsort(np.concatenate(places)))).buffers()[2]


def _texts(rows: Any) -> Any:
    import numpy as np
    import pyarrow as pa

    count, width = rows.shape
    ends: Any = np.arange(0, count * width + 1, width, dtype=np.int32)
    return pa.Array.from_buffers(pa.string(), count, [None, pa.py_buffer(ends), pa.py_buffer(rows)])


def _json(record: object) -> str:
    """As a request writes it (see `contracts.wire`)."""
    return json.dumps(record, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
