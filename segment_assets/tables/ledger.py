"""What was sent to platforms, what they answered, and what their audiences hold since.

Not here: summaries for readers (`insights`).
"""

from __future__ import annotations

from segment_assets.tables.audiences import HASHED_AUDIENCE
from segment_assets.tables.model import PSEUDONYM, Column, ComputedIn, Table, Type, text

_FORMS = tuple(c for c in HASHED_AUDIENCE.columns if c.name not in {"member_id", "cluster_id", "eligibility"})

CHANGES = Table(
    name="changes",
    description="The records of one delivery in the order of sending: what was asked of the platform, reproducibly.",
    computed_in=ComputedIn.LEDGER,
    grain=("phase", "batch", "member_id", "record_id"),
    retention_days=180,
    is_sparse=True,
    columns=(
        text(
            "phase",
            "replace, add, retire, reaffirm, remove; swept, shaken (by another's opt-out) or none are not sent",
            nullable=False,
        ),
        Column("batch", Type.INTEGER, "Number of the request within the phase, from 1", nullable=False),
        Column("member_id", Type.DIGEST, "Keyed pseudonym", PSEUDONYM, nullable=False),
        Column("record_id", Type.DIGEST, "Digest of all identifiers of the record", PSEUDONYM, nullable=False),
        text("kind", "new, changed, refreshed, old_identifiers or gone", nullable=False),
        *_FORMS,
    ),
)

ACKNOWLEDGED = Table(
    name="acknowledged",
    description="What one audience of a platform account holds as far as its answers tell, record by record.",
    computed_in=ComputedIn.LEDGER,
    grain=("member_id", "record_id"),
    retention_days=3650,
    is_sparse=True,
    columns=(
        Column("member_id", Type.DIGEST, "Keyed pseudonym", PSEUDONYM, nullable=False),
        Column("record_id", Type.DIGEST, "Digest of all identifiers of the record", PSEUDONYM, nullable=False),
        text(
            "standing",
            "acknowledged, in_doubt (no answer, or shaken), leaving or rejected (refused by name)",
            nullable=False,
        ),
        # Rows from before there was this column have none: they count as of the state's own date.
        Column("answered_at", Type.TIMESTAMP, "When the platform last answered about this record (UTC)"),
        *_FORMS,
    ),
)

DELIVERIES = Table(
    name="deliveries",
    description="One row per delivery to an audience of a platform account, with its accounting.",
    computed_in=ComputedIn.LEDGER,
    grain=("delivery_id",),
    retention_days=3650,
    columns=(
        text("delivery_id", "Digest of the delivery's inputs", nullable=False),
        text("destination", "Platform", nullable=False),
        text("account", "Platform account", nullable=False),
        text("segment", "Segment", nullable=False),
        Column("number", Type.INTEGER, "Number of the delivery within its audience, from 1", nullable=False),
        text("lane", "audience, or opt_out for removals that go before everything", nullable=False),
        text("outcome", "done, interrupted, failed or empty", nullable=False),
        text("mode", "mirror, add_only, remove_only or replace; empty in rows from before there were modes"),
        Column(
            "is_exclusion",
            Type.BOOLEAN,
            "Whether it keeps people from being shown ads, so that no hold-out applies; empty in rows from before that "
            "was noted",
        ),
        text("to_snapshot", "Version of hashed_audience that was wanted"),
        Column("opened_at", Type.TIMESTAMP, "Start (UTC)"),
        Column("closed_at", Type.TIMESTAMP, "End (UTC)"),
        *(
            Column(name, Type.INTEGER, text)
            for name, text in (
                ("audience", "People in the hashed audience"),
                ("held_out", "Kept back by an experiment"),
                ("suppressed", "Opted out"),
                ("no_consent", "Without the consent that their region asks for"),
                ("no_usable_key", "Without anything this platform can match"),
                ("wanted", "People who should be in the platform audience"),
                ("last_known", "People the platform had acknowledged, or may hold, before this delivery"),
                ("unchanged", "Acknowledged before and the same now"),
                ("known_refused", "Refused by the platform before and the same now: not sent again"),
                ("refreshed", "Acknowledged before and sent again as they are there (expiry, resync, replace)"),
                ("changed", "Acknowledged before with other identifiers"),
                ("adds", "New people"),
                ("not_added", "Wanted and not there as they are now, because the mode adds nobody"),
                ("removes", "People to take out"),
                ("kept", "Known to the platform, not wanted as they are there, and left alone by the mode"),
                ("accepted", "Adds, changes and refreshed that the platform proved to have taken"),
                ("rejected", "Adds, changes and refreshed that the platform refused"),
                ("unproven", "Adds, changes and refreshed without evidence either way"),
                ("unsent", "Adds, changes and refreshed that were not sent before the delivery ended"),
                ("removes_acknowledged", "Removals the platform acknowledged"),
                ("removes_refused", "Removals the platform refused"),
                ("removes_unproven", "Removals without evidence either way"),
                ("removes_unsent", "Removals that were not sent before the delivery ended"),
                ("requests", "Batches the platform answered"),
            )
        ),
    ),
)

RECEIPTS = Table(
    name="receipts",
    description="One row per answer of a platform, and one per job of it that has ended, chained by digest.",
    computed_in=ComputedIn.LEDGER,
    grain=("delivery_id", "entry"),
    retention_days=3650,
    columns=(
        text("delivery_id", "Delivery", nullable=False),
        Column("entry", Type.INTEGER, "Number of the entry in the delivery's chain", nullable=False),
        text("phase", "replace, add, retire, reaffirm or remove", nullable=False),
        Column("batch", Type.INTEGER, "Number of the batch", nullable=False),
        Column("sent", Type.INTEGER, "Records sent"),
        Column("received", Type.INTEGER, "Records the platform says it received"),
        Column("accepted", Type.INTEGER, "Records the platform proved to have taken"),
        Column("rejected", Type.INTEGER, "Records the platform refused and we could name"),
        Column("unproven", Type.INTEGER, "Records without evidence either way"),
        text("request_digest", "Keyed digest of method, path, query and body"),
        text("platform_code", "The platform's own code"),
        text(
            "job_state",
            "How the platform's job on the batch ended, done or failed: this row then replaces the answer that began "
            "the job, whose counts it tells anew; empty in rows of answers",
        ),
        text("match_rate", "The platform's own word for how many it matched, with a job that has ended"),
        text("reasons", "JSON: the platform's reason -> records that it refused for it, with a job that has ended"),
        text("chain", "Digest of this entry and the one before"),
    ),
)

REJECTIONS = Table(
    name="rejections",
    description="People a platform refused by name, with its code.",
    computed_in=ComputedIn.LEDGER,
    grain=("delivery_id", "member_id"),
    retention_days=400,
    columns=(
        text("delivery_id", "Delivery", nullable=False),
        Column("member_id", Type.DIGEST, "Keyed pseudonym", PSEUDONYM, nullable=False),
        text("code", "The platform's code", nullable=False),
    ),
)

AUDIENCE_SIZES = Table(
    name="audience_sizes",
    description="How large a platform said an audience was, each time it was asked, beside what it had acknowledged.",
    computed_in=ComputedIn.LEDGER,
    grain=("destination", "account", "segment", "asked_at"),
    retention_days=400,
    columns=(
        text("destination", "Platform", nullable=False),
        text("account", "Platform account", nullable=False),
        text("segment", "Segment", nullable=False),
        Column("asked_at", Type.TIMESTAMP, "When the platform was asked (UTC)", nullable=False),
        text("state", "ready, updating, too_small, closed or unknown, as the platform says", nullable=False),
        text("platform_code", "The platform's own code or word for the state"),
        Column("size_lower", Type.INTEGER, "People the platform says it matched: the lower end of its range"),
        Column("size_upper", Type.INTEGER, "The upper end; null, like the lower, where the platform hides small sizes"),
        Column("acknowledged", Type.INTEGER, "People whom the platform had acknowledged by then"),
        text("match_rate", "The platform's own word on the newest upload's match rate"),
        text("warning", "What is wrong with the audience or soon will be, empty where nothing is"),
    ),
)

ERASED = Table(
    name="erased",
    description="Whom a platform account was asked to forget by its own erasure call, record by record.",
    computed_in=ComputedIn.LEDGER,
    grain=("member_id", "record_id"),
    retention_days=3650,
    columns=(
        Column("member_id", Type.DIGEST, "Keyed pseudonym", PSEUDONYM, nullable=False),
        Column("record_id", Type.DIGEST, "Digest of all identifiers of the record", PSEUDONYM, nullable=False),
        text(
            "standing",
            "acknowledged, unproven (acknowledged without evidence for every record of the request), refused (by name "
            "or as a whole), in_doubt (no answer), or taken_out (of every audience of a platform that has no erasure "
            "call)",
            nullable=False,
        ),
        text("code", "The platform's code, where it refused"),
        Column("answered_at", Type.TIMESTAMP, "When the platform was asked last (UTC)", nullable=False),
    ),
)

PLATFORM_ERASURES = Table(
    name="platform_erasures",
    description="What became of everybody who asked to be forgotten on each platform account.",
    computed_in=ComputedIn.LEDGER,
    grain=("destination", "account"),
    retention_days=3650,
    columns=(
        text("destination", "Platform", nullable=False),
        text("account", "Platform account", nullable=False),
        text(
            "standing",
            "nobody (was ever sent there), unknown (whether anybody else was: deliveries are too old to tell, or a "
            "request said a phone alone), no_call (the "
            "platform has no erasure call), not_set_up (it has one, for which the account lacks a setting), waiting "
            "(the removal goes first), asked, done, unproven (done by its time, and not proven for every record), "
            "refused, in_doubt, unreachable (the plan names the account no "
            "more), or preview",
            nullable=False,
        ),
        Column("people", Type.INTEGER, "People who asked to be forgotten and were sent there at some time"),
        Column("still_there", Type.INTEGER, "Of these, in an audience of the account now, or maybe"),
        Column("acknowledged", Type.INTEGER, "Of these, whose erasure the platform has taken on"),
        Column("refused", Type.INTEGER, "Of these, whose erasure the platform refused"),
        Column("in_doubt", Type.INTEGER, "Of these, asked without an answer; they are asked about again"),
        Column("unproven", Type.INTEGER, "Records acknowledged without evidence for each of them"),
        Column("not_retained", Type.INTEGER, "Deliveries of the account that are too old to tell whom they named"),
        Column("done_by", Type.TIMESTAMP, "When the platform has erased all of them, by its own word (UTC)"),
        text("said", "The same in a sentence, with what is left to do"),
    ),
)
