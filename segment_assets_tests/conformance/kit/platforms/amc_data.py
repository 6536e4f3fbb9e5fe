"""Advertiser data uploads of Amazon Marketing Cloud in the kit.

Its numbers: the AMC guide's "Examples" (100 distinct users in a row of a result), its OpenAPI (1,000 identities in a
request of deletion: a person has up to three). AMC tells how many rows it left out, and not whose.
"""

from segment_assets_tests.conformance.kit.record import Record

RECORD = Record(
    "amc_data",
    account="amcsandbox1",
    settings={"amc_account": "ENTITY1SANDBOX", "country": "US", "bucket": "sandbox-amc-uploads"},
    published={
        "pattern": "multi_step",
        "minimum_members": 100,
        "endpoint": "https://advertising-api.amazon.com",
        "secret_headers": {"Amazon-Advertising-API-ClientId": "client_id"},
        "files_signed_for": "s3",
        "statements": {"amzn_user_data": ("GRANTED", "NOT_APPLICABLE", "UNKNOWN"), "removal_signal": ("GRANTED",)},
        "keeps_people": False,
    },
    # The AMC guide (files), its OpenAPI (identities); the length of a name is ours.
    limits={
        ("characters of the name", "data set"): 57,
        ("bytes of a file", "file"): 10**9,
        ("identifiers", "request of deletion"): 1_000,
    },
    not_published=frozenset(
        {"batch_members", "batch_bytes", "quota", "expiry_days", "first_party_only", "follow", "erasure"}
    ),
    chosen={
        "batch_members": 50_000,
        "batch_bytes": 20_000_000,
        "quota": (2, 1),
        "expiry_days": None,
        "first_party_only": True,
        "follow": (60.0, 1.5, 1_800.0, 172_800.0),
        "erasure": (333, 30, "every data set of the instance", True),
    },
    later=901.0,
    carried=lambda transport, line, destination: destination.carried(transport),
    # A file should stay below a gigabyte, and nobody counts its rows.
    refuses_more_members=False,
)
