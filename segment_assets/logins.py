"""Logins that end after a time whatever is done with them: people are told before, and once more when it is over.

Belongs here: when such a login ends, and what is said of it. Not here: the sensor that asks once a day
(`account_health`), tokens that are renewed (`resources.credentials`).
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from segment_assets.contracts import SegmentAssetsError, TransientError
from segment_assets.destinations import registry

if TYPE_CHECKING:
    from collections.abc import Mapping

    from segment_assets.plan import Plan
    from segment_assets.resources.alerts import Alerts
    from segment_assets.resources.destination_account import DestinationAccount

# Days before a login ends on which people are told of it, and once more when it has ended.
_WARNINGS = (30, 7, 1, 0)


def tell_of_logins(plan: Plan, accounts: Mapping[str, DestinationAccount], alerts: Alerts, today: dt.date) -> list[str]:
    """Alert, once at each of `_WARNINGS`, of accounts that a person has to authorise anew; returns what was not taken.

    Only for platforms whose refresh token ends whatever is done with it (`Contract.token_days`). Their secret says in
    `authorised_on` (YYYY-MM-DD) when a person gave the login: no platform tells. Of a secret that cannot be read people
    are told once a day, as nobody knows then when its login ends. `accounts` are those of the plan, by name.
    """
    undelivered = []
    for name, days in with_logins_that_end(plan).items():
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


def with_logins_that_end(plan: Plan) -> dict[str, int]:
    """Account's name -> days that a login of its platform lives, for platforms whose logins end."""
    days = {name: registry()[account.destination].token_days for name, account in plan.accounts.items()}
    return {name: lives for name, lives in days.items() if lives is not None}


def _of_login(name: str, account: DestinationAccount, days: int, today: dt.date) -> tuple[str, str, str]:
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
