"""Accounts whose platform is away, and audiences that it always fails late: what is held back, and who is told.

Belongs here: the reconciler's question about a pair, and the sensor that tells people once of each such trouble and of
its end. Not here: the breaker (`delivery.breaker`), late failures themselves (`delivery.following`).
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
from segment_assets.contracts import Clock, Lake, SegmentAssetsError, TransientError
from segment_assets.destinations import registry
from segment_assets.plan import Account, Plan
from segment_assets.resources.alerts import Alerts
from segment_assets.resources.metrics import Dimension, Metric
from segment_assets.tables import ACKNOWLEDGED, CHANGES, HASHED_AUDIENCE, SUPPRESSIONS

if TYPE_CHECKING:
    from segment_assets.delivery.breaker import Health
    from segment_assets.delivery.ledger import AudienceLedger
    from segment_assets.resources.destination_account import DestinationAccount

MINUTE = 60.0
KEPT_EVERY_SECONDS = 600.0


def health_of(lake: Lake, account: Account) -> "Health":
    """How an account of the plan stands."""
    from segment_assets.delivery.breaker import Breaker

    return Breaker(lake, account.destination, account.account).look()


def is_held_back(plan: Plan, lake: Lake, name: str, segment: str, *, now: float) -> bool:
    """Whether no run should be started for a pair now, although its audience is not what the plan wants.

    Its platform is away, or fails this very audience late time and again. A run that has somebody to take out goes all
    the same: its first call is a probe, so that the no leaves as soon as it can.
    """
    is_away = health_of(lake, plan.accounts[name]).is_held_back(now)
    return bool(is_away or fails_for_ever(plan, lake, name, segment)) and not _a_no_waits(plan, lake, name, segment)


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
    logins = {name: resource_name(name) for name in _with_logins_that_end(plan)}

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
        said = [*(f"{name} does not answer" for name in told["cursor"]["open"]), *told["cursor"]["failing"]]
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

    An alert that is not taken is in the alerts' file and is not repeated.
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
    return {"cursor": {"open": is_open, "failing": failing}, "undelivered": undelivered}


# Days before a login ends on which people are told of it, and once more when it has ended.
_WARNINGS = (30, 7, 1, 0)


def tell_of_logins(
    plan: Plan, accounts: "Mapping[str, DestinationAccount]", alerts: Alerts, today: dt.date
) -> list[str]:
    """Alert, once at each of `_WARNINGS`, of accounts that a person has to authorise anew; returns what was not taken.

    Only for platforms whose refresh token ends whatever is done with it (`Contract.token_days`). Their secret says in
    `authorised_on` (YYYY-MM-DD) when a person gave the login: no platform tells. Of a secret that cannot be read people
    are told once a day, as nobody knows then when its login ends. `accounts` are those of the plan, by name.
    """
    undelivered = []
    for name, days in _with_logins_that_end(plan).items():
        account = f"{plan.accounts[name].destination}/{name}"
        try:
            title, text, mark = _of_login(account, accounts[name], days, today)
            about = f"login-{account.replace('/', '-')}-{mark}"
            if mark and alerts.is_new(about):
                alerts.alert(title, text)
                alerts.was_told(about)
        except SegmentAssetsError as error:
            undelivered.append(str(error))
    return undelivered


def _with_logins_that_end(plan: Plan) -> dict[str, int]:
    """Account's name -> days that a login of its platform lives."""
    days = {name: registry()[account.destination].token_days for name, account in plan.accounts.items()}
    return {name: lives for name, lives in days.items() if lives is not None}


def _of_login(name: str, account: "DestinationAccount", days: int, today: dt.date) -> tuple[str, str, str]:
    """As `_login_said`, also of a secret that cannot be read. Raises TransientError for one that may be soon."""
    try:
        held = account.kept()
    except TransientError:
        raise
    except SegmentAssetsError as refusal:
        return f"The login of {name} cannot be read", f"{refusal}. When it ends is not known", f"unread-{today}"
    said = _login_said(name, held.get("authorised_on", ""), days, today)
    return said if held.get("refresh_token") else ("", "", "")


def _login_said(account: str, authorised_on: str, days: int, today: dt.date) -> tuple[str, str, str]:
    """Title, text, and what is told once; nothing while there is time."""
    try:
        ends = dt.date.fromisoformat(authorised_on) + dt.timedelta(days=days)
    except ValueError:
        return (
            f"When the login of {account} ends is not known",
            (
                f"It lives for {days} days from the day on which a person gave it, however often it is renewed. Write "
                "that day into the account's secret as authorised_on (YYYY-MM-DD)"
            ),
            "unknown",
        )
    left = (ends - today).days
    due = [warning for warning in _WARNINGS if left <= warning]
    return (
        f"The login of {account} {'ends' if left > 0 else 'has ended'} on {ends.isoformat()}",
        (
            "Nothing can be sent to it, nor anybody taken out, after that day. Authorise the account anew, and put the "
            "new tokens and today's date as authorised_on into its secret"
        ),
        f"{ends.isoformat()}-{min(due)}" if due else "",
    )


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
