"""Reddit in the kit. Its numbers: the description of the Ads API v3 (rows of a request; VALID from 1,000 users on)."""

from segment_assets_tests.conformance.kit.record import Record

RECORD = Record(
    "reddit",
    account="a2_sandbox1",
    published={
        "pattern": "single_step",
        "batch_members": 2_500,
        "minimum_members": 1_000,
        "expiry_days": None,
        "first_party_only": False,
        "endpoint": "https://ads-api.reddit.com",
    },
    # The description of the Ads API v3.
    limits={
        ("characters of the name", "audience"): (3, 500),
        ("requests in a minute", "caller"): 500,
        ("requests in 15 minutes", "caller"): 3_000,
    },
    # Two budgets are published (3,000 in 900 s, 500 in 60 s), and the contract has room for one, below both.
    not_published=frozenset({"quota", "batch_bytes"}),
)
