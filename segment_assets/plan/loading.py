"""Reading plan.yaml: what is wrong is told with its line.

Belongs here: YAML, and the way from a mistake to its line. Not here: what a mistake is (`model`, `rules`).
"""

from __future__ import annotations

import contextlib
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pydantic
import yaml

from segment_assets.plan.matrices import write_out
from segment_assets.plan.mistakes import mistakes
from segment_assets.plan.model import Plan
from segment_assets.plan.vocabulary import PlanError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from segment_assets.plan.matrices import Place


# The C parser reads a plan several times faster. Of a mistake only the other one tells the place in characters.
_QUICK: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
# Where rules between entries tell their place themselves.
_PLACES = ("accounts.", "activations.", "segments.", "experiments.", "uncertain_queries.")


def default_plan() -> Path:
    """The plan that ships with the project."""
    return Path(str(resources.files("segment_assets").joinpath("plan.yaml")))


def load_plan(path: Path | None = None) -> Plan:
    """Read a plan. Raises PlanError naming file, line and what to change."""
    file = path or default_plan()
    try:
        text = file.read_text(encoding="utf-8")
    except OSError as failure:
        raise PlanError(f"{file}: cannot be read ({failure.strerror}); give the path of a plan file") from None
    except UnicodeDecodeError:
        raise PlanError(f"{file}: not UTF-8 text; save the plan as UTF-8") from None
    try:
        tree, repeated, document = _read(text)
    except yaml.MarkedYAMLError as failure:
        line = failure.problem_mark.line + 1 if failure.problem_mark else 1
        raise PlanError(f"{file}, line {line}: not YAML: {failure.problem}; correct the line") from None
    except yaml.reader.ReaderError as failure:
        line = text.count("\n", 0, failure.position) + 1
        raise PlanError(f"{file}, line {line}: a character that YAML does not allow; remove it") from None
    if repeated:
        told = (f"{file}, line {line}: {key!r} is written twice; keep one of them" for key, line in repeated)
        raise PlanError("\n".join(told))
    if not isinstance(document, dict):
        what = "holds nothing" if document is None else "is no mapping of keys"
        raise PlanError(f"{file}, line 1: plan: the file {what}; begin with `tenant:`, as the plan that ships does")
    written = write_out(document)
    if written.problems:
        raise PlanError("\n".join(_told(str(file), tree, place, said) for place, said in written.problems))
    try:
        return Plan.model_validate(written.document)
    except pydantic.ValidationError as failure:
        found = mistakes(failure, Plan, written.document, also=["matrices"])
        raise PlanError("\n".join(_lines(str(file), tree, found, written.origins))) from None


def _read(text: str) -> tuple[yaml.Node | None, Sequence[tuple[str, int]], Any]:
    """The nodes with their lines, keys that are written twice, and the document."""
    try:
        return _read_by(_QUICK, text)
    except yaml.YAMLError:
        return _read_by(yaml.SafeLoader, text)


def _read_by(kind: type[yaml.SafeLoader], text: str) -> tuple[yaml.Node | None, Sequence[tuple[str, int]], Any]:
    with contextlib.ExitStack() as stack:
        loader = kind(text)
        stack.callback(loader.dispose)
        tree = loader.get_single_node()
        # Before the document is made, which writes merged keys (`<<`) into the nodes.
        repeated = list(_repeated(tree))
        return tree, repeated, None if tree is None else loader.construct_document(tree)


def _repeated(tree: yaml.Node | None) -> Iterator[tuple[str, int]]:
    """Keys that a mapping has twice, with the second one's line: YAML lets the last one win in silence."""
    waiting, known = [tree], set()
    while waiting:
        node = waiting.pop()
        # An alias leads to a node that was looked at already, or to one of its own parents.
        if node is None or id(node) in known:
            continue
        known.add(id(node))
        if isinstance(node, yaml.SequenceNode):
            waiting += node.value
        elif isinstance(node, yaml.MappingNode):
            keys = set()
            for key, value in node.value:
                if isinstance(key, yaml.ScalarNode):
                    if key.value in keys:
                        yield key.value, key.start_mark.line + 1
                    keys.add(key.value)
                waiting.append(value)


def _lines(
    name: str, tree: yaml.Node | None, found: Iterable[tuple[Place, str]], origins: Sequence[tuple[Place, str]]
) -> list[str]:
    lines: dict[str, list[str]] = {}
    for at, message in found:
        for part in message.split("\n"):
            place, colon, rest = part.partition(": ")
            own = tuple(place.split(".")) if colon and place.startswith(_PLACES) else ()
            where, cell = _origin(own or at, origins)
            lines.setdefault(_told(name, tree, where, rest if own else part), []).append(cell)
    # A mistake in a matrix is one mistake, however many activations it was written out into.
    return [line + _cells(cells) for line, cells in lines.items()]


def _origin(where: Place, origins: Sequence[tuple[Place, str]]) -> tuple[Place, str]:
    """Where an activation was written, and in which cell of a matrix."""
    if len(where) > 1 and where[0] == "activations" and where[1].isdigit() and int(where[1]) < len(origins):
        place, cell = origins[int(where[1])]
        return (*place, *where[2:]), cell
    return where, ""


def _cells(cells: Sequence[str]) -> str:
    if not cells[0]:
        return ""
    return f" (for {cells[0]}{f' and {len(cells) - 1} more' if len(cells) > 1 else ''})"


def _told(name: str, tree: yaml.Node | None, where: Place, said: str) -> str:
    place = "".join(c if c.isprintable() else "?" for c in ".".join(where)) or "plan"
    return f"{name}, line {_line(tree, where)}: {place}: {said}"


def _line(tree: yaml.Node | None, where: tuple[str, ...]) -> int:
    """The line of the deepest part of a path that exists: a missing key is shown at its parent."""
    node, line = tree, 1
    for step in where:
        found = _child(node, step)
        if found is None:
            # pydantic puts the name of a union's branch into the path; it is no key of the file.
            continue
        key, node = found
        line = key.start_mark.line + 1
    return line


def _child(node: yaml.Node | None, step: str) -> tuple[yaml.Node, yaml.Node] | None:
    if isinstance(node, yaml.MappingNode):
        # What is written beside a merge (`<<`) comes after what is merged, and wins.
        return next(((key, value) for key, value in reversed(node.value) if key.value == step), None)
    if isinstance(node, yaml.SequenceNode) and step.isdigit() and int(step) < len(node.value):
        item: Any = node.value[int(step)]
        return item, item
    return None
