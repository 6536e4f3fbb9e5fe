"""Zendesk through AppFlow in the kit. Its numbers: AppFlow's quotas; the size of a batch is ours.

The sandbox's runs take a minute. A record that the CRM refuses is a put failure of the run, and S3 takes any file.
"""

from segment_assets.contracts import MatchKey, Sent
from segment_assets_tests.conformance.kit.record import Record

RECORD = Record(
    "zendesk",
    account="zendesk-crm",
    published={"expiry_days": None},
    # AppFlow's quotas; the length of a field is ours.
    limits={
        ("flows", "AWS account"): 1_000,
        ("bytes of a file", "file"): 125 * 10**6,
        ("bytes of a run", "run"): 100 * 10**9,
        ("characters of the name", "field"): 59,
    },
    not_published=frozenset(
        {
            *("batch_members", "batch_bytes", "quota", "minimum_members", "first_party_only", "follow", "keeps_people"),
            "match_keys",
        }
    ),
    chosen={
        "match_keys": {MatchKey.EMAIL: Sent("external_id", "email")},
        "batch_members": 50_000,
        "batch_bytes": 25_000_000,
        "quota": (5, 1),
        "minimum_members": 0,
        "first_party_only": False,
        "keeps_people": True,
        "follow": (60.0, 1.5, 600.0, 86_400.0),
    },
    settings={"bucket": "sandbox-segments"},
    later=61.0,
    # A file of AppFlow's may have 125 MB, and nobody counts its rows.
    refuses_more_members=False,
)
