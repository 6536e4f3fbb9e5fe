"""What starts runs: files that land, tables that change, and audiences that are not yet what the plan wants.

Belongs here: thin sensors over pure functions, with a cursor and a deadline. Not here: declarative conditions
(`automation`), what a run does (`assets`).
"""

import hashlib
import json
import time
from collections.abc import Iterable, Mapping
from typing import Any

import dagster as dg

from segment_assets.account_health import is_held_back
from segment_assets.assets.activations import PAIR_TAG, activation_key, wanted_version
from segment_assets.assets.audiences import FORGOTTEN, SUPPRESSED
from segment_assets.assets.segments import LANDING_MEMBERS, LANDING_VERSION
from segment_assets.assets.who_said_no import version_read
from segment_assets.backoff import next_attempt
from segment_assets.contracts import Clock, Lake, PermanentError
from segment_assets.erasures import erasures_sensor
from segment_assets.jobs import RUNNING, accounts_job
from segment_assets.partitions import sync_requests
from segment_assets.permission import closed_until
from segment_assets.plan import AudienceGuards, Plan
from segment_assets.resources.ports import AccountTables, CatalogEntry, Landing
from segment_assets.tables import CUSTOMERS, HASHED_AUDIENCE, OPT_OUTS
from segment_assets.withdrawals import approvals_of, is_unfinished, is_waiting, opt_outs_are_unfinished

# Half of the minute that Dagster gives a tick: a tick that is killed saves no cursor.
TICK_SECONDS = 30.0
PAGE = 200
# Between two looks at every landing folder, where events say which have changed: an event may be lost.
WALK_EVERY_SECONDS = 900.0
FOLDER_TAG = "segment_assets/landing_folder"
ACCOUNT_TABLES = (CUSTOMERS.name, OPT_OUTS.name)


@dg.sensor(
    name="landing",
    target=dg.AssetSelection.assets(LANDING_MEMBERS),
    minimum_interval_seconds=5,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Reads a segment's landing folder again when its files have changed; syncs partitions with the plan.",
)
def landing_sensor(
    context: dg.SensorEvaluationContext, plan: dg.ResourceParam[Plan], landing: dg.ResourceParam[Landing]
) -> dg.SensorResult:
    """One page of landed folders per tick."""
    return look_at_landing(context.instance, context.cursor, plan, landing)


def look_at_landing(
    instance: dg.DagsterInstance,
    cursor: str | None,
    plan: Plan,
    landing: Landing,
    *,
    clock: Clock = time.monotonic,
    now: Clock = time.time,
) -> dg.SensorResult:
    """Compare every landed segment's version with the one that was read, page by page until the deadline.

    Where events say which have changed, those only, and all of them every quarter of an hour. Where files do not appear
    whole, a folder waits until two looks in a row find the same version of it. One whose run failed is asked for again,
    with a growing pause; `now` (seconds since the epoch) measures it.
    """
    told: dict[str, Any] = json.loads(cursor or '{"after": ""}')
    walked_at, read, asked = told.get("walked_at", 0.0), told.get("read", {}), told.get("asked", {})
    seen: dict[str, str] = told.get("seen", {})
    is_due = bool(told["after"]) or now() >= walked_at + WALK_EVERY_SECONDS
    hints = None if is_due else landing.changed()
    page = landing.segments(after=told["after"], limit=PAGE) if hints is None else sorted(hints.segments)
    requests = []
    deadline = clock() + TICK_SECONDS
    after = ""
    for segment in page:
        version = landing.version(segment)
        # A run by hand may have read these very files before the sensor saw them.
        if read.get(segment) == version or _version_read(instance, segment) == version:
            read[segment] = version
            asked.pop(segment, None)
            seen.pop(segment, None)
        elif not landing.appears_whole and seen.get(segment) != version:
            # A file that is still being written looks like a whole one, and its last line is cut.
            read.pop(segment, None)
            seen[segment] = version
        else:
            read.pop(segment, None)
            request = _reading(instance, segment, version, asked, now=now())
            requests += [] if request is None else [request]
        if clock() > deadline:
            # Events of what was not looked at come again.
            after = segment if hints is None else ""
            break
    else:
        if hints is not None:
            hints.done()
        elif len(page) == PAGE:
            after = page[-1]
        else:
            walked_at = now()
    return dg.SensorResult(
        run_requests=requests,
        dynamic_partitions_requests=sync_requests(instance, plan, page),
        cursor=json.dumps({"after": after, "read": read, "asked": asked, "seen": seen, "walked_at": walked_at}),
        skip_reason=None if requests else "no landing folder has changed",
    )


def _reading(
    instance: dg.DagsterInstance, segment: str, version: str, asked: dict[str, dict[str, Any]], *, now: float
) -> dg.RunRequest | None:
    """A run for a folder that is not read, unless one for this version is going or failed a moment ago."""
    is_again = asked.get(segment, {}).get("wanted") == version
    if is_again and instance.get_runs_count(dg.RunsFilter(tags={FOLDER_TAG: segment}, statuses=RUNNING)):
        return None
    attempt = next_attempt(asked, segment, version, now=now)
    if attempt is None:
        return None
    # A run key is remembered for ever, so attempt and moment are in it.
    run_key = f"{segment}:{version}:{attempt}:{int(now)}"
    return dg.RunRequest(
        run_key=run_key, partition_key=segment, asset_selection=[LANDING_MEMBERS], tags={FOLDER_TAG: segment}
    )


def _version_read(instance: dg.DagsterInstance, segment: str) -> str | None:
    """The version of the folder that the newest successful run has read, None before the first."""
    wanted = dg.AssetRecordsFilter(asset_key=LANDING_MEMBERS, asset_partitions=[segment])
    for record in instance.fetch_materializations(wanted, limit=1).records:
        told = record.asset_materialization.metadata.get(LANDING_VERSION) if record.asset_materialization else None
        return str(told.value) if told is not None else None
    return None


@dg.sensor(
    name="activation_reconciler",
    asset_selection=dg.AssetSelection.groups("activation").materializable(),
    minimum_interval_seconds=10,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Requests one run for every pair of the plan whose platform audience is not what the plan wants now.",
)
def activation_reconciler(
    context: dg.SensorEvaluationContext, plan: dg.ResourceParam[Plan], lake: dg.ResourceParam[Lake]
) -> dg.SensorResult:
    """All pairs of the plan, or as many as the deadline allows."""
    return reconcile(context.instance, context.cursor, plan, lake)


def reconcile(
    instance: dg.DagsterInstance,
    cursor: str | None,
    plan: Plan,
    lake: Lake,
    *,
    clock: Clock = time.monotonic,
    now: Clock = time.time,
) -> dg.SensorResult:
    """Level-triggered: what is wanted against what the last successful run of a pair brought about.

    It so survives failed runs, plan edits, new accounts, and changes that arrive while a run is going.
    `clock` measures the tick, `now` (seconds since the epoch) the time between two tries of a pair.
    """
    told: dict[str, Any] = json.loads(cursor or "{}")
    pairs = [(name, segment) for name in plan.accounts for segment in sorted(plan.activations_of(name))]
    deadline = clock() + TICK_SECONDS
    requests, last = [], told.get("last", "")
    for name, segment in _rotated(pairs, last):
        if clock() > deadline:
            break
        last = f"{name}/{segment}"
        wanted = _wanted_now(instance, plan, lake, (name, segment), now=now)
        if wanted is not None and is_held_back(plan, lake, name, segment, now=now()):
            continue  # its pause is not lengthened by the platform's outage
        key = activation_key(name, plan.accounts[name])
        request = _request(instance, (name, segment), key, wanted, told.setdefault("asked", {}), now=now())
        if request is not None:
            requests.append(request)
    told["last"] = last
    return dg.SensorResult(
        run_requests=requests,
        dynamic_partitions_requests=sync_requests(instance, plan, []),
        cursor=json.dumps(told),
        skip_reason=None if requests else "every audience is what the plan wants, or is on its way",
    )


def _rotated(pairs: list[tuple[str, str]], last: str) -> Iterable[tuple[str, str]]:
    """Begin after the pair that was looked at last, so that one slow tick starves nobody."""
    names = [f"{name}/{segment}" for name, segment in pairs]
    start = names.index(last) + 1 if last in names else 0
    return [*pairs[start:], *pairs[:start]]


def _wanted_now(
    instance: dg.DagsterInstance, plan: Plan, lake: Lake, pair: tuple[str, str], *, now: Clock
) -> str | None:
    """The version that a pair should have and has not, None when there is nothing to do."""
    name, segment = pair
    if lake.current(HASHED_AUDIENCE.name, segment) is None:
        return None
    wanted = wanted_version(plan, name, segment, lake)
    key = activation_key(name, plan.accounts[name])
    done = _data_version(instance.get_latest_data_version_record(key, partition_key=segment))
    if done == f"waiting:{wanted}" and is_waiting(plan, lake, name, segment):
        return None  # opt-outs first: their job is open, and the audience follows when it has ended
    if done == f"held:{wanted}" and closed_until(plan, plan.activations_of(name)[segment], now()):
        # Its opt-outs went out; the audience follows when the plan's sending rules open.
        return wanted if opt_outs_are_unfinished(plan, lake, name, segment) else None
    if done == wanted and not is_unfinished(plan, lake, name, segment):
        return None
    # Limits decide nothing about a person, but to raise one is a person's yes, and so is an approval: such a pair does
    # not wait out its pause.
    approved = approvals_of(plan, lake, name, segment)
    return f"{wanted}:{_limits_digest(plan.segments[segment].guards)}:{approved}"


@dg.sensor(
    # By name: Dagster copies a sensor that holds its job, and warns of a beta parameter while it does.
    job_name=accounts_job.name,
    name="account_tables",
    minimum_interval_seconds=15,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Reads account A's customers and opt-outs again when they have changed, so that a no leaves by itself.",
)
def account_tables_sensor(
    context: dg.SensorEvaluationContext, accounts: dg.ResourceParam[AccountTables]
) -> dg.SensorResult:
    """Both tables, whole."""
    return look_at_accounts(context.instance, context.cursor, accounts)


def look_at_accounts(
    instance: dg.DagsterInstance, cursor: str | None, accounts: AccountTables, *, now: Clock = time.time
) -> dg.SensorResult:
    """Compare customers and opt-outs with what the last successful run has read, and ask for a run until it is that.

    A run is successful when the suppressions were made of them: whoever opted out is kept from being sent by these.

    `now` is in seconds since the epoch, and measures the time between two tries.
    """
    told: dict[str, Any] = json.loads(cursor or "{}")
    marks = {table: accounts.version(table) for table in ACCOUNT_TABLES}
    if told.get("read") == marks and _are_suppressed(instance, told.get("versions", {})):
        return dg.SensorResult(cursor=cursor, skip_reason="account A's customers and opt-outs have not changed")
    found = {table: _catalogued(accounts, table, mark) for table, mark in marks.items()}
    wanted = {table: entry.version for table, entry in found.items() if entry is not None}
    # A table that was there and is gone is asked for: its run fails, and so tells somebody.
    if len(wanted) < len(found) and instance.get_latest_data_version_record(SUPPRESSED) is None:
        said = "account A has not contributed its customers and opt-outs yet"
        return dg.SensorResult(cursor=cursor, skip_reason=said)
    records = {table: instance.get_latest_data_version_record(_account_key(table)) for table in ACCOUNT_TABLES}
    is_read = wanted == {table: _data_version(record) for table, record in records.items()}
    if is_read and _are_suppressed(instance, wanted):
        read = json.dumps({"read": marks, "versions": wanted})
        return dg.SensorResult(cursor=read, skip_reason="a run has read them as they are now")
    running = instance.get_runs_count(dg.RunsFilter(job_name=accounts_job.name, statuses=RUNNING))
    attempt = None if running else next_attempt(told.setdefault("asked", {}), "account_a", wanted, now=now())
    if attempt is None:
        said = "a run that reads them is going, or the last one failed a moment ago"
        return dg.SensorResult(cursor=cursor, skip_reason=said)
    # As for pairs, the moment is in the key.
    digest = hashlib.sha256(repr(wanted).encode()).hexdigest()
    run_key = f"account_a:{digest}:{attempt}:{int(now())}"
    request = dg.RunRequest(run_key=run_key, asset_selection=_that_can_be_made(found))
    return dg.SensorResult(run_requests=[request], cursor=json.dumps(told))


def _account_key(table: str) -> dg.AssetKey:
    return dg.AssetKey(["account_a", table])


def _catalogued(accounts: AccountTables, table: str, mark: str) -> CatalogEntry | None:
    """A table as its catalogue sees it; `mark` is the version of one of which a file cannot be read."""
    try:
        return accounts.catalogue(table)
    except PermanentError as refusal:
        return CatalogEntry(None, 0, mark, [str(refusal)])


def _that_can_be_made(found: Mapping[str, CatalogEntry | None]) -> list[dg.AssetKey] | None:
    """None for everything, else the suppressions without what is refused before them.

    Their step would be skipped in a run where that fails. It says itself what is refused, and hears whoever says no.
    """
    sound = [table for table, entry in found.items() if entry is not None and not entry.differences]
    if len(sound) == len(found):
        return None
    return [*map(_account_key, sound), *([FORGOTTEN] if CUSTOMERS.name in sound else []), SUPPRESSED]


def _are_suppressed(instance: dg.DagsterInstance, wanted: Mapping[str, str]) -> bool:
    """Whether the suppressions were made of these versions: their step may have failed after both were read.

    Their place in time says nothing: a run that had read older tables may have ended after a newer one.
    """
    made = instance.get_latest_data_version_record(SUPPRESSED)
    metadata = made.asset_materialization.metadata if made is not None and made.asset_materialization else {}
    read = {table: metadata.get(version_read(table)) for table in wanted}
    return all(told is not None and told.value == wanted[table] for table, told in read.items())


def _request(
    instance: dg.DagsterInstance,
    names: tuple[str, str],
    key: dg.AssetKey,
    wanted: str | None,
    asked: dict[str, dict[str, Any]],
    *,
    now: float,
) -> dg.RunRequest | None:
    """A run for a pair that differs, unless one is going or the last try was a moment ago."""
    pair = "/".join(names)
    if wanted is None:
        asked.pop(pair, None)
        return None
    if instance.get_runs_count(dg.RunsFilter(tags={PAIR_TAG: pair}, statuses=RUNNING)):
        return None
    attempt = next_attempt(asked, pair, wanted, now=now)
    if attempt is None:
        return None
    # A run key is remembered for ever, so the moment is in it: going back to an earlier audience is a new wish.
    run_key = f"{pair}:{wanted}:{attempt}:{int(asked[pair]['at'])}"
    return dg.RunRequest(run_key=run_key, partition_key=names[1], asset_selection=[key], tags={PAIR_TAG: pair})


def _limits_digest(guards: AudienceGuards) -> str:
    """A short digest of a segment's limits."""
    return hashlib.sha256(guards.model_dump_json().encode()).hexdigest()[:12]


def _data_version(event: Any) -> str | None:
    """The data version that a materialisation was reported with, None before the first."""
    if event is None or event.asset_materialization is None:
        return None
    tags = event.asset_materialization.tags or {}
    return tags.get("dagster/data_version")


SENSORS = [landing_sensor, account_tables_sensor, activation_reconciler, erasures_sensor]
