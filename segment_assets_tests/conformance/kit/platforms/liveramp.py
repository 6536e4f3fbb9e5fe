"""LiveRamp in the kit, by its stricter way: files that count once their completion marker is there.

Nothing is published of how many files it takes. A row that it will not have it passes over and tells nobody.
"""

from segment_assets_tests.conformance.kit.record import Record

RECORD = Record(
    "liveramp",
    account="lumen_onboarding",
    settings={"bucket": "sandbox-liveramp-uploads", "completion": "marker"},
    published={"expiry_days": None},
    # LiveRamp's pages on segments.
    limits={("characters of the name", "segment"): 250},
    not_published=frozenset(
        {"batch_members", "batch_bytes", "quota", "minimum_members", "first_party_only", "keeps_people"}
    ),
    chosen={
        "batch_members": 50_000,
        "batch_bytes": 10_000_000,
        "quota": (1, 1),
        "minimum_members": 25,
        "first_party_only": True,
        "keeps_people": True,
    },
    switches={"waits_for_marker": True},
    refuses_more_members=False,
    names_refused=False,
)
