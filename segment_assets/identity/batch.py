"""Whole batches: each distinct (value, country) is judged once, the results are spread over the rows by Arrow.

Belongs here: the vectorised path. Not here: any rule; it agrees with `digests.digest` on every cell, which a
property test holds. No state outlives a batch but the bounded memory of `birth`.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from segment_assets.contracts import ColumnState, PermanentError, Reason
from segment_assets.identity.digests import screen, settle
from segment_assets.identity.forms import NORMAL_FORMS, NormalForm
from segment_assets.identity.phone import phone_digits
from segment_assets.identity.phone_plan import plain_phone_digits

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pyarrow as pa

    from segment_assets.identity.digests import Judgement, Rule

    _Texts = list[str | Judgement]  # per distinct value the text to read, or the judgement where no rule is needed
    _Pair = tuple[int, str | None]  # the number of a distinct value, and the row's country

_Value = TypeVar("_Value")
_REASONS = tuple(Reason)
_REASON_NUMBERS = {reason: number for number, reason in enumerate(_REASONS)}
_COLUMNS = tuple(dict.fromkeys(form.column for form in NORMAL_FORMS.values()))
_FORMS_BY_COLUMN = {name: [form for form in NORMAL_FORMS.values() if form.column == name] for name in _COLUMNS}


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
class _Distinct(Generic[_Value]):
    """The distinct values of a column and, per row, the number of its value. A missing value counts as one."""

    values: list[_Value]
    numbers: pa.Array[Any]


@dataclasses.dataclass(frozen=True, slots=True, repr=False)
class _Read:
    """What a form makes of each distinct pair, before hashing and after. Reasons and judgements pass through."""

    normals: list[str | Reason | Judgement]
    judgements: list[Judgement]


def digest_batch(batch: pa.RecordBatch, states: Mapping[str, ColumnState] | None = None) -> DigestedBatch:
    """Digest the identifier columns of SEGMENT_MEMBERS that a batch has; an absent column reads as a column of nulls.

    Other columns are not looked at. Numbers and dates are read as text. `states` says per raw column what the source
    declares (default: auto). Raises PermanentError for a state of a column that is no identifier.
    """
    declared = _checked(states or {})
    columns = {name: _distinct(batch, name) for name in _COLUMNS}
    digested = DigestedBatch({}, {}, dict.fromkeys(_COLUMNS, 0))
    countries = _countries(columns["country"], declared)
    for column, forms in _FORMS_BY_COLUMN.items():
        state, source = declared.get(column, ColumnState.AUTO), columns[column]
        texts = [screen(forms[0], value, state) for value in source.values]
        pairs, numbers = _pairs(source, countries) if forms[0].needs_country else _alone(source)
        known: dict[str, _Read] = {}
        for form in forms:
            own = texts if form.takes_digests == forms[0].takes_digests else _rescreened(form, source, texts, state)
            if form.base:
                judgements = _refined(form, own, pairs, known[form.base])
            else:
                known[form.name] = _read(form, own, pairs)
                judgements = known[form.name].judgements
            _spread(digested, form, judgements, numbers)
    return digested


def _checked(states: Mapping[str, ColumnState]) -> dict[str, ColumnState]:
    unknown = sorted(set(states) - set(_COLUMNS))
    if unknown:
        raise PermanentError(
            f"column states name {', '.join(unknown)}, which is no identifier column: use {', '.join(_COLUMNS)}"
        )
    return {name: ColumnState(state) for name, state in states.items()}


def _distinct(batch: pa.RecordBatch, name: str) -> _Distinct[str | None]:
    import pyarrow as pa

    index = batch.schema.get_field_index(name)
    column = pa.nulls(batch.num_rows, pa.string()) if index < 0 else batch.column(index)
    if not pa.types.is_string(column.type):
        column = _as_text(column, name)
    encoded = column.dictionary_encode(null_encoding="encode")
    return _Distinct(encoded.dictionary.to_pylist(), encoded.indices)


def _as_text(column: pa.Array[Any], name: str) -> pa.Array[Any]:
    import pyarrow as pa

    try:
        return column.cast(pa.string())
    except pa.ArrowException:
        # The cause is cut off: Arrow may quote the value.
        raise PermanentError(
            f"column {name} is of type {column.type}, which is no text: cast it in the source"
        ) from None


def _countries(source: _Distinct[str | None], declared: dict[str, ColumnState]) -> _Distinct[str | None]:
    """The rows' countries as alpha-2, or None: empty, unknown and hashed countries help nobody to read a number."""
    form = NORMAL_FORMS["country"]
    state = declared.get(form.column, ColumnState.AUTO)
    return _Distinct([_plain_country(form, value, state) for value in source.values], source.numbers)


def _plain_country(form: NormalForm, value: str | None, state: ColumnState) -> str | None:
    screened = screen(form, value, state)
    found = form.rule(screened, None) if isinstance(screened, str) else None
    return None if isinstance(found, Reason) else found


def _alone(source: _Distinct[str | None]) -> tuple[list[_Pair], pa.Array[Any]]:
    return [(place, None) for place in range(len(source.values))], source.numbers


def _pairs(source: _Distinct[str | None], countries: _Distinct[str | None]) -> tuple[list[_Pair], pa.Array[Any]]:
    """The distinct (value, country) pairs of the batch and, per row, the number of its pair."""
    import pyarrow as pa
    import pyarrow.compute as pc

    # Several spellings of one country are one country.
    names = list(dict.fromkeys(countries.values))
    per_spelling = pa.array([names.index(country) for country in countries.values], pa.int64())
    country_numbers = per_spelling.take(countries.numbers)
    joint = pc.add(pc.multiply(source.numbers.cast(pa.int64()), max(len(names), 1)), country_numbers)
    encoded = joint.dictionary_encode()
    codes: list[Any] = encoded.dictionary.to_pylist()
    pairs = [(code // len(names), names[code % len(names)]) for code in codes]
    return pairs, encoded.indices


def _fast_phone(value: str, country: str | None) -> str | Reason:
    return plain_phone_digits(value, country) or phone_digits(value, country)


_FAST_RULES: dict[str, Rule] = {"phone_digits": _fast_phone}


def _rescreened(form: NormalForm, source: _Distinct[str | None], texts: _Texts, state: ColumnState) -> _Texts:
    """The texts for a form that minds digests otherwise than the first of its column."""
    return [
        text if isinstance(text, str) else screen(form, value, state)
        for value, text in zip(source.values, texts, strict=True)
    ]


def _read(form: NormalForm, texts: _Texts, pairs: list[_Pair]) -> _Read:
    rule = _FAST_RULES.get(form.name, form.rule)
    normals = [rule(text, country) if isinstance(text := texts[place], str) else text for place, country in pairs]
    return _Read(normals, [normal if isinstance(normal, tuple) else settle(form, normal) for normal in normals])


def _refined(form: NormalForm, texts: _Texts, pairs: list[_Pair], base: _Read) -> list[Judgement]:
    """One step on from what the base form has read. Most addresses are not changed by it, nor is then their digest."""
    judgements = []
    for (place, _), normal, judgement in zip(pairs, base.normals, base.judgements, strict=True):
        if isinstance(normal, tuple):
            screened = texts[place]
            judgements.append(screened if isinstance(screened, tuple) else normal)
        elif isinstance(normal, Reason) or ((found := form.refine(normal)) is normal and form.hashed):
            judgements.append(judgement)
        else:
            judgements.append(settle(form, found))
    return judgements


def _spread(digested: DigestedBatch, form: NormalForm, judgements: list[Judgement], numbers: pa.Array[Any]) -> None:
    """Put the judgements of the distinct pairs back onto the rows."""
    import pyarrow as pa

    values, reasons, already = zip(*judgements, strict=True) if judgements else ((), (), ())
    cell_type = pa.binary(32) if form.hashed else pa.string()
    digested.forms[form.name] = pa.array(values, cell_type).take(numbers)
    codes = pa.array([None if reason is None else _REASON_NUMBERS[reason] for reason in reasons], pa.int8())
    digested.reasons[form.name] = pa.DictionaryArray.from_arrays(
        codes.take(numbers), pa.array([reason.value for reason in _REASONS])
    )
    if any(already):
        digested.already_hashed[form.column] = pa.array(already, pa.bool_()).take(numbers).true_count
