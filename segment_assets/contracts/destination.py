"""The few things that differ between platforms, as protocols."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from segment_assets.contracts.delivery import Answer, AudienceSpec, JobReport, Member, Session, Step, StepAnswer
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
        """The call for one batch. Equal arguments give an equal request; it may be made long before it is sent."""
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


@runtime_checkable
class InquiringDestination(Protocol):
    """A destination with jobs that takes several calls to ask about one, in the place of AsynchronousDestination."""

    def ask_job(self, transport: Transport, job: str) -> JobReport:
        """Ask once how a job is. Raises as `read` does."""
        ...


class ErasingDestination(Destination, Protocol):
    """A destination whose contract has `erasure`."""

    def erasure(self, members: Sequence[Member], session: Session) -> Request:
        """The call that makes the platform forget people. Equal arguments give an equal request."""
        ...

    def read_erasure(self, members: Sequence[Member], session: Session, response: Response) -> Answer:
        """Understand the answer, or raise as `read` does. `accepted` are those whose erasure was taken on."""
        ...


@runtime_checkable
class CarriedDestination(Protocol):
    """A destination with a request that takes several calls, or something that no kept request may hold."""

    def carried(self, transport: Transport) -> Transport:
        """The whole way to the platform, over the account's own transport."""
        ...


class WorkflowDestination(Destination, Protocol):
    """A destination whose contract has `workflow`: `request` makes an upload, and these the steps around the uploads.

    Every step is noted before it is sent and after it is answered, so another process goes on where one stopped. A step
    that may or may not have been done is asked about with `step_question`; where there is nothing to ask it is
    repeated, so a platform on which a repeated step does harm must have a question.
    """

    def step_request(self, step: Step, audience_id: str, operation: Operation, session: Session) -> Request:
        """The call for a step. Equal arguments give an equal request."""
        ...

    def read_step(self, step: Step, session: Session, response: Response) -> StepAnswer:
        """Understand the answer, or raise as `read` does."""
        ...

    def step_question(self, step: Step, audience_id: str, operation: Operation, session: Session) -> Request | None:
        """The call that tells whether a step was done; None where the step can simply be repeated."""
        ...

    def read_step_question(self, step: Step, session: Session, response: Response) -> StepAnswer | None:
        """As `read_step` would have; None where the step was not done. Raises as `read` does."""
        ...
