"""Groups `audiences` and `erasure`: who asked to be forgotten, and what became of that on every platform account.

Belongs here: reading the requests, handing each account to the delivery room, and the table of both. Not here: who is
meant (`audience.forgetting`), what is asked of a platform (`delivery.erasing`), when (`erasures`).
"""

import contextlib
import dataclasses
import datetime as dt
import functools
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg

from segment_assets.assets.activations import resource_name
from segment_assets.assets.audiences import FORGOTTEN, SUPPRESSED
from segment_assets.assets.common import Owner, as_failure, published, table_metadata
from segment_assets.assets.erasure_rows import SAID, row_of, swept_numbers, told
from segment_assets.assets.who_said_no import readable, reading
from segment_assets.automation import ON_NEW_VERSIONS
from segment_assets.contracts import Lake, NeedsHumanError, PermanentError, SegmentAssetsError, Snapshot, TransientError
from segment_assets.erasures import AGAIN, ALL, FOLDER, FOR_A_PERSON, PLATFORMS, accounts_version, mark, troubles
from segment_assets.plan import Plan
from segment_assets.resources.ports import AccountTables, Landing
from segment_assets.resources.secrets import Secrets
from segment_assets.tables import CUSTOMERS, ERASURES, PLATFORM_ERASURES, SUPPRESSIONS

if TYPE_CHECKING:
    from segment_assets.delivery.erasing import Forgotten
    from segment_assets.delivery.redacting import Redaction
    from segment_assets.resources.ports import LandedFile

_HOUR = 3_600.0
# Seconds: longer than a run waits, so the sensor asks again.
_LATER = 300.0
# Runs of `erasures` at the same time, where a pool does not keep them apart.
_TRIES = 3
CHECK = "every_request_was_read"


@dg.asset(
    key=FORGOTTEN,
    group_name="audiences",
    owners=[Owner.AUDIENCES.value],
    kinds={"csv", "duckdb", "parquet"},
    deps=[dg.AssetDep(["account_a", "customers"])],
    metadata=table_metadata(ERASURES.name),
    automation_condition=ON_NEW_VERSIONS,
    check_specs=[
        dg.AssetCheckSpec(CHECK, asset=FORGOTTEN, description="Every file and row was read, and names somebody.")
    ],
    # Each run adds to what the one before has published.
    pool="erasures",
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
    these people out of every audience for good. A file that cannot be read is told by the check, and stops neither the
    other files nor the suppressions; the sensor asks for a new run until what has landed is what was read.
    """
    workdir.mkdir(parents=True, exist_ok=True)
    try:
        return _told_of(_add(lake, landing, accounts, secrets.tenant_key(plan.tenant), workdir))
    except SegmentAssetsError as error:
        raise as_failure(error) from error


def _add(lake: Lake, landing: Landing, accounts: AccountTables, key: bytes, workdir: Path) -> Snapshot:
    """The next version: what has landed, and what was known. Raises TransientError where others are always first.

    Raises PermanentError where the customers cannot be used: what the requests say is published then, and they are
    read again with the customers.
    """
    for _ in range(_TRIES):
        before: Snapshot | None = lake.current(ERASURES.name, ALL)
        refused: PermanentError | None = None
        known = lake.dataset(before) if before else None
        build = functools.partial(_build, known=known, key=key, workdir=workdir)
        try:
            writer = lake.writer(ERASURES.name, ALL)
            with reading(accounts, [CUSTOMERS.name]):
                customers = accounts.dataset(CUSTOMERS.name)
                stats = _read(landing, key, functools.partial(build, customers=customers, write=writer.write))
        except PermanentError as refusal:
            refused, writer = refusal, lake.writer(ERASURES.name, ALL)
            customers = readable(accounts, CUSTOMERS.name)
            told = _read(landing, key, functools.partial(build, customers=customers, write=writer.write))
            stats = {**told, "read": AGAIN}
        # Another run may have added requests meanwhile, which this version would take back.
        if lake.current(ERASURES.name, ALL) == before:
            made = writer.publish(stats)
            if refused is not None:
                raise refused
            return made
    raise TransientError("erasures: other runs publish requests at the same time; it is tried again")


def _build(
    files: "Sequence[LandedFile]",
    *,
    customers: Any,
    known: Any,
    key: bytes,
    write: Callable[[Any], None],
    workdir: Path,
) -> dict[str, object]:
    from segment_assets.audience import build_erasures

    now = dt.datetime.now(dt.UTC)
    return build_erasures(files, customers, known, key, write, now=now, workdir=workdir).as_stats()


def _read(
    landing: Landing, key: bytes, build: "Callable[[Sequence[LandedFile]], dict[str, object]]"
) -> dict[str, object]:
    """The stats of the next version. `read` is the mark of the files, AGAIN where that did not work."""
    with contextlib.ExitStack() as stack:
        try:
            files = stack.enter_context(landing.each(FOLDER))
        except SegmentAssetsError as error:
            return {**build([]), "read": AGAIN, "later": 1, "problems": [str(error)]}
        # Before they are read: what is written meanwhile is another mark.
        landed = mark(files, key)
        stats = build(files)
        return {**stats, "read": AGAIN if stats["later"] else landed}


def _told_of(made: Snapshot) -> dg.MaterializeResult:
    left = troubles(made.stats)
    numbers = {name: value for name, value in made.stats.items() if isinstance(value, int)}
    check = dg.AssetCheckResult(
        check_name=CHECK,
        passed=not left,
        severity=dg.AssetCheckSeverity.WARN,
        description="; ".join(left) or "every request was read",
    )
    return published(made, numbers)._replace(check_results=[check])


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
        # A second run would close the first one's open delivery as interrupted.
        pool="erasure_platforms",
    )
    def platforms(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        """What became of everybody who asked to be forgotten, on every account that was ever sent any of them.

        Where a platform has an erasure call, it is made, after the removal from its audiences, and followed to the end
        of the time that the platform takes. Where it has none, the table says so: the platform's own retention applies.
        Whoever is through with every account is then taken out of the versions of audiences, changes and states that we
        retain ourselves, but for those in use, which are looked at again a week later.
        """
        have = context.resources
        wanted = have.lake.current(ERASURES.name, ALL)
        rows, errors, through = [], list[SegmentAssetsError](), _Through()
        if wanted is not None:
            _refuse_before_the_no(have.lake, wanted, have.workdir)
        for destination, account in sorted(_accounts(have.plan, have.lake)) if wanted is not None else ():
            try:
                row, found = _asked(have, destination, account, wanted)
                rows.append(row)
                through.add(found)
            except SegmentAssetsError as error:
                errors.append(error)
                rows.append(
                    {"destination": destination, "account": account, "standing": "in_doubt", "said": str(error)}
                )
        swept = None
        if wanted is not None and not errors:
            try:
                swept = through.sweep(have, wanted)
            except SegmentAssetsError as error:
                errors.append(error)
        made = _publish(have, rows, wanted, swept, soon=through.soon)
        if errors:
            # What was answered is noted, and so is the table; one account's trouble has held up none of the others.
            raise as_failure(_together(errors)) from errors[0]
        return published(made, {"said": dg.MetadataValue.md(told(rows)), **swept_numbers(swept)})

    return platforms


def _accounts(plan: Plan, lake: Lake) -> set[tuple[str, str]]:
    """Accounts of the plan, and those that were sent anything before."""
    known = (key.split("/") for key in lake.keys("ledger"))
    sent = {(key[1], key[2]) for key in known if "deliveries" in key[4:]}
    return sent | {(account.destination, account.account) for account in plan.accounts.values()}


@dataclasses.dataclass(slots=True)
class _Through:
    """Who is not through with every account. None when nobody can tell.

    `soon`: some account gets through with somebody by itself, and our own copies of them go then.
    """

    unfinished: set[bytes] | None = dataclasses.field(default_factory=set, repr=False)
    soon: bool = False

    def add(self, found: "Forgotten | None") -> None:
        """Add what stands with one account; None for one that is only rehearsed."""
        if found is None:
            self.unfinished = None
        elif self.unfinished is not None:
            self.unfinished |= found.unfinished
            self.soon |= bool(found.unfinished) and found.standing not in FOR_A_PERSON

    def sweep(self, have: Any, wanted: Snapshot) -> "Redaction | None":
        """Take all others out of our own copies."""
        from segment_assets.delivery.redacting import redact

        if self.unfinished is None:
            return None
        return redact(have.lake, wanted, self.unfinished, workdir=have.workdir, clock=time.time)


def _asked(have: Any, destination: str, account: str, wanted: Snapshot) -> "tuple[dict[str, object], Forgotten | None]":
    """The row of one account once its platform was asked, and what stands with it."""
    from segment_assets.delivery.erasing import Eraser, ErasurePair, standing_unasked
    from segment_assets.destinations import registry

    plan: Plan = have.plan
    names = {(one.destination, one.account): name for name, one in plan.accounts.items()}
    name, pair = names.get((destination, account)), ErasurePair(plan.tenant, destination, account, "")
    if name is None:
        contract = registry().get(destination)
        if contract is None:
            raise PermanentError(
                f"{destination}/{account}: its connector is no more, so nobody can tell what it has to be asked about "
                "those whom it was sent; put the connector back until it was asked"
            )
        found = standing_unasked(have.lake, contract, pair, wanted, workdir=have.workdir)
        # Whoever puts it back into the plan has it asked about those who are left.
        if found.standing in {"waiting", "in_doubt"}:
            found = dataclasses.replace(found, standing="unreachable")
        return row_of(destination, account, found, contract.erasure), found
    resource = getattr(have, resource_name(name))
    if getattr(resource, "preview_only", False):
        return {"destination": destination, "account": account, "standing": "preview", "said": SAID["preview"]}, None
    made, transport = resource.connect()
    key = have.secrets.tenant_key(plan.tenant)
    eraser = Eraser(have.lake, made, transport, pair=pair, key=key, workdir=have.workdir)
    until = _newest(have.lake, wanted) + plan.opt_out_deadline_hours * _HOUR
    found = eraser.run(wanted, removal_until=until)
    if (
        made.contract.erasure is None
        and found.standing in {"no_call", "waiting"}
        and registry()[destination].erasure is not None
    ):
        found = dataclasses.replace(found, standing="not_set_up", unfinished=found.members)
    return row_of(destination, account, found, made.contract.erasure), found


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


def _publish(
    have: Any,
    rows: Sequence[Mapping[str, object]],
    wanted: Snapshot | None,
    swept: "Redaction | None",
    *,
    soon: bool,
) -> Snapshot:
    import pyarrow as pa

    writer = have.lake.writer(PLATFORM_ERASURES.name, ALL)
    writer.write(pa.Table.from_pylist(list(rows), PLATFORM_ERASURES.arrow_schema()))
    stats: dict[str, object] = {"erasures": wanted.id if wanted else "", "accounts": accounts_version(have.plan)}
    if swept is not None:
        stats |= {"swept_at": time.time(), "soon": soon, **swept_numbers(swept)}
    made: Snapshot = writer.publish(stats)
    return made


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
