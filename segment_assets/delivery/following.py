"""Following: what became of the jobs that a platform said it would work on.

Belongs here: asking about open jobs and noting how each ended. Not here: when to ask (the sensor, by the contract's
advice), how an answer is read (`destinations`), what it adds up to (`settling`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from segment_assets.contracts import AsynchronousDestination, JobReport, JobState, PermanentError

if TYPE_CHECKING:
    from collections.abc import Callable

    from segment_assets.contracts import Destination, Follow, Transport
    from segment_assets.delivery.ledger import DeliveryLog, Entry


def follow(
    log: DeliveryLog,
    destination: Destination,
    transport: Transport,
    *,
    now: float,
    is_due: Callable[[Entry], bool] = lambda _: True,
) -> bool:
    """Ask once about every open job that is due, and note those that have ended. True when none is open any more.

    A job that gave no end within the contract's `give_up` is noted as failed, so that its people are sent again.
    Raises TransientError or NeedsHumanError when the platform does not answer; FencedError as `append` does.
    """
    advice = destination.contract.follow
    if advice is None:
        raise PermanentError(f"{destination.contract.platform} has no jobs to follow; its answers are final")
    asynchronous = cast("AsynchronousDestination", destination)
    for receipt in log.open_jobs():
        if not is_due(receipt):
            continue
        report = asynchronous.read_job(transport.send(asynchronous.job_request(receipt.body["job"])))
        if report.state is JobState.PROCESSING and now - receipt.at > advice.give_up:
            report = JobReport(JobState.FAILED, 0, {"no_end": receipt.body["sent"]})
        if report.state is not JobState.PROCESSING:
            log.chain.append("job", _note(receipt, report))
    return not log.open_jobs()


def next_look(advice: Follow, looks: int) -> float:
    """Seconds from one look to the next: the first after `first`, then longer by `multiplier`, at most `longest`."""
    return min(advice.first * advice.multiplier**looks, advice.longest)


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
