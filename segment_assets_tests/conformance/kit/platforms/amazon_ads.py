"""Amazon's Ads Data Manager in the kit.

Its numbers: dataset management (5,000 recommended, 10 MB), advertiser audiences (2,000 on the DSP), API reference.
"""

from segment_assets_tests.conformance.kit.record import Record

RECORD = Record(
    "amazon_ads",
    account="ENTITY1SANDBOX",
    settings={
        "manager_account": "amzn1.ads-account.g.sandbox1",
        "country": "US",
        "shared_with": "dsp_and_amc",
        "amc_instance": "amcsandbox1",
    },
    published={
        "pattern": "multi_step",
        "batch_members": 5_000,
        "batch_bytes": 10_000_000,
        "minimum_members": 2_000,
        "first_party_only": True,
        "keeps_people": True,
        # Of a manager account: identities in a request, days until it is done.
        "erasure": (1_000, 30, "the data room of the manager account", False),
        "endpoint": "https://advertising-api.amazon.com",
        "secret_headers": {"Amazon-Advertising-API-ClientId": "client_id"},
        "statements": {
            "amzn_user_data": ("GRANTED", "NOT_APPLICABLE", "UNKNOWN"),
            "amzn_ad_storage": ("GRANTED", "DENIED", "NOT_APPLICABLE", "UNKNOWN"),
            "removal_signal": ("GRANTED",),
        },
    },
    # Models of amazon-ads-api-v1 0.11.0 (names, hashedPiis, 32,850,000 seconds).
    limits={
        ("characters of the name", "dataset"): (5, 100),
        ("characters of the name", "audience on the DSP"): (10, 127),
        ("characters of the description", "dataset"): (1, 1_000),
        ("identifiers", "person"): 10,
        ("days at most", "match"): 32_850_000 // 86_400,
    },
    not_published=frozenset({"quota", "expiry_days"}),
    chosen={"quota": (1, 1), "expiry_days": 90},
    # Amazon takes twice what it recommends.
    refuses_more_members=False,
)
