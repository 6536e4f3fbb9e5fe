"""The rows that a delivery leaves in the ledger's tables.

Belongs here: what of its log each table gets. Not here: what the platform now holds (`settling`), how people add up
(`accounting`).
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from segment_assets.delivery.ledger import utc

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from segment_assets.delivery.ledger import AudienceLedger, DeliveryLog, Entry

# Noted by a delivery when it opens: `verify` makes the rows of one of an earlier version as that version made them.
ROWS_VERSION = 2
_JOBS_SINCE = 2


def delivery_row(ledger: AudienceLedger, log: DeliveryLog, outcome: str, people: Mapping[str, int]) -> dict[str, Any]:
    """The row of DELIVERIES: whose it was, its counts and its accounting."""
    header, pair = log.header, ledger.pair
    return {
        "delivery_id": header["delivery_id"],
        "destination": pair.destination,
        "account": pair.account,
        "segment": pair.segment,
        "number": log.number,
        "lane": header["lane"],
        "mode": header.get("mode"),
        "is_exclusion": header.get("is_exclusion"),
        "outcome": outcome,
        "to_snapshot": header["to_snapshot"],
        "opened_at": utc(log.chain.entries[0].at),
        "closed_at": utc(ledger.clock()),
        **header["counts"],
        **people,
    }


def receipt_rows(delivery_id: str, log: DeliveryLog) -> Iterator[dict[str, Any]]:
    """Rows of RECEIPTS: one for each answer, a request that was refused as a whole among them, and each job's end."""
    has_jobs = log.header.get("rows", 1) >= _JOBS_SINCE
    for entry in log.chain.entries:
        if entry.kind in {"receipt", "refused"} or (entry.kind == "job" and has_jobs):
            body = entry.body
            yield {
                "delivery_id": delivery_id,
                "entry": entry.number,
                "phase": body["phase"],
                "batch": body["batch"],
                "sent": body["sent"],
                "received": body.get("received", 0),
                "accepted": body.get("accepted", 0),
                "rejected": body.get("rejected", body["sent"] if entry.kind == "refused" else 0),
                "unproven": body.get("unproven", 0) + len(body.get("given_up", ())),
                "request_digest": body.get("request_digest"),
                "platform_code": body.get("code"),
                **(_end_of_job(entry) if entry.kind == "job" else {}),
                "chain": entry.digest,
            }


def _end_of_job(entry: Entry) -> dict[str, Any]:
    return {
        "job_state": entry.body["state"],
        "match_rate": entry.body["match_rate"] or None,
        "reasons": json.dumps(entry.body["reasons"], sort_keys=True),
    }


def rejection_rows(delivery_id: str, log: DeliveryLog) -> Iterator[dict[str, Any]]:
    """One row a person: in several lanes or phases they may be named several times, and the first code is kept."""
    codes: dict[str, str] = {}
    for entry in log.answered("receipt"):
        codes = {**entry.body["rejected_members"], **codes}
    for member, code in codes.items():
        yield {"delivery_id": delivery_id, "member_id": bytes.fromhex(member), "code": code}
