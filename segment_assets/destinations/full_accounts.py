"""Why a platform makes no more audiences: the account has as many as it may have.

Belongs here: telling that from any other refusal, by counting. No page that was read says which code an account that
is full gets, so the code is not asked. Not here: walking an account's audiences (each destination).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from segment_assets.contracts import Counted, NeedsHumanError, SegmentAssetsError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from segment_assets.contracts import Contract, PermanentError


def tell_a_full_account(refusal: PermanentError, contract: Contract, account: str, there: Iterable[object]) -> None:
    """Raise NeedsHumanError for a refused creation where as many audiences are `there` as there can be."""
    limit = contract.limit(Counted.AUDIENCES)
    if limit is None:
        return
    try:
        found = sum(1 for _ in there)
    except SegmentAssetsError:
        # The refusal itself says more than that nobody could count.
        return
    if found < limit.most:
        return
    full = NeedsHumanError(
        f"{contract.platform} account {account}: no audience was made. The {limit.per} has {found}, and the platform "
        f"takes {limit.most}; delete there what no campaign uses, or end activations in the plan with on_removal: "
        "delete, and run this again"
    )
    full.code = refusal.code
    raise full
