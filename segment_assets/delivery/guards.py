"""Guards: what stops a delivery before anything is sent, and asks a person.

Belongs here: limits on what a delivery would do to an audience. Opt-outs never pass through here.
Not here: the quality of the audience itself (`audience.judging`).
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from segment_assets.contracts import NeedsHumanError

if TYPE_CHECKING:
    from segment_assets.contracts import Contract
    from segment_assets.delivery.ledger import Pair
    from segment_assets.delivery.wanted import ChangeCounts


@dataclasses.dataclass(frozen=True, slots=True)
class GuardRails:
    """The plan's limits for one pair. `max_removal_share` is of the people that the platform holds."""

    max_removal_share: float = 0.3


def stop_what_needs_a_human(pair: Pair, counts: ChangeCounts, rails: GuardRails, contract: Contract) -> None:
    """Raise NeedsHumanError, with the numbers, when the changes go beyond the rails."""
    if not counts.removes:
        return
    if not counts.wanted:
        raise NeedsHumanError(
            f"{pair}: the segment is empty, and {counts.removes} people would be taken out. "
            "If that is meant, remove the activation from the plan; if not, look at the segment's source"
        )
    share = counts.removes / counts.last_known
    if share > rails.max_removal_share:
        raise NeedsHumanError(
            f"{pair}: {counts.removes} of {counts.last_known} people ({share:.0%}) would be taken out, above "
            f"the plan's max_removal_share of {rails.max_removal_share:.0%}. If that is meant, raise the limit in the "
            "plan for this activation; if not, look at the segment's source. Opt-outs were delivered before this check"
        )
    if counts.wanted < contract.minimum_members <= counts.last_known:
        raise NeedsHumanError(
            f"{pair}: {counts.wanted} people would remain, below the {contract.minimum_members} that "
            f"{contract.platform} needs to use an audience. Decide whether to end the activation in the plan"
        )
