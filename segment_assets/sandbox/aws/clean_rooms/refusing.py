"""How an operation of the stand-in refuses."""

from __future__ import annotations

from typing import Any


class Refused(Exception):  # noqa: N818 - an answer on its way up
    """A documented error of the API with its members."""

    def __init__(self, code: str, **told: Any) -> None:
        super().__init__(code)
        self.code, self.told = code, told
