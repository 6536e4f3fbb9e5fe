"""Which details of a connector can be broken, and how: found in its source, so a new line is a new mutant.

Belongs here: names of fields, paths and headers, words of enumerations, numbers, normal forms, status codes, comparisons.
Not here: sentences for people (anything with a blank in it), docstrings, types, what `verified_by` says.
"""

from __future__ import annotations

import ast
import copy
import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

import segment_assets
from segment_assets.destinations import registry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

DESTINATIONS = Path(segment_assets.__file__).parent / "destinations"
_ABOUT_US = frozenset({"verified_by", "verified_with", "version", "evidence", "source", "notes"})
_ROUTE_PARTS = ("match_keys", "groups", "identifying")
# One of the same kind that means something else.
_OTHER_ENUM = {
    "ADD": "REMOVE", "REMOVE": "ADD", "SHA256_HEX": "PLAIN", "PLAIN": "SHA256_HEX", "SHA256_BASE64": "SHA256_HEX",
    "SUCCESS": "FAILED", "FAILED": "SUCCESS", "PROCESSING": "SUCCESS", "PARTIAL_SUCCESS": "SUCCESS",
    "SINGLE_STEP": "MULTI_STEP", "MULTI_STEP": "SINGLE_STEP", "MANAGED": "FILE", "FILE": "MANAGED",
    "BAD_REQUEST": "GONE", "UNAUTHORIZED": "GONE", "FORBIDDEN": "GONE", "NOT_FOUND": "GONE", "GONE": "NOT_FOUND",
    "TOO_MANY_REQUESTS": "GONE", "REQUEST_TIMEOUT": "GONE", "CONFLICT": "GONE",
    "INTERNAL_SERVER_ERROR": "LOOP_DETECTED", "REQUEST_ENTITY_TOO_LARGE": "GONE", "REQUEST_URI_TOO_LONG": "GONE",
}  # fmt: skip
_OTHER_COMPARISON = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
}


@dataclasses.dataclass(frozen=True)
class Mutant:
    """One broken detail: module, place and line, what it was and what it is now, and the whole source with it."""

    destination: str
    module: str
    place: str
    line: int
    kind: str
    was: str
    now: str
    source: str = dataclasses.field(repr=False)

    @property
    def name(self) -> str:
        """Without the line, so that a list of them lasts."""
        module = self.module.removeprefix("segment_assets.destinations.")
        return f"{module}.{self.place}: {self.kind} {self.was} -> {self.now}"


def of(destination: str, forms: list[str]) -> list[Mutant]:
    """All mutants of a destination. `forms` are the columns of hashed_audience that another one is taken from."""
    found: list[Mutant] = []
    # amc_data is a destination of its own, and no part of amc.
    others = tuple(name for name in registry() if name.startswith(f"{destination}_"))
    for file in sorted(DESTINATIONS.glob(f"{destination}*.py")):
        is_own = file.stem == destination or file.stem.startswith(f"{destination}_")
        if is_own and not (others and file.stem.startswith(others)):
            tree = ast.parse(file.read_text("utf-8"))
            found += _mutants(destination, f"segment_assets.destinations.{file.stem}", tree, [tree], forms)
    for file in sorted((DESTINATIONS / "match_keys").glob("*.py")):
        tree = ast.parse(file.read_text("utf-8"))
        module = f"segment_assets.destinations.match_keys.{file.stem}"
        found += _mutants(destination, module, tree, list(_declared(tree, destination)), forms)
    return found


def _declared(tree: ast.Module, destination: str) -> Iterator[ast.AST]:
    """What a platform's first route sends, which is the connector's."""
    for node in tree.body:
        call = node.value if isinstance(node, ast.Assign) else None
        if not isinstance(call, ast.Call) or getattr(call.func, "id", "") != "Platform":
            continue
        name, routes = call.args
        if isinstance(name, ast.Constant) and name.value == destination and isinstance(routes, ast.Dict):
            route = routes.values[0]
            assert isinstance(route, ast.Call)
            yield from (part.value for part in route.keywords if part.arg in _ROUTE_PARTS)


def _mutants(
    destination: str, module: str, tree: ast.Module, parts: list[ast.AST], forms: list[str]
) -> Iterator[Mutant]:
    places = _places(tree)
    for part in parts:
        left_out = _left_out(part)
        for node in ast.walk(part):
            if id(node) in left_out:
                continue
            for kind, was, now, change in _changes(node, forms):
                restore = copy.copy(node.__dict__)
                change()
                source = ast.unparse(tree)
                node.__dict__.clear()
                node.__dict__.update(restore)
                place, line = places.get(id(node), ""), getattr(node, "lineno", 0)
                yield Mutant(destination, module, place, line, kind, was, now, source)


def _places(tree: ast.Module) -> dict[int, str]:
    """Node -> the function, method or name that it is in."""
    found: dict[int, str] = {}
    for statement in tree.body:
        inner = statement.body if isinstance(statement, ast.ClassDef) else [statement]
        for one in inner:
            targets = one.targets if isinstance(one, ast.Assign) else [getattr(one, "target", one)]
            name = getattr(targets[0], "name", "") or getattr(targets[0], "id", "")
            found.update(dict.fromkeys(map(id, ast.walk(one)), name))
    return found


def _left_out(part: ast.AST) -> set[int]:
    """Nodes that say nothing to a platform."""
    roots = (silent for node in ast.walk(part) for silent in _silent(node) if silent is not None)
    return {id(inner) for root in roots for inner in ast.walk(root)}


def _silent(node: ast.AST) -> Iterable[ast.AST | None]:
    """What of a node is for Python, for people, or broken elsewhere."""
    found: Iterable[ast.AST | None] = []
    match node:
        case (
            ast.Import() | ast.ImportFrom() | ast.Expr(value=ast.Constant()) | ast.If(test=ast.Name(id="TYPE_CHECKING"))
        ):
            found = [node]
        case ast.FunctionDef():
            found = [node.returns, *node.decorator_list]
        case ast.ClassDef():
            found = node.decorator_list
        case ast.arg() | ast.AnnAssign():
            found = [node.annotation]
        case ast.keyword(arg=str(name)) if name in _ABOUT_US:
            found = [node]
        case ast.Call(func=ast.Name(id="cast")):
            found = node.args[:1]
        # A pattern is broken as a whole.
        case ast.Call(func=ast.Attribute(attr="compile", value=ast.Name(id="re"))):
            found = node.args
        case ast.FormattedValue():
            found = [node.format_spec]
    return found


Change = tuple[str, str, str, "Callable[[], None]"]


def _changes(node: ast.AST, forms: list[str]) -> Iterator[Change]:
    match node:
        case ast.Constant(value=bool(was)):
            yield _set("truth", node, "value", was, not was)
        case ast.Constant(value=int(was) | float(was)):
            yield _set("number", node, "value", was, was + 1 if isinstance(was, int) else was * 2 or 1.0)
        case ast.Constant(value=str(was)) if was in forms:
            yield _set("form", node, "value", was, forms[(forms.index(was) + 1) % len(forms)])
        case ast.Constant(value=str(was)) if was.strip() and not any(map(str.isspace, was)):
            yield _set("word", node, "value", was, f"{was}x" if any(map(str.isalnum, was)) else f"{was}{was}x")
        case ast.Attribute(attr=was) if was in _OTHER_ENUM:
            yield _set("member", node, "attr", was, _OTHER_ENUM[was])
        case ast.Compare(ops=[one]) if type(one) in _OTHER_COMPARISON:
            other = _OTHER_COMPARISON[type(one)]
            yield ("comparison", _operator(one), _operator(other()), lambda: setattr(node, "ops", [other()]))
        case ast.Call(func=ast.Attribute(attr="compile", value=ast.Name(id="re")), args=[ast.Constant() as was, *rest]):
            never = [ast.Constant("(?!)"), *rest]
            yield ("pattern", repr(was.value), "never", lambda: setattr(node, "args", never))


def _set(kind: str, node: ast.AST, field: str, was: object, now: object) -> Change:
    return (kind, repr(was), repr(now), lambda: setattr(node, field, now))


def _operator(one: ast.cmpop) -> str:
    return ast.unparse(ast.Compare(ast.Name("a"), [one], [ast.Name("b")]))[2:-2]
