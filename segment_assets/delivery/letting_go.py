"""An audience to which nothing is delivered any more: whoever says no leaves one that is kept like any other.

Belongs here: whether somebody is to leave it, and settling what was left open without adding anybody. Not here: their
removal, which is that of every no (`steps.PairRun.take_out_opt_outs`).
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segment_assets.delivery.following import follow
from segment_assets.delivery.leaving import said_no, withdrawn
from segment_assets.delivery.legs import leaving_is_due, outcome_now
from segment_assets.delivery.naming import named_members
from segment_assets.delivery.settling import acknowledged_state, settle
from segment_assets.delivery.step_answers import WAITING

if TYPE_CHECKING:
    from segment_assets.contracts import Snapshot
    from segment_assets.delivery.ledger import AudienceLedger
    from segment_assets.delivery.step_answers import Step
    from segment_assets.delivery.steps import PairRun

_MAY_BE_THERE = ("acknowledged", "in_doubt")


def somebody_is_to_go(
    ledger: AudienceLedger, suppressions: Snapshot | None, consents: Snapshot | None, workdir: Path
) -> bool:
    """Whether the audience may hold anybody who said no, or what it holds is not settled yet.

    `suppressions` name them, or they took their consent back by `consents`, a version of hashed_audience.
    """
    log = ledger.last()
    if log is None:
        return False
    if log.closed is None or leaving_is_due(ledger):
        return True
    state = acknowledged_state(ledger.lake, ledger)
    if state is None or not state.rows:
        return False
    import pyarrow.compute as pc

    # Any: the stubs know no filter on a dataset.
    rows: Any = ledger.lake.dataset(state)
    known = ledger.lake.dataset(suppressions) if suppressions else None
    workdir.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=workdir, prefix="consents-") as folder:
        no = said_no(known, withdrawn(ledger.lake, consents, Path(folder)))
        named = named_members(rows, no, workdir).column("member_id")
    there = pc.field("member_id").isin(named) & pc.field("standing").isin(_MAY_BE_THERE)
    return bool(len(named) and rows.count_rows(filter=there))


def settle_without_adding(run: PairRun) -> Step:
    """Settle a delivery that was left open: what only takes people out is finished, else nothing more is sent.

    Jobs that the platform works on are waited for, unless they are of somebody who said no since.
    """
    log = run.ledger.last()
    if log is None or log.closed is not None:
        return None
    if log.header["lane"] in {"opt_out", "withdrawal"}:
        return run.finish_what_was_left()
    if log.open_jobs():
        follow(log, run.platform.destination, run.platform.transport, now=run.platform.clock())
    if log.open_jobs() and not run.a_no_must_be_heard(log):
        return WAITING
    run.end_replace(log)
    return settle(run.lake, run.ledger, log, outcome_now(log), run.workdir)
