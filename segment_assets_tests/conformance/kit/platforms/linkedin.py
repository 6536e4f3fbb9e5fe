"""LinkedIn in the kit. Its numbers: Create and manage segment users, matched audiences FAQ (the older quota of two)."""

from segment_assets_tests.conformance.kit.record import Record

RECORD = Record(
    "linkedin",
    account="502001",
    published={
        # Of the refresh token, from the consent on, however often it is used.
        "token_days": 365,
        "batch_members": 5_000,
        "quota": (500, 60),
        "minimum_members": 300,
        "expiry_days": None,
        "first_party_only": False,
    },
    # Inferred: a segment that no campaign uses is archived after about so long.
    limits={("days without use", "segment"): 90},
    not_published=frozenset({"batch_bytes"}),
)
