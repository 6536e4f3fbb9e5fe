"""The lake of a deployment, for commands that only read: one that was made, since an empty one answers wrongly.

Belongs here: opening it. Not here: what is read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from segment_assets.contracts import NeedsHumanError
from segment_assets.deployment import Kind

if TYPE_CHECKING:
    from segment_assets.contracts import Lake
    from segment_assets.deployment import Deployment

# The folder below a home of worlds of other sizes and seeds than the usual one.
WORLDS = "worlds"


def lake_of(deployment: Deployment) -> Lake:
    """Raises NeedsHumanError for a home in which nothing was ever made.

    Of a mistyped home "nobody with this id is anywhere" would be told somebody who asks what we have of them.
    """
    if deployment.kind is not Kind.AWS and not (deployment.home / "lake").is_dir():
        raise NeedsHumanError(
            f"{deployment.home}: nothing was ever made here; set SEGMENT_ASSETS_HOME to the home that is meant, or "
            "make one: segment-assets demo"
        )
    lake: Any = deployment.resources()["lake"]
    return lake  # type: ignore[no-any-return]
