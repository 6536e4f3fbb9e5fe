"""Advertiser audiences of Amazon Marketing Cloud in the kit.

Its numbers: the guide of that name (6,000 records, 2,000 people on the DSP, a life of 34,300,800 seconds, which are 397
days), Amazon's OpenAPI.
"""

from segment_assets_tests.conformance.kit.record import Record

RECORD = Record(
    "amc",
    account="581234567890123456",
    settings={
        "connection": "5a523424-e8b3-4da5-9a32-24a861aea576",
        "shared_with": "dsp_and_amc",
        "profile": "3900820857650036",
        "country": "US",
    },
    published={
        "pattern": "multi_step",
        "batch_members": 6_000,
        "minimum_members": 2_000,
        "expiry_days": 397,
        "first_party_only": True,
        "keeps_people": True,
        "endpoint": "https://advertising-api.amazon.com",
        "secret_headers": {"Amazon-Advertising-API-ClientId": "client_id"},
        "statements": {
            "amzn_user_data": ("GRANTED", "NOT_APPLICABLE", "UNKNOWN"),
            "amzn_ad_storage": ("GRANTED", "DENIED", "NOT_APPLICABLE", "UNKNOWN"),
            "removal_signal": ("GRANTED",),
        },
    },
    # The guide (records in an hour), Amazon's OpenAPI (names, description, hashedPII, invalidRecords).
    limits={
        ("characters of the name", "audience"): (10, 128),
        ("characters of the description", "audience"): 1_000,
        ("identifiers", "person"): 100,
        ("records in an hour", "connection"): 15 * 10**6,
        ("refused records that an answer names", "job"): 10_000,
    },
    not_published=frozenset({"quota", "batch_bytes", "follow"}),
    # Seconds: first look, multiplier, longest wait, given up. 15 million records an hour are published, no requests.
    chosen={"quota": (2, 3), "batch_bytes": 5_000_000, "follow": (900, 1.5, 3_600, 172_800)},
    # Amazon's OpenAPI takes 10,000.
    refuses_more_members=False,
)
