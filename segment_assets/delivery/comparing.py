"""Whether old records are still what their people have: whole columns of a range compared at once.

Belongs here: numpy over Arrow, for `unaffected`. Not here: what follows from a difference (`changes`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from segment_assets.delivery.cells import first_bytes, is_digest, validity, words
from segment_assets.delivery.wanted import FORMS

if TYPE_CHECKING:
    from segment_assets.contracts import Contract
    from segment_assets.delivery.lanes import Lane

_DAY = 86_400.0
_FOUR_TIMES_TRUE = 0x01010101


def owners(rows: Any, keys: Any, old: Any, old_keys: Any) -> tuple[Any, Any]:
    """For each old record the place of its person, and whether the person is there."""
    import numpy as np

    places = np.minimum(np.searchsorted(keys, old_keys), len(keys) - 1)
    is_there = _equal_digests(_taken(words(rows.column("member_id")), places), words(old.column("member_id")))
    return places, is_there


def twins(keys: Any) -> Any:
    """A mask of keys that are there more than once."""
    import numpy as np

    mask = np.zeros(len(keys), np.bool_)
    again = keys[1:] == keys[:-1]
    mask[1:] |= again
    mask[:-1] |= again
    return mask


def usable(rows: Any, lane: Lane, count: int) -> Any:
    """Who has every key of at least one group."""
    import numpy as np

    usable = np.zeros(count, np.bool_)
    for group in lane.groups:
        if all(form in rows.schema.names for form in group):
            complete = np.ones(count, np.bool_)
            for form in group:
                if rows.column(form).null_count:
                    complete &= validity(rows.column(form))
            usable |= complete
    return usable


def same_records(rows: Any, old: Any, owner: Any, lane: Lane) -> Any:
    """Which old records have exactly the cells that their person's record in this lane has now."""
    import numpy as np

    same = np.ones(old.num_rows, np.bool_)
    for form in FORMS:
        ours = rows.column(form) if form in lane.forms and form in rows.schema.names else None
        theirs = old.column(form) if form in old.schema.names else None
        if ours is not None and theirs is not None:
            same &= _same_cells(ours, theirs, owner)
        elif ours is not None:
            same &= ~validity(ours)[owner]
        elif theirs is not None:
            same &= ~validity(theirs)
    return same


def _same_cells(ours: Any, theirs: Any, owner: Any) -> Any:
    import pyarrow.compute as pc

    if ours.null_count == 0 and theirs.null_count == 0:
        are_nulls_alike = True
    else:
        are_nulls_alike = validity(ours)[owner] == validity(theirs)
    if is_digest(ours):
        equal = _equal_digests(_taken(words(ours), owner), words(theirs))
    else:
        equal = pc.equal(ours.take(_indices(owner)), theirs).fill_null(fill_value=False).to_numpy(zero_copy_only=False)
    return are_nulls_alike & (equal | ~validity(theirs) if theirs.null_count else equal)


def _taken(cells: Any, places: Any) -> Any:
    """The rows at some places, all of which are there: a fifth of the time of indexing by them."""
    import numpy as np

    return np.take(cells, places, axis=0, mode="clip")


def _equal_digests(ours: Any, theirs: Any) -> Any:
    """Row by row. The four answers of a row are read as one number: `all(axis=1)` was the dearest step of all."""
    import numpy as np

    return (ours == theirs).view(np.uint32)[:, 0] == _FOUR_TIMES_TRUE


def _indices(places: Any) -> Any:
    import pyarrow as pa

    return pa.array(places)


def is_value(cells: Any, value: str) -> Any:
    """A numpy mask of the cells that have a value, of texts or of a dictionary of texts without nulls."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    if isinstance(cells, pa.DictionaryArray):
        texts = cells.dictionary.to_pylist()
        return np.asarray(cells.indices) == (texts.index(value) if value in texts else -1)
    kernels: Any = pc
    return kernels.equal(cells, value).to_numpy(zero_copy_only=False)


def counted_values(cells: Any, mask: Any) -> dict[str, int]:
    """How often each text is there among the cells of a numpy mask; texts or a dictionary of them, without nulls."""
    import numpy as np
    import pyarrow as pa

    if isinstance(cells, pa.DictionaryArray):
        texts: list[Any] = cells.dictionary.to_pylist()
        times = [int(np.count_nonzero(mask & (np.asarray(cells.indices) == place))) for place in range(len(texts))]
        return {text: count for text, count in zip(texts, times, strict=True) if count}
    return {said["values"]: said["counts"] for said in cells.filter(pa.array(mask)).value_counts().to_pylist()}


def due_dates(member_ids: Any, answered: Any, contract: Contract) -> Any:
    """When members are due, as `refreshing` says it in SQL, from numpy seconds since the epoch."""
    import numpy as np

    if contract.expiry_days is None:
        return np.full(len(member_ids), np.inf)
    expiry, share = contract.expiry_days * _DAY, contract.refresh_share
    spread = expiry * (1 - share) / 2
    step = min(_DAY, spread / 2)
    drawn = (first_bytes(member_ids) >> 32) / 2**32
    return np.floor((answered + expiry * share + spread * drawn) / step) * step
