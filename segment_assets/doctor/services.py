"""Queue, catalogue, workgroup, clean room, clock and quotas: judged from what was seen.

Belongs here: pure judging. Not here: looking (`service_probes`), what Clean Rooms' codes mean (`clean_rooms_schemas`).
`None` in an observation is what whoever looked was not allowed to see; what is not there is empty.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from segment_assets.doctor.findings import Finding, Subject
    from segment_assets.resources.aws.clean_rooms_schemas import MembershipStatus, TableStatus, TemplateStatus

ABILITIES = ("CAN_QUERY", "CAN_RECEIVE_RESULTS")
# AWS refuses a signature that is 5 minutes off (S3: 15).
_SKEW_LIMIT, _SKEW_ADVICE = 240.0, 30.0
# A reader may be interrupted once without its message being laid aside.
_FEWEST_RECEIVES = 3


@dataclasses.dataclass(frozen=True, slots=True)
class Queue:
    """An SQS queue. `dead_letters` is how many messages are laid aside, -1 where that queue is not there.

    `rules` are the EventBridge rules that put events on it.
    """

    has_redrive: bool
    max_receives: int
    dead_letters: int
    keeps_seconds: int
    dead_letters_keep_seconds: int
    is_encrypted: bool
    rules: Sequence[str] | None


@dataclasses.dataclass(frozen=True, slots=True)
class WorkGroup:
    """An Athena workgroup. `cutoff` is in bytes, 0 where there is none."""

    state: str
    output: str
    cutoff: int
    enforced: bool
    engine: str


@dataclasses.dataclass(frozen=True, slots=True)
class CatalogTable:
    """A table in Glue: column -> type, as Glue has them, and where its files are."""

    columns: Mapping[str, str]
    location: str


def judge_clock(seconds_ahead: float, subject: Subject) -> Iterator[Finding]:
    """`seconds_ahead`: this machine's clock before AWS's."""
    way = "ahead" if seconds_ahead > 0 else "behind"
    said = f"this machine's clock is {abs(seconds_ahead):.0f} s {way} of AWS's"
    if abs(seconds_ahead) > _SKEW_LIMIT:
        yield subject.wrong("clock_skew", said, "set it by NTP: AWS refuses signatures that are 5 minutes off")
    elif abs(seconds_ahead) > _SKEW_ADVICE:
        yield subject.advice("clock_skew", said, "set it by NTP")
    else:
        yield subject.fine("this machine's clock is AWS's")


def judge_queue(queue: Queue | None, subject: Subject) -> Iterator[Finding]:
    """A queue of events."""
    if queue is None:
        yield subject.wrong("queue_missing", "there is no such queue", "create it, or leave the variable out")
        return
    yield subject.fine("it is there")
    if not queue.has_redrive:
        yield subject.wrong(
            "no_dead_letters",
            "it has no dead-letter queue, so an event that cannot be read comes back for days",
            f"give it a redrive policy with maxReceiveCount {_FEWEST_RECEIVES} or more",
        )
    elif queue.dead_letters < 0:
        yield subject.wrong("no_dead_letters", "its dead-letter queue does not exist", "create it in this account")
    else:
        yield from _dead_letters(queue, subject)
    if not queue.is_encrypted:
        yield subject.advice("plain_queue", "its messages are not encrypted", "turn on SSE-SQS or SSE-KMS")
    if queue.rules is None:
        yield subject.unseen("which rules put events on it", "events:ListRuleNamesByTarget")
    elif not queue.rules:
        yield subject.wrong(
            "no_rule",
            "no EventBridge rule has it as a target, so it stays empty",
            'make a rule with this queue as target, for events of "aws.s3" (landing) or "aws.cleanrooms"',
        )


def _dead_letters(queue: Queue, subject: Subject) -> Iterator[Finding]:
    if queue.dead_letters:
        yield subject.advice(
            "dead_letters",
            f"{queue.dead_letters:,} messages are laid aside",
            "look at why, then redrive them (EventQueue.redrive, or SQS's page)",
        )
    if queue.max_receives < _FEWEST_RECEIVES:
        yield subject.advice(
            "few_receives",
            f"a message is laid aside after {queue.max_receives} receives",
            f"set maxReceiveCount to {_FEWEST_RECEIVES} or more",
        )
    # A message's age counts from when it was first sent.
    if queue.dead_letters_keep_seconds <= queue.keeps_seconds:
        yield subject.advice(
            "short_retention",
            "the dead-letter queue keeps messages no longer than the queue itself",
            "let it keep them for 14 days",
        )


def judge_workgroup(group: WorkGroup | None, subject: Subject) -> Iterator[Finding]:
    """The Athena workgroup of insight queries."""
    if group is None:
        yield subject.wrong("workgroup_missing", "there is no such workgroup", "create it")
        return
    if group.state != "ENABLED":
        yield subject.wrong("workgroup_disabled", f"it is {group.state or 'not enabled'}", "enable it")
    if not group.output:
        yield subject.wrong("no_output", "it has no place for results", "give it an output location in our bucket")
    if group.engine and not group.engine.startswith("Athena engine version 3"):
        yield subject.wrong(
            "engine", f"it has {group.engine}", "set Athena engine version 3: insight SQL is written for it"
        )
    if not group.cutoff:
        yield subject.advice(
            "no_cutoff", "one query may scan any number of bytes", "set its limit of bytes scanned per query"
        )
    if not group.enforced:
        yield subject.advice(
            "not_enforced", "a caller may override its settings", "enforce the workgroup's configuration"
        )
    yield subject.fine(f"it has a limit of {group.cutoff:,} bytes a query" if group.cutoff else "it is there")


def judge_table(
    table: CatalogTable | None, declared: Mapping[str, frozenset[str]], subject: Subject
) -> Iterator[Finding]:
    """A table of account A. `declared`: column -> the types in Glue that hold what we have declared."""
    if table is None:
        yield subject.wrong("table_missing", "it is not in the catalogue", "crawl or create it")
        return
    missing = sorted(set(declared) - set(table.columns))
    others = sorted(
        f"{name} is {table.columns[name]}"
        for name, types in declared.items()
        if name in table.columns and table.columns[name].lower().partition("(")[0] not in types
    )
    if missing:
        yield subject.wrong("columns_missing", f"columns are missing: {', '.join(missing)}", "add them to the table")
    if others:
        yield subject.wrong("column_types", f"columns have other types: {', '.join(others)}", "correct the table")
    if not missing and not others:
        yield subject.fine("it has the declared columns")


def judge_results_bucket(results: str, sources: Mapping[str, str], subject: Subject) -> Iterator[Finding]:
    """Clean Rooms refuses a result bucket that holds a source. `sources`: table -> bucket."""
    shared = sorted(table for table, bucket in sources.items() if bucket == results)
    if shared:
        yield subject.wrong(
            "results_beside_sources",
            f"the results' bucket holds files of {', '.join(shared)}",
            "have results written to a bucket of their own: Clean Rooms refuses one that is a source",
        )


def judge_membership(status: MembershipStatus, subject: Subject) -> Iterator[Finding]:
    """Our membership of the collaboration."""
    if status.status != "ACTIVE":
        yield subject.wrong(
            "membership", f"it is {status.status or 'unknown'}", "join the collaboration again, and set its new id"
        )
        return
    yield subject.fine("it is active")
    for ability in ABILITIES:
        if ability not in status.abilities:
            yield subject.wrong(
                f"ability_{ability.lower()}",
                f"we may not do what we are here for ({ability})",
                "have the collaboration's creator give our account this ability",
            )
    if not status.pays_for_queries:
        yield subject.advice("payer", "another member pays for our queries", "make sure that they agreed to it")


def judge_schema(status: TableStatus, subject: Subject) -> Iterator[Finding]:
    """A table of the collaboration: AWS's reason codes, and what differs from our document."""
    for problem in status.blocking:
        said, _, action = problem.partition(": ")
        yield subject.wrong("schema", said, action)
    if status.ready:
        yield subject.fine("it can be queried")
    different = [*status.differences, *(f"rule: {part}" for part in status.rule_differences)]
    if status.is_there and different:
        yield subject.advice(
            "schema_differs",
            f"it is not as in collaboration.json ({', '.join(different)})",
            f"bring the document and account {status.owner}'s table together",
        )


def judge_template(status: TemplateStatus, subject: Subject) -> Iterator[Finding]:
    """An analysis template that a query is started by."""
    if status.problems:
        yield subject.wrong(
            "template",
            "; ".join(status.problems),
            "have today's text approved as a new template, and set its ARN",
        )
    else:
        yield subject.fine("its text is today's")


def judge_quotas(quotas: Mapping[str, float] | None, subject: Subject) -> Iterator[Finding]:
    """Limits of a service by their names. They are told; whether they suffice depends on the plan."""
    if not quotas:
        yield subject.unknown("quotas", "its quotas are not known", "look at Service Quotas in the console")
        return
    told = ", ".join(f"{name}: {value:g}" for name, value in sorted(quotas.items()))
    yield subject.fine(told)
