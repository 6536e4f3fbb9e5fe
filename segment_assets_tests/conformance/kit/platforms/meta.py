"""Meta in the kit. Its numbers: Custom Audience Users reference; the Ads help on audience sizes."""

from segment_assets_tests.conformance.kit.record import Record

RECORD = Record(
    "meta",
    account="1001",
    published={
        "batch_members": 10_000,
        "minimum_members": 100,
        "expiry_days": None,
        "value_field": "LOOKALIKE_VALUE",
        "first_party_only": False,
        # usersreplace: seconds from the first batch, members of an audience.
        "replacing": (90 * 60, 100_000_000, 0.0),
        # usersofanyaudience: as many rows as /users.
        "erasure": (10_000, 0, "every audience of the ad account", False),
        "statements": {
            "customer_file_source": ("USER_PROVIDED_ONLY", "PARTNER_PROVIDED_ONLY", "BOTH_USER_AND_PARTNER_PROVIDED")
        },
    },
    # Customer-file guide: audiences of customer files, and two years after which an unused one is deleted.
    limits={("audiences", "ad account"): 500, ("days without use", "audience"): 2 * 365},
    not_published=frozenset({"quota", "batch_bytes"}),
    chosen={"quota": (10, 1), "batch_bytes": 10_000_000},
    settings={"api_version": "v26.0"},
)
