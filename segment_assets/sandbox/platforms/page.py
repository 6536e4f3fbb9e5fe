"""The page at `/`: what is in the platforms' audiences, and what was asked lately. Self-contained, no script.

Not here: where the numbers come from (`admin`).
"""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

_TEMPLATE = Path(__file__).with_name("page.html")


def render(audiences: Sequence[dict[str, Any]], requests: Sequence[dict[str, Any]], now: float, offset: float) -> str:
    """The whole page. Everything that came from outside is escaped."""
    moved = f" (moved by {offset:+,.0f} s)" if offset else ""
    people = sum(audience["people"] for audience in audiences)
    template = Template(_TEMPLATE.read_text(encoding="utf-8"))
    return template.substitute(
        clock=escape(_moment(now) + moved),
        summary=escape(f"{people:,} people in {_number(len(audiences), 'audience')}"),
        audiences="".join(map(_audience, audiences)) or '<p class="none">No audience yet.</p>',
        counts=_counts(requests),
        requests="".join(map(_request, requests)) or '<tr><td colspan="5" class="none">No request yet.</td></tr>',
    )


def _number(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def _audience(audience: dict[str, Any]) -> str:
    return (
        f"<article><h3>{escape(audience['name'])}</h3>"
        f'<p class="people">{audience["people"]:,}<small> people</small></p>'
        f"<p>{escape(audience['platform'])} account {escape(audience['account'])}<br>"
        f"audience {escape(str(audience['id']))}</p>"
        f'<p><span class="state">{escape(audience["state"])}</span> '
        f"content of {_moment(audience['content_updated'])}</p></article>"
    )


def _counts(requests: Sequence[dict[str, Any]]) -> str:
    by_outcome = Counter(_outcome(request["status"]) for request in requests)
    chips = (f'<span class="{name}">{count} {name}</span>' for name, count in sorted(by_outcome.items()))
    return " ".join(chips)


def _outcome(status: int) -> str:
    if status == 0:
        return "unanswered"
    return "answered" if status < 400 else "refused"  # noqa: PLR2004  HTTP: errors start at 400


def _request(request: dict[str, Any]) -> str:
    fault = f" ({escape(request['fault'])})" if request["fault"] else ""
    return (
        f'<tr><td data-label="time">{_moment(request["at"])[11:19]}</td>'
        f'<td data-label="request">{escape(request["method"])} <code>{escape(request["path"])}</code></td>'
        f'<td data-label="records">{request["records"]:,}</td>'
        f'<td data-label="status" class="{_outcome(request["status"])}">{request["status"] or "none"}{fault}</td>'
        f'<td data-label="audience">{escape(request["audience"] or "")}</td></tr>'
    )
