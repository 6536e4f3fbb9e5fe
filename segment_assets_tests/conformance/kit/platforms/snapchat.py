"""Snapchat in the kit. Its numbers: Customer Lists, Rate limits (of a token); Business Help on audience sizes."""

from segment_assets_tests.conformance.kit.record import Record

RECORD = Record(
    "snapchat",
    account="8adc3db7-8148-4fbf-999c-8d2266369d74",
    published={
        "pattern": "single_step",
        "batch_members": 100_000,
        "quota": (10, 1),
        "minimum_members": 1_000,
        "expiry_days": None,
        "first_party_only": True,
        "statements": {"source_type": ("FIRST_PARTY",)},
        "endpoint": "https://adsapi.snapchat.com",
    },
    # Customer Lists; Rate limits (of an app, for all of its tokens).
    limits={("characters of the name", "segment"): 375, ("requests in a second", "app"): 20},
    not_published=frozenset({"batch_bytes"}),
)
