"""Pinterest in the kit. How many records a request may have is not published, so our limit is lower than any of theirs."""

from segment_assets_tests.conformance.kit.record import Record

RECORD = Record(
    "pinterest",
    account="549756359984",
    published={"minimum_members": 100, "expiry_days": None},
    not_published=frozenset({"batch_members", "batch_bytes", "quota", "first_party_only"}),
    refuses_more_members=False,
)
