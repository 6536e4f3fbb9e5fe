"""Following: what became of the jobs that a platform said it would work on.

Belongs here: asking about open jobs and noting how each ended, and what always fails late. Not here: when to ask again
(the sensor, by the contract's advice), how an answer is read (`destinations`), what it adds up to (`settling`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from segment_assets.contracts import InquiringDestination, JobReport, JobState, PermanentError, SegmentAssetsError
from segment_assets.delivery.gate import heard
from segment_assets.delivery.ledger import FencedError

if TYPE_CHECKING:
    from collections.abc import Callable

    from segment_assets.contracts import AsynchronousDestination, Destination, Follow, Transport
    from segment_assets.delivery.ledger import AudienceLedger, DeliveryLog, Entry

# A platform may have a bad day or two; the same content that fails once more after that will fail for ever.
LATE_FAILURES = 3
# Seconds. A no goes again after that as well, but rarely: it has a deadline, and a person needs time to look.
_LATE_REST = 21_600.0


def follow(
    log: DeliveryLog,
    destination: Destination,
    transport: Transport,
    *,
    now: float,
    is_due: Callable[[Entry], bool] | None = None,
) -> bool:
    """Ask once about every open job that is due, and note those that have ended. True when none is open any more.

    Without `is_due` a job is due once it is as old as the platform advises for a first look: a run comes by when
    something has changed, and keeps no count of looks.
    A job that gave no end within the contract's `give_up`, or of which nothing can be read by then, is noted as failed,
    so that its people are sent again; they are in doubt, since nobody said that it did nothing.
    Raises TransientError, PermanentError or NeedsHumanError when the platform tells nothing before that; FencedError as
    `append` does.
    """
    advice = destination.contract.follow
    if advice is None:
        raise PermanentError(f"{destination.contract.platform} has no jobs to follow; its answers are final")
    for receipt in log.open_jobs():
        if not (is_due(receipt) if is_due else now >= receipt.at + advice.first):
            continue
        note = how_it_ended(receipt, destination, transport, now=now)
        if note is not None:
            log.chain.append("job", note)
    return not log.open_jobs()


def follow_what_answers(log: DeliveryLog, destination: Destination, transport: Transport, *, now: float) -> None:
    """The same where somebody waits who said no: jobs that the platform does not tell of stay open.

    Raises FencedError as `append` does.
    """
    try:
        follow(log, destination, transport, now=now)
    except FencedError:
        raise
    except SegmentAssetsError:
        return


def how_it_ended(
    receipt: Entry, destination: Destination, transport: Transport, *, now: float
) -> dict[str, object] | None:
    """What is noted of a job that has ended, or is given up; None while it is worked on. Raises as `follow` does."""
    advice = destination.contract.follow
    is_given_up = advice is not None and now - receipt.at > advice.give_up
    try:
        report = _asked(destination, transport, receipt.body["job"])
    except SegmentAssetsError:
        if not is_given_up:
            raise
        # A job that the platform has forgotten held up the pair, with whoever said no in it, for ever.
        return _given_up(receipt, "no_answer")
    if report.state is not JobState.PROCESSING:
        return _note(receipt, report)
    return _given_up(receipt, "no_end") if is_given_up else None


def _asked(destination: Destination, transport: Transport, job: str) -> JobReport:
    with heard(transport):
        if isinstance(destination, InquiringDestination):
            return destination.ask_job(transport, job)
        asynchronous = cast("AsynchronousDestination", destination)
        return asynchronous.read_job(transport.send(asynchronous.job_request(job)))


def late_failures(ledger: AudienceLedger) -> int:
    """How many of the newest deliveries ended with a job that failed late, all with the same content.

    Deliveries that ended otherwise between them (an interruption, an outage) are passed over; opt-outs never count.
    """
    failures, content = 0, None
    for log in reversed(list(ledger.deliveries())):
        if log.header["lane"] == "opt_out" or log.closed is None:
            continue
        ours = (log.header["lane"], log.header["to_snapshot"], log.header["contract_version"])
        if ours != (content or ours) or log.closed.body["outcome"] in {"done", "empty"}:
            break
        content = ours
        failures += _has_failed_late(log)
    return failures


def late_refusals(ledger: AudienceLedger) -> int:
    """How many of the newest opt-outs a platform took and failed later, or in part, since it last let all out."""
    failures = 0
    for log in reversed(list(ledger.deliveries())):
        if log.header["lane"] == "withdrawal":
            break  # what was refused before was another audience
        if log.header["lane"] != "opt_out" or log.closed is None:
            continue
        # Short ones were closed as done before they were told apart.
        if not _has_failed_late(log) and log.closed.body["outcome"] == "done":
            break
        failures += _has_failed_late(log)
    return failures


def is_to_rest(ledger: AudienceLedger, people: int) -> bool:
    """Whether so many `people` who said no have to wait, since as many were tried just now and time and again."""
    last = ledger.last()
    if last is None or last.closed is None or last.header["lane"] != "opt_out" or late_refusals(ledger) < LATE_FAILURES:
        return False
    return ledger.clock() - last.closed.at < _LATE_REST and people <= last.header["counts"]["removes"]


def _has_failed_late(log: DeliveryLog) -> bool:
    return bool(log.left_in_doubt()) or any(e.body["state"] == JobState.FAILED for e in log.answered("job"))


def why_not_again(ledger: AudienceLedger, to_snapshot: str) -> str:
    """What a person is told when the platform takes this very content and fails it later, time and again; else empty.

    Nobody sends it by himself then; a run that a person starts does.
    """
    failures = late_failures(ledger)
    last = ledger.last()
    if failures < LATE_FAILURES or last is None or last.header["to_snapshot"] != to_snapshot:
        return ""
    codes = sorted({code for entry in last.answered("job") for code in entry.body["reasons"]})
    return (
        f"{ledger.pair}: the platform took this audience {failures} times and failed it later each time "
        f"({', '.join(codes) or 'it gave no reason'}), so it is not sent again as it is. Look at the account or ask "
        "the platform, then start the pair's run by hand; a new version of the audience is tried by itself, and "
        "opt-outs go on"
    )


def next_look(advice: Follow, looks: int) -> float:
    """Seconds from one look to the next: the first after `first`, then longer by `multiplier`, at most `longest`."""
    return min(advice.first * advice.multiplier**looks, advice.longest)


def _given_up(receipt: Entry, reason: str) -> dict[str, object]:
    """The end of a job that nobody heard of: it may have done all, or nothing."""
    sent, named = int(receipt.body["sent"]), int(receipt.body["rejected"])
    note = _note(receipt, JobReport(JobState.FAILED, 0, {reason: sent}))
    return {**note, "rejected": named, "unproven": sent - named, "in_doubt": True}


def _note(receipt: Entry, report: JobReport) -> dict[str, object]:
    """The end of a job in people: what is left of those that were sent is accepted, unless the job failed."""
    sent = int(receipt.body["sent"]) - int(receipt.body["rejected"])
    named = int(receipt.body["rejected"])
    received = min(sent, report.received)
    failed = report.state is JobState.FAILED
    rejected = sent if failed else min(received, sum(report.rejected.values()))
    return {
        "phase": receipt.body["phase"],
        "batch": receipt.body["batch"],
        **({"from": receipt.body["from"]} if "from" in receipt.body else {}),
        "sent": receipt.body["sent"],
        "job": receipt.body["job"],
        "state": report.state.value,
        "received": received,
        "accepted": 0 if failed else received - rejected,
        "rejected": rejected + named,
        "unproven": 0 if failed else sent - received,
        "reasons": dict(report.rejected),
        "match_rate": report.match_rate,
    }
