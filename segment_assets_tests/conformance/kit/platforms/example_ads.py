"""The example of docs/adding_a_destination.md in the kit: not in the package, so it brings its connector and platform."""

from segment_assets_tests.conformance.kit.example import example_ads
from segment_assets_tests.conformance.kit.example.sandbox import ACCOUNT, ExampleAds
from segment_assets_tests.conformance.kit.record import Record

RECORD = Record(
    "example_ads",
    account=ACCOUNT,
    published={
        "batch_members": 500,
        "quota": (5, 1),
        "minimum_members": 100,
        "expiry_days": None,
        "first_party_only": True,
    },
    not_published=frozenset({"batch_bytes"}),
    connector=example_ads,
    platform=ExampleAds,
)
