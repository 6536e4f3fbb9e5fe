"""Requests as files that a person or a test can read: `0001.json`, and bodies that are files beside it.

Belongs here: the folder and the shape of its files. Not here: where requests come from (`preview`, `replay`).
"""

from __future__ import annotations

import dataclasses
import functools
import json
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from segment_assets.contracts import PermanentError, Request

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from segment_assets.contracts import Contract

SUMMARY = "summary.json"
_OURS = re.compile(r"[0-9]{4,}\.[a-z_]+|summary\.json")


@dataclasses.dataclass(frozen=True, slots=True)
class RequestFolder:
    """Where requests to one platform are written. The files hold hashed identifiers, which are personal data."""

    folder: Path
    base_url: str

    @classmethod
    def prepare(cls, folder: Path, contract: Contract) -> RequestFolder:
        """An empty folder that only its owner can read. An earlier preview in it is replaced, anything else refused."""
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        there = sorted(folder.iterdir())
        if there and (folder / SUMMARY not in there or not all(_OURS.fullmatch(file.name) for file in there)):
            raise PermanentError(f"{folder}: not empty, and not requests of ours; give --out another folder")
        for file in there:
            file.unlink()
        # RFC 2606: an address that nobody has, where a platform declares none.
        return cls(folder, contract.endpoint or f"https://{contract.platform}.invalid")

    def write(self, number: int, request: Request, said: Mapping[str, object] | None = None) -> None:
        """Write one request. Credentials are added by the transport, so there are none in it."""
        body, headers = request.json, dict(request.headers)
        if body is not None or request.content is not None:
            headers = {"content-type": request.content_type or "application/json", **headers}
        if request.content is not None:
            beside = self.folder / f"{number:04d}.content"
            beside.write_bytes(request.content)
            body = {"file": beside.name}
        query = f"?{urlencode(request.params)}" if request.params else ""
        shown = {
            "method": request.method,
            "url": f"{'' if request.is_elsewhere else self.base_url}{request.path}{query}",
            "headers": headers,
            "body": body,
            **(said or {}),
        }
        self._json(f"{number:04d}.json", shown)

    def summarise(self, summary: Mapping[str, Any]) -> None:
        """Write what all of it adds up to."""
        self._json(SUMMARY, summary)

    def _json(self, name: str, value: Mapping[str, object]) -> None:
        # One line a field: indenting all of it takes Python longer than the delivery that it shows.
        text = functools.partial(json.dumps, ensure_ascii=False, default=list)
        lines = (f"{json.dumps(key)}: {text(field)}" for key, field in value.items())
        (self.folder / name).write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")
