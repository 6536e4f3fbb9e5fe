"""People who asked to be forgotten: their requests are read when they land, and accounts are asked until all is done.

Belongs here: what starts the two assets, and which accounts are not done. Not here: what these do (`assets.erasures`),
removals from audiences, which the reconciler starts as for every no (`sensors`).
"""

import hashlib
import hmac
import json
import time
from collections.abc import Iterator
from typing import Any

import dagster as dg

from segment_assets.backoff import next_attempt
from segment_assets.contracts import Clock, Lake
from segment_assets.plan import Plan
from segment_assets.resources.ports import Landing
from segment_assets.resources.secrets import Secrets
from segment_assets.tables import ERASURES, PLATFORM_ERASURES

FOLDER, ALL = "erasures", "all"
REQUESTS, PLATFORMS = dg.AssetKey(["audiences", "erasures"]), dg.AssetKey(["erasure", "platforms"])
# These ask for nothing more of ours: the others are waited for, or looked at by a person.
ENDED = frozenset({"nobody", "no_call", "done", "unreachable", "preview"})


@dg.sensor(
    name="erasures",
    target=dg.AssetSelection.assets(REQUESTS, PLATFORMS),
    # Whose folder it is, that it is small, and that a law gives a month: it is read as a whole each time.
    minimum_interval_seconds=300,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Reads requests to be forgotten when they land, and asks every platform account until all is done.",
)
def erasures_sensor(
    context: dg.SensorEvaluationContext,
    plan: dg.ResourceParam[Plan],
    lake: dg.ResourceParam[Lake],
    landing: dg.ResourceParam[Landing],
    secrets: dg.ResourceParam[Secrets],
) -> dg.SensorResult:
    """One look at the folder and at the accounts."""
    return look_at_erasures(context.cursor, lake, landing, secrets.tenant_key(plan.tenant))


def look_at_erasures(
    cursor: str | None, lake: Lake, landing: Landing, key: bytes, *, now: Clock = time.time
) -> dg.SensorResult:
    """Ask for the requests to be read when they have changed, and for the platforms while any is not done.

    `key` is the tenant's: a bare digest of a file that names one person would tell who it is. `now` is in seconds since
    the epoch; a try that did not get through is repeated with a growing pause.
    """
    told: dict[str, Any] = json.loads(cursor or "{}")
    asked = told.setdefault("asked", {})
    requests = []
    landed = _landed(landing, key)
    if landed and told.get("read") != landed:
        told["read"] = landed
        requests.append(dg.RunRequest(run_key=f"erasures:{landed}:{int(now())}", asset_selection=[REQUESTS]))
    open_ones = sorted(_open(lake))
    attempt = next_attempt(asked, "platforms", open_ones, now=now()) if open_ones else None
    if attempt is not None:
        run_key = f"platforms:{hashlib.sha256(repr(open_ones).encode()).hexdigest()}:{attempt}:{int(now())}"
        requests.append(dg.RunRequest(run_key=run_key, asset_selection=[PLATFORMS]))
    skip = None if requests else "no new requests to be forgotten, and every account is done or has been asked lately"
    return dg.SensorResult(run_requests=requests, cursor=json.dumps(told), skip_reason=skip)


def _landed(landing: Landing, key: bytes) -> str:
    """Changes with the files; empty without any."""
    with landing.beside(FOLDER) as files:
        marks = [(file.name, hashlib.sha256(file.read_bytes()).hexdigest()) for file in files]
    return hmac.new(key, repr(marks).encode(), hashlib.sha256).hexdigest() if marks else ""


def _open(lake: Lake) -> Iterator[str]:
    """What is still to be done: requests that no account was asked about, and accounts that are not through."""
    wanted, done = lake.current(ERASURES.name, ALL), lake.current(PLATFORM_ERASURES.name, ALL)
    if wanted is None or not wanted.rows:
        return
    if done is None or done.stats.get("erasures") != wanted.id:
        yield wanted.id
    for row in lake.dataset(done).to_table().to_pylist() if done is not None else ():
        if row["standing"] not in ENDED:
            yield f"{row['destination']}/{row['account']}: {row['standing']}"
