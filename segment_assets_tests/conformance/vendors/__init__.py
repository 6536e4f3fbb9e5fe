"""What other vendors' public connectors send, captured by running them (see the scripts beside this file)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from segment_assets.contracts import Request, Response
from segment_assets.identity import NORMAL_FORMS, digest

if TYPE_CHECKING:
    from collections.abc import Sequence

SEGMENT = json.loads(Path(__file__).with_name("segment.json").read_text(encoding="utf-8"))


class Kept:
    """Keeps a request and answers it."""

    def __init__(self, answer: Response) -> None:
        self.answer, self.requests = answer, []

    def send(self, request: Request) -> Response:
        self.requests.append(request)
        return self.answer


def sent_by_segment(host: str, path: str, method: str = "POST") -> Sequence[dict[str, Any]]:
    """Segment's calls to an address, oldest first."""
    found = [one for one in SEGMENT["sent"] if urlsplit(one["url"])[1:3] == (urlsplit(host).netloc, path)]
    return [one for one in found if one["method"] == method]


def cell(form: str, raw: str) -> bytes | str:
    """A raw value as hashed_audience has it."""
    value = digest(NORMAL_FORMS[form], raw, None).value
    assert value
    return value
