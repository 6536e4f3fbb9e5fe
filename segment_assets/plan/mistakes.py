"""What is wrong with the keys of a plan, in words: pydantic says of one misspelt key that two things are wrong.

Belongs here: from errors of a shape to mistakes, each with its place. Not here: lines (`loading`), shapes (`model`).
"""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    import pydantic

    from segment_assets.plan.matrices import Place

_NO_SUCH_KEY, _MISSING, _NO_TAG = "extra_forbidden", "missing", "union_tag_not_found"


def mistakes(
    failure: pydantic.ValidationError, shape: type[pydantic.BaseModel], document: Any, also: Collection[str] = ()
) -> Iterator[tuple[Place, str]]:
    """Place and what to change, for each mistake of a document of a shape. `also`: keys that were taken out of it.

    A key that is missing and one that is like it and unknown are one mistake, which is told of the latter.
    """
    errors = failure.errors(include_url=False, include_input=False)
    schema = shape.model_json_schema()
    missing = [tuple(map(str, error["loc"])) for error in errors if error["type"] == _MISSING]
    told: list[tuple[Place, str]] = []
    for error in errors:
        place, kind = tuple(map(str, error["loc"])), error["type"]
        if kind == _NO_SUCH_KEY:
            *parent, key = place
            known = [*_keys(schema, _at(schema, parent)), *(() if parent else also)]
            lacking = [where[-1] for where in missing if where[:-1] == tuple(parent)]
            meant = _like(key, lacking) or _like(key, known)
            if meant in lacking:
                missing.remove((*parent, meant))
            told.append((place, _unknown(meant, known)))
        elif kind == _NO_TAG:
            told.append(_without_kind(place, _written_at(document, place), schema))
        elif kind != _MISSING:
            told.append((place, error["msg"].removeprefix("Value error, ")))
    yield from told
    yield from ((place, "is missing; add it") for place in missing)


def _like(key: str, known: Collection[str]) -> str:
    return next(iter(difflib.get_close_matches(key, known, 1)), "")


def _unknown(meant: str, known: Sequence[str]) -> str:
    if meant:
        return f"there is no such key; did you mean {meant!r}?"
    return f"there is no such key; there are {', '.join(known)}" if known else "there is no such key; remove it"


def _without_kind(place: Place, written: Any, schema: Mapping[str, Any]) -> tuple[Place, str]:
    """An entry of several kinds that does not say which it is, perhaps because that key is misspelt."""
    kinds = _resolved(schema, _at(schema, place)).get("discriminator", {})
    key, words = str(kinds.get("propertyName", "")), " or ".join(kinds.get("mapping", {}))
    misspelt = _like(key, [one for one in written if isinstance(one, str)] if isinstance(written, dict) else [])
    if misspelt:
        return (*place, misspelt), f"there is no such key; did you mean {key!r}?"
    return place, f"{key} is missing; write {key}: {words}"


def _written_at(document: Any, place: Place) -> Any:
    for step in place:
        if isinstance(document, dict):
            document = document.get(step)
        elif isinstance(document, list | tuple) and step.isdigit() and int(step) < len(document):
            document = document[int(step)]
        else:
            return None
    return document


def _at(schema: Mapping[str, Any], place: Sequence[str]) -> Mapping[str, Any]:
    """The part of a JSON schema that describes a place; empty where it describes none."""
    node = schema
    for step in place:
        node = _below(schema, node, step)
    return node


def _below(schema: Mapping[str, Any], node: Mapping[str, Any], step: str) -> Mapping[str, Any]:
    node = _resolved(schema, node)
    # pydantic puts the kind of an entry into the path; it is no key of the file.
    kind = node.get("discriminator", {}).get("mapping", {}).get(step)
    if kind is not None:
        return {"$ref": kind}
    found = [below for one in node.get("anyOf", ()) if (below := _below(schema, one, step))]
    patterns = list(node.get("patternProperties", {}).values())
    described = (
        node.get("properties", {}).get(step),
        *found,
        *patterns,
        node.get("additionalProperties"),
        node.get("items"),
    )
    return next((one for one in described if isinstance(one, dict) and one), {})


def _keys(schema: Mapping[str, Any], node: Mapping[str, Any]) -> list[str]:
    node = _resolved(schema, node)
    return [*node.get("properties", {}), *(key for one in node.get("anyOf", ()) for key in _keys(schema, one))]


def _resolved(schema: Mapping[str, Any], node: Mapping[str, Any]) -> Mapping[str, Any]:
    while "$ref" in node:
        node = schema["$defs"][node["$ref"].rpartition("/")[2]]
    return node
