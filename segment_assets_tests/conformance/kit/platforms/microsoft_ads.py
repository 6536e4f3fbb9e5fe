"""Microsoft Advertising in the kit. Its numbers: CustomerList (390 days, 300 people), help 56921 (first-party data only)."""

from segment_assets_tests.conformance.kit.record import Record

RECORD = Record(
    "microsoft_ads",
    account="141414141",
    settings={"customer_id": "252525252"},
    published={
        "minimum_members": 300,
        "expiry_days": 390,
        "first_party_only": True,
        "endpoint": "https://campaign.api.bingads.microsoft.com",
        "secret_headers": {"DeveloperToken": "developer_token"},
    },
    # Ours: Microsoft's page on names was not read.
    limits={("characters of the name", "list"): 128},
    not_published=frozenset({"batch_members", "batch_bytes", "quota"}),
)
