"""What a warehouse used for an answer, carried by the answer itself.

Belongs here: the numbers, and how rows carry them (metadata of the Arrow schema, which a lake's writer drops). Not
here: where a warehouse finds them. An embedded warehouse is paid for by nobody and tells none.
"""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa

_KEY = b"segment_assets.usage"


@dataclasses.dataclass(frozen=True, slots=True)
class Usage:
    """`execution` is the service's id. `cost` is an estimate in the price's currency, None where no price is set.

    `is_reused`: the answer was asked for and paid for by an earlier call.
    """

    execution: str
    scanned_bytes: int
    queue_seconds: float
    engine_seconds: float
    is_reused: bool
    cost: float | None

    def as_metadata(self) -> dict[str, str | int | float | bool]:
        """For the metadata of an asset; what is not known is left out."""
        told = {f"query_{name}": value for name, value in dataclasses.asdict(self).items()}
        return {name: value for name, value in told.items() if value is not None}


def carrying(rows: pa.Table, usage: Usage) -> pa.Table:
    """The same rows with their usage."""
    return rows.replace_schema_metadata({_KEY: json.dumps(dataclasses.asdict(usage))})


def usage_of(rows: pa.Table) -> Usage | None:
    """The usage that rows carry, None for rows that nobody paid for."""
    told = (rows.schema.metadata or {}).get(_KEY)
    return None if told is None else Usage(**json.loads(told))
