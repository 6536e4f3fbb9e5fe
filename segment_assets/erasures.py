"""People who asked to be forgotten: their requests are read when they land, and accounts are asked until all is done.

Belongs here: what starts the two assets, and which accounts are not done. Not here: what these do (`assets.erasures`),
removals from audiences, which the reconciler starts as for every no (`sensors`).
"""

import hashlib
import hmac
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, BinaryIO

import dagster as dg

from segment_assets.backoff import next_attempt
from segment_assets.contracts import Clock, Lake, SegmentAssetsError
from segment_assets.jobs import RUNNING, accounts_job
from segment_assets.plan import Plan
from segment_assets.resources.alerts import Alerts
from segment_assets.resources.metrics import Dimension, Metric
from segment_assets.resources.ports import Landing
from segment_assets.resources.secrets import Secrets
from segment_assets.tables import ERASURES, PLATFORM_ERASURES, SUPPRESSIONS

if TYPE_CHECKING:
    from segment_assets.resources.ports import LandedFile

FOLDER, ALL = "erasures", "all"
REQUESTS, PLATFORMS = dg.AssetKey(["audiences", "erasures"]), dg.AssetKey(["erasure", "platforms"])
SUPPRESSED = dg.AssetKey(["audiences", "suppressions"])
# These ask for nothing more, of us or of a person.
ENDED = frozenset({"nobody", "no_call", "done", "preview"})
# These a person has to bring to an end. Asking again helps only when the plan says something else of the account.
FOR_A_PERSON = frozenset({"unknown", "not_set_up", "unreachable", "unproven", "refused"})
_DAY = 86_400
# Seconds after which our own copies are looked through again: what was in use then is superseded since.
SWEEP = 7 * 86_400.0
# In the place of a mark: the folder as a whole cannot be looked at, all files were taken away, one is to be read again.
_UNSEEN, _TAKEN_AWAY, AGAIN = "unseen", "taken away", "again"
# What a job of ours makes, for its runs name no assets.
_MADE_BY = {accounts_job.name: (REQUESTS, SUPPRESSED)}
_TROUBLES = {
    "later": "files could not be read just now, and are read again by themselves",
    "broken": "files cannot be read: correct them and land them again",
    "unreadable": "rows cannot be read: correct them and land their file again",
    "naming_nobody": "requests name nobody: correct them and land their file again",
    "ambiguous": "requests name several customers by a phone alone, of whom none is forgotten: land them again with a "
    "customer number or an e-mail",
}


@dg.sensor(
    name="erasures",
    target=dg.AssetSelection.assets(REQUESTS, SUPPRESSED, PLATFORMS),
    # Whose folder it is, that it is small, and that a law gives a month: it is read as a whole each time.
    minimum_interval_seconds=300,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Reads requests to be forgotten when they land, and asks every platform account until all is done.",
)
def erasures_sensor(
    context: dg.SensorEvaluationContext,
    *,
    plan: dg.ResourceParam[Plan],
    lake: dg.ResourceParam[Lake],
    landing: dg.ResourceParam[Landing],
    secrets: dg.ResourceParam[Secrets],
    alerts: dg.ResourceParam[Alerts],
) -> dg.SensorResult:
    """One look at the folder and at the accounts."""
    tell(alerts, lake)
    return look_at_erasures(context.instance, context.cursor, plan, lake, landing, key=secrets.tenant_key(plan.tenant))


def look_at_erasures(
    instance: dg.DagsterInstance,
    cursor: str | None,
    plan: Plan,
    lake: Lake,
    landing: Landing,
    *,
    key: bytes,
    now: Clock = time.time,
) -> dg.SensorResult:
    """Ask for the requests until those that landed are read, then for the suppressions, then for the platforms.

    `key` is the tenant's (see `mark`). `now` is in seconds since the epoch; a try that did not get through is repeated
    with a growing pause.
    """
    told: dict[str, Any] = json.loads(cursor or "{}")
    asked = told.setdefault("asked", {})
    unsuppressed = _not_suppressed(lake)
    wishes = {
        REQUESTS: unread(lake, landing, key),
        SUPPRESSED: unsuppressed,
        # Nobody is forgotten before the suppressions know them.
        PLATFORMS: [] if unsuppressed else sorted(_open(plan, lake, now())),
    }
    requests = []
    for asset, wanted in wishes.items():
        name = asset.path[-1]
        if not wanted:
            asked.pop(name, None)
        elif not _is_going(instance, asset) and (attempt := next_attempt(asked, name, wanted, now=now())) is not None:
            digest = hashlib.sha256(repr(wanted).encode()).hexdigest()
            requests.append(dg.RunRequest(run_key=f"{name}:{digest}:{attempt}:{int(now())}", asset_selection=[asset]))
    skip = None if requests else "no new requests to be forgotten, and every account is done or has been asked lately"
    return dg.SensorResult(run_requests=requests, cursor=json.dumps(told), skip_reason=skip)


def tell(alerts: Alerts, lake: Lake, *, now: Clock = time.time) -> None:
    """Alert people once a day of what waits for one: no run fails by it. An alert that is not taken fails nothing."""
    wanted, done = lake.current(ERASURES.name, ALL), lake.current(PLATFORM_ERASURES.name, ALL)
    rows = lake.dataset(done).to_table().to_pylist() if done is not None else []
    said = troubles(wanted.stats) if wanted is not None else []
    said += [f"{r['destination']}/{r['account']}: {r['said']}" for r in rows if r["standing"] in FOR_A_PERSON]
    about = f"erasures-{int(now() // _DAY)}-{hashlib.sha256(repr(said).encode()).hexdigest()[:12]}"
    if said and alerts.is_new(about):
        try:
            alerts.alert("Requests to be forgotten wait for somebody", "\n".join(said))
            alerts.was_told(about)
        except SegmentAssetsError:
            alerts.count(Metric.UNDELIVERED_ALERTS, 1, {Dimension.ASSETS: "audiences/erasures"})


def unread(lake: Lake, landing: Landing, key: bytes) -> str:
    """The mark of what has landed, empty where the newest requests were read of exactly that.

    Files that were taken away are looked at as well: the newest counts are to be of what is there.
    """
    try:
        with landing.each(FOLDER) as files:
            landed = mark(files, key)
    except SegmentAssetsError:
        # The run tells what is wrong; the accounts are asked meanwhile.
        landed = _UNSEEN
    known = lake.current(ERASURES.name, ALL)
    read = known.stats.get("read", "") if known is not None else ""
    return "" if read == landed else landed or _TAKEN_AWAY


def _not_suppressed(lake: Lake) -> str:
    """The version of the requests that the suppressions were not made of, empty where they were.

    Their condition asks as well, and sooner, but only once an hour when their run has failed.
    """
    wanted, made = lake.current(ERASURES.name, ALL), lake.current(SUPPRESSIONS.name, ALL)
    if wanted is None or not wanted.rows or (made is not None and made.stats.get("erasures") == wanted.id):
        return ""
    return wanted.id


def mark(files: "Sequence[LandedFile]", key: bytes) -> str:
    """Changes with the files; empty without any.

    Keyed: a bare digest of a file that names one person would tell who it is.
    """
    marks = [(name, _digest(opener)) for name, opener in files]
    return hmac.new(key, repr(marks).encode(), hashlib.sha256).hexdigest() if marks else ""


def _digest(opener: Callable[[], BinaryIO]) -> str:
    try:
        with opener() as opened:
            # Any: what is opened to be read is all that is needed here.
            file: Any = opened
            return hashlib.file_digest(file, "sha256").hexdigest()
    except (OSError, SegmentAssetsError):
        return ""  # the run counts it as a file that cannot be read


def _is_going(instance: dg.DagsterInstance, asset: dg.AssetKey) -> bool:
    """Whether a run that makes an asset waits or goes, whoever asked for it."""
    runs = instance.get_runs(filters=dg.RunsFilter(statuses=RUNNING))
    return any(asset in (run.asset_selection or _MADE_BY.get(run.job_name, ())) for run in runs)


def troubles(stats: Mapping[str, object]) -> list[str]:
    """What the newest requests need a person's look for, from the stats of ERASURES. Names nobody, and no file."""
    counted = [f"{stats[name]} {said}" for name, said in _TROUBLES.items() if stats.get(name)]
    problems: Any = stats.get("problems", ())
    return [*counted, *problems]


def accounts_version(plan: Plan) -> str:
    """Changes with what the plan says of its accounts."""
    said = {
        name: account.model_dump(mode="json", include={"destination", "account", "settings"})
        for name, account in plan.accounts.items()
    }
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


def _open(plan: Plan, lake: Lake, now: float) -> Iterator[str]:
    """What is still to be done: requests that no account was asked about, accounts that are not through, our copies."""
    wanted, done = lake.current(ERASURES.name, ALL), lake.current(PLATFORM_ERASURES.name, ALL)
    if wanted is None or not wanted.rows:
        return
    if done is None or done.stats.get("erasures") != wanted.id:
        yield wanted.id
    if done is None or done.stats.get("accounts") != accounts_version(plan):
        yield accounts_version(plan)
    rows = lake.dataset(done).to_table().to_pylist() if done is not None else []
    for row in rows:
        # The platform has taken it on, and nobody can do anything before its time.
        is_resting = row["standing"] == "asked" and row["done_by"] is not None and row["done_by"].timestamp() > now
        if row["standing"] not in ENDED | FOR_A_PERSON and not is_resting:
            yield f"{row['destination']}/{row['account']}: {row['standing']}"
    if done is not None and not any(row["standing"] == "preview" for row in rows):
        swept: Any = done.stats.get("swept_at", 0.0)
        # Whoever got through with a platform since then is in copies that were needed until then.
        is_over = any(row["done_by"] is not None and swept < row["done_by"].timestamp() <= now for row in rows)
        if is_over or now - swept > SWEEP:
            yield f"our own copies, last looked through at {swept:.0f}"
