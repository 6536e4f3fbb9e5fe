"""Trying a call again: when it may help, and how long a run waits before it does.

Belongs here: the backoff, and which errors are worth a wait. Not here: what is tried (`courier`), the pause between two
runs (`backoff`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import tenacity

from segment_assets.contracts import TransientError
from segment_assets.delivery.ledger import FencedError

if TYPE_CHECKING:
    from segment_assets.contracts import Sleep
    from segment_assets.delivery.courier import Patience


def retrying(patience: Patience, sleep: Sleep) -> tenacity.Retrying:
    """Calls what it is given until that answers, within `patience`; raises the last error.

    A wait that the platform asks for goes before our own backoff; one that no run waits out ends it at once.
    """
    backoff = tenacity.wait_random_exponential(multiplier=patience.first_wait, max=patience.longest_wait)

    def wait(state: tenacity.RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        asked = error.retry_after if isinstance(error, TransientError) else None
        return asked if asked is not None else backoff(state)

    def worth_waiting(error: BaseException) -> bool:
        if isinstance(error, FencedError) or not isinstance(error, TransientError):
            return False
        return error.retry_after is None or error.retry_after <= patience.longest_wait

    return tenacity.Retrying(
        stop=tenacity.stop_after_attempt(patience.attempts),
        wait=wait,
        retry=tenacity.retry_if_exception(worth_waiting),
        sleep=sleep,
        reraise=True,
    )
