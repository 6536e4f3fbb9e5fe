"""The few things that differ between platforms, as protocols."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from segment_assets.contracts.delivery import Answer, AudienceSpec, JobReport, Member, Session
    from segment_assets.contracts.platform import Contract, Operation
    from segment_assets.contracts.wire import Request, Response, Transport


class Destination(Protocol):
    """The few things that differ between platforms. Pacing, retries and receipts are the courier's."""

    contract: Contract

    def find_audience(self, transport: Transport, spec: AudienceSpec) -> str | None:
        """The id of the audience that carries our marker, or None."""
        ...

    def create_audience(self, transport: Transport, spec: AudienceSpec) -> str:
        """Create an empty audience and return its id. Raises as `read` does."""
        ...

    def delete_audience(self, transport: Transport, audience_id: str) -> None:
        """Delete an audience of ours with everybody in it. Raises as `read` does; gone already is fine."""
        ...

    def request(self, audience_id: str, operation: Operation, members: Sequence[Member], session: Session) -> Request:
        """The call for one batch. Equal arguments give an equal request."""
        ...

    def read(self, members: Sequence[Member], session: Session, response: Response) -> Answer:
        """Understand the answer, or raise TransientError, PermanentError or NeedsHumanError for a refusal."""
        ...


class AsynchronousDestination(Destination, Protocol):
    """A destination whose contract has `follow`: its answers name jobs."""

    def job_request(self, job: str) -> Request:
        """The call that asks about a job."""
        ...

    def read_job(self, response: Response) -> JobReport:
        """Understand the answer, or raise as `read` does."""
        ...
