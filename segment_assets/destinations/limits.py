"""What a connector does about a limit of its contract: cut a name to it, or say that an account has reached it.

Belongs here: what is the same for all platforms. Not here: the numbers (each contract's `more_limits`), walking an
account's audiences (each destination), counting files (`delivery.files`).

No page that was read says which code an account that is full gets, so audiences are counted and the code is not asked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from segment_assets.contracts import Counted, NeedsHumanError, SegmentAssetsError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from segment_assets.contracts import Contract, PermanentError


def fitted(
    contract: Contract, name: str, ending: str = "", *, per: str = "", counts: Counted = Counted.CHARACTERS
) -> str:
    """A name with its ending, cut before the ending to the characters that the contract declares, of one `per` if any.

    `counts` is DESCRIPTION for a description, which is cut alike. What recognises an audience of ours stands in the
    ending, so that is never cut.
    """
    limit = contract.limit(counts, per)
    return (name if limit is None else name[: limit.most - len(ending)].rstrip()) + ending


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
