"""`segment-assets doctor`: whether this deployment can work, and what to do where it cannot.

Belongs here: the table and the JSON. Not here: looking and judging (`segment_assets.doctor`).
"""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING

import click

from segment_assets.contracts import SegmentAssetsError
from segment_assets.deployment import Deployment, Kind
from segment_assets.doctor import Level, Subject
from segment_assets.plan import PlanError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.table import Table

    from segment_assets.contracts import Destination, Transport
    from segment_assets.doctor import Finding
    from segment_assets.plan import Account

_STYLES = {Level.OK: "green", Level.ADVICE: "yellow", Level.UNKNOWN: "dim", Level.WRONG: "bold red"}
_WORST_FIRST = (Level.WRONG, Level.ADVICE, Level.UNKNOWN, Level.OK)


def show_doctor(*, as_json: bool, everything: bool, ask_platforms: bool) -> int:
    """Print the findings: what is to be done, and with `everything` also what is well. 1 when something is wrong."""
    try:
        findings = _findings(Deployment.from_env(), ask_platforms=ask_platforms)
    except SegmentAssetsError as error:
        environment = Subject("settings", "environment")
        findings = [environment.wrong("settings", str(error), "set these variables; docs/aws.md says what each is")]
    wrong = sum(finding.level is Level.WRONG for finding in findings)
    if as_json:
        click.echo(json.dumps([dataclasses.asdict(finding) for finding in findings], indent=2))
        return 1 if wrong else 0
    from rich.console import Console

    shown = [finding for finding in findings if everything or finding.level is not Level.OK]
    console = Console(width=180, highlight=False)
    if shown:
        console.print(_table(sorted(shown, key=lambda finding: _WORST_FIRST.index(finding.level))))
    well = sum(finding.level is Level.OK for finding in findings)
    click.echo(f"{wrong} wrong, {len(findings) - wrong - well} to look at, {well} as they should be")
    return 1 if wrong else 0


def _findings(deployment: Deployment, *, ask_platforms: bool) -> list[Finding]:
    from segment_assets.doctor import local

    if deployment.kind is not Kind.AWS:
        return local.findings(deployment)
    try:
        plan = deployment.plan()
    except PlanError as error:
        return [local.PLAN.wrong("plan", str(error), "correct these lines")]
    from segment_assets.doctor.aws import AwsDoctor

    assert deployment.aws is not None

    def connect(account: Account) -> tuple[Destination, Transport]:
        return _connected(deployment, account)

    doctor = AwsDoctor(deployment.aws, plan, connect=connect if ask_platforms else None)
    return [*local.judge_plan(plan), *local.judge_alerts(deployment), *doctor.findings()]


def _connected(deployment: Deployment, account: Account) -> tuple[Destination, Transport]:
    """The way of a run to an account, past its gate: what fails here is not held against the account."""
    from segment_assets.resources.destination_account import DestinationAccount

    told = deployment.account_settings(account.destination, account.account, account.settings) | {"lake_home": ""}
    made = DestinationAccount(
        destination=account.destination, account=account.account, settings=dict(account.settings), **told
    )
    return made.connect()


def _table(findings: Sequence[Finding]) -> Table:
    from rich.markup import escape
    from rich.table import Table

    table = Table(title="What was found", title_justify="left")
    for name in ("", "what", "is how", "next"):
        table.add_column(name, no_wrap=name == "")
    for finding in findings:
        level = f"[{_STYLES[finding.level]}]{finding.level.value}[/]"
        what = f"{finding.area}: {finding.subject}"
        table.add_row(level, escape(what), escape(finding.said), escape(finding.action))
    return table
