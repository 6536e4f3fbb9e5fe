"""One file per platform: its contract, declared, and the few functions in which its wire format differs.

Belongs here: what a platform accepts and how it speaks. Not here: pacing, retries, batches, receipts (`delivery`).
`registry()` is the list; a destination appears there or it does not exist.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from segment_assets.contracts import Contract


def registry() -> Mapping[str, Contract]:
    """Contracts of all platforms by the name that the plan uses."""
    from segment_assets.destinations import google, meta

    return {contract.platform: contract for contract in (meta.CONTRACT, google.CONTRACT)}
