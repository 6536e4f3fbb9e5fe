"""The plan's matrices: one permission written once for many brands, countries and accounts.

Belongs here: writing a matrix out into ordinary activations before the plan is read, and where each of them was
written. Not here: whether they are allowed; behind this module nobody knows that there was a matrix.
"""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any

import pydantic

from segment_assets.plan.mistakes import mistakes
from segment_assets.plan.names import fill
from segment_assets.plan.vocabulary import Strict

Place = tuple[str, ...]
# What a template is filled with: part of segment names and account names, so only what these may be made of.
_CELL = r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$"
# A slip (an axis of a thousand values) is told at once instead of making a plan that nobody can read.
_MOST_CELLS = 10_000


def _cell(said: Any) -> Any:
    if isinstance(said, bool):
        # The Norway problem: YAML reads NO as false.
        raise ValueError("YAML reads this as true or false; write it in quotes")  # noqa: TRY004 - told with its line
    return str(said) if isinstance(said, int) else said


Cell = Annotated[str, pydantic.BeforeValidator(_cell), pydantic.StringConstraints(pattern=_CELL)]


class Matrix(Strict):
    """`over` names the axes and their values; `activation` is written out for every combination but those in `skip`.

    In `segment`, `account` and `audience_name` of the activation, {axis} stands for the value; in `audience_name` also
    {tenant}, {segment}, {account}, {purpose} and {use}. `skip` entries name some axes: all that agree are left out.
    """

    over: Mapping[str, tuple[Cell, ...]] = pydantic.Field(min_length=1)
    skip: tuple[Mapping[str, Cell], ...] = ()
    activation: Mapping[str, Any]

    @pydantic.model_validator(mode="after")
    def _every_axis_can_be_walked(self) -> "Matrix":
        size = 1
        for axis, values in self.over.items():
            if not axis.isidentifier() or axis in _OURS:
                raise ValueError(f"{axis}: not the name of an axis; use letters, and none of {', '.join(_OURS)}")
            if not values or len(set(values)) != len(values):
                raise ValueError(f"{axis}: give at least one value, each of them once")
            size *= len(values)
        if size > _MOST_CELLS:
            raise ValueError(f"{size:,} combinations; a matrix has at most {_MOST_CELLS:,}")
        for one in self.skip:
            wrong = [f"{axis}: {value}" for axis, value in one.items() if value not in self.over.get(axis, ())]
            if wrong or not one:
                raise ValueError(f"skip: {', '.join(wrong) or 'an empty entry'} is on no axis; correct or remove it")
        return self

    def cells(self) -> Iterator[dict[str, str]]:
        """Every combination that is not left out, in the order of writing."""
        for values in itertools.product(*self.over.values()):
            cell = dict(zip(self.over, values, strict=True))
            if not any(one.items() <= cell.items() for one in self.skip):
                yield cell


_OURS = ("tenant", "segment", "account", "purpose", "use")
_TEMPLATES = ("segment", "account", "audience_name")


class Written(Strict):
    """A document without matrices. `origins` has for each of its activations the place in the file, and its cell."""

    document: Any
    origins: Sequence[tuple[Place, str]] = ()
    problems: Sequence[tuple[Place, str]] = ()


def write_out(document: Any) -> Written:
    """Put the activations of all matrices behind those that the document has. Problems are (place, what to change)."""
    if not isinstance(document, dict) or "matrices" not in document:
        return Written(document=document)
    matrices, rest = document["matrices"], {key: value for key, value in document.items() if key != "matrices"}
    own = rest.get("activations", [])
    if not isinstance(own, list):
        return Written(document=rest)
    if not isinstance(matrices, dict):
        return Written(document=rest, problems=[(("matrices",), "not a mapping; give every matrix a name")])
    origins: list[tuple[Place, str]] = [(("activations", str(place)), "") for place in range(len(own))]
    made: list[dict[str, Any]] = []
    problems: list[tuple[Place, str]] = []
    for name, raw in matrices.items():
        place = ("matrices", str(name))
        try:
            matrix = Matrix.model_validate(raw)
            for cell in matrix.cells():
                made.append(_activation(matrix.activation, cell, str(rest.get("tenant", ""))))
                origins.append(((*place, "activation"), ", ".join(f"{axis} {value}" for axis, value in cell.items())))
        except pydantic.ValidationError as failure:
            problems += [((*place, *where), said) for where, said in mistakes(failure, Matrix, raw)]
        except _TemplateError as failure:
            problems.append(((*place, "activation", failure.key), str(failure)))
    return Written(document={**rest, "activations": [*own, *made]}, origins=origins, problems=problems)


class _TemplateError(Exception):
    def __init__(self, key: str, problem: str) -> None:
        super().__init__(problem)
        self.key = key


def _activation(template: Mapping[str, Any], cell: Mapping[str, str], tenant: str) -> dict[str, Any]:
    made, words = dict(template), dict(cell)
    for key in _TEMPLATES:
        if key == "audience_name":
            words |= {"tenant": tenant, **{name: str(made[name]) for name in _OURS if name in made}}
        if isinstance(made.get(key), str):
            try:
                made[key] = fill(made[key], words)
            except ValueError as failure:
                raise _TemplateError(key, str(failure)) from None
    return made
