"""What the short cuts left over: judged value by value, each distinct one once, by the reference.

Belongs here: asking the reference and remembering its answers. Not here: any rule, and where the answers go.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from segment_assets.contracts import ColumnState, Reason
from segment_assets.identity.digests import screen, settle
from segment_assets.identity.phone import phone_digits
from segment_assets.identity.phone_plan import plain_phone_digits

if TYPE_CHECKING:
    from collections.abc import Sequence

    from segment_assets.identity.digests import Judgement, Rule
    from segment_assets.identity.fast_reading import Countries
    from segment_assets.identity.forms import NormalForm

# About 20 MB of names, towns and dates; a source with more different ones starts anew.
_MOST_REMEMBERED = 50_000
_LONGEST_REMEMBERED = 64


@dataclasses.dataclass(frozen=True, slots=True, repr=False)
class Answers:
    """The judgements of the values at `places` (numpy): those of the n-th place are `judgements[which[n]]`."""

    places: Any
    which: Any
    judgements: list[tuple[Judgement, ...]]


class Referee:
    """Judges values under some forms of one column, and remembers the short ones. Threads may share it."""

    def __init__(self, forms: Sequence[NormalForm], state: ColumnState) -> None:
        self._forms = tuple(forms)
        self._state = state
        self._remembered: dict[tuple[str, str | None], tuple[Judgement, ...]] = {}

    def judge(self, texts: Any, countries: Countries | None, undecided: Any) -> Answers:
        """The judgements of the texts (no nulls) that a numpy mask names."""
        import numpy as np
        import pyarrow as pa

        places = np.flatnonzero(undecided)
        values = texts.take(pa.array(places)).to_pylist()
        names = [None] * len(places) if countries is None else _names(countries, places)
        numbers: dict[tuple[str, str | None], int] = {}
        which = np.fromiter(
            (numbers.setdefault(pair, len(numbers)) for pair in zip(values, names, strict=True)), np.int64, len(places)
        )
        return Answers(places, which, [self._of(pair) for pair in numbers])

    def _of(self, pair: tuple[str, str | None]) -> tuple[Judgement, ...]:
        known = self._remembered.get(pair)
        if known is None:
            known = _judgements(self._forms, *pair, self._state)
            if len(pair[0]) <= _LONGEST_REMEMBERED:
                if len(self._remembered) >= _MOST_REMEMBERED:
                    self._remembered.clear()
                self._remembered[pair] = known
        return known


def _names(countries: Countries, places: Any) -> list[str | None]:
    return [countries.names[number] for number in countries.numbers[places].tolist()]


def _judgements(
    forms: Sequence[NormalForm], text: str, country: str | None, state: ColumnState
) -> tuple[Judgement, ...]:
    """One value under several forms of its column; a form that is another and a step more reads the value once."""
    normals: dict[str, str | Reason] = {}
    found: dict[str, Judgement] = {}
    screened: dict[tuple[bool, bool], str | Judgement] = {}
    for form in forms:
        kind = (form.takes_digests, form.opaque)
        if kind not in screened:
            screened[kind] = screen(form, text, state)
        plain = screened[kind]
        if not isinstance(plain, str):
            found[form.name] = plain
            continue
        base = normals.get(form.base)
        normal = _normal(form, plain, country) if base is None else _refined(form, base)
        normals[form.name] = normal
        same = base is not None and normal is base and form.hashed and found[form.base][0] is not None
        found[form.name] = found[form.base] if same else settle(form, normal)
    return tuple(found.values())


def _normal(form: NormalForm, text: str, country: str | None) -> str | Reason:
    known = country if form.needs_country else None
    if form.base in _FAST_RULES:
        return _refined(form, _FAST_RULES[form.base](text, known))
    rule: Rule = _FAST_RULES.get(form.name, form.rule)
    return rule(text, known)


def _refined(form: NormalForm, base: str | Reason) -> str | Reason:
    return base if isinstance(base, Reason) else form.refine(base)


def _fast_phone(text: str, country: str | None) -> str | Reason:
    return plain_phone_digits(text, country) or phone_digits(text, country)


_FAST_RULES: dict[str, Rule] = {"phone_digits": _fast_phone}
