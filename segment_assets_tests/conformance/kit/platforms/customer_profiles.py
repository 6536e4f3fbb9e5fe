"""Amazon Connect Customer Profiles in the kit. Limits of calls are not published; the size of a batch is ours.

The sandbox's jobs take a minute. A record that fails is one of a job's counts, and S3 takes any file.
"""

from segment_assets.contracts import MatchKey, Sent
from segment_assets_tests.conformance.kit.record import Record

RECORD = Record(
    "customer_profiles",
    account="lumen-shop",
    published={},
    # botocore 1.44.5 (DisplayName); AWS's guide to upload jobs.
    limits={("characters of the name", "segment definition"): 255, ("bytes of a file", "file"): 10**9},
    not_published=frozenset(
        {
            "match_keys",
            "batch_members",
            "batch_bytes",
            "quota",
            "minimum_members",
            "expiry_days",
            "first_party_only",
            "follow",
            "keeps_people",
        }
    ),
    chosen={
        "match_keys": {MatchKey.EMAIL: Sent("email_sha256", "email")},
        "batch_members": 50_000,
        "batch_bytes": 25_000_000,
        "quota": (5, 1),
        "minimum_members": 0,
        # The default of AWS is two weeks; ours goes with every job.
        "expiry_days": 90,
        "first_party_only": False,
        "follow": (60.0, 1.5, 600.0, 86_400.0),
        "keeps_people": True,
    },
    later=61.0,
    carried=lambda transport, line, destination: destination.carried(transport),
    # A file may have a gigabyte, and nobody counts its rows.
    refuses_more_members=False,
)
