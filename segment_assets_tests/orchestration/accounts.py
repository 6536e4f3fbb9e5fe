"""Accounts that tests of sensors deliver to: transports that keep people, promise jobs, and fail when they are told.

Belongs here: as much of each platform as deliveries, followers and withdrawals meet. Not here: what the platforms
check of a request; that is the sandbox's.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import dagster as dg

from segment_assets.assets.activations import activation_key, errand, resource_name, wanted_version
from segment_assets.contracts import Request, Response
from segment_assets.delivery.courier import Patience
from segment_assets.delivery.errands import Report
from segment_assets.delivery.ledger import AudienceLedger, DeliveryLog, Pair
from segment_assets.delivery.run import DeliveryRoom
from segment_assets.destinations.google import GoogleDataManager
from segment_assets.destinations.meta import MetaCustomAudiences
from segment_assets.plan import Plan
from segment_assets.resources.destination_account import always_due
from segment_assets.resources.lake import LocalLake
from segment_assets.resources.metrics import NoMetrics
from segment_assets.resources.secrets import LocalSecrets
from segment_assets_tests import fakes

EXPIRED = Response(401, {}, {"error": {"status": "UNAUTHENTICATED", "code": 190}})


@dataclasses.dataclass
class Account:
    """A platform account that stands for the Dagster resource and for the transport. Audiences are known by name."""

    number: str
    sandbox_home: str = ""
    preview_only: bool = False
    names: dict[str, str] = dataclasses.field(default_factory=dict)
    people: dict[str, set[str]] = dataclasses.field(default_factory=dict)
    calls: list[tuple[str, str]] = dataclasses.field(default_factory=list)
    # Segment -> what happens instead of an answer to a call about its audience.
    trouble: dict[str, Callable[[], Response]] = dataclasses.field(default_factory=dict)

    def page(self) -> str:
        return ""

    def create(self, name: str) -> str:
        number = str(100 + len(self.names))
        self.names[number] = name.rpartition(" ")[2]
        self.people[self.names[number]] = set()
        return number

    def called(self, what: str, segment: str) -> Response | None:
        self.calls.append((what, segment))
        return self.trouble[segment]() if segment in self.trouble else None

    def asked(self, what: str) -> list[str]:
        """Segments of the calls of a kind, in their order."""
        return [segment for kind, segment in self.calls if kind == what]


class MetaAccount(Account):
    """Answers at once."""

    def connect(
        self, _statements: Mapping[str, str] | None = None, **_to_follow: bool
    ) -> tuple[MetaCustomAudiences, MetaAccount]:
        return MetaCustomAudiences(self.number), self

    def send(self, request: Request) -> Response:
        if request.path.endswith("/customaudiences"):
            return Response(200, {}, {"id": self.create(request.json["name"])})
        segment = self.names[request.path.split("/")[2]]
        what = request.method if request.path.endswith("/users") else "delete audience"
        refused = self.called(what, segment)
        if refused is not None:
            return refused
        if what == "delete audience":
            self.people[segment] = set()
            return Response(200, {}, {"success": True})
        rows = request.json["payload"]["data"]
        emails = {row[request.json["payload"]["schema"].index("EMAIL")] for row in rows}
        self.people[segment] = self.people[segment] | emails if what == "POST" else self.people[segment] - emails
        return Response(200, {}, {"num_received": len(rows), "num_invalid_entries": 0})


@dataclasses.dataclass
class Job:
    """A promise: whose, what it is to do, and how the platform says it stands."""

    segment: str
    is_removal: bool
    members: list[set[str]]
    state: str = "PROCESSING"
    denied: int = 0


class GoogleAccount(Account):
    """Promises a job for every request; the test says how each ends."""

    def __init__(self, number: str, sandbox_home: str = "") -> None:
        super().__init__(number, sandbox_home)
        self.jobs: list[Job] = []

    def connect(
        self, statements: Mapping[str, str] | None = None, **_to_follow: bool
    ) -> tuple[GoogleDataManager, GoogleAccount]:
        made = GoogleDataManager(self.number, statements=statements or {})
        return always_due(made) if self.sandbox_home else made, self

    def send(self, request: Request) -> Response:
        if request.path.endswith("/userLists"):
            return Response(200, {}, {"id": self.create(request.json["displayName"])})
        if request.method == "GET":
            return self._told(self.jobs[int(request.params["requestId"])])
        segment = self.names[request.json["destinations"][0]["productDestinationId"]]
        verb = request.path.rpartition(":")[2]
        refused = self.called(verb, segment)
        if refused is not None:
            return refused
        members = [
            {i.get("emailAddress") or i.get("phoneNumber") for i in one["userData"]["userIdentifiers"]}
            for one in request.json["audienceMembers"]
        ]
        self.jobs.append(Job(segment, verb == "remove", members))
        return Response(200, {}, {"requestId": str(len(self.jobs) - 1)})

    def _told(self, job: Job) -> Response:
        refused = self.called("status", job.segment)
        if refused is not None:
            return refused
        status: dict[str, Any] = {"requestStatus": job.state}
        if job.state != "PROCESSING":
            received = 0 if job.state == "FAILED" else len(job.members)
            status["audienceMembersIngestionStatus"] = {"userDataIngestionStatus": {"recordCount": str(received)}}
        if job.denied:
            reason = "PROCESSING_ERROR_REASON_INVALID_EMAIL"
            status["errorInfo"] = {"errorCounts": [{"reason": reason, "recordCount": str(job.denied)}]}
        return Response(200, {}, {"requestStatusPerDestination": [status]})

    def works(self, segment: str | None = None, *, state: str = "SUCCESS", denied: int = 0) -> None:
        """End the open jobs of a segment, or of all."""
        for job in self.jobs:
            if job.state == "PROCESSING" and segment in (None, job.segment):
                job.state, job.denied = state, denied
                if state != "FAILED":
                    found = set().union(*job.members)
                    held = self.people[job.segment]
                    self.people[job.segment] = held - found if job.is_removal else held | found


@dataclasses.dataclass
class House:
    """A plan, a lake and an instance, the accounts of the plan, and a time that the test moves."""

    plan: Plan
    folder: Path
    instance: dg.DagsterInstance
    accounts: Mapping[str, Account]
    now: float = dataclasses.field(default_factory=time.time)

    @property
    def lake(self) -> LocalLake:
        return LocalLake(self.folder / "lake")

    @property
    def resources(self) -> dict[str, Any]:
        accounts = {resource_name(name): account for name, account in self.accounts.items()}
        secrets = LocalSecrets(self.folder / "secrets")
        place = {"workdir": self.folder / "work", "metrics": NoMetrics()}
        return {"plan": self.plan, "lake": self.lake, "secrets": secrets, **place, **accounts}

    @property
    def have(self) -> SimpleNamespace:
        return SimpleNamespace(**self.resources)

    def wants(self, segment: str, *people: str | dict[str, Any]) -> None:
        """Publish an audience: names, or whole rows."""
        rows = [named(one) if isinstance(one, str) else one for one in people]
        fakes.publish_audience(self.lake, segment, rows)

    def run(self, name: str, segment: str) -> Report:
        """One run of a pair, and what a successful one reports to Dagster."""
        account = self.plan.accounts[name]
        task = errand(
            self.plan, name, self.plan.activations_of(name)[segment], self.have.secrets.tenant_key(self.plan.tenant)
        )
        version = wanted_version(self.plan, name, segment, self.lake)
        destination, transport = self.accounts[name].connect(task.statements)
        room = DeliveryRoom(
            self.lake,
            destination,
            transport,
            workdir=self.folder / "work",
            clock=lambda: self.now,
            sleep=lambda _: None,
            patience=Patience(attempts=1),
        )
        audience = self.lake.current("hashed_audience", segment)
        report = room.run(task, audience, self.lake.current("suppressions", "all"))
        if report.waiting and audience is not None and report.waiting_for != audience.id:
            version = f"waiting:{version}"
        event = dg.AssetMaterialization(
            activation_key(name, account), partition=segment, tags={"dagster/data_version": version}
        )
        self.instance.report_runless_asset_event(event)
        return report

    def last(self, name: str, segment: str) -> DeliveryLog:
        account = self.plan.accounts[name]
        pair = Pair(self.plan.tenant, account.destination, account.account, segment)
        log = AudienceLedger(self.lake, pair, lambda: self.now).last()
        assert log is not None
        return log

    def outcome(self, name: str, segment: str) -> str:
        """How the newest delivery of a pair stands."""
        closed = self.last(name, segment).closed
        return str(closed.body["outcome"]) if closed is not None else "open"


def named(name: str, **more: object) -> dict[str, Any]:
    """Somebody whom both platforms can match, by e-mail."""
    address = f"{name}@example.com"
    return fakes.person(name, email=address) | {"email_gmail_folded": fakes.digest(address)} | more
