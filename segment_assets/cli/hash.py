"""`segment-assets hash`: what a platform is sent for one value, line by line, for people who debug a match rate.

Belongs here: JSON lines in and out. Not here: any rule (`identity`) or declaration (`destinations.match_keys`).
A line that cannot be read gives a line with a reason and a message, never an end of the stream; the exit code is 1
only when nothing at all could be read. No line of output repeats a value that was refused.
"""

from __future__ import annotations

import functools
import json
import sys
from typing import IO, TYPE_CHECKING, Any

from segment_assets.contracts import ColumnState, MatchKey, PermanentError, Reason
from segment_assets.destinations.match_keys import PLATFORMS, route
from segment_assets.destinations.match_keys.preparing import prepare
from segment_assets.identity import NORMAL_FORMS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from segment_assets.contracts import Sent

_COUNTRY = NORMAL_FORMS["country"]
_MAY_NEED_A_COUNTRY = frozenset({Reason.NO_COUNTRY})


class _BadLineError(Exception):
    """A line that says too little or something unknown: a code, and what is known."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def hash_lines(lines: Iterable[bytes], out: IO[bytes], *, show_normalised: bool) -> int:
    """Answer every line that is not blank, in order; the exit code: 1 when none was a JSON object, else 0."""
    known: dict[Any, dict[MatchKey, Sent]] = {}
    readable = False
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            question = _object(line)
            readable = True
            answer = _answer(question, known, show_normalised=show_normalised)
        except _BadLineError as bad:
            answer = {"line": number, "digest": None, "normal_form": None, "reason": bad.code, "message": str(bad)}
        text = json.dumps(answer, ensure_ascii=False)
        # Half a surrogate pair has no UTF-8, but its escape is JSON.
        out.write(text.encode("utf-8", "backslashreplace") + b"\n")
    out.flush()
    return 0 if readable else 1


def _object(line: bytes) -> dict[str, Any]:
    try:
        question = json.loads(line)
    except (ValueError, RecursionError):
        raise _BadLineError("bad_json", "the line is no JSON; one object per line is read") from None
    if not isinstance(question, dict):
        raise _BadLineError("bad_json", "the line is JSON and no object; one object per line is read")
    return question


def _answer(
    question: dict[str, Any], known: dict[Any, dict[MatchKey, Sent]], *, show_normalised: bool
) -> dict[str, Any]:
    destination, variant = _destination(question)
    key, sent = _match_key(question, destination, variant, known)
    value, state = _value(question), _state(question)
    country, country_reason = _country(question)
    found = prepare(key, sent, value, country, state)
    # The better reason: the country was given and is none.
    reason = country_reason if country_reason and found.reason in _MAY_NEED_A_COUNTRY else found.reason
    answer: dict[str, Any] = {
        "destination": destination,
        "variant": variant,
        "match_key": key.value,
        "field": sent.field,
        "digest": found.written,
        "encoding": sent.encoding.value,
        "normal_form": sent.form,
        "reason": reason.value if reason else None,
    }
    if found.already_hashed:
        answer["already_hashed"] = True
    if show_normalised:
        answer["normalised"] = found.normalised
    return {**({"id": question["id"]} if "id" in question else {}), **answer}


def _destination(question: dict[str, Any]) -> tuple[str, str]:
    destination, variant = question.get("destination"), question.get("variant")
    platform = PLATFORMS.get(destination) if isinstance(destination, str) else None
    if platform is None:
        raise _BadLineError("unknown_destination", f"no such destination; known: {', '.join(PLATFORMS)}")
    if variant is None:
        return platform.name, platform.default_variant
    if not isinstance(variant, str) or variant not in platform.routes:
        known = ", ".join(platform.routes)
        raise _BadLineError("unknown_variant", f"no such variant of {platform.name}; known: {known}")
    return platform.name, variant


def _match_key(
    question: dict[str, Any], destination: str, variant: str, known: dict[Any, dict[MatchKey, Sent]]
) -> tuple[MatchKey, Sent]:
    settings = question.get("settings") or {}
    if not isinstance(settings, dict) or not all(isinstance(choice, str) for choice in settings.values()):
        raise _BadLineError("unknown_setting", "settings is an object of names and choices")
    place = (destination, variant, *sorted(settings.items()))
    if place not in known:
        known[place] = _sent(destination, variant, settings)
    name = question.get("match_key")
    key = next((key for key in known[place] if key == name), None)
    if key is None:
        taken = ", ".join(known[place])
        raise _BadLineError("unknown_match_key", f"{destination} ({variant}) takes no such match key; known: {taken}")
    return key, known[place][key]


def _sent(destination: str, variant: str, settings: Mapping[str, str]) -> dict[MatchKey, Sent]:
    try:
        return route(destination, variant).sent(settings)
    except PermanentError as error:
        raise _BadLineError("unknown_setting", str(error)) from None


def _value(question: dict[str, Any]) -> str | None:
    if "value" not in question:
        raise _BadLineError("no_value", 'the line has no "value"; null stands for a missing one')
    value = question["value"]
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _BadLineError("not_a_text", "the value is neither text nor a number")
    return str(value)


def _state(question: dict[str, Any]) -> ColumnState:
    try:
        return ColumnState(question.get("state", ColumnState.AUTO))
    except ValueError:
        raise _BadLineError("unknown_state", f"no such state; known: {', '.join(ColumnState)}") from None


def _country(question: dict[str, Any]) -> tuple[str | None, Reason | None]:
    raw = question.get("country")
    if raw is None or raw == "":
        return None, None
    return _read_country(str(raw))


@functools.lru_cache(maxsize=4096)
def _read_country(raw: str) -> tuple[str | None, Reason | None]:
    found = _COUNTRY.normalise(raw)
    return (None, found) if isinstance(found, Reason) else (found, None)


def run_hash(file: IO[bytes] | Iterator[bytes], *, show_normalised: bool) -> int:
    """Read `file`, answer on stdout. A reader that goes away early (head) ends it quietly."""
    try:
        code = hash_lines(file, sys.stdout.buffer, show_normalised=show_normalised)
    except BrokenPipeError:
        sys.stderr.close()
        return 0
    if code:
        sys.stderr.write("segment-assets: no line could be read; give one JSON object per line\n")
    return code
