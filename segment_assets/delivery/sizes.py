"""How large a platform says an audience is: asked, kept as rows, and held against what it acknowledged.

Belongs here: a row of `audience_sizes`, and the judgement of a trend.
Not here: how a platform words it (`destinations`), when it is asked (`audience_sizes`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from segment_assets.contracts.sizes import SizeState
from segment_assets.delivery.ledger import utc
from segment_assets.tables import ACKNOWLEDGED, AUDIENCE_SIZES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from segment_assets.contracts import Lake
    from segment_assets.contracts.sizes import SizeReport
    from segment_assets.delivery.ledger import AudienceLedger

# Platforms publish ranges, and match rates from 20 % on (the lowest of Google's ranges is "less than 20").
_FAR_BELOW = 0.2
# A fifth less per person that we hold there: far more than the rounding of any platform's ranges.
_FALLING = 0.8
# Both platforms with a size say that it takes up to two days to settle.
SETTLED_SECONDS = 2 * 86_400.0


def size_row(
    ledger: AudienceLedger, report: SizeReport, before: Sequence[Mapping[str, Any]], warning: str = ""
) -> dict[str, Any]:
    """A row of `audience_sizes`. `before` are the rows of the pair so far, oldest first; `warning` is told beside."""
    pair, now = ledger.pair, ledger.clock()
    row = {
        "destination": pair.destination,
        "account": pair.account,
        "segment": pair.segment,
        "asked_at": utc(now),
        "state": report.state.value,
        "platform_code": report.said,
        "size_lower": report.lower,
        "size_upper": report.upper,
        "acknowledged": _acknowledged(ledger.lake, ledger),
        "match_rate": _match_rate(ledger),
    }
    found = (report.warning, _warning(row, before, is_settled=_is_settled(ledger, now)), warning)
    return {**row, "warning": ". ".join(filter(None, found))}


def sizes_of(lake: Lake, partition: str) -> list[dict[str, Any]]:
    """The rows of a pair, oldest first. `partition` is the pair's."""
    snapshot = lake.current(AUDIENCE_SIZES.name, partition)
    rows: list[dict[str, Any]] = lake.dataset(snapshot).to_table().to_pylist() if snapshot else []
    return rows


def _warning(row: Mapping[str, Any], before: Sequence[Mapping[str, Any]], *, is_settled: bool) -> str:
    """What is wrong with a size, empty where nothing is. Nothing is said before the platform is through."""
    held, lower, upper = row["acknowledged"], row["size_lower"], row["size_upper"]
    if not is_settled or not held or row["state"] == SizeState.UPDATING:
        return ""
    if row["state"] == SizeState.CLOSED:
        return f"the platform does not serve this audience ({row['platform_code']}); look at it there"
    if upper is None:
        return ""
    if upper < held * _FAR_BELOW:
        return (
            f"the platform counts at most {upper:,} of the {held:,} people that it acknowledged; "
            "compare the normal forms and countries of the audience"
        )
    # Of the last rows, so that a slow fall is seen as well; per person that we hold there, so that removals are none.
    best = max((_coverage(earlier) for earlier in before[-_TREND:]), default=0.0)
    if best and upper / held < best * _FALLING:
        return (
            f"the platform's count fell to {lower or 0:,}-{upper:,} for {held:,} people without removals of ours; "
            "look for members that expired or were taken out there"
        )
    return ""


# A week of looks, four a day.
_TREND = 28


def _coverage(row: Mapping[str, Any]) -> float:
    """The lower end of the size per person that we hold there: what the platform has had at least."""
    is_sure = row["state"] == SizeState.READY and row["size_lower"] is not None and row["acknowledged"]
    return row["size_lower"] / row["acknowledged"] if is_sure else 0.0


def _acknowledged(lake: Lake, ledger: AudienceLedger) -> int:
    """People of the newest closed delivery's state whom the platform acknowledged."""
    import pyarrow.compute as pc

    closed = [log.closed.body["state"] for log in ledger.deliveries() if log.closed is not None]
    if not closed:
        return 0
    state = lake.dataset(lake.snapshot(ACKNOWLEDGED.name, ledger.pair.partition, closed[-1]))
    acknowledged = state.to_table(columns=["member_id"], filter=pc.field("standing") == "acknowledged")
    return int(pc.count_distinct(acknowledged.column("member_id")).as_py())


def _match_rate(ledger: AudienceLedger) -> str:
    """The platform's own word on the newest job that has one, empty where it gave none."""
    rates = [
        str(entry.body["match_rate"])
        for log in ledger.deliveries()
        for entry in log.answered("job")
        if entry.body["match_rate"]
    ]
    return rates[-1] if rates else ""


def _is_settled(ledger: AudienceLedger, now: float) -> bool:
    """Whether the platform has had its time for everything that was sent."""
    log = ledger.last()
    return log is not None and log.closed is not None and now - log.closed.at >= SETTLED_SECONDS
