"""Names of audiences within what a platform takes.

Belongs here: cutting a name so that what has to stand behind it fits. Not here: what stands there (each destination).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from segment_assets.contracts import Counted

if TYPE_CHECKING:
    from segment_assets.contracts import Contract


def fitted(
    contract: Contract, name: str, ending: str = "", *, per: str = "", counts: Counted = Counted.CHARACTERS
) -> str:
    """A name with its ending, cut before the ending to the characters that the contract declares, of one `per` if any.

    `counts` is DESCRIPTION for a description, which is cut alike. What recognises an audience of ours stands in the
    ending, so that is never cut.
    """
    limit = contract.limit(counts, per)
    return (name if limit is None else name[: limit.most - len(ending)].rstrip()) + ending
