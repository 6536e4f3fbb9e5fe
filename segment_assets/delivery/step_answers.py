"""What a step of a run answers: a closed delivery, nothing, that it has to wait, or that the run begins again or ends.

Not here: the steps (`steps`), what a run makes of their answers (`run`).
"""

from __future__ import annotations

from segment_assets.delivery.settling import Settled


class Waiting:
    """A step's answer while the platform still works on jobs."""


WAITING = Waiting()
Step = Settled | Waiting | None


class SomebodySaidNo(Exception):  # noqa: N818 - the way from a batch boundary back to the first step
    """An opt-out pre-empts the delivery, which was settled with what had been sent by then."""

    def __init__(self, settled: Settled) -> None:
        super().__init__("an opt-out pre-empts the delivery")
        self.settled = settled


class ListsRenewed(Exception):  # noqa: N818 - the way from a step back to the first
    """An audience that took no more files was deleted, so that a new one can be filled."""

    def __init__(self, settled: Settled) -> None:
        super().__init__("an audience that took no more files was deleted")
        self.settled = settled


class StillResting(Exception):  # noqa: N818 - the way from a step back to the run
    """Nothing but opt-outs may be sent before `until` (see `Replacing.rest_seconds`, `left_jobs`)."""

    def __init__(self, until: float) -> None:
        super().__init__("the platform may still work on what was sent before")
        self.until = until
