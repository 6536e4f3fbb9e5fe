"""Keyed pseudonyms.

Belongs here: the one construction that turns identifiers into a number nobody without the key can link.
Not here: where the key lives, or which parts make a member (`audience`).
"""

from __future__ import annotations

import hmac

from segment_assets.contracts import PermanentError


def pseudonym(key: bytes, *parts: str) -> bytes:
    """HMAC-SHA-256 (32 bytes) over the parts, each preceded by its length, so that no two lists of parts collide.

    Raises PermanentError for an empty key: the result would be a plain hash.

    >>> pseudonym(b"a key of 32 bytes or more, please", "shop", "42").hex()[:8]
    '47d40080'
    >>> pseudonym(b"k", "ab", "c") == pseudonym(b"k", "a", "bc")
    False
    """
    if not key:
        raise PermanentError("the pseudonym key is empty: configure the tenant's key before building audiences")
    bodies = [part.encode() for part in parts]
    return hmac.digest(key, b"".join(len(body).to_bytes(8, "big") + body for body in bodies), "sha256")
