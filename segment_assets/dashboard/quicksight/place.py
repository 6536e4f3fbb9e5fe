"""Where dashboards go: one QuickSight account and Region, and the names of everything that is made there.

Belongs here: ids and ARNs, which follow from names alone, so that a second run finds what the first one made.
"""

from __future__ import annotations

import dataclasses
import enum
import re
from typing import Any

from segment_assets.contracts import PermanentError

# What every resource of ours bears; only what bears it is ever changed.
MARK = "segment-assets"
_ID = re.compile(r"[\w-]{1,512}", re.ASCII)


class ImportMode(enum.StrEnum):
    """Whether QuickSight asks Athena each time somebody looks, or keeps a copy that is loaded again (SPICE)."""

    DIRECT_QUERY = "DIRECT_QUERY"
    SPICE = "SPICE"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """`database` is the Glue database of the insight tables, `workgroup` Athena's. Raises PermanentError for names."""

    account: str
    region: str
    tenant: str
    workgroup: str
    database: str
    mode: ImportMode = ImportMode.DIRECT_QUERY
    partition: str = "aws"

    def __post_init__(self) -> None:
        if not _ID.fullmatch(self.tenant):
            raise PermanentError(
                f"tenant {self.tenant}: QuickSight takes letters, digits, - and _ in ids only; name the tenant so"
            )

    def id(self, name: str = "") -> str:
        """Of a resource by its table's or page's name; without one, of the data source."""
        return "-".join(part for part in (MARK, self.tenant, name) if part)

    def arn(self, kind: str, name: str = "") -> str:
        """`kind` is datasource, dataset or dashboard."""
        return f"arn:{self.partition}:quicksight:{self.region}:{self.account}:{kind}/{self.id(name)}"

    @property
    def tags(self) -> list[dict[str, Any]]:
        """The mark of everything that we make."""
        return [{"Key": MARK, "Value": self.tenant}]
