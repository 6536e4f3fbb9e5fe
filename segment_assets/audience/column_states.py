"""What the columns of a source hold against what the plan says: plain values, SHA-256, or digests of no use.

Belongs here: counting, and the more exact reasons of cells whose state is not as declared. Not here: what counts as
a digest (`identity.digests`), or how much disagreement is too much (judging).
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, cast

from segment_assets.audience.arrow import kernels
from segment_assets.audience.refusals import Refusal
from segment_assets.contracts import ColumnState, Reason

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pyarrow as pa

    from segment_assets.identity import NormalForm

# SHA-256 in base64 without its padding: nothing shorter is a digest that could be one of nothing.
_SHORTEST_SHA_256 = 43


@dataclasses.dataclass(slots=True)
class ColumnTally:
    """What one column of a segment holds, in cells. Blank cells and words for nothing are not counted.

    `values` = plain + `sha256` + `unusable_digests` + `digests_of_nothing`. Unusable are digests of other kinds (MD5,
    SHA-1 …) and any digest in a column of which platforms want the plain value.
    """

    state: ColumnState = ColumnState.AUTO
    values: int = 0
    sha256: int = 0
    unusable_digests: int = 0
    digests_of_nothing: int = 0

    @property
    def plain(self) -> int:
        """Values that are no digest."""
        return self.values - self.sha256 - self.unusable_digests - self.digests_of_nothing

    @property
    def mixed(self) -> bool:
        """Whether a column that was declared nothing holds plain values and SHA-256."""
        return self.state is ColumnState.AUTO and self.plain > 0 and self.sha256 > 0

    @property
    def disagreements(self) -> int:
        """Values that the declared state has no place for, and that are therefore refused."""
        unwanted = {ColumnState.RAW: self.sha256, ColumnState.HASHED: self.plain, ColumnState.AUTO: 0}
        return unwanted[self.state] + self.unusable_digests + self.digests_of_nothing

    @property
    def disagreement(self) -> float:
        """Disagreements as a share of the values."""
        return self.disagreements / self.values if self.values else 0.0

    def as_stats(self) -> dict[str, str | int]:
        """Plain JSON values."""
        return {**dataclasses.asdict(self), "state": self.state.value}

    def add(self, other: ColumnTally) -> None:
        """Add the cells of another batch of the same column."""
        self.values += other.values
        self.sha256 += other.sha256
        self.unusable_digests += other.unusable_digests
        self.digests_of_nothing += other.digests_of_nothing


def tally_from_stats(stats: Mapping[str, Any]) -> ColumnTally:
    """The inverse of `ColumnTally.as_stats`."""
    return ColumnTally(**{**stats, "state": ColumnState(stats["state"])})


def look_at(
    forms: Sequence[NormalForm], texts: pa.Array[Any], reasons: pa.Array[Any], taken_over: int, state: ColumnState
) -> tuple[ColumnTally, pa.Array[Any]]:
    """Count what a batch of a raw column holds, and return its reasons made more exact.

    `forms` are those that read the column; `reasons` are those of its cells as strings, null where a cell is fine;
    `taken_over` is how many digests of the source were taken over. Only cells that were refused are looked at again,
    so a clean column costs nothing.
    """
    pc = kernels()

    found = {tally["values"]: tally["counts"] for tally in pc.value_counts(reasons).to_pylist()}
    blank = found.get(Reason.EMPTY, 0) + found.get(Reason.NULL_TEXT, 0)
    tally = ColumnTally(state, len(texts) - blank, taken_over, found.get(Reason.UNSUPPORTED_DIGEST, 0))
    if not any(form.takes_digests for form in forms):
        tally.unusable_digests += found.get(Reason.HASHED_WHERE_PLAIN_IS_NEEDED, 0)
    doubtful = _doubtful(texts, reasons, state)
    if not pc.any(doubtful).as_py():
        return tally, reasons
    cells = texts.filter(doubtful).dictionary_encode()
    first = min(forms, key=lambda form: not form.takes_digests)
    texts_found = cast("list[str]", cells.dictionary.to_pylist())
    kinds = [_kind(first, text) for text in texts_found]
    for place, times in _times(cells.indices):
        _recount(tally, kinds[place], times)
    return tally, _more_exact(reasons, doubtful, kinds, cells.indices, state)


def _doubtful(texts: pa.Array[Any], reasons: pa.Array[Any], state: ColumnState) -> pa.Array[Any]:
    """The cells whose reason does not say what they hold.

    "Empty" and "null text" are also said of the digests of such; "unsupported digest" is also said of what the
    declared state has no place for.
    """
    import pyarrow as pa

    pc = kernels()

    blank = pc.is_in(reasons, pa.array([Reason.EMPTY.value, Reason.NULL_TEXT.value]))
    long = pc.fill_null(pc.greater_equal(pc.binary_length(texts), _SHORTEST_SHA_256), False)  # noqa: FBT003
    doubtful: pa.Array[Any] = pc.and_(blank, long)
    if state is not ColumnState.AUTO:
        unsupported = pc.fill_null(pc.equal(reasons, Reason.UNSUPPORTED_DIGEST.value), False)  # noqa: FBT003
        doubtful = pc.or_(doubtful, unsupported)
    return doubtful


_BLANK, _PLAIN, _SHA_256, _UNUSABLE, _OF_NOTHING = range(5)


def _kind(form: NormalForm, text: str) -> int:
    """What a cell holds, whatever was declared."""
    from segment_assets.identity.digests import screen
    from segment_assets.identity.text import absence, trimmed

    screened = screen(form, text, ColumnState.AUTO)
    if isinstance(screened, str) or screened[1] is Reason.UNREADABLE_ROW:
        return _PLAIN
    _, reason, taken_over = screened
    if taken_over:
        return _SHA_256
    if reason in {Reason.EMPTY, Reason.NULL_TEXT}:
        return _OF_NOTHING if absence(trimmed(text)) is None else _BLANK
    return _UNUSABLE


def _times(indices: pa.Array[Any]) -> list[tuple[int, int]]:
    return [(tally["values"], tally["counts"]) for tally in kernels().value_counts(indices).to_pylist()]


def _recount(tally: ColumnTally, kind: int, times: int) -> None:
    """Move doubtful cells from where their reason had put them to where they belong."""
    if kind == _OF_NOTHING:
        tally.values += times
        tally.digests_of_nothing += times
    elif kind in {_PLAIN, _SHA_256}:
        tally.unusable_digests -= times
        tally.sha256 += times if kind == _SHA_256 else 0


def _more_exact(
    reasons: pa.Array[Any], doubtful: pa.Array[Any], kinds: list[int], indices: pa.Array[Any], state: ColumnState
) -> pa.Array[Any]:
    import pyarrow as pa

    pc = kernels()

    exact: dict[int, Refusal] = {_OF_NOTHING: Refusal.DIGEST_OF_NOTHING}
    if state is ColumnState.RAW:
        exact[_SHA_256] = Refusal.HASHED_WHERE_RAW_IS_DECLARED
    if state is ColumnState.HASHED:
        exact[_PLAIN] = Refusal.RAW_WHERE_HASHED_IS_DECLARED
    words = pa.array([exact[kind].value if kind in exact else None for kind in kinds], pa.string())
    better = pc.replace_with_mask(pa.nulls(len(reasons), pa.string()), doubtful, words.take(indices))
    refined: pa.Array[Any] = pc.coalesce(better, reasons)
    return refined
