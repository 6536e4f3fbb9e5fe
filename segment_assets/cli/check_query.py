"""`segment-assets check-query`: what Clean Rooms would say to a query, before it is paid for.

Belongs here: JSON lines in and out. Not here: any rule (`privacy`). Every line that is not blank gets an answer: one
that is no JSON, or not of the documented shape, is `invalid_configuration` with its reasons. The exit code is 0 when
all lines were judged, whatever the verdicts are.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import select
import stat
import sys
from typing import IO, TYPE_CHECKING, Any

import sqlglot
from sqlglot import exp

from segment_assets import collaboration, queries
from segment_assets.privacy.collaboration import Collaboration
from segment_assets.privacy.judging import judge, judge_in
from segment_assets.privacy.refusals import Refusal
from segment_assets.privacy.rule_config import Question, read_question
from segment_assets.privacy.verdicts import Documented, Reason, Verdict, Weight

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

# Which week a template is judged for makes no difference; it needs one, since a direct query has no parameters.
_ANY_DAY = dt.date(2026, 1, 5)
# A pipe whose writer is still starting is waited for; a terminal, /dev/null and the like have nothing to say.
_WAIT_FOR_A_PIPE_SECONDS = 5.0


def answer_lines(lines: Iterable[bytes]) -> Iterator[dict[str, Any]]:
    """One answer for every line that is not blank, in order."""
    for line in lines:
        if not line.strip():
            continue
        try:
            asked = json.loads(line)
        except (ValueError, RecursionError):
            yield answer(_unreadable("the line is no JSON; one object per line is read"))
            continue
        try:
            verdict = _judged(asked)
        except Exception as problem:  # noqa: BLE001 - one line must not end the batch, and the message may quote it
            verdict = _unreadable(f"the line cannot be read here ({type(problem).__name__})")
        yield {**_given_back(asked), **answer(verdict)}


def _judged(asked: object) -> Verdict:
    if not isinstance(asked, dict):
        return _unreadable("the line is JSON and no object; one object per line is read")
    question = read_question(asked)
    if not isinstance(question, Question):
        return Verdict("", question)
    return judge_in(question.sql, question.situation())


def _unreadable(message: str) -> Verdict:
    return Verdict("", (Reason(Refusal.INVALID_CONFIGURATION, message, Documented.LOCAL, weight=Weight.INVALID),))


def _given_back(asked: object) -> dict[str, Any]:
    return {"id": asked["id"]} if isinstance(asked, dict) and "id" in asked else {}


def answer(verdict: Verdict) -> dict[str, Any]:
    """A verdict as check-query writes it."""
    return {
        "verdict": verdict.outcome.value,
        "reasons": [reason.to_json() for reason in verdict.reasons],
        "thresholds": [threshold.to_json() for threshold in verdict.thresholds],
        "noised": verdict.noised,
        "runs_locally": verdict.runnable,
        "limits": [limit.to_json() for limit in verdict.limits],
    }


def own_templates() -> Iterator[dict[str, Any]]:
    """The answers for the project's own clean-room queries, by name."""
    ours = Collaboration.parse(collaboration.document())
    for name in queries.names("clean_room"):
        text = queries.read(name)
        wanted = {
            node.name for tree in sqlglot.parse(text, read="spark") if tree for node in tree.find_all(exp.Placeholder)
        }
        rendered = queries.render(text, dict.fromkeys(wanted, _ANY_DAY))
        yield {"id": name, **answer(judge(rendered, ours, ours.creator_account_id))}


def run_check_query(file: IO[bytes] | None) -> int:
    """Answer `file`, else what is piped in, else for the project's own templates, on stdout."""
    lines = file if file is not None else _piped()
    try:
        for told in own_templates() if lines is None else answer_lines(lines):
            text = json.dumps(told, ensure_ascii=False)
            # Half a surrogate pair has no UTF-8, but its escape is JSON.
            sys.stdout.buffer.write(text.encode("utf-8", "backslashreplace") + b"\n")
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        sys.stderr.close()
    return 0


def _piped() -> list[bytes] | None:
    """The lines on stdin; None when nothing is piped in."""
    try:
        mode = os.fstat(sys.stdin.fileno()).st_mode
    except (AttributeError, OSError, ValueError):
        return None
    if not (stat.S_ISFIFO(mode) or stat.S_ISREG(mode)):
        return None
    if not select.select([sys.stdin], [], [], _WAIT_FOR_A_PIPE_SECONDS)[0]:
        return None
    return [line for line in sys.stdin.buffer if line.strip()] or None
