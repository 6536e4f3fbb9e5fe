"""What a normal form is, and the few ways in which one is declared.

Belongs here: the shape. Not here: which forms there are (`forms`) and their rules.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from segment_assets.contracts import MatchKey, Reason
from segment_assets.identity.text import absence, trimmed

if TYPE_CHECKING:
    from collections.abc import Callable

    Rule = Callable[[str, str | None], str | Reason]

# Reasons that are found before a rule is asked.
_ALWAYS = frozenset({Reason.EMPTY, Reason.NULL_TEXT, Reason.UNSUPPORTED_DIGEST, Reason.UNREADABLE_ROW})


@dataclasses.dataclass(frozen=True, slots=True)
class NormalForm:
    """One rule on one raw column.

    `column` is the column it reads (of SEGMENT_MEMBERS, where that has it); `hashed` says whether the cell is the
    SHA-256 of the normal form (32 bytes) or the normal form itself; `source` is where the rule is published;
    `needs_country` says whether the same value can read differently in another country. A digest that a source brings
    says nothing about the rule it was made by: every hashed form of the column takes it over. `opaque` forms are ids
    that may look like a digest and are none.

    Where a form is another one (`base`, in front of it in NORMAL_FORMS and of the same column) and a step more,
    `refine` is that step, so that a batch reads the value once.
    """

    name: str
    match_key: MatchKey
    description: str
    column: str
    hashed: bool
    version: int
    source: str
    reasons: frozenset[Reason]
    takes_digests: bool
    needs_country: bool
    rule: Rule = dataclasses.field(repr=False)
    base: str = ""
    refine: Callable[[str], str | Reason] = dataclasses.field(default=str, repr=False)
    opaque: bool = False

    def normalise(self, value: str, country: str | None = None) -> str | Reason:
        """The normal form of a raw value, or why there is none. `country` is alpha-2 lower-case or None.

        Says nothing of values that are hashed already: `digest` does.
        """
        text = trimmed(value)
        return absence(text) or self.rule(text, country)


def form(
    match_key: MatchKey,
    rule: Rule,
    *reasons: Reason,
    description: str,
    source: str,
    name: str | None = None,
    column: str | None = None,
    hashed: bool = True,
    takes_digests: bool | None = None,
    needs_country: bool = False,
    opaque: bool = False,
    version: int = 1,
) -> NormalForm:
    """A form with a rule of its own. What is not hashed has no use for a digest, unless `takes_digests` says so."""
    takes = hashed if takes_digests is None else takes_digests
    refuses_digests = frozenset() if takes or opaque else frozenset({Reason.HASHED_WHERE_PLAIN_IS_NEEDED})
    return NormalForm(
        name=name or match_key.value,
        match_key=match_key,
        description=description,
        column=column or match_key.value,
        hashed=hashed,
        version=version,
        source=source,
        reasons=_ALWAYS | refuses_digests | frozenset(reasons),
        takes_digests=takes,
        needs_country=needs_country,
        rule=rule,
        opaque=opaque,
    )


def refined(
    base: NormalForm,
    name: str,
    refine: Callable[[str], str | Reason],
    *reasons: Reason,
    description: str,
    source: str,
    hashed: bool = True,
) -> NormalForm:
    """A form that is another one and a step more."""

    def rule(value: str, country: str | None) -> str | Reason:
        normal = base.rule(value, country)
        return normal if isinstance(normal, Reason) else refine(normal)

    refuses_digests = frozenset() if hashed else frozenset({Reason.HASHED_WHERE_PLAIN_IS_NEEDED})
    return dataclasses.replace(
        base,
        name=name,
        description=description,
        hashed=hashed,
        version=1,
        source=source,
        reasons=base.reasons | frozenset(reasons) | refuses_digests,
        takes_digests=hashed,
        rule=rule,
        base=base.name,
        refine=refine,
    )
