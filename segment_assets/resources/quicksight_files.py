"""QuickSight's dashboards as files beside the pages, where a deployment has no QuickSight.

Belongs here: writing them. Not here: what is in them (`dashboard.quicksight`), an account's QuickSight
(`resources.aws.quicksight`).
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from segment_assets.dashboard.quicksight.place import Place

if TYPE_CHECKING:
    from collections.abc import Mapping

    from segment_assets.dashboard.quicksight import Bundle
    from segment_assets.resources.pages import Pages

FOLDER = "quicksight"
# The number that AWS's own examples use: whoever imports the files puts theirs in its place.
NOBODY = "111122223333"


@dataclasses.dataclass(frozen=True, slots=True)
class QuickSightFiles:
    """Each file is what `aws quicksight create-… --cli-input-json file://…` takes. Nothing is called."""

    pages: Pages
    region: str = "us-east-1"
    workgroup: str = "primary"
    database: str = "segment_assets"

    def place(self, tenant: str) -> Place:
        """As QuickSight; of nobody's account."""
        return Place(
            account=NOBODY, region=self.region, tenant=tenant, workgroup=self.workgroup, database=self.database
        )

    def publish(self, bundle: Bundle, versions: Mapping[str, str]) -> Mapping[str, str]:
        """As QuickSight: every file is written, whatever was there."""
        del versions
        return {self.pages.put(f"{FOLDER}/{name}", text).rpartition("/")[2]: "written" for name, text in bundle.files()}
