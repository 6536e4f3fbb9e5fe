"""The example deployment, as the documents in deploy/iam are written for it."""

from __future__ import annotations

import dataclasses
import functools
from pathlib import Path
from typing import TYPE_CHECKING

from segment_assets.aws_settings import AwsSettings
from segment_assets.worlds import documentation

if TYPE_CHECKING:
    from segment_assets.iam.site import Site
    from segment_assets.plan import Plan

CHECKOUT = Path(__file__).parents[2]
EXAMPLES = CHECKOUT / "deploy" / "iam"


@functools.cache
def environment() -> dict[str, str]:
    return documentation.told()


@functools.cache
def example() -> Site:
    return documentation.example()


def plan() -> Plan:
    return example().plan


def site(external_id: str = "", **changed: str) -> Site:
    """The example, with some of its variables changed (`kms_key="alias/x"`)."""
    told = environment() | {f"SEGMENT_ASSETS_{name.upper()}": value for name, value in changed.items()}
    return dataclasses.replace(example(), settings=AwsSettings.from_env(told), external_id=external_id)


ACCOUNT, RUNTIME, ACCOUNT_DATA = example().account, example().runtime, example().account_data
