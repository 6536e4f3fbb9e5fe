"""Google in the kit. Its numbers: Data Manager API limits and diagnostics, UserList reference, Ads help on list sizes.

The sandbox works on a request for up to 40 minutes.
"""

from segment_assets_tests.conformance.kit.record import Record

RECORD = Record(
    "google",
    account="1234567890",
    published={
        "batch_members": 10_000,
        "quota": (300, 60, 100_000),
        "minimum_members": 1_000,
        "expiry_days": 540,
        "first_party_only": True,
        # Seconds: first look, multiplier, longest wait, given up.
        "follow": (30 * 60, 1.3, 60 * 60, 24 * 60 * 60),
        "statements": {
            "terms_of_service": ("ACCEPTED",),
            "data_source_type": ("DATA_SOURCE_TYPE_FIRST_PARTY",),
            "consent_ad_user_data": ("CONSENT_GRANTED", "CONSENT_STATUS_UNSPECIFIED"),
            "consent_ad_personalization": ("CONSENT_GRANTED", "CONSENT_STATUS_UNSPECIFIED"),
        },
    },
    # Data Manager API limits (identifiers); diagnostics (days in which a request's status is kept, about).
    limits={("identifiers", "person"): 10, ("days in which an answer can be asked for", "job"): 50},
    not_published=frozenset({"batch_bytes"}),
    chosen={"batch_bytes": 10_000_000},
    settings={"account_type": "GOOGLE_ADS", "login_account": "1234567890", "login_account_type": "GOOGLE_ADS"},
    later=45 * 60,
)
