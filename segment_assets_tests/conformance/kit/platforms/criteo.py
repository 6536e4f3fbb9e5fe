"""Criteo in the kit."""

from segment_assets_tests.conformance.kit.record import Record

RECORD = Record(
    "criteo",
    account="12345",
    published={"batch_members": 50_000, "quota": (250, 60), "expiry_days": None},
    not_published=frozenset({"batch_bytes", "minimum_members", "first_party_only"}),
)
