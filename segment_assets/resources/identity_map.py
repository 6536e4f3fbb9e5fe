"""UID2's and EUID's identity map: hashed e-mails and phones to the raw UID2s or EUIDs that ad platforms take.

Belongs here: the encrypted envelope, one call, its answer. Not here: what is done with an id (`mapped_transport`),
how a value is normalised (`identity`), where keys are kept (`secrets`).
Source: unifiedid.com (POST /v3/identity/map, encryption and decryption) and uid2-client 2.9.0, as of autumn 2026.

Nothing that comes back is in any message: a raw UID2 names a person.
"""

from __future__ import annotations

import base64
import dataclasses
import json
import os
import time
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from segment_assets.contracts import NeedsHumanError, Request, TransientError
from segment_assets.contracts.mapping import MappedId

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from segment_assets.contracts import Clock, Response
    from segment_assets.contracts.mapping import MappedIds
    from segment_assets.resources.transport import HttpTransport

MOST_HASHES = 5_000
_PATH = "/v3/identity/map"
_BINARY = "application/octet-stream"
_VERSION = b"\x01"
_IV, _MOMENT, _NONCE = 12, 8, 8
_SECRET_BYTES = 32
# The map's own words for a hash that stands for nobody, and ours for them.
_REASONS = {"optout": "uid2_opted_out", "invalid identifier": "uid2_invalid"}
_MISSING = (
    "identity_map_key and identity_map_secret are not in the secret of this account, or not whole; put them there"
)
_REFUSED = (
    "the key is not accepted; renew identity_map_key in the secret store, and look whether it is one of this identity "
    "map (UID2 and EUID are two)"
)
_NOT_READ = "the envelope is not accepted; look at the clock of this machine and at identity_map_secret"


@dataclasses.dataclass(slots=True)
class IdentityMap:
    """One participant's access. `transport` carries the API key, `client_secret` is base64, as UID2 gives it.

    `random` gives so many bytes.
    """

    transport: HttpTransport
    client_secret: str = dataclasses.field(repr=False)
    clock: Clock = time.time
    random: Callable[[int], bytes] = os.urandom

    def ids(self, wanted: Mapping[str, Sequence[str]]) -> MappedIds:
        """What the hashes (base64 of SHA-256) stand for: `wanted` are those of each kind (`email_hash`, `phone_hash`).

        Raises TransientError where the map does not answer, NeedsHumanError where it takes no call of ours.
        """
        found: MappedIds = {kind: {} for kind in wanted}
        for kind, hashes in wanted.items():
            for begin in range(0, len(hashes), MOST_HASHES):
                found[kind] |= self._asked(kind, list(hashes[begin : begin + MOST_HASHES]))
        return found

    def _asked(self, kind: str, hashes: list[str]) -> dict[str, MappedId]:
        if not self.transport.token:
            raise NeedsHumanError(f"identity map: {_MISSING}")
        nonce = self.random(_NONCE)
        response = self.transport.send(
            Request("POST", _PATH, content=self._sealed({kind: hashes}, nonce), content_type=_BINARY)
        )
        _accept(response)
        told = self._opened(response.content, nonce)
        body = told.get("body") if told.get("status") == "success" else None
        places = body.get(kind) if isinstance(body, dict) else None
        if not isinstance(places, list) or len(places) != len(hashes):
            # Places are all that ties an answer to a hash.
            raise TransientError("identity map: an answer has other places than the question; it is asked again")
        return dict(zip(hashes, map(_mapped, places), strict=True))

    def _sealed(self, wanted: object, nonce: bytes) -> bytes:
        moment = int(self.clock() * 1_000).to_bytes(_MOMENT, "big")
        iv, text = self.random(_IV), json.dumps(wanted, separators=(",", ":")).encode()
        sealed: bytes = self._cipher().encrypt(iv, moment + nonce + text, None)
        return _VERSION + iv + sealed

    def _opened(self, sealed: bytes, nonce: bytes) -> dict[str, Any]:
        from cryptography.exceptions import InvalidTag

        try:
            text = self._cipher().decrypt(sealed[:_IV], sealed[_IV:], None)
            body = json.loads(text[_MOMENT + _NONCE :])
        except (InvalidTag, ValueError):
            body = None
        if not isinstance(body, dict) or text[_MOMENT : _MOMENT + _NONCE] != nonce:
            raise TransientError("identity map: an answer is not one to the question; it is asked again")
        return body

    def _cipher(self) -> Any:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        try:
            secret = base64.b64decode(self.client_secret, validate=True)
        except ValueError:
            secret = b""
        if len(secret) != _SECRET_BYTES:
            raise NeedsHumanError(f"identity map: {_MISSING}") from None
        return AESGCM(secret)


def _accept(response: Response) -> None:
    if response.status == HTTPStatus.OK:
        return
    said = f"identity map: answer {response.status}"
    if response.status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        raise NeedsHumanError(f"{said}: {_REFUSED}")
    if HTTPStatus.BAD_REQUEST <= response.status < HTTPStatus.INTERNAL_SERVER_ERROR and response.status not in _PASSING:
        raise NeedsHumanError(f"{said}: {_NOT_READ}")
    raise TransientError(f"{said}: not available now; it is asked again")


_PASSING = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS})


def _mapped(told: object) -> MappedId:
    one = told if isinstance(told, dict) else {}
    current, previous = one.get("u"), one.get("p")
    if isinstance(current, str) and current:
        return MappedId(current, previous if isinstance(previous, str) else "")
    reason = _REASONS.get(str(one.get("e")))
    if reason is None:
        # Taken for nobody, it would count a removal as done that was never sent.
        raise TransientError("identity map: what it says of a hash is not understood; it is asked again")
    return MappedId(reason=reason)
