"""Accounts that are to be left alone, and audiences that always fail late: what is held back, and who is told.

Belongs here: the reconciler's question about a pair, and the sensor that tells people once of each such trouble and of
its end. Not here: the breaker (`delivery.breaker`), the count of a day (`delivery.daily`), late failures themselves
(`delivery.following`), logins that end (`logins`).
"""

import datetime as dt
import json
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg

from segment_assets.assets.activations import resource_name
from segment_assets.assets.audiences import EVERYBODY
from segment_assets.contracts import Clock, Lake, SegmentAssetsError
from segment_assets.destinations import contract_of, registry
from segment_assets.logins import tell_of_logins, with_logins_that_end
from segment_assets.plan import Account, Plan
from segment_assets.resources.alerts import Alerts
from segment_assets.resources.metrics import Dimension, Metric
from segment_assets.tables import ACKNOWLEDGED, CHANGES, HASHED_AUDIENCE, SUPPRESSIONS

if TYPE_CHECKING:
    from segment_assets.delivery.breaker import Health
    from segment_assets.delivery.ledger import AudienceLedger

MINUTE = 60.0
KEPT_EVERY_SECONDS = 600.0


def health_of(lake: Lake, account: Account) -> "Health":
    """How an account of the plan stands."""
    from segment_assets.delivery.breaker import Breaker

    return Breaker(lake, account.destination, account.account).look()


class Standing:
    """Whether an account of the plan may be called. May be asked again and again: what it has read is kept.

    Times are in seconds since the epoch.
    """

    def __init__(self, lake: Lake, account: Account) -> None:
        from segment_assets.delivery.breaker import Breaker
        from segment_assets.delivery.daily import Day

        names = (account.destination, account.account)
        self._breaker = Breaker(lake, *names)
        self._day = Day.of(lake, *names, contract_of(*names, account.settings).quota)

    def why_held_back(self, now: float) -> str:
        """Why nothing should be sent now, in words that follow the account's name; empty where it may."""
        health = self._breaker.look()
        if health.is_resting(now):
            return f"asked for rest until {clock_time(health.rest_until)} UTC"
        if health.is_held_back(now):
            return "does not answer"
        opens = self._day.opens_at(now) if self._day is not None else now
        return (
            f"has had its calls of 24 hours; it is called again from {clock_time(opens)} UTC on" if opens > now else ""
        )

    def may_hear_a_no(self, now: float) -> bool:
        """Whether a run may go for somebody who said no: by a probe, or by what is kept of the day."""
        is_spent = self._day is not None and self._day.opens_at(now, for_opt_out=True) > now
        return not is_spent and self._breaker.look().may_be_probed(now)


def is_held_back(plan: Plan, lake: Lake, name: str, segment: str, *, now: float) -> bool:
    """Whether no run should be started for a pair now, although its audience is not what the plan wants.

    Its platform is away or asked for rest, its day is spent, or it fails this very audience late time and again. A run
    that has somebody to take out goes all the same, so that the no leaves as soon as it can: its first call is a
    probe, and a part of the day is kept for it. Until either may go, it could only fail.
    """
    standing = Standing(lake, plan.accounts[name])
    if not standing.why_held_back(now) and not fails_for_ever(plan, lake, name, segment):
        return False
    return not standing.may_hear_a_no(now) or not _a_no_waits(plan, lake, name, segment)


def fails_for_ever(plan: Plan, lake: Lake, name: str, segment: str) -> str:
    """What a person is told of a pair whose audience, as it is now, always fails late; empty for any other."""
    from segment_assets.delivery.following import why_not_again

    audience = lake.current(HASHED_AUDIENCE.name, segment)
    is_late = registry()[plan.accounts[name].destination].follow is not None
    return why_not_again(_ledger(plan, lake, name, segment), audience.id) if is_late and audience else ""


def _a_no_waits(plan: Plan, lake: Lake, name: str, segment: str) -> bool:
    """Whether somebody opted out, or took consent back, who is or may be in the pair's audience."""
    from segment_assets.delivery.leaving import anybody_named, said_no, withdrawn

    ledger = _ledger(plan, lake, name, segment)
    log, suppressions = ledger.last(), lake.current(SUPPRESSIONS.name, EVERYBODY)
    if log is None:
        return False
    partition, header = ledger.pair.partition, log.header
    # Of an open delivery, whoever was there before it and whoever is being added.
    state = log.closed.body["state"] if log.closed is not None else header["from_state"]
    held = lake.dataset(lake.snapshot(ACKNOWLEDGED.name, partition, state)) if state else None
    changes = lake.dataset(lake.snapshot(CHANGES.name, partition, header["changes"])) if log.closed is None else None
    with tempfile.TemporaryDirectory() as folder:
        took_back = withdrawn(lake, lake.current(HASHED_AUDIENCE.name, segment), Path(folder))
        leaving = said_no(lake.dataset(suppressions) if suppressions else None, took_back)
        return leaving is not None and anybody_named(held, changes or _no_changes(), leaving, Path(folder))


def _ledger(plan: Plan, lake: Lake, name: str, segment: str) -> "AudienceLedger":
    from segment_assets.delivery.ledger import AudienceLedger, Pair

    account = plan.accounts[name]
    return AudienceLedger(lake, Pair(plan.tenant, account.destination, account.account, segment), time.time)


def _no_changes() -> Any:
    import pyarrow.dataset as pads

    return pads.dataset(CHANGES.arrow_schema().empty_table())


def build(plan: Plan) -> dg.SensorDefinition:
    """The sensor that watches a plan's accounts."""
    logins = {name: resource_name(name) for name in with_logins_that_end(plan)}

    @dg.sensor(
        name="platform_health",
        asset_selection=dg.AssetSelection.groups("activation").materializable(),
        minimum_interval_seconds=30,
        default_status=dg.DefaultSensorStatus.RUNNING,
        required_resource_keys={"plan", "lake", "alerts", *logins.values()},
        description="Tells people when an account stops answering or answers again, and what always fails late.",
    )
    def platform_health(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        """One alert for each trouble, and one when an account is back; once a day, of logins that are about to end."""
        have, before = context.resources, json.loads(context.cursor or "{}")
        told = tell_of_troubles(have.plan, have.lake, have.alerts, before)
        today = dt.datetime.now(dt.UTC).date()
        if before.get("logins") != today.isoformat():
            accounts = {name: getattr(have, resource) for name, resource in logins.items()}
            told["undelivered"] += tell_of_logins(have.plan, accounts, have.alerts, today)
        told["cursor"]["logins"] = today.isoformat()
        told["cursor"]["kept_at"] = _tell_kept(have.alerts, before.get("kept_at", 0.0), told["undelivered"])
        for problem in told["undelivered"]:
            context.log.warning(problem)
        said = [*told["held"], *told["cursor"]["failing"]]
        return dg.SensorResult(
            run_requests=[], cursor=json.dumps(told["cursor"]), skip_reason="; ".join(said) or "every account answers"
        )

    return platform_health


def _tell_kept(alerts: Alerts, last: float, undelivered: list[str]) -> float:
    """Try again, now and then, the alerts that nobody took; returns when that was done last."""
    now = time.time()
    if now < last + KEPT_EVERY_SECONDS:
        return last
    try:
        alerts.tell_kept()
    except SegmentAssetsError as error:
        undelivered.append(str(error))
    return now


def tell_of_troubles(
    plan: Plan, lake: Lake, alerts: Alerts, before: Mapping[str, Any], *, now: Clock = time.time
) -> dict[str, Any]:
    """Compare with the cursor `before` (open: account -> since when; failing: what was said), alert of the difference.

    An alert that is not taken is in the alerts' file and is not repeated. `held` says why nothing is sent to an
    account. A rest, or a day that is spent, alerts nobody: nothing is broken, it ends by itself at a known time, and
    of a no that waits too long people are told on its own account (`opt_out_deadlines`).
    """
    standing = {name: health_of(lake, account) for name, account in plan.accounts.items()}
    is_open = {name: health.opened_at for name, health in standing.items() if health.is_open}
    was_open: Mapping[str, float] = before.get("open", {})
    failing = sorted(
        said
        for name in plan.accounts
        for segment in plan.activations_of(name)
        if (said := fails_for_ever(plan, lake, name, segment))
    )
    messages = [
        *(_away(name, plan.accounts[name], standing[name], now()) for name in sorted(is_open.keys() - was_open.keys())),
        *(_back(name, plan.accounts[name], now() - was_open[name]) for name in _ended(plan, was_open, is_open)),
        *(("an audience always fails late", said) for said in failing if said not in before.get("failing", ())),
    ]
    for name in is_open.keys() - was_open.keys():
        alerts.count(Metric.ACCOUNTS_AWAY, 1, {Dimension.ACCOUNT: name})
    undelivered = []
    for title, text in messages:
        try:
            alerts.alert(title, text)
        except SegmentAssetsError as error:
            undelivered.append(str(error))
    # One that is away counts as such until it has answered, also when its time to be asked has come.
    said = dict.fromkeys(is_open, "does not answer")
    for name, account in plan.accounts.items():
        if why := Standing(lake, account).why_held_back(now()):
            said[name] = why
    held = [f"{name} {why}" for name, why in sorted(said.items())]
    return {"cursor": {"open": is_open, "failing": failing}, "undelivered": undelivered, "held": held}


def clock_time(moment: float) -> str:
    """Seconds since the epoch as people read them, in UTC.

    >>> clock_time(0)
    '1970-01-01 00:00'
    """
    return time.strftime("%Y-%m-%d %H:%M", time.gmtime(moment))


def _ended(plan: Plan, was_open: Mapping[str, float], is_open: Mapping[str, float]) -> list[str]:
    return [name for name in sorted(was_open) if name not in is_open and name in plan.accounts]


def _away(name: str, account: Account, health: "Health", now: float) -> tuple[str, str]:
    said = (
        f"{health.failures} calls in a row failed ({health.reason}). No run is started for this account until it "
        f"answers; it is asked again in {max(0.0, health.until - now):.0f} s, and opt-outs go on trying. Look at the "
        f"status page of {account.destination}; other accounts are not affected"
    )
    return f"{account.destination}/{name} does not answer", said


def _back(name: str, account: Account, seconds: float) -> tuple[str, str]:
    return (
        f"{account.destination}/{name} answers again",
        f"It was away for about {seconds / MINUTE:.0f} min; what was left is sent now",
    )
