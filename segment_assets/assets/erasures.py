"""Groups `audiences` and `erasure`: who asked to be forgotten, and what became of that on every platform account.

Belongs here: reading the requests, handing each account to the delivery room, and the table of both. Not here: who is
meant (`audience.forgetting`), what is asked of a platform (`delivery.erasing`), when (`erasures`).
"""

import datetime as dt
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg

from segment_assets.assets.activations import resource_name
from segment_assets.assets.audiences import FORGOTTEN, SUPPRESSED
from segment_assets.assets.common import Owner, as_failure, published, table_metadata
from segment_assets.automation import ON_NEW_VERSIONS
from segment_assets.contracts import Lake, NeedsHumanError, PermanentError, SegmentAssetsError, Snapshot, TransientError
from segment_assets.erasures import ALL, FOLDER, PLATFORMS
from segment_assets.plan import Plan
from segment_assets.resources.ports import AccountTables, Landing
from segment_assets.resources.secrets import Secrets
from segment_assets.tables import ERASURES, PLATFORM_ERASURES, SUPPRESSIONS

if TYPE_CHECKING:
    from segment_assets.delivery.erasing import Forgotten

_HOUR = 3_600.0
# Seconds: longer than a run waits, so the sensor asks again.
_LATER = 300.0


@dg.asset(
    key=FORGOTTEN,
    group_name="audiences",
    owners=[Owner.AUDIENCES.value],
    kinds={"csv", "duckdb", "parquet"},
    deps=[dg.AssetDep(["account_a", "customers"])],
    metadata=table_metadata(ERASURES.name),
    automation_condition=ON_NEW_VERSIONS,
)
def erasures(
    *,
    plan: dg.ResourceParam[Plan],
    lake: dg.ResourceParam[Lake],
    landing: dg.ResourceParam[Landing],
    accounts: dg.ResourceParam[AccountTables],
    secrets: dg.ResourceParam[Secrets],
    workdir: dg.ResourceParam[Path],
) -> dg.MaterializeResult:
    """Everybody who asked to be forgotten, from the files in `landing/erasures`, and whoever did before.

    A file has customer numbers, e-mails or phones. It may go once it was read: what is kept are digests, which keep
    these people out of every audience for good.
    """
    from segment_assets.audience import build_erasures

    before, writer = lake.current(ERASURES.name, ALL), lake.writer(ERASURES.name, ALL)
    workdir.mkdir(parents=True, exist_ok=True)
    try:
        with landing.beside(FOLDER) as files:
            counts = build_erasures(
                files,
                accounts.dataset("customers"),
                lake.dataset(before) if before else None,
                secrets.tenant_key(plan.tenant),
                writer.write,
                now=dt.datetime.now(dt.UTC),
                workdir=workdir,
            )
    except SegmentAssetsError as error:
        raise as_failure(error) from error
    numbers = {name: getattr(counts, name) for name in ("requests", "unreadable", "naming_nobody", "customers", "rows")}
    return published(writer.publish({}), numbers)


def build(plan: Plan) -> Sequence[dg.AssetsDefinition]:
    """Both assets; the second has every account of the plan."""
    return [erasures, _platforms(plan)]


def _platforms(plan: Plan) -> dg.AssetsDefinition:
    @dg.asset(
        key=PLATFORMS,
        group_name="erasure",
        owners=[Owner.ACTIVATION.value],
        kinds={"python", "parquet"},
        deps=[dg.AssetDep(FORGOTTEN), dg.AssetDep(SUPPRESSED)],
        required_resource_keys={"plan", "lake", "secrets", "workdir", *map(resource_name, plan.accounts)},
        metadata=table_metadata(PLATFORM_ERASURES.name),
    )
    def platforms(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        """What became of everybody who asked to be forgotten, on every account that was ever sent any of them.

        Where a platform has an erasure call, it is made, after the removal from its audiences, and followed to the end
        of the time that the platform takes. Where it has none, the table says so: the platform's own retention applies.
        """
        have = context.resources
        wanted = have.lake.current(ERASURES.name, ALL)
        rows, errors = [], list[SegmentAssetsError]()
        if wanted is not None:
            _refuse_before_the_no(have.lake, wanted, have.workdir)
        for destination, account in sorted(_accounts(have.plan, have.lake)) if wanted is not None else ():
            try:
                rows.append(_asked(have, destination, account, wanted))
            except SegmentAssetsError as error:
                errors.append(error)
                rows.append(
                    {"destination": destination, "account": account, "standing": "in_doubt", "said": str(error)}
                )
        made = _publish(have.lake, rows, wanted)
        if errors:
            # What was answered is noted, and so is the table; one account's trouble has held up none of the others.
            raise as_failure(_together(errors)) from errors[0]
        return published(made, {"said": dg.MetadataValue.md(_told(rows))})

    return platforms


def _accounts(plan: Plan, lake: Lake) -> set[tuple[str, str]]:
    """Accounts of the plan, and those that were sent anything before."""
    known = (key.split("/") for key in lake.keys("ledger"))
    sent = {(key[1], key[2]) for key in known if "deliveries" in key[4:]}
    return sent | {(account.destination, account.account) for account in plan.accounts.values()}


def _asked(have: Any, destination: str, account: str, wanted: Snapshot) -> dict[str, object]:
    """The row of one account, once its platform was asked."""
    from segment_assets.delivery.erasing import Eraser, ErasurePair, Forgotten
    from segment_assets.delivery.ever_sent import ever_sent

    plan: Plan = have.plan
    names = {(one.destination, one.account): name for name, one in plan.accounts.items()}
    name = names.get((destination, account))
    if name is None:
        named = have.lake.dataset(wanted)
        sent = ever_sent(have.lake, (plan.tenant, destination, account), named, workdir=have.workdir, clock=time.time)
        found = Forgotten("unreachable" if sent.members else "nobody", len(sent.members), sent.still_there)
        return _row(destination, account, found, None)
    resource = getattr(have, resource_name(name))
    if getattr(resource, "preview_only", False):
        return {"destination": destination, "account": account, "standing": "preview", "said": _SAID["preview"]}
    made, transport = resource.connect()
    pair = ErasurePair(plan.tenant, destination, account, "")
    key = have.secrets.tenant_key(plan.tenant)
    eraser = Eraser(have.lake, made, transport, pair=pair, key=key, workdir=have.workdir)
    until = _newest(have.lake, wanted) + plan.opt_out_deadline_hours * _HOUR
    return _row(destination, account, eraser.run(wanted, removal_until=until), made.contract.erasure)


def _refuse_before_the_no(lake: Lake, wanted: Snapshot, workdir: Path) -> None:
    """Whoever is forgotten before the suppressions know them could be sent again at once. Raises as a failure."""
    from segment_assets import engine

    suppressions = lake.current(SUPPRESSIONS.name, ALL)
    if suppressions is None:
        said = "erasure: there are no suppressions yet; they are made first"
        raise as_failure(TransientError(said, retry_after=_LATER))
    with engine.connect(workdir) as db:
        db.register("wanted", lake.dataset(wanted))
        db.register("known", lake.dataset(suppressions))
        missing = engine.number(db, "SELECT count(*) FROM wanted ANTI JOIN known USING (kind, digest)")
    if missing:
        said = "erasure: the suppressions do not have everybody yet who asked to be forgotten; they are made first"
        raise as_failure(TransientError(said, retry_after=_LATER))


def _newest(lake: Lake, wanted: Snapshot) -> float:
    """When the newest request was read, in seconds since the epoch."""
    import pyarrow.compute as pc

    newest: Any = pc
    moment = newest.max(lake.dataset(wanted).to_table(columns=["opted_out_at"]).column(0)).as_py()
    return float(moment.timestamp()) if moment else 0.0


def _row(destination: str, account: str, found: "Forgotten", erasure: Any) -> dict[str, object]:
    reaches = f" Asked of: {erasure.reaches}." if erasure and found.acknowledged else ""
    done_by = dt.datetime.fromtimestamp(found.done_by, dt.UTC) if found.done_by is not None else None
    return {
        "destination": destination,
        "account": account,
        **{name: getattr(found, name) for name in _NUMBERS},
        "standing": found.standing,
        "done_by": done_by,
        "said": f"{_SAID[found.standing]}{reaches}",
    }


_NUMBERS = ("people", "still_there", "acknowledged", "refused", "in_doubt", "unproven", "not_retained")
_SAID: Mapping[str, str] = {
    "nobody": "None of them was ever sent there, so the platform is not told of them now.",
    "no_call": "It has no erasure call: they are taken out of its audiences, and the platform's retention applies.",
    "waiting": "Their removal from the audiences goes first; the platform is asked after it.",
    "asked": "The platform has taken it on, and has it done by the date.",
    "done": "The platform has done it, by its own word.",
    "refused": "The platform refused somebody's erasure: ask its support, and run this again.",
    "in_doubt": "Not everybody could be asked about yet; it is tried again.",
    "preview": "This deployment sends nothing.",
    "unreachable": "The plan names the account no more: put it back until it is asked, or ask the platform by hand.",
}


def _publish(lake: Lake, rows: Sequence[Mapping[str, object]], wanted: Snapshot | None) -> Snapshot:
    import pyarrow as pa

    writer = lake.writer(PLATFORM_ERASURES.name, ALL)
    writer.write(pa.Table.from_pylist(list(rows), PLATFORM_ERASURES.arrow_schema()))
    return writer.publish({"erasures": wanted.id if wanted else ""})


def _told(rows: Sequence[Mapping[str, object]]) -> str:
    return "\n".join(_lines(rows)) if rows else "nobody has asked to be forgotten"


def _lines(rows: Sequence[Mapping[str, object]]) -> Iterator[str]:
    yield "| account | people | standing | |"
    yield "|---|---:|---|---|"
    for row in rows:
        account, people = f"{row['destination']}/{row['account']}", row.get("people") or 0
        yield f"| {account} | {people} | {row['standing']} | {row['said']} |"


def _together(errors: Sequence[SegmentAssetsError]) -> SegmentAssetsError:
    """One error for all accounts; a person is asked for where time alone does not help every one of them."""
    if len(errors) == 1:
        return errors[0]
    said = "; ".join(str(error) for error in errors)
    waits = [error.retry_after or 0.0 for error in errors if isinstance(error, TransientError)]
    if len(waits) == len(errors):
        return TransientError(said, retry_after=max(waits))
    is_ours = any(isinstance(error, PermanentError) for error in errors)
    return PermanentError(said) if is_ours else NeedsHumanError(said)
