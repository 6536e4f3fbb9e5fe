"""The Trade Desk in the kit. Its numbers: TtlInMinutes of the Data API (90 days without a word), UID2's batch of 5,000.

People are on the wire as raw UID2s, and in the connector's requests as hashes.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

from segment_assets.contracts import Encoding
from segment_assets.resources.identity_map import IdentityMap
from segment_assets.resources.mapped_transport import MappedTransport
from segment_assets.resources.transport import HttpTransport
from segment_assets.sandbox.platforms.the_trade_desk.identity_map import SECRET, TOKEN, raw_id
from segment_assets_tests.conformance.kit.record import Record, written

if TYPE_CHECKING:
    from httpx import BaseTransport

    from segment_assets.contracts import Destination, Sent


def held(value: bytes | str, sent: Sent) -> str:
    cell = written(value, sent)
    return raw_id(cell) if sent.encoding is Encoding.SHA256_BASE64 else cell


def carried(transport: HttpTransport, line: BaseTransport, destination: Destination) -> MappedTransport:
    identity_map = IdentityMap(
        HttpTransport(transport.base_url, TOKEN, carrier=line), base64.b64encode(SECRET).decode()
    )
    return MappedTransport(transport, identity_map, destination, sleep=lambda seconds: None)


RECORD = Record(
    "the_trade_desk",
    account="adv12345",
    published={
        "expiry_days": 90,
        "token_header": "TTD-Auth",
        "endpoint": "https://usw-data.adsrvr.org",
        "identity_map": "https://prod.uidapi.com",
    },
    # Data API (names, TtlInMinutes 259,200, parallel callers); UID2 documentation (values of a call, parallel callers).
    limits={
        ("characters of the name", "segment"): 256,
        ("days at most", "member"): 259_200 // 60 // 24,
        ("identifiers", "call of the identity map"): 5_000,
        ("callers at once", "identity map"): 20,
        ("callers at once", "endpoint"): 4,
    },
    not_published=frozenset(
        {"batch_members", "batch_bytes", "quota", "minimum_members", "first_party_only", "keeps_people", "erasure"}
    ),
    chosen={
        "batch_members": 5_000,
        "batch_bytes": 1_000_000,
        "quota": (2, 1),
        "minimum_members": 0,
        "first_party_only": True,
        "keeps_people": True,
        "erasure": (5_000, 0, "every segment of the advertiser", False),
    },
    held=held,
    carried=carried,
    # The Data API counts bytes and no items, and does not say how many.
    refuses_more_members=False,
)
