"""TikTok by file in the kit: a list for each kind of identifier.

Its numbers: Ads help on audience sizes and on the time that a list takes. The sandbox works through a change in a day;
the kit's audiences are smaller than any that TikTok would leave behind.
"""

from segment_assets.contracts import MatchKey, Sent
from segment_assets_tests.conformance.kit.record import Record

RECORD = Record(
    "tiktok_file",
    account="7012345678901234567",
    published={
        "match_keys": {
            MatchKey.EMAIL: Sent("EMAIL_SHA256", "email_spaceless"),
            MatchKey.PHONE: Sent("PHONE_SHA256", "phone_digits"),
            MatchKey.MOBILE_AD_ID: Sent("FIRST_SHA256", "mobile_ad_id_hashed"),
        },
        "minimum_members": 1_000,
        "expiry_days": None,
        "first_party_only": False,
    },
    # Treasure Data's page and AWS's guidance (audiences, files, bytes), public clients' copies of the reference.
    limits={
        ("audiences", "advertiser"): 400,
        ("characters of the name", "list"): 128,
        ("files", "list"): 500,
        ("bytes of a file", "file"): 50 * 10**6,
        ("days without use", "list"): 365,
    },
    not_published=frozenset({"batch_members", "batch_bytes", "quota", "follow", "list_per_lane"}),
    chosen={
        "batch_members": 100_000,
        "batch_bytes": 30_000_000,
        "quota": (10, 1),
        "follow": (3_600.0, 1.5, 21_600.0, 259_200.0),
        "list_per_lane": True,
    },
    later=86_401.0,
    lists=3,
    switches={"smallest_audience": 0},
    # 50 MB a file, and nobody counts its lines.
    refuses_more_members=False,
)
