"""Names of audiences: made from a template, and kept neutral, because platforms read them.

Belongs here: filling a template, and finding words in a name that tell something about the people in it.
Not here: the words (`flagged_words.yaml`).
"""

from __future__ import annotations

import functools
import re
import string
from importlib import resources
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

# Words, also of camelCase and of names_with_underscores; a number is no word.
_WORD = re.compile(r"[^\W\d_]+")
_HUMP = re.compile(r"(?<=[a-zà-öø-ÿ])(?=[A-ZÀ-ÖØ-Þ])")


def fill(template: str, words: Mapping[str, str]) -> str:
    """A template with its {fields} filled in. Raises ValueError naming a field that is not there.

    Only plain names: a template cannot reach into a value, nor format it.
    """
    filled = []
    for literal, field, form, conversion in string.Formatter().parse(template):
        filled.append(literal)
        if field is None:
            continue
        if form or conversion or field not in words:
            known = ", ".join(f"{{{name}}}" for name in words)
            raise ValueError(f"{{{field}}} cannot be filled in; there are {known}")
        filled.append(words[field])
    return "".join(filled)


def flagged(name: str) -> list[tuple[str, str]]:
    """What a name says of the people in it, in its order: (word or phrase, category). Empty for a neutral name."""
    said = [word.casefold() for word in _WORD.findall(_HUMP.sub(" ", name))]
    return [
        (" ".join(said[place : place + len(phrase)]), category)
        for place in range(len(said))
        for phrase, category in _phrases().get(said[place][0], ())
        if len(said) - place >= len(phrase) and all(map(_is, said[place:], phrase))
    ]


def _is(word: str, pattern: str) -> bool:
    return word.startswith(pattern[:-1]) if pattern.endswith("*") else word == pattern


@functools.cache
def _phrases() -> Mapping[str, Sequence[tuple[tuple[str, ...], str]]]:
    """The phrases by the first letter of their first word, which no pattern leaves open."""
    text = resources.files(__package__).joinpath("flagged_words.yaml").read_text(encoding="utf-8")
    found: dict[str, list[tuple[tuple[str, ...], str]]] = {}
    for phrase, category in _declared(yaml.safe_load(text)):
        found.setdefault(phrase[0][0], []).append((phrase, category))
    return found


def _declared(document: Mapping[str, Any]) -> Iterator[tuple[tuple[str, ...], str]]:
    for category, lists in document.items():
        for words in lists:
            yield from ((tuple(str(phrase).casefold().split()), category) for phrase in words["words"])
