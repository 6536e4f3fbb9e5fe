"""A platform that answers with a job: nothing is accepted before the job has ended, and nothing is sent twice."""

from __future__ import annotations

import dataclasses

import pytest

from segment_assets.contracts import (
    Answer,
    Follow,
    JobReport,
    JobState,
    NeedsHumanError,
    PermanentError,
    RefusedMembersError,
    Request,
    Response,
    TransientError,
)
from segment_assets.delivery.errands import Errand
from segment_assets.delivery.following import LATE_FAILURES, late_failures, why_not_again
from segment_assets.delivery.guards import GuardRails
from segment_assets.delivery.ledger import AudienceLedger, Pair
from segment_assets.delivery.run import DeliveryRoom
from segment_assets.delivery.settling import balanced
from segment_assets.delivery.wanted import Wanted
from segment_assets.resources.lake import LocalLake
from segment_assets_tests.fakes import (
    CONTRACT,
    FakeDestination,
    FakePlatform,
    digest,
    marked,
    person,
    publish_audience,
    publish_suppressions,
)

FOLLOWED = dataclasses.replace(CONTRACT, follow=Follow(1800, 1.3, 3600, 86400))
PAIR = Pair("tenant", "fake", "acc", "seg")


class JobPlatform(FakePlatform):
    """Takes requests as jobs; `work` does them, in the order of a queue, or fails them."""

    def __init__(self):
        super().__init__()
        self.jobs: dict[str, tuple[str, Request, dict]] = {}
        self.named: set[str] = set()

    def send(self, request):
        if request.path.startswith("/jobs/"):
            if request.path.removeprefix("/jobs/") not in self.jobs:
                raise PermanentError("fake: 404, there is no such job")
            state, _, told = self.jobs[request.path.removeprefix("/jobs/")]
            return Response(200, {}, {"state": state, **told})
        if request.path == "/audiences":
            return super().send(request)
        self.before(len(self.calls))
        bad = [p for p, row in enumerate(request.json["rows"]) if set(row) & self.named]
        self.calls.append((request.method, len(request.json["rows"])))
        if bad:
            return Response(400, {}, {"places": bad})
        self.jobs[job := f"j{len(self.jobs)}"] = ("processing", request, {})
        return Response(200, {}, {"job": job})

    def work(self, *, fail: bool = False, denied: int = 0):
        for job, (state, request, _) in self.jobs.items():
            if state == "processing":
                rows = len(request.json["rows"])
                if not fail:
                    self._change(request)
                    self.calls.pop()
                told = {"received": 0 if fail else rows, "rejected": {"DENIED": denied} if denied else {}}
                end = "failed" if fail else "partial_success" if denied else "success"
                self.jobs[job] = (end, request, told)


class JobDestination(FakeDestination):
    def __init__(self):
        super().__init__(FOLLOWED)

    def read(self, members, session, response):
        if response.status == 400:
            raise RefusedMembersError("fake: members refused", dict.fromkeys(response.json["places"], "bad"))
        return Answer(len(members), 0, {}, len(members), 0, "200", job=response.json["job"])

    def job_request(self, job):
        return Request("GET", f"/jobs/{job}")

    def read_job(self, response):
        body = response.json
        return JobReport(JobState(body["state"]), body.get("received", 0), body.get("rejected", {}), "51_TO_60")


class Road:
    def __init__(self, tmp_path):
        self.lake, self.platform = LocalLake(tmp_path / "lake"), JobPlatform()
        self.now = 1_000_000.0
        self.room = DeliveryRoom(
            self.lake,
            JobDestination(),
            self.platform,
            workdir=tmp_path / "work",
            clock=lambda: self.now,
            sleep=lambda _: None,
        )
        self.errand = Errand(PAIR, Wanted(FOLLOWED, CONTRACT.forms()), "seg", {}, GuardRails(1.0), b"key")
        self.audience = self.suppressions = None

    def wants(self, *people):
        self.audience = publish_audience(self.lake, PAIR.segment, people)

    def run(self):
        report = self.room.run(self.errand, self.audience, self.suppressions)
        assert all(balanced(row) == [] for row in report.deliveries)
        return report

    def works(self, **told):
        """The platform does its jobs, and it is time to ask about them."""
        self.platform.work(**told)
        self.now += FOLLOWED.follow.first

    def follow(self):
        settled = self.room.follow(self.errand)
        assert settled is None or balanced(settled.row) == []
        return settled

    @property
    def last(self):
        return AudienceLedger(self.lake, PAIR, lambda: self.now).last()


@pytest.fixture
def road(tmp_path):
    return Road(tmp_path)


def crowd(names):
    return [person(name, email=f"{name}@x") for name in names]


def test_a_promise_is_not_called_accepted_until_the_job_has_ended(road):
    road.wants(*crowd("abcde"))
    report = road.run()
    assert (report.waiting, report.deliveries, road.platform.calls) == (True, [], [("POST", 3), ("POST", 2)])
    assert road.follow() is None
    road.platform.work()
    row = road.follow().row
    assert (row["outcome"], row["accepted"], row["unproven"]) == ("done", 5, 0)
    assert road.platform.identifiers == {marked(f"{n}@x") for n in "abcde"}


def test_a_run_while_jobs_are_open_sends_nothing_again(road):
    road.wants(*crowd("abcde"))
    road.run()
    assert road.run().waiting
    assert len(road.platform.calls) == 2
    road.works()
    report = road.run()
    assert (report.waiting, report.deliveries[0]["accepted"], len(road.platform.calls)) == (False, 5, 2)
    assert road.run().deliveries == []


def test_a_run_asks_about_a_job_no_sooner_than_the_platform_advises(road):
    road.wants(*crowd("ab"))
    road.run()
    road.platform.work()
    road.now += FOLLOWED.follow.first - 1
    assert road.run().waiting, "a second too early"
    road.now += 1
    assert not road.run().waiting


def fails_late(road, times):
    for _ in range(times):
        road.run()
        road.works(fail=True)
        assert road.follow().row["outcome"] == "failed"


def stopped(road):
    return why_not_again(AudienceLedger(road.lake, PAIR, lambda: road.now), road.audience.id)


def test_the_same_content_that_always_fails_late_needs_a_human(road):
    road.wants(*crowd("abcde"))
    fails_late(road, LATE_FAILURES - 1)
    assert stopped(road) == ""
    fails_late(road, 1)
    assert "took this audience 3 times" in stopped(road)
    road.wants(*crowd("abcdef"))
    assert stopped(road) == "", "other content is tried"
    fails_late(road, 1)
    assert stopped(road) == ""


def test_late_failures_are_forgotten_when_a_job_ends_well(road):
    road.wants(*crowd("abcde"))
    fails_late(road, LATE_FAILURES)
    road.run()
    road.works()
    road.follow()
    assert stopped(road) == ""


@pytest.mark.parametrize("trouble", [{"fail": True}, {"denied": 1}], ids=["failed", "short"])
def test_opt_outs_that_fail_late_ask_a_human_after_three_times_and_go_again_without_end(road, trouble):
    def tried():
        calls = len(road.platform.calls)
        road.run()
        road.works(**trouble)
        assert road.follow().row["outcome"] == "failed"
        return road.platform.calls[calls:]

    def rests():
        calls = len(road.platform.calls)
        with pytest.raises(NeedsHumanError, match="did not take out 1 people who said no"):
            road.run()
        return len(road.platform.calls) == calls

    road.wants(*crowd("abcde"))
    road.run()
    road.works()
    road.follow()
    road.suppressions = publish_suppressions(road.lake, [("email", digest("a@x"))])
    assert [tried() for _ in range(LATE_FAILURES)] == [[("DELETE", 1)]] * LATE_FAILURES
    assert rests()
    road.now += 6 * 3_600
    assert tried() == [("DELETE", 1)]
    assert rests()
    # Somebody else's no is not held up by it.
    road.suppressions = publish_suppressions(road.lake, [("email", digest(f"{n}@x")) for n in "ab"])
    assert tried() == [("DELETE", 2)]
    assert late_failures(AudienceLedger(road.lake, PAIR, lambda: road.now)) == 0
    road.now += 6 * 3_600
    road.run()
    road.works()
    assert road.follow().row["outcome"] == "done"
    assert road.run().deliveries == []


def test_a_removal_that_stays_short_goes_once_in_each_delivery_and_then_needs_a_human(road):
    road.wants(*crowd("abcde"))
    road.run()
    road.works()
    road.follow()
    road.wants(*crowd("abcd"))
    calls = len(road.platform.calls)
    for _ in range(LATE_FAILURES):
        road.run()
        road.works(denied=1)
        row = road.follow().row
        assert (row["outcome"], row["removes_unproven"]) == ("failed", 1)
    assert road.platform.calls[calls:] == [("DELETE", 1)] * LATE_FAILURES
    assert "took this audience 3 times" in stopped(road)


def test_an_audience_that_lets_nobody_out_late_three_times_is_deleted_where_the_contract_says_so(road, tmp_path):
    destination = JobDestination()
    destination.contract = dataclasses.replace(FOLLOWED, on_refused_removal="delete")
    room = DeliveryRoom(road.lake, destination, road.platform, workdir=tmp_path / "work", clock=lambda: road.now)
    road.wants(*crowd("abcde"))
    road.run()
    road.works()
    road.follow()
    road.suppressions = publish_suppressions(road.lake, [("email", digest("a@x"))])
    for _ in range(LATE_FAILURES):
        room.run(road.errand, road.audience, road.suppressions)
        road.works(fail=True)
        room.follow(road.errand)
    with pytest.raises(NeedsHumanError, match="did not take out 1 people who said no, so the audience was deleted"):
        room.run(road.errand, road.audience, road.suppressions)
    assert not road.platform.identifiers
    room.run(road.errand, road.audience, road.suppressions)
    road.works()
    room.follow(road.errand)
    assert road.platform.identifiers == {marked(f"{n}@x") for n in "bcde"}
    # The new audience has refused nobody yet.
    road.suppressions = publish_suppressions(road.lake, [("email", digest(f"{n}@x")) for n in "ab"])
    room.run(road.errand, road.audience, road.suppressions)
    road.works()
    room.follow(road.errand)
    assert road.platform.identifiers == {marked(f"{n}@x") for n in "cde"}


def test_old_identifiers_go_only_after_the_job_with_the_new_ones_has_ended(road):
    road.wants(person("a", email="old@x", phone="1"), *crowd("b"))
    road.run()
    road.works()
    road.run()
    road.wants(person("a", email="new@x", phone="1"), *crowd("b"))
    methods = []
    for _ in range(4):
        before = len(road.platform.calls)
        road.run()
        methods += [[method for method, _ in road.platform.calls[before:]]]
        road.works()
    assert methods == [["POST"], ["DELETE"], ["POST"], []]
    assert road.platform.identifiers == {marked(i) for i in ("new@x", "1", "b@x")}
    assert road.run().deliveries == []


def test_a_job_that_fails_late_is_told_and_its_people_are_sent_again(road):
    road.wants(*crowd("abcde"))
    road.run()
    road.platform.work(fail=True)
    row = road.follow().row
    assert (row["outcome"], row["accepted"], row["rejected"]) == ("failed", 0, 5)
    road.run()
    road.platform.work()
    assert road.follow().row["accepted"] == 5


def test_rejected_people_of_a_partial_success_are_counted_by_the_platforms_numbers(road):
    road.wants(*crowd("abc"))
    road.run()
    road.platform.work(denied=1)
    row = road.follow().row
    assert (row["accepted"], row["rejected"], row["unproven"]) == (2, 1, 0)


def test_members_refused_by_name_are_left_out_and_the_rest_is_sent(road):
    road.platform.named = {marked("b@x")}
    road.wants(*crowd("abc"))
    road.run()
    assert road.platform.calls == [("POST", 3), ("POST", 2)]
    road.platform.work()
    row = road.follow().row
    assert (row["accepted"], row["rejected"]) == (2, 1)
    assert road.platform.identifiers == {marked("a@x"), marked("c@x")}
    assert road.run().deliveries == []


def test_a_job_without_an_end_is_given_up_and_sent_again(road):
    road.wants(*crowd("ab"))
    road.run()
    road.now += 86401
    row = road.follow().row
    assert (row["outcome"], row["rejected"], row["unproven"]) == ("failed", 0, 2)
    assert road.run().waiting
    assert len(road.platform.calls) == 2


def test_a_job_of_which_nothing_can_be_read_is_given_up_and_its_people_still_leave_when_they_say_no(road):
    road.wants(*crowd("ab"))
    road.run()
    road.works()
    [job] = road.platform.jobs
    known = road.platform.jobs.pop(job)
    road.now += 86_400 - FOLLOWED.follow.first
    with pytest.raises(PermanentError, match="404"):
        road.follow()
    road.now += 1
    assert road.follow().row["outcome"] == "failed"
    road.platform.jobs[job] = known
    road.suppressions = publish_suppressions(road.lake, [("email", digest(f"{name}@x")) for name in "ab"])
    road.run()
    road.works()
    assert not road.platform.identifiers


def test_an_opt_out_is_heard_while_jobs_are_open(road):
    road.wants(*crowd("abcde"))
    road.run()
    road.suppressions = publish_suppressions(road.lake, [("email", digest("a@x"))])
    road.run()
    assert road.platform.calls[-1] == ("DELETE", 1)
    for _ in range(4):
        road.platform.work()
        road.run()
    assert road.platform.identifiers == {marked(f"{n}@x") for n in "bcde"}


@pytest.mark.parametrize("left_is", ["kept", "emptied", "deleted"])
def test_an_open_delivery_adds_nobody_more_once_the_plan_names_the_pair_no_more(road, left_is):
    def away(call):
        if call:
            raise TransientError("fake: away")

    road.wants(*crowd("abcdefghi"))
    road.platform.before = away
    with pytest.raises(TransientError, match="away"):
        road.run()
    road.platform.before = lambda _: None
    last_in_order = max("abcdefghi", key=lambda name: digest(f"id:{name}"))
    said_no = publish_suppressions(road.lake, [("email", digest(f"{last_in_order}@x"))])
    assert len(road.last.open_jobs()) == 1
    for _ in range(4):
        road.works()
        if left_is == "kept":
            road.room.let_go(road.errand, said_no)
        else:
            road.room.withdraw(road.errand, said_no, delete=left_is == "deleted")
    assert {method for method, _ in road.platform.calls[1:]} <= {"DELETE"}
    assert len(road.platform.identifiers) == (3 if left_is == "kept" else 0)
    assert road.last.closed is not None


def test_an_opt_out_of_somebody_else_does_not_disturb_open_jobs(road):
    road.wants(*crowd("abcde"))
    road.run()
    road.suppressions = publish_suppressions(road.lake, [("email", digest("stranger@x"))])
    assert road.run().waiting
    assert len(road.platform.calls) == 2
