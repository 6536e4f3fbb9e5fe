"""Which details of a connector can be broken, and how: found in its source, so a new line is a new mutant.

Belongs here: names of fields, paths and headers, words of enumerations, numbers, normal forms, status codes, comparisons.
Not here: sentences for people (anything with a blank in it), docstrings, types, what `verified_by` says.

What a contract declares of its match keys is broken in the contract itself, behind the line that makes it: the
declarations are shared, and which of them a connector takes is computed.
"""

from __future__ import annotations

import ast
import copy
import dataclasses
from typing import TYPE_CHECKING

from segment_assets.contracts import Encoding
from segment_assets.destinations import registry
from segment_assets_tests.mutation.groups import PACKAGE, contract_of, groups, source_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from segment_assets.contracts import Sent

_ABOUT_US = frozenset({"verified_by", "verified_with", "version", "evidence", "source", "notes"})
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


def of(group: str, forms: list[str]) -> Iterator[Mutant]:
    """All mutants of a destination, or of what destinations share (see `groups`). `forms` are the columns of
    hashed_audience that another one is taken from.
    """
    for stem in groups()[group]:
        yield from of_module(group, stem, forms)
    if group in registry():
        yield from of_match_keys(group, forms)
        yield from of_readings(group, forms)


def of_module(group: str, stem: str, forms: list[str]) -> Iterator[Mutant]:
    """Those of one module of a group."""
    tree = ast.parse(source_of(stem))
    places, left_out = _places(tree), _left_out(tree)
    for node in ast.walk(tree):
        if id(node) in left_out:
            continue
        for kind, was, now, change in _changes(node, forms):
            restore = copy.copy(node.__dict__)
            change()
            source = ast.unparse(tree)
            node.__dict__.clear()
            node.__dict__.update(restore)
            place, line = places.get(id(node), ""), getattr(node, "lineno", 0)
            yield Mutant(group, f"{PACKAGE}.{stem}", place, line, kind, was, now, source)


# Behind the line that makes the contract.
_CHANGED_KEY = """
def _broken(key, part, now):
    import dataclasses
    from segment_assets.contracts import Encoding, MatchKey
    every = dict(CONTRACT.match_keys)
    now = Encoding(now) if part == "encoding" else now
    every[MatchKey(key)] = dataclasses.replace(every[MatchKey(key)], **{{part: now}})
    return dataclasses.replace(CONTRACT, match_keys=every)
CONTRACT = _broken({key!r}, {part!r}, {now!r})
"""


def of_match_keys(destination: str, forms: list[str]) -> Iterator[Mutant]:
    """Each key of a contract with another field, another form, another encoding."""
    for key, sent in registry()[destination].match_keys.items():
        for part, was, now in _other(sent, forms):
            changed = _CHANGED_KEY.format(key=key.value, part=part, now=now)
            yield _behind_the_contract(destination, f"CONTRACT.{key.value}", (part, was, now), changed)


# As above, of a choice that is not the default.
_CHANGED_READING = """
def _broken(name, choice, key, part, now):
    import dataclasses
    from segment_assets.contracts import Encoding, MatchKey
    readings = dict(CONTRACT.readings)
    choices = {{word: dict(keys) for word, keys in readings[name].choices.items()}}
    now = Encoding(now) if part == "encoding" else now
    choices[choice][MatchKey(key)] = dataclasses.replace(choices[choice][MatchKey(key)], **{{part: now}})
    readings[name] = dataclasses.replace(readings[name], choices=choices)
    return dataclasses.replace(CONTRACT, readings=readings)
CONTRACT = _broken({name!r}, {choice!r}, {key!r}, {part!r}, {now!r})
"""


def of_readings(destination: str, forms: list[str]) -> Iterator[Mutant]:
    """Each key of another reading with another field, another form, another encoding."""
    for name, reading in registry()[destination].readings.items():
        for choice, keys in reading.choices.items():
            for key, sent in keys.items() if choice != reading.default else ():
                for part, was, now in _other(sent, forms):
                    changed = _CHANGED_READING.format(name=name, choice=choice, key=key.value, part=part, now=now)
                    place = f"CONTRACT.{name}.{choice}.{key.value}"
                    yield _behind_the_contract(destination, place, (part, was, now), changed)


def _behind_the_contract(destination: str, place: str, broken: tuple[str, str, str], changed: str) -> Mutant:
    text = source_of(destination)
    made = contract_of(ast.parse(text))
    assert made.end_lineno is not None
    lines = text.split("\n")
    source = "\n".join((*lines[: made.end_lineno], changed, *lines[made.end_lineno :]))
    part, was, now = broken
    return Mutant(destination, f"{PACKAGE}.{destination}", place, made.lineno, part, repr(was), repr(now), source)


def _other(sent: Sent, forms: list[str]) -> Iterator[tuple[str, str, str]]:
    yield "field", sent.field, f"{sent.field}x"
    yield "form", sent.form, forms[(forms.index(sent.form) + 1) % len(forms)]
    other = Encoding.SHA256_HEX if sent.encoding is Encoding.PLAIN else Encoding.PLAIN
    yield "encoding", sent.encoding.value, other.value


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
