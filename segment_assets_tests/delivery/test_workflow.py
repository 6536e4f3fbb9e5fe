"""Platforms that take people in several calls: killed at every call, the end is who is wanted, and nothing is doubled."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import itertools

import pytest

from segment_assets.contracts import (
    Answer,
    Follow,
    JobReport,
    JobState,
    MatchKey,
    Operation,
    PermanentError,
    Request,
    Response,
    Step,
    StepAnswer,
    TransientError,
    Workflow,
)
from segment_assets.delivery.courier import Patience
from segment_assets.delivery.errands import Errand
from segment_assets.delivery.guards import GuardRails
from segment_assets.delivery.ledger import AudienceLedger, Pair
from segment_assets.delivery.overlay import OverlayLake
from segment_assets.delivery.preview import Rehearsal, rehearsing
from segment_assets.delivery.replaying import replay
from segment_assets.delivery.run import DeliveryRoom
from segment_assets.delivery.settling import balanced
from segment_assets.delivery.verifying import Verifier
from segment_assets.delivery.wanted import Wanted
from segment_assets.resources.lake import LocalLake
from segment_assets_tests.fakes import (
    CONTRACT,
    FakeDestination,
    digest,
    marked,
    person,
    publish_audience,
    publish_suppressions,
)

# Files of one kind, an address for each job, and a job that works later.
JOBS = dataclasses.replace(
    CONTRACT,
    lanes=((MatchKey.EMAIL,), (MatchKey.PHONE,), (MatchKey.MOBILE_AD_ID,)),
    workflow=Workflow(batches=2, placeholders={"url": "https://upload.invalid/x", "job": "{job}", "file": "{file}"}),
    follow=Follow(0, 1, 0, 86_400),
)
UPLOADS = "https://files.example"
PAIR = Pair("tenant", "fake", "acc", "seg")


class Crash(BaseException):
    """Stands for kill -9: no handler of ours may see it and tidy up."""


class JobPlatform:
    """Takes nothing before a job is committed, and each job once; what was never uploaded to it cannot be committed."""

    def __init__(self):
        self.members: set[str] = set()
        self.jobs: dict[str, dict] = {}
        self.calls: list[str] = []
        self.before = self.after = lambda call: None
        self.fail_next = False

    def send(self, request):
        if request.path == "/audiences":
            return Response(200, {}, {"id": "a1"})
        call = len(self.calls)
        self.before(call)
        answer = self._answer(request)
        self.after(call)
        return answer

    def _answer(self, request):
        method, path = request.method, request.path
        if (method, path) == ("POST", "/jobs"):
            self.calls.append("open")
            name = f"j{len(self.jobs)}"
            self.jobs[name] = {"token": request.json["token"], "files": {}, "state": "open", "op": request.json["op"]}
            return Response(200, {}, {"job": name, "url": f"{UPLOADS}/{name}"})
        if path.startswith(UPLOADS):
            self.calls.append("upload")
            assert request.content_type == "text/csv"
            assert request.json is None
            job = self.jobs[path.rpartition("/")[2]]
            if job["state"] != "open":
                return Response(409, {}, {})
            name = hashlib.sha256(request.content).hexdigest()[:8]
            job["files"][name] = request.content.decode().split()
            return Response(200, {}, {"file": name})
        name = path.rpartition("/")[2]
        job = self.jobs[name]
        if method == "POST":
            self.calls.append("commit")
            if job["state"] != "open":
                return Response(409, {}, {})
            job["state"] = "running"
            job["rows"] = [row for file in request.json["files"] for row in job["files"][file]]
        return Response(200, {}, {"state": job["state"], "rows": len(job.get("rows", []))})

    def work(self):
        for job in self.jobs.values():
            if job["state"] == "running":
                if self.fail_next:
                    job["state"], self.fail_next = "failed", False
                    continue
                job["state"] = "success"
                rows = set(job["rows"])
                self.members = self.members | rows if job["op"] == "add" else self.members - rows


class JobDestination(FakeDestination):
    def __init__(self, contract=JOBS):
        super().__init__(contract)

    def request(self, audience_id, operation, members, session):
        (key,) = session.lane
        rows = "\n".join(member.keys[self.contract.match_keys[key].form].hex() for member in members)
        return Request("PUT", session.noted["url"], content=rows.encode(), content_type="text/csv")

    def read(self, members, session, response):
        _judge(response)
        return Answer(len(members), 0, {}, len(members), 0, "200", noted={"file": response.json["file"]})

    def step_request(self, step, audience_id, operation, session):
        if step is Step.OPEN:
            return Request("POST", "/jobs", json={"token": session.token, "op": operation.value, "of": session.batches})
        files = [upload["file"] for upload in session.uploads]
        return Request("POST", f"/jobs/{session.noted['job']}", json={"files": files})

    def read_step(self, step, session, response):
        _judge(response)
        if step is Step.OPEN:
            return StepAnswer("200", noted={"job": response.json["job"], "url": response.json["url"]})
        return StepAnswer("200", job=session.noted["job"])

    def step_question(self, step, audience_id, operation, session):
        # A job that was opened twice stays empty; one that is committed twice refuses the second.
        return None if step is Step.OPEN else Request("GET", f"/jobs/{session.noted['job']}")

    def read_step_question(self, step, session, response):
        return None if response.json["state"] == "open" else StepAnswer("200", job=session.noted["job"])

    def job_request(self, job):
        return Request("GET", f"/jobs/{job}")

    def read_job(self, response):
        states = {"running": JobState.PROCESSING, "success": JobState.SUCCESS, "failed": JobState.FAILED}
        return JobReport(states[response.json["state"]], response.json["rows"], {})


def _judge(response):
    if response.status == 409:
        raise PermanentError("fake: the job is not open; begin again")


class Road:
    def __init__(self, tmp_path, contract=JOBS):
        self.tmp, self.lake, self.platform, self.contract = (
            tmp_path,
            LocalLake(tmp_path / "lake"),
            JobPlatform(),
            contract,
        )
        self.suppressions = self.audience = None
        self.now = 1_000_000.0

    def wants(self, *people):
        self.audience = publish_audience(self.lake, PAIR.segment, people)

    def room(self, lake=None, destination=None, transport=None):
        return DeliveryRoom(
            lake or self.lake,
            destination or JobDestination(self.contract),
            transport or self.platform,
            workdir=self.tmp / "work",
            clock=lambda: self.now,
            sleep=lambda _: None,
            patience=Patience(attempts=2),
        )

    @property
    def errand(self):
        wanted = Wanted(self.contract, self.contract.forms())
        return Errand(PAIR, wanted, "seg", {}, GuardRails(max_removal_share=1.0), b"key")

    def run(self):
        report = self.room().run(self.errand, self.audience, self.suppressions)
        for row in report.deliveries:
            assert balanced(row) == []
        self.now += 1
        return report

    def finish(self):
        """Runs until nothing is waited for, while the platform works."""
        rows = []
        for _ in range(20):
            report = self.run()
            rows += report.deliveries
            if not report.waiting:
                return rows
            self.platform.work()
        raise AssertionError("no end")

    @property
    def ledger(self):
        return AudienceLedger(self.lake, PAIR, lambda: self.now)


def crowd(*numbers):
    return [person(str(n), email=f"{n}@x", phone=str(n) if n % 2 else None) for n in numbers]


def expected(*numbers):
    return {marked(f"{n}@x") for n in numbers} | {marked(str(n)) for n in numbers if n % 2}


@pytest.fixture
def road(tmp_path):
    return Road(tmp_path)


def test_a_session_is_opened_filled_committed_and_followed(road):
    road.wants(*crowd(*range(8)))
    assert road.run().waiting
    # Eight e-mails in three files of two sessions, four phones in two files of one.
    assert road.platform.calls == [
        *("open", "upload", "upload", "commit"),
        *("open", "upload", "commit"),
        *("open", "upload", "upload", "commit"),
    ]
    assert road.platform.members == set()
    road.platform.work()
    [row] = road.run().deliveries
    assert road.platform.members == expected(*range(8))
    assert (row["adds"], row["accepted"], row["outcome"]) == (8, 8, "done")
    assert road.finish() == []


def test_who_leaves_is_taken_out_in_the_sessions_of_a_later_phase(road):
    road.wants(*crowd(*range(4)))
    road.finish()
    road.wants(*crowd(2, 3, 4, 5))
    [row] = road.finish()
    assert road.platform.members == expected(2, 3, 4, 5)
    assert (row["adds"], row["removes"], row["removes_acknowledged"], row["accepted"]) == (2, 2, 2, 2)


def test_a_job_that_fails_later_fails_its_people_and_no_others(road):
    road.wants(*crowd(*range(8)))
    road.run()
    road.platform.fail_next = True
    road.platform.work()
    [row] = road.run().deliveries
    # Of the first session's six e-mails three have a phone, which the third session took.
    assert (row["accepted"], row["rejected"], row["outcome"]) == (5, 3, "failed")
    road.finish()
    assert road.platform.members == expected(*range(8))


def test_killed_at_any_call_the_next_process_goes_on_at_that_step(tmp_path):
    ideal = 7
    # Of the first session an opening, an upload, a commit, each before the platform sees it and after; the last commit.
    for moment, crash_at in (*itertools.product(("before", "after"), (0, 1, 3)), ("after", 6)):
        road = Road(tmp_path / f"{moment}{crash_at}")
        road.wants(*crowd(0, 1, 2, 3))

        def crash(call, at=crash_at):
            if call == at:
                raise Crash

        setattr(road.platform, moment, crash)
        with pytest.raises(Crash):
            road.run()
        setattr(road.platform, moment, lambda call: None)
        rows = road.finish()
        assert road.platform.members == expected(0, 1, 2, 3)
        assert sum(row["accepted"] for row in rows) == 4
        # One call is made again at most; an upload that was answered and a commit that was done never are.
        assert len(road.platform.calls) <= ideal + 1
        assert [job["state"] for job in road.platform.jobs.values()].count("success") == 2


def test_a_session_that_is_too_old_to_go_on_with_is_begun_again(road):
    road.wants(*crowd(*range(6)))

    def crash(call):
        if call == 2:
            raise Crash

    road.platform.before = crash
    with pytest.raises(Crash):
        road.run()
    road.platform.before = lambda call: None
    road.now += JOBS.workflow.valid_for
    road.finish()
    assert road.platform.calls[:6] == ["open", "upload", "open", "upload", "upload", "commit"]
    assert road.platform.members == expected(*range(6))


def test_a_platform_that_goes_away_between_two_uploads_keeps_the_session(road):
    road.wants(*crowd(*range(6)))

    def away(call):
        if call >= 2:
            raise TransientError("fake: no answer")

    road.platform.before = away
    with pytest.raises(TransientError):
        road.run()
    road.platform.before = lambda call: None
    [row] = road.finish()
    assert (row["accepted"], road.platform.calls[:4]) == (6, ["open", "upload", "upload", "commit"])
    assert road.platform.members == expected(*range(6))


def test_an_opt_out_ends_a_session_before_its_commit_and_nobody_of_it_was_reached(road):
    road.wants(*crowd(0, 2, 4, 6))

    def crash(call):
        if call == 2:
            raise Crash

    road.platform.before = crash
    with pytest.raises(Crash):
        road.run()
    road.platform.before = lambda call: None
    road.suppressions = publish_suppressions(road.lake, [("email", digest("2@x"))])
    rows = road.finish()
    assert (rows[0]["outcome"], rows[0]["unsent"], rows[0]["unproven"]) == ("interrupted", 4, 0)
    assert road.platform.members == expected(0, 4, 6)


def test_every_call_is_made_again_and_the_ledger_proves_itself(road, tmp_path):
    road.wants(*crowd(*range(8)))
    road.finish()
    made = list(replay(road.lake, road.ledger, road.ledger.last(), JobDestination(), b"key"))
    assert [m.request.path.rpartition("/")[0] for m in made] == [
        *("", UPLOADS, UPLOADS, "/jobs"),
        *("", UPLOADS, "/jobs"),
        *("", UPLOADS, UPLOADS, "/jobs"),
    ]
    assert all(m.is_proven for m in made)
    scratches = (LocalLake(tmp_path / f"scratch{n}") for n in itertools.count())
    verifier = Verifier(road.lake, lambda: contextlib.nullcontext(next(scratches)), tmp_path / "work", road.now + 1)
    assert verifier.verify(PAIR).recomputed == 1


def test_an_upload_for_each_job_needs_no_commit(tmp_path):
    contract = dataclasses.replace(JOBS, workflow=Workflow(commits=False, batches=1), follow=None)

    class Direct(JobDestination):
        def read(self, members, session, response):
            return Answer(len(members), len(members), {}, 0, 0, "200")

    road = Road(tmp_path, contract)
    road.wants(*crowd(*range(4)))
    [row] = road.room(destination=Direct(contract)).run(road.errand, road.audience, None).deliveries
    assert road.platform.calls == ["open", "upload"] * 3
    assert (row["accepted"], balanced(row)) == (4, [])


def test_a_preview_shows_every_step_with_placeholders_and_its_files(road, tmp_path):
    road.wants(*crowd(*range(4)))
    kept = []
    rehearsal = Rehearsal(lambda number, request: kept.append(request))
    taking = rehearsing(JobDestination(), rehearsal)
    lake = OverlayLake(road.lake, LocalLake(tmp_path / "above"))
    rehearsal.run(lambda: road.room(lake, taking, taking.transport).run(road.errand, road.audience, None))
    assert rehearsal.requests == {"create": 1, "open": 2, Operation.ADD.value: 3, "commit": 2}
    assert [request.content is not None for request in kept] == [False, False, True, True, False, False, True, False]
    assert kept[2].path == JOBS.workflow.placeholders["url"]
