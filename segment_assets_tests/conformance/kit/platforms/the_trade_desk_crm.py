"""The Trade Desk's CRM data by file in the kit, by its replace: a file takes nobody out.

Its numbers: Segment's connector (1,500 rows), The Trade Desk's upgrade note of March 2025 (180 days). The kit's lists
have fewer rows than any file may have. What it will not have The Trade Desk passes over and tells nobody.
"""

from segment_assets.contracts import Encoding, MatchKey, Mode, Sent
from segment_assets_tests.conformance.kit.record import Record

RECORD = Record(
    "the_trade_desk_crm",
    account="adv12345",
    published={
        "match_keys": {MatchKey.EMAIL: Sent("EmailHashedUnifiedId2", "email_uid2", Encoding.SHA256_BASE64)},
        "minimum_members": 1_500,
        "expiry_days": 180,
        "token_header": "TTD-Auth",
        "endpoint": "https://api.thetradedesk.com",
    },
    # The Data API's, for segments of either sort; another vendor's files.
    limits={("characters of the name", "segment"): 256, ("bytes of a file", "file"): 100 * 10**6},
    not_published=frozenset({"batch_members", "batch_bytes", "quota", "first_party_only", "replacing"}),
    chosen={
        "batch_members": 100_000,
        "batch_bytes": 6_000_000,
        "quota": (1, 1),
        "first_party_only": True,
        # A list that replaces is one file, and nothing says in which order The Trade Desk works on two.
        "replacing": (3_600.0, 100_000, 6 * 3_600.0),
    },
    mode=Mode.REPLACE,
    switches={"minimum_rows": 0},
    carried=lambda transport, line, destination: destination.carried(transport),
    # Nobody counts the rows of a file.
    refuses_more_members=False,
    names_refused=False,
)
