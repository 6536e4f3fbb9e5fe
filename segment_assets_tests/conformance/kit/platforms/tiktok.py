"""TikTok in the kit. The same digest of a mobile ad id goes under two fields.

Its numbers: Ads help on audience sizes; the limits of a request are those of other vendors' connectors.
"""

from segment_assets_tests.conformance.kit.record import Record

RECORD = Record(
    "tiktok",
    account="7012345678901234567",
    published={
        "batch_members": 1_000,
        "batch_bytes": 1_000_000,
        "minimum_members": 1_000,
        "expiry_days": None,
        "first_party_only": False,
    },
    # Treasure Data's page (audiences), Segment's connector (names), public clients' copies of the reference (days).
    limits={
        ("audiences", "advertiser"): 400,
        ("characters of the name", "audience"): 70,
        ("days without use", "audience"): 365,
    },
    not_published=frozenset({"quota"}),
)
