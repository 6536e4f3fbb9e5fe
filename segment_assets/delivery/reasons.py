"""Reasons that people write into a ledger, which is kept for years: they may not name anybody.

Belongs here: what looks like an identifier. Not here: who has to give a reason, and for what.
"""

from __future__ import annotations

import re

# A mail address, a number that could be dialled, a digest in hex or base64.
_IDENTIFIER = re.compile(r"\S@|@\S|\+?\d[\d\s()./-]{6,}\d|[0-9a-fA-F]{16,}|[A-Za-z0-9+/]{43}=")
_DAY = re.compile(r"\b20[0-9]{2}-[01][0-9]-[0-3][0-9]\b")


def names_somebody(text: str) -> bool:
    """Whether a text holds anything by which a person could be found. A day of the calendar is none.

    >>> names_somebody("dana said so, 10 % on 2026-11-22"), names_somebody("ask 0151 2345678")
    (False, True)
    """
    return _IDENTIFIER.search(_DAY.sub("", text)) is not None
