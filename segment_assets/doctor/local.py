"""What is looked at in the worlds without an AWS account: the home folder, the plan, the sandbox.

Belongs here: looking and judging, both small. Not here: any platform, which is the sandbox here.
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from segment_assets.contracts import PermanentError
from segment_assets.doctor.findings import Check, Subject, examined

if TYPE_CHECKING:
    from collections.abc import Iterator

    from segment_assets.deployment import Deployment
    from segment_assets.doctor.findings import Finding
    from segment_assets.plan import Plan

PLAN = Subject("plan", "plan")


def findings(deployment: Deployment) -> list[Finding]:
    """All findings of a local deployment, or of a branch's."""
    checks = [
        Check(PLAN, lambda: judge_plan(deployment.plan())),
        Check(Subject("home", "folder"), lambda: _home(deployment)),
    ]
    if deployment.sends:
        checks.append(Check(Subject("sandbox", "platforms"), lambda: _sandbox(deployment)))
    return examined(checks)


def judge_plan(plan: Plan) -> Iterator[Finding]:
    """A plan that could be loaded."""
    yield PLAN.fine(f"{len(plan.accounts)} accounts, {len(plan.activations)} activations")


def judge_alerts(deployment: Deployment) -> Iterator[Finding]:
    """Whether anybody is told what fails, where files of alerts go with the task that wrote them."""
    subject = Subject("alerts", "people")
    if deployment.webhook or (deployment.mail[0] and deployment.mail[2]):
        yield subject.fine("they are told of what fails")
    else:
        yield subject.advice(
            "nobody_told",
            "nobody is told when a run fails, an opt-out is late or a login ends",
            "set SEGMENT_ASSETS_ALERT_WEBHOOK, or the variables for e-mail",
        )


def _home(deployment: Deployment) -> Iterator[Finding]:
    probe = deployment.home / f".doctor-{uuid.uuid4().hex}"
    try:
        probe.parent.mkdir(parents=True, exist_ok=True)
        probe.write_bytes(b"doctor")
        probe.unlink()
    except OSError as failure:
        said = f"the home folder cannot be written ({failure.strerror}); set SEGMENT_ASSETS_HOME to one that can"
        raise PermanentError(said) from None
    subject = Subject("home", "folder")
    if deployment.sends and not (deployment.home / "lake").is_dir():
        yield subject.advice("nothing_made", "nothing was made in it yet", "run `segment-assets demo`")
    else:
        yield subject.fine("it can be written")


def _sandbox(deployment: Deployment) -> Iterator[Finding]:
    from segment_assets.sandbox import process

    subject = Subject("sandbox", "platforms")
    if not deployment.home.is_dir() or process.running(deployment.sandbox_home) is None:
        yield subject.advice(
            "sandbox_off", "the platform sandbox is not running", "start it with `segment-assets sandbox`"
        )
    else:
        yield subject.fine("it is running")
