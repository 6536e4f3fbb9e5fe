"""The people of the delivery benchmark: made-up digests, in the lake's own tables, a part at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from segment_assets.delivery.lanes import lanes_of
from segment_assets.identity.hashing import digest_array, sha256_matrix
from segment_assets.tables import TABLES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from segment_assets.contracts import Snapshot
    from segment_assets.delivery.wanted import Wanted
    from segment_assets.resources.lake import LocalLake

FILLED = ("email", "phone_digits", "email_gmail_folded", "phone_e164")
_PART = 131_072
_HEX = np.frombuffer(b"0123456789ABCDEF", np.uint8)


def write_audience(lake: LocalLake, segment: str, people: range) -> Snapshot:
    """A hashed audience of everybody in a range, sorted by member_id. All may be sent, with e-mail and phone."""
    writer = lake.writer("hashed_audience", segment)
    for numbers, member_ids in _sorted_parts(people):
        cells = {name: _digests(_mixed(numbers, 2 + place)) for place, name in enumerate(FILLED)}
        cells |= {
            "member_id": member_ids,
            "cluster_id": member_ids,
            "eligibility": pa.array(["eligible"] * len(numbers)),
        }
        writer.write(_table("hashed_audience", cells, len(numbers)))
    return writer.publish({})


def write_state(lake: LocalLake, segment: str, people: range, wanted: Wanted) -> Snapshot:
    """What a platform account holds after everybody in a range was delivered and acknowledged."""
    (lane,) = lanes_of(wanted)
    writer = lake.writer("acknowledged", segment)
    for numbers, member_ids in _sorted_parts(people):
        digests = {name: _mixed(numbers, 2 + place) for place, name in enumerate(FILLED) if name in wanted.forms}
        cells = {name: _digests(words) for name, words in digests.items()}
        cells |= {"member_id": member_ids, "record_id": _record_ids(lane.forms, digests, len(numbers))}
        cells["standing"] = pa.array(["acknowledged"] * len(numbers))
        writer.write(_table("acknowledged", cells, len(numbers)))
    return writer.publish({})


def _sorted_parts(people: range) -> Iterator[tuple[np.ndarray, pa.Array]]:
    numbers = np.arange(people.start, people.stop)
    numbers = numbers[np.argsort(_mixed(numbers, 1)[:, 0])]
    for first in range(0, len(numbers), _PART):
        part = numbers[first : first + _PART]
        yield part, _digests(_mixed(part, 1))


def _mixed(numbers: np.ndarray, salt: int) -> np.ndarray:
    """Four words that look random for each number (the finaliser of splitmix64)."""
    lanes = [numbers.astype(np.uint64) * np.uint64(64) + np.uint64(salt * 4 + lane) for lane in range(4)]
    z = np.stack(lanes, axis=1) * np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def _digests(words: np.ndarray) -> pa.Array:
    # Big-endian, so that digests are in the order of their first words.
    return digest_array(words.astype(">u8").view(np.uint8).reshape(-1, 32), np.ones(len(words), np.bool_))


def _record_ids(forms: tuple[str, ...], digests: Mapping[str, np.ndarray], rows: int) -> pa.Array:
    """As `lanes.record_id` makes them in SQL, which takes minutes for ten million."""
    pieces = []
    for place, form in enumerate(forms):
        label = np.frombuffer(f"{'|' if place else ''}{form}:".encode(), np.uint8)
        pieces.append(np.broadcast_to(label, (rows, len(label))))
        if form in digests:
            raw = digests[form].astype(">u8").view(np.uint8).reshape(-1, 32)
            pieces.append(np.stack([_HEX[raw >> 4], _HEX[raw & 15]], axis=2).reshape(rows, 64))
    texts = np.concatenate(pieces, axis=1)
    ends = np.arange(0, texts.size + 1, texts.shape[1], dtype=np.int32)
    return digest_array(
        sha256_matrix(pa.Array.from_buffers(pa.string(), rows, [None, pa.py_buffer(ends), pa.py_buffer(texts)])),
        np.ones(rows, np.bool_),
    )


def _table(name: str, cells: Mapping[str, pa.Array], rows: int) -> pa.Table:
    schema = TABLES[name].arrow_schema()
    return pa.table([cells.get(field.name, pa.nulls(rows, field.type)) for field in schema], schema=schema)
