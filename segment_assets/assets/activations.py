"""Group `activation`: one asset per platform account, one partition per segment that the plan activates there.

Belongs here: making the assets of a plan's accounts, handing a pair to the delivery room, reporting what it did.
Not here: what is sent and how (`delivery`, `destinations`), when (`sensors`).
"""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg

from segment_assets.assets.audiences import EVERYBODY, HASHED, SUPPRESSED
from segment_assets.assets.common import Owner, as_failure, declared_lineage, table_metadata
from segment_assets.assets.lineage import platform_fields
from segment_assets.assets.metrics import count_members
from segment_assets.assets.rehearsals import rehearsed
from segment_assets.checks import accounting_check
from segment_assets.contracts import VALUE_COLUMN, Lake, NeedsHumanError, SegmentAssetsError
from segment_assets.destinations import registry
from segment_assets.partitions import activated_segments
from segment_assets.permission import Permit, SendingClosedError
from segment_assets.plan import Account, Activation, Plan, Use
from segment_assets.resources.destination_account import DestinationAccount
from segment_assets.resources.secrets import Secrets
from segment_assets.tables import AUDIENCE_SIZES, DELIVERIES, HASHED_AUDIENCE, RECEIPTS, REJECTIONS, SUPPRESSIONS

if TYPE_CHECKING:
    from segment_assets.contracts import Snapshot
    from segment_assets.delivery.errands import Errand, Report

PAIR_TAG = "segment_assets/pair"
LEDGER_TABLES = (DELIVERIES, RECEIPTS, REJECTIONS)


def activation_key(name: str, account: Account) -> dg.AssetKey:
    """The asset of an account of the plan."""
    return dg.AssetKey(["activation", account.destination, name])


def resource_name(name: str) -> str:
    """The Dagster resource of an account of the plan."""
    return f"account_{name}"


def build(plan: Plan) -> list[dg.AssetsDefinition | dg.AssetSpec]:
    """The activation assets of every account, and the ledger's tables that they fill."""
    activations = [_activation(name, account) for name, account in plan.accounts.items()]
    keys = [asset.key for asset in activations]
    return [
        *activations,
        *(_ledger_table(table.name, keys, _OF_DELIVERIES) for table in LEDGER_TABLES),
        _ledger_table(AUDIENCE_SIZES.name, keys, "What the platforms say of their audiences, a row per look at one."),
    ]


def checks(plan: Plan) -> Sequence[dg.AssetChecksDefinition]:
    """One accounting check per account."""
    return [
        accounting_check(
            activation_key(name, account), activated_segments(name), f"{account.destination}/{account.account}"
        )
        for name, account in plan.accounts.items()
    ]


def wanted_version(plan: Plan, name: str, segment: str, lake: Lake) -> str:
    """Digest of all that decides what should be on the platform: audience, opt-outs, contract, permission, resyncs."""
    from segment_assets.delivery.ledger import Pair, minted
    from segment_assets.delivery.refreshing import resyncs_asked

    audience = lake.current(HASHED_AUDIENCE.name, segment)
    suppressions = lake.current(SUPPRESSIONS.name, EVERYBODY)
    account = plan.accounts[name]
    resyncs = resyncs_asked(lake, Pair(plan.tenant, account.destination, account.account, segment))
    return minted(
        audience.id if audience else "",
        suppressions.id if suppressions else "",
        str(registry()[account.destination].version),
        account.model_dump_json(),
        plan.activations_of(name)[segment].model_dump_json(),
        *([str(resyncs)] if resyncs else []),
    )


def _activation(name: str, account: Account) -> dg.AssetsDefinition:
    contract = account.contract
    resource = resource_name(name)

    @dg.asset(
        key=activation_key(name, account),
        group_name="activation",
        description=(
            f"Keeps the audiences of {account.destination}/{name} (account {account.account}) equal to the hashed "
            "audiences that the plan activates there. Opt-outs go first and past every guard; then only what differs "
            "from what the account last acknowledged is sent."
        ),
        owners=[account.owner],
        kinds={account.destination, "python"},
        partitions_def=activated_segments(name),
        deps=[dg.AssetDep(HASHED, partition_mapping=dg.IdentityPartitionMapping()), dg.AssetDep(SUPPRESSED)],
        required_resource_keys={resource, "plan", "lake", "secrets", "workdir", "metrics"},
        # One delivery at a time per account: the account's quota is shared.
        pool=f"{account.destination}_{name}",
        retry_policy=dg.RetryPolicy(max_retries=2, delay=10, backoff=dg.Backoff.EXPONENTIAL),
        op_tags={PAIR_TAG: name},
        metadata={
            "match_keys": ", ".join(contract.match_keys),
            "pattern": contract.pattern.value,
            "minimum_members": contract.minimum_members,
            "evidence": contract.evidence,
            **platform_fields(contract, HASHED),
        },
    )
    def activation(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        have, segment = context.resources, context.partition_key
        try:
            permission = _permission(have.plan, name, segment)
            task = errand(have.plan, name, permission, _key(have.secrets, have.plan))
            # Before the delivery: an audience that is published meanwhile is another version, and is asked for again.
            version = wanted_version(have.plan, name, segment, have.lake)
            audience = have.lake.current(HASHED_AUDIENCE.name, segment)
            permit = Permit(have.plan, permission, have.lake, task, audience)
            if getattr(have, resource).preview_only:
                return rehearsed(permit, have.workdir, getattr(have, resource), version)
            page = getattr(have, resource).page()
            report = _deliver(permit, have.workdir, getattr(have, resource))
        except SegmentAssetsError as error:
            raise as_failure(error) from error
        except Exception as error:
            # Not one of ours, so a defect: trying again would only repeat it.
            said = f"unexpected {type(error).__name__}: a defect; the stack trace says where"
            raise dg.Failure(description=said, allow_retries=False) from error
        finally:
            _report_ledger(context, have.lake, account, segment)
        if report.waiting and report.waiting_for != _id_of(have.lake.current(HASHED_AUDIENCE.name, segment)):
            # The open delivery is about an earlier audience or about opt-outs: the wish stays unfulfilled.
            version = f"waiting:{version}"
        if report.held_until:
            # The opt-outs went out; the reconciler asks for the audience when the plan's sending rules open.
            version = f"held:{version}"
        summary = _summary(report, last_delivery(have.lake, account, segment), page)
        count_members(have.metrics, report, account, have.plan.segments[segment].source)
        return dg.MaterializeResult(
            metadata={**summary, **declared_lineage(context)}, data_version=dg.DataVersion(version)
        )

    return activation


def _id_of(snapshot: "Snapshot | None") -> str:
    return snapshot.id if snapshot is not None else ""


def _key(secrets: Secrets, plan: Plan) -> bytes:
    return secrets.tenant_key(plan.tenant)


def _permission(plan: Plan, name: str, segment: str) -> Activation:
    activation = plan.activations_of(name).get(segment)
    if activation is None:
        raise NeedsHumanError(
            f"{segment} on {name}: held, because the plan does not name it; add an activation if it may leave"
        )
    return activation


def _deliver(permit: Permit, workdir: Path, account: DestinationAccount) -> "Report":
    from segment_assets.delivery.errands import Report
    from segment_assets.delivery.run import DeliveryRoom

    lake, task, planned = permit.lake, permit.errand, permit.plan.accounts[permit.permission.account]
    destination, transport = account.connect(task.statements)
    # The account's settings may have changed it (how long members stay, for instance).
    contract = permit.permission.held_to(destination.contract)
    task = dataclasses.replace(task, wanted=dataclasses.replace(task.wanted, contract=contract))
    suppressions = lake.current(SUPPRESSIONS.name, EVERYBODY)
    before = set(_deliveries(lake, planned, task.pair.segment))
    try:
        return DeliveryRoom(lake, destination, transport, workdir=workdir).run(
            dataclasses.replace(task, rails=permit.rails()),
            permit.audience,
            suppressions,
            approve=permit.ask,
            newest=lambda: lake.current(SUPPRESSIONS.name, EVERYBODY),
            newest_audience=lambda: lake.current(HASHED_AUDIENCE.name, task.pair.segment),
        )
    except SendingClosedError as closed:
        since = [delivery for delivery in _deliveries(lake, planned, task.pair.segment) if delivery not in before]
        return Report(task.pair, [row for delivery in since for row in _rows(lake, delivery)], held_until=closed.opens)


def _deliveries(lake: Lake, account: Account, segment: str) -> list[str]:
    """Partitions of a pair's deliveries, oldest first."""
    prefix = f"{account.destination}/{account.account}/{segment}/"
    return sorted(partition for partition in lake.partitions(DELIVERIES.name) if partition.startswith(prefix))


def _rows(lake: Lake, delivery: str) -> list[dict[str, Any]]:
    snapshot = lake.current(DELIVERIES.name, delivery)
    rows: list[dict[str, Any]] = lake.dataset(snapshot).to_table().to_pylist() if snapshot else []
    return rows


def errand(plan: Plan, name: str, permission: Activation, key: bytes) -> "Errand":
    """The plan's word on one pair, in the delivery room's terms."""
    from segment_assets.delivery.errands import Errand
    from segment_assets.delivery.guards import GuardRails
    from segment_assets.delivery.ledger import Pair
    from segment_assets.delivery.wanted import Wanted

    account = plan.accounts[name]
    contract = permission.held_to(account.contract)
    keys = permission.match_keys or tuple(contract.match_keys)
    forms = [sent.form for match_key, sent in contract.match_keys.items() if match_key in keys]
    forms += contract.consent
    forms += [VALUE_COLUMN] if permission.value_based else []
    return Errand(
        pair=Pair(plan.tenant, account.destination, account.account, permission.segment),
        wanted=Wanted(contract, forms, keep_held_out=permission.use is Use.EXCLUDE, mode=permission.mode),
        spec_name=plan.audience_name(permission),
        statements=permission.said,
        rails=GuardRails(permission.max_removal_share),
        key=key,
        on_removal=permission.on_removal,
        adopt=permission.adopt or "",
    )


def _summary(report: "Report", last: Mapping[str, Any] | None, page: str) -> Mapping[str, Any]:
    """Numbers that plot over time, always under the same names, and the last delivery's accounting as a small table."""
    sums = ("adds", "changed", "removes", "accepted", "rejected", "unproven", "requests")
    totals = {f"run_{name}": sum(row[name] for row in report.deliveries) for name in sums}
    doors = ("audience", "wanted", "held_out", "suppressed", "no_consent", "no_usable_key")
    standing = {name: last[name] if last else 0 for name in doors}
    said = "the platform works on it" if report.waiting else "sent" if report.sent else "nothing to send"
    if report.held_until:
        said = f"held by {report.held_by} {report.held_until}; opt-outs were sent"
    links = {"platform": dg.MetadataValue.url(page)} if page else {}
    warned = {"warning": report.warning} if report.warning else {}
    accounting = {"last_delivery": dg.MetadataValue.md(_accounting(last))}
    # The UI keeps this order: first what a person asks, then what is plotted.
    return {"said": said, **warned, **accounting, **links, **totals, **standing}


# The accounting from left to right, in the words of a person who reads it for the first time.
_DOORS = {
    "audience": "people in the audience",
    "held_out": "held out",
    "suppressed": "opted out",
    "no_consent": "no consent",
    "no_usable_key": "nothing to match",
    "wanted": "wanted there",
    "unchanged": "there already",
    "refreshed": "there already, sent again",
    "accepted": "accepted",
    "rejected": "rejected",
    "unproven": "unproven",
    "removes_acknowledged": "taken out",
}


def _accounting(row: Mapping[str, Any] | None) -> str:
    if row is None:
        return "never delivered"
    lines = [f"Delivery {row['number']} ({row['lane'].replace('_', '-')} lane), {row['outcome']}:", ""]
    return "\n".join(
        [*lines, "| | people |", "|---|---:|", *(f"| {text} | {row[n] or 0:,} |" for n, text in _DOORS.items())]
    )


def last_delivery(lake: Lake, account: Account, segment: str) -> Mapping[str, Any] | None:
    """The row of the newest delivery of a pair, None before the first."""
    rows = [row for newest in _deliveries(lake, account, segment)[-1:] for row in _rows(lake, newest)]
    return rows[0] if rows else None


_OF_DELIVERIES = "Filled by every delivery; the ledger itself is the chain of entries in the lake."


def _ledger_table(name: str, keys: Sequence[dg.AssetKey], description: str) -> dg.AssetSpec:
    return dg.AssetSpec(
        ["ledger", name],
        deps=list(keys),
        group_name="activation",
        description=description,
        owners=[Owner.ACTIVATION.value],
        kinds={"parquet"},
        metadata=table_metadata(name),
    )


def _report_ledger(context: dg.AssetExecutionContext, lake: Lake, account: Account, segment: str) -> None:
    for event in ledger_events(lake, account, segment):
        context.log_event(event)


def ledger_events(lake: Lake, account: Account, segment: str) -> Iterator[dg.AssetMaterialization]:
    """Tell Dagster that the ledger's tables have rows of a new delivery of a pair."""
    newest = max(_deliveries(lake, account, segment), default=None)
    if newest is None:
        return
    for table in LEDGER_TABLES:
        snapshot: Snapshot | None = lake.current(table.name, newest)
        if snapshot is not None:
            yield dg.AssetMaterialization(
                asset_key=["ledger", table.name],
                metadata={"dagster/row_count": snapshot.rows, "delivery": newest},
                tags={"dagster/data_version": f"{newest}:{snapshot.id}"},
            )
