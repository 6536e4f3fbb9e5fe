"""`segment-assets iam`: policies for the deployment that the environment names, as files.

Belongs here: reading the deployment, and writing. Not here: what is allowed (`iam`).
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from segment_assets.contracts import PermanentError
from segment_assets.deployment import Deployment
from segment_assets.iam import documents
from segment_assets.iam.site import Site

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


def write_policies(account: str, runtime: str, account_data: Sequence[str], external_id: str, out: Path) -> None:
    """Write every document to `out`. Raises PermanentError outside the AWS world."""
    deployment = Deployment.from_env()
    if deployment.aws is None:
        raise PermanentError("policies are for a deployment in AWS; set SEGMENT_ASSETS_WORLD=aws and its variables")
    site = Site(
        account=account,
        settings=deployment.aws,
        plan=deployment.plan(),
        runtime=runtime,
        account_data=tuple(account_data),
        external_id=external_id,
    )
    made = documents(site)
    out.mkdir(parents=True, exist_ok=True)
    for name, document in made.items():
        (out / name).write_text(f"{json.dumps(document, indent=2)}\n", encoding="utf-8")
    click.echo(
        f"{len(made)} documents are in {out}; docs/aws.md says what each is for. None was tried in a real account."
    )
