"""Whole batches of identifiers, column by column, in Arrow from end to end.

Belongs here: what is asked of whom, and how the answers come back to their rows. Not here: any rule. Plainly written
values are read by the column (`fast_forms`), every other distinct value by the reference (`digests`), with which a
property test holds the batch in agreement on every cell.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from segment_assets.contracts import ColumnState, PermanentError, Reason
from segment_assets.identity.digests import screen
from segment_assets.identity.fast_forms import READERS, refined_by_value, trimmed
from segment_assets.identity.fast_reading import Countries, nothing_read
from segment_assets.identity.forms import NORMAL_FORMS, NormalForm
from segment_assets.identity.gathering import Cells, Column, nothing_but, reason_codes
from segment_assets.identity.remainder import Referee

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    import pyarrow as pa

    from segment_assets.identity.fast_reading import Reading

_COLUMNS = tuple(dict.fromkeys(form.column for form in NORMAL_FORMS.values()))
# Enough values to tell names from addresses, few enough to cost nothing.
_SAMPLE, _NEARLY_ALL_DIFFERENT = 4096, 0.95


@dataclasses.dataclass(frozen=True, slots=True, repr=False)
class DigestedBatch:
    """A batch after normalisation, row for row.

    `forms`: per normal form binary(32) for hashed ones, string for plain ones, null where refused.
    `reasons`: per normal form a dictionary array of reason codes, null where the cell is fine.
    `already_hashed`: per raw column the number of rows whose own digest was taken over.
    """

    forms: dict[str, pa.Array[Any]]
    reasons: dict[str, pa.DictionaryArray[Any, Any]]
    already_hashed: dict[str, int]


@dataclasses.dataclass(frozen=True, slots=True, repr=False)
class _Values:
    """What there is to judge of a column: its texts, their countries, and per row the number of its text.

    `numbers` is None where every row is judged by itself, because nearly all of them differ.
    """

    texts: pa.Array[Any]
    countries: Countries | None
    numbers: pa.Array[Any] | None


def digest_batch(
    batch: pa.RecordBatch,
    states: Mapping[str, ColumnState] | None = None,
    forms: Iterable[str] | None = None,
) -> DigestedBatch:
    """Digest the identifier columns of SEGMENT_MEMBERS that a batch has; an absent column reads as a column of nulls.

    Other columns are not looked at. Numbers and dates are read as text. `states` says per raw column what the source
    declares (default: auto), `forms` which of NORMAL_FORMS are wanted (default: all). Raises PermanentError for a
    state of a column that is no identifier, and for a form that does not exist.
    """
    return Digester(states, forms).digest(batch)


class Digester:
    """`digest_batch` for all batches of one source: a value that comes back is judged once. Threads may share it.

    It remembers the judgements of short values that no short cut reads (some ten thousand), and nothing else.
    """

    def __init__(self, states: Mapping[str, ColumnState] | None = None, forms: Iterable[str] | None = None) -> None:
        self._states = _checked(states or {})
        wanted = _known_forms(forms)
        columns = [column for column in _COLUMNS if any(form.column == column for form in wanted)]
        self._forms = {column: [form for form in wanted if form.column == column] for column in columns}
        self._referees: dict[tuple[str, ...], Referee] = {}

    @property
    def columns(self) -> tuple[str, ...]:
        """The identifier columns that are looked at."""
        country = any(form.needs_country for forms in self._forms.values() for form in forms)
        return tuple(name for name in _COLUMNS if name in self._forms or (country and name == "country"))

    def digest(self, batch: pa.RecordBatch) -> DigestedBatch:
        """As `digest_batch`, with the states and forms of this digester."""
        digested = DigestedBatch({}, {}, dict.fromkeys(self._forms, 0))
        countries: Countries | None = None
        for column, forms in self._forms.items():
            texts = _texts(batch, column)
            if texts.null_count == len(texts):
                _spread_nothing(digested, forms, len(texts))
                continue
            if any(form.needs_country for form in forms):
                countries = countries or self._countries(batch)
                values = _paired(texts, countries)
            else:
                values = _alone(texts)
            for covered, reading in self._readings(column, forms, values):
                self._judge(covered, values, reading, digested)
        return _in_order(digested)

    def _readings(
        self, column: str, forms: list[NormalForm], values: _Values
    ) -> Iterator[tuple[list[NormalForm], Reading]]:
        """The forms of a column in the groups that one reading covers; none for those without a short cut."""
        reader, rest = READERS.get(column), forms
        if reader is not None and self._state(column) is not ColumnState.HASHED:
            reading = reader(trimmed(values.texts), values.countries, {form.name for form in forms})
            covered = [form for form in forms if form.name in reading.normals or form.name in reading.refined]
            rest = [form for form in forms if form not in covered]
            yield covered, reading
            for form in [form for form in rest if form.base in reading.normals]:
                rest.remove(form)
                yield [form], refined_by_value(form.name, form.refine, reading.decided, reading.normals[form.base])
        if rest:
            yield rest, nothing_read(len(values.texts))

    def _judge(self, forms: list[NormalForm], values: _Values, reading: Reading, digested: DigestedBatch) -> None:
        import numpy as np

        if not forms:
            return
        decided, empty = np.asarray(reading.decided), np.asarray(values.texts.is_null())
        referee = self._referees.setdefault(
            tuple(form.name for form in forms), Referee(forms, self._state(forms[0].column))
        )
        undecided = ~decided & ~empty
        if reading.refused is not None:
            undecided &= ~reading.refused.mask
        answers = referee.judge(values.texts, values.countries, undecided)
        column = Column(reading, decided, empty, answers)
        for number, form in enumerate(forms):
            _spread(digested, form, column.cells(form, number), values.numbers)

    def _state(self, column: str) -> ColumnState:
        return self._states.get(column, ColumnState.AUTO)

    def _countries(self, batch: pa.RecordBatch) -> Countries:
        """The rows' countries as alpha-2, or None: empty, unknown and hashed countries help nobody to read a number."""
        import numpy as np

        form = NORMAL_FORMS["country"]
        source = _texts(batch, form.column).dictionary_encode(null_encoding="encode")
        found = [_plain_country(form, value, self._state(form.column)) for value in source.dictionary.to_pylist()]
        # Several spellings of one country are one country.
        names = list(dict.fromkeys(found))
        per_spelling = np.array([names.index(name) for name in found], np.int64)
        return Countries(names, per_spelling[np.asarray(source.indices)])


def _checked(states: Mapping[str, ColumnState]) -> dict[str, ColumnState]:
    unknown = sorted(set(states) - set(_COLUMNS))
    if unknown:
        raise PermanentError(
            f"column states name {', '.join(unknown)}, which is no identifier column: use {', '.join(_COLUMNS)}"
        )
    return {name: ColumnState(state) for name, state in states.items()}


def _known_forms(names: Iterable[str] | None) -> list[NormalForm]:
    """The wanted forms in the order of NORMAL_FORMS, which has a form behind its base."""
    wanted = set(NORMAL_FORMS if names is None else names)
    unknown = sorted(wanted - set(NORMAL_FORMS))
    if unknown:
        raise PermanentError(f"there is no normal form {', '.join(unknown)}: use {', '.join(NORMAL_FORMS)}")
    return [form for name, form in NORMAL_FORMS.items() if name in wanted]


def _texts(batch: pa.RecordBatch, name: str) -> pa.Array[Any]:
    import pyarrow as pa

    index = batch.schema.get_field_index(name)
    column = pa.nulls(batch.num_rows, pa.string()) if index < 0 else batch.column(index)
    if pa.types.is_string(column.type):
        return column
    try:
        return column.cast(pa.string())
    except pa.ArrowException:
        # The cause is cut off: Arrow may quote the value.
        raise PermanentError(
            f"column {name} is of type {column.type}, which is no text: cast it in the source"
        ) from None


def _plain_country(form: NormalForm, value: str | None, state: ColumnState) -> str | None:
    screened = screen(form, value, state)
    found = form.rule(screened, None) if isinstance(screened, str) else None
    return None if isinstance(found, Reason) else found


def _alone(texts: pa.Array[Any]) -> _Values:
    if _is_nearly_unique(texts):
        return _Values(texts, None, None)
    encoded = texts.dictionary_encode(null_encoding="encode")
    return _Values(encoded.dictionary, None, encoded.indices)


def _paired(texts: pa.Array[Any], countries: Countries) -> _Values:
    """The distinct (value, country) pairs of the rows, unless nearly every row is one."""
    import numpy as np
    import pyarrow as pa

    if _is_nearly_unique(texts):
        return _Values(texts, countries, None)
    encoded = texts.dictionary_encode(null_encoding="encode")
    width = len(countries.names)
    pairs = pa.array(np.asarray(encoded.indices).astype(np.int64) * width + countries.numbers).dictionary_encode()
    codes = np.asarray(pairs.dictionary)
    distinct = encoded.dictionary.take(pa.array(codes // width))
    return _Values(distinct, Countries(countries.names, codes % width), pairs.indices)


def _is_nearly_unique(texts: pa.Array[Any]) -> bool:
    sample = texts[:_SAMPLE]
    return len(sample.unique()) > _NEARLY_ALL_DIFFERENT * len(sample)


def _spread(digested: DigestedBatch, form: NormalForm, cells: Cells, numbers: pa.Array[Any] | None) -> None:
    """Put the cells of the distinct values back onto the rows."""
    import numpy as np

    if numbers is not None:
        rows = np.asarray(numbers)
        cells = Cells(cells.values.take(numbers), cells.reasons[rows], cells.already_hashed[rows])
    digested.forms[form.name] = cells.values
    digested.reasons[form.name] = reason_codes(cells.reasons)
    taken_over = int(cells.already_hashed.sum())
    digested.already_hashed[form.column] = max(digested.already_hashed[form.column], taken_over)


def _in_order(digested: DigestedBatch) -> DigestedBatch:
    """In the order of NORMAL_FORMS: the first reason that a column has is the one that a reader sees."""
    names = [name for name in NORMAL_FORMS if name in digested.forms]
    return DigestedBatch(
        {name: digested.forms[name] for name in names},
        {name: digested.reasons[name] for name in names},
        digested.already_hashed,
    )


def _spread_nothing(digested: DigestedBatch, forms: Iterable[NormalForm], rows: int) -> None:
    """A column of nulls."""
    import pyarrow as pa

    for form in forms:
        digested.forms[form.name] = pa.nulls(rows, pa.binary(32) if form.hashed else pa.string())
        digested.reasons[form.name] = nothing_but(Reason.EMPTY, rows)
