"""What all CRMs behind AppFlow have in common, declared once: files, runs, what they prove.

Belongs here: the contract. Not here: the flow (`appflow`), a CRM's fields (`salesforce`, `hubspot`, …).
Source: Amazon AppFlow's quotas (125 MB a file, 100 GB a run) and botocore 1.44.5; what is ours says so.

The match key is the SHA-256 of the e-mail, which the CRM keeps in a field of its own: nothing raw leaves.
"""

from __future__ import annotations

from segment_assets.contracts import (
    Contract,
    Counted,
    Follow,
    Kept,
    Limit,
    MatchKey,
    Pattern,
    Quota,
    Sent,
    VerifiedBy,
    Workflow,
)

FIELD = Limit(Counted.CHARACTERS, 59, "field", Kept.CUT, source="ours, for every CRM")
_BYTES_OF_A_RUN = 100_000_000_000


def contract(platform: str, person: str, run_bytes: int = _BYTES_OF_A_RUN) -> Contract:
    """The contract of a CRM that keeps the digest of an e-mail in the field `person`, with its bytes of a run."""
    return Contract(
        platform=platform,
        version=1,
        pattern=Pattern.MANAGED,
        match_keys={MatchKey.EMAIL: Sent(person, "email")},
        match_groups=((MatchKey.EMAIL,),),
        identifying=(MatchKey.EMAIL,),
        # Ours: a tenth of the file that AppFlow reads, and a run is paid for.
        batch_members=50_000,
        batch_bytes=25_000_000,
        # Ours: AppFlow publishes no rate of calls. A file takes three, and its run one for each look.
        quota=Quota(requests=5, per_seconds=1),
        minimum_members=0,
        expiry_days=None,
        # A CRM of one's own; AppFlow has no rule on where people come from.
        first_party_only=False,
        evidence="how many records a run processed and how many it could not put; files of those tell why",
        # Ours: a run takes a minute or more, and AppFlow gives no advice.
        follow=Follow(first=60.0, multiplier=1.5, longest=600.0, give_up=86_400.0),
        # The folder of a flow holds one file, which a run reads whole.
        workflow=Workflow(batches=1, one_at_a_time=True),
        keeps_people=True,
        endpoint="https://appflow.us-east-1.amazonaws.com",
        signed_for="appflow",
        more_limits=(
            Limit(Counted.FLOWS, 1_000, "AWS account", Kept.REFUSED, source="AppFlow's quotas"),
            Limit(Counted.FILE_BYTES, 125_000_000, "file", Kept.WITHIN, source="AppFlow's quotas"),
            Limit(Counted.RUN_BYTES, run_bytes, "run", Kept.WITHIN, source="AppFlow's quotas"),
            FIELD,
        ),
        verified_by=VerifiedBy.OFFICIAL_SDK,
        verified_with="botocore 1.44.5 (AppFlow 2020-08-23, S3 2006-03-01)",
    )
