"""Asking platforms how large their audiences are: one sensor per account whose platform tells.

Belongs here: when to ask, the table's rows, and the observations on the activation assets.
Not here: how a platform words it (`destinations`), what a size means (`delivery.sizes`).
"""

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import dagster as dg

from segment_assets.account_health import Standing
from segment_assets.assets.activations import activation_key, errand, resource_name
from segment_assets.contracts import Clock, PermanentError, SegmentAssetsError
from segment_assets.contracts.sizes import TellsSize, asked_size
from segment_assets.plan import Account, Plan
from segment_assets.tables import AUDIENCE_SIZES

if TYPE_CHECKING:
    from segment_assets.contracts import Lake
    from segment_assets.delivery.ledger import AudienceLedger, Pair

# Half of the minute that Dagster gives a tick.
TICK_SECONDS = 30.0
# Between two looks at an audience that was not delivered to meanwhile. Platforms count again about once a day.
LOOK_AGAIN_SECONDS = 6 * 3600.0


def build(plan: Plan) -> list[dg.SensorDefinition]:
    """A sensor for every account of the plan whose platform tells sizes."""
    return [_sensor(name) for name, account in plan.accounts.items() if _tells_size(account)]


def _tells_size(account: Account) -> bool:
    from segment_assets.destinations import connect

    try:
        return isinstance(connect(account.destination, account.account, account.settings), TellsSize)
    except PermanentError:
        return False  # a setting that the platform has not; the activation's run says which


def _sensor(name: str) -> dg.SensorDefinition:
    resource = resource_name(name)

    @dg.sensor(
        name=f"audience_sizes_{name}",
        asset_selection=dg.AssetSelection.groups("activation").materializable(),
        minimum_interval_seconds=60,
        default_status=dg.DefaultSensorStatus.RUNNING,
        required_resource_keys={resource, "plan", "lake", "secrets"},
        description="Asks the platform how large its audiences are and whether they are ready, after every delivery.",
    )
    def audience_sizes(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        told = ask_account(context.resources, name, json.loads(context.cursor or "{}"))
        for trouble in told["told"]:
            context.log.warning(trouble)
        said = "; ".join(told["told"]) or f"{len(told['asset_events'])} audiences were asked about"
        return dg.SensorResult(
            asset_events=told["asset_events"], cursor=json.dumps(told["cursor"]), run_requests=[], skip_reason=said
        )

    return audience_sizes


def ask_account(
    have: Any, name: str, cursor: Mapping[str, Any], *, clock: Clock = time.monotonic, now: Clock = time.time
) -> dict[str, Any]:
    """Ask about every audience of an account that is due, beginning after the segment that was asked about last.

    `have` holds the resources plan, lake, secrets and the account's. `clock` measures the tick, `now` (seconds since
    the epoch) the time between two looks.
    """
    account, permissions = have.plan.accounts[name], have.plan.activations_of(name)
    events, told, last = [], [], str(cursor.get("last", ""))
    deadline = clock() + TICK_SECONDS
    # Once for a tick: in AWS every look at it is paid for.
    key = have.secrets.tenant_key(have.plan.tenant)
    standing = Standing(have.lake, account)
    for segment in _rotated(sorted(permissions), last):
        if clock() > deadline:
            break
        last = segment
        task = errand(have.plan, name, permissions[segment], key)
        ledger = _ledger(have.lake, task.pair, now)
        audience_id = _audience_id(ledger)
        if not audience_id or not _is_due(ledger, now()):
            continue
        if why := standing.why_held_back(now()):
            told.append(f"{name} {why}; its sizes are asked for later")
            break
        try:
            row = _asked(have, name, ledger, task.statements, audience_id)
        except SegmentAssetsError as error:
            told.append(f"{segment}: {error}")
            continue
        events += [_observation(name, account, segment, row), _written(have.lake, task.pair)]
        if row["warning"]:
            told.append(f"{segment}: {row['warning']}")
    return {"asset_events": events, "told": told, "cursor": {"last": last}}


def _rotated(segments: Sequence[str], last: str) -> Iterator[str]:
    """Begin after the segment that was asked about last."""
    start = segments.index(last) + 1 if last in segments else 0
    yield from segments[start:]
    yield from segments[:start]


def _ledger(lake: "Lake", pair: "Pair", clock: Clock) -> "AudienceLedger":
    from segment_assets.delivery.ledger import AudienceLedger

    return AudienceLedger(lake, pair, clock)


def _audience_id(ledger: "AudienceLedger") -> str:
    """The audience's id on the platform, empty where there is none (any more)."""
    entries = ledger.audience().entries
    return str(entries[-1].body.get("id", "")) if entries else ""


def _is_due(ledger: "AudienceLedger", now: float) -> bool:
    """Whether something was delivered since the last look, or that was long ago."""
    from segment_assets.delivery.sizes import sizes_of

    log, before = ledger.last(), sizes_of(ledger.lake, ledger.pair.partition)
    if log is None or log.closed is None:
        return False
    asked_at = before[-1]["asked_at"].timestamp() if before else 0.0
    return asked_at < log.closed.at or now - asked_at >= LOOK_AGAIN_SECONDS


def _asked(
    have: Any, name: str, ledger: "AudienceLedger", statements: Mapping[str, str], audience_id: str
) -> dict[str, Any]:
    """Ask about one audience and keep the row. Raises as the destination's `read` does."""
    import pyarrow as pa

    from segment_assets.delivery.files import files_warning
    from segment_assets.delivery.gate import heard
    from segment_assets.delivery.sizes import size_row, sizes_of

    destination, transport = getattr(have, resource_name(name)).connect(statements, to_follow=True)
    with heard(transport):
        report = asked_size(destination, transport, audience_id)
    before = sizes_of(have.lake, ledger.pair.partition)
    row = size_row(ledger, report, before, files_warning(ledger, audience_id, destination.contract))
    # One partition per pair, made anew with every row: a few rows a day, written by this sensor alone.
    writer = have.lake.writer(AUDIENCE_SIZES.name, ledger.pair.partition)
    writer.write(pa.Table.from_pylist([*before, row], AUDIENCE_SIZES.arrow_schema()))
    writer.publish({})
    return row


def _written(lake: "Lake", pair: "Pair") -> dg.AssetMaterialization:
    snapshot = lake.current(AUDIENCE_SIZES.name, pair.partition)
    assert snapshot is not None, "a row was just written"
    return dg.AssetMaterialization(
        ["ledger", AUDIENCE_SIZES.name],
        metadata={"dagster/row_count": snapshot.rows, "pair": pair.partition},
        tags={"dagster/data_version": f"{pair.partition}:{snapshot.id}"},
    )


def _observation(name: str, account: Account, segment: str, row: Mapping[str, Any]) -> dg.AssetObservation:
    """What the platform said, with the same numeric names each time, so that they plot."""
    shown = ("state", "platform_code", "size_lower", "size_upper", "acknowledged", "match_rate", "warning")
    told = {key: row[key] for key in shown if row[key] not in (None, "")}
    return dg.AssetObservation(
        activation_key(name, account),
        partition=segment,
        description=row["warning"] or f"the platform says: {row['state']}",
        metadata={**told, "is_ready": row["state"] == "ready"},
    )
