"""A platform that works on jobs, and people who keep saying no while it does: nothing is held up or done for nothing."""

from __future__ import annotations

from collections import Counter

import pytest

from segment_assets.delivery.ledger import AudienceLedger
from segment_assets.delivery.left_jobs import left_jobs
from segment_assets.delivery.settling import acknowledged_state, balanced
from segment_assets_tests.delivery.test_following import FOLLOWED, PAIR, Road, crowd
from segment_assets_tests.delivery.test_verifying import proven
from segment_assets_tests.fakes import digest, marked, person, publish_suppressions


class Busy(Road):
    """A road on which people say no one after the other, and the platform does its jobs when it is told."""

    def __init__(self, tmp_path):
        super().__init__(tmp_path)
        self.rows, self.noes = [], []

    def says_no(self, name):
        self.noes.append(("email", digest(f"{name}@x")))
        self.suppressions = publish_suppressions(self.lake, self.noes)

    def runs(self):
        report = self.run()
        self.rows += report.deliveries
        return report

    def does(self, *jobs, fail=False):
        """The platform does some jobs and leaves the others."""
        left = {job: one for job, one in self.platform.jobs.items() if one[0] == "processing" and job not in jobs}
        self.platform.jobs |= {job: ("left", *one[1:]) for job, one in left.items()}
        self.works(fail=fail)
        self.platform.jobs |= left

    def asked(self):
        people = Counter()
        for method, count in self.platform.calls:
            people[method] += count
        return people

    def standings(self):
        ledger = AudienceLedger(self.lake, PAIR, lambda: self.now)
        return Counter(self.lake.dataset(acknowledged_state(self.lake, ledger)).to_table()["standing"].to_pylist())


@pytest.fixture
def road(tmp_path):
    return Busy(tmp_path)


def test_noes_that_come_in_faster_than_jobs_end_are_acknowledged_and_nobody_is_added_twice(road, tmp_path):
    road.wants(*crowd("abcdef"))
    road.runs()
    known = [set(road.platform.jobs)]
    for name in "abcde":
        road.says_no(name)
        # A job takes as long as two people need to say no.
        road.does(*known[max(len(known) - 2, 0)])
        road.runs()
        known.append(set(road.platform.jobs))
    for _ in range(3):
        road.works()
        road.now += 300
        road.runs()
    assert road.platform.identifiers == {marked("f@x")}
    assert sum(row["removes_acknowledged"] for row in road.rows) >= 5
    assert road.asked()["POST"] == 6
    assert [balanced(row) for row in road.rows if balanced(row)] == []
    proven(tmp_path, now=road.now)


def test_whoever_is_in_a_left_job_is_not_sent_again_and_counts_when_it_has_ended(road):
    road.wants(*crowd("abcdef"))
    road.runs()
    road.says_no("a")
    road.runs()
    assert list(road.platform.jobs) == ["j0", "j1", "j2"]
    road.does("j2")
    report = road.runs()
    assert report.held_until, "the removal is through, and the platform is still adding the others"
    assert road.standings()["in_doubt"] == 5
    road.does("j0", "j1")
    road.runs()
    road.does("j3")
    assert not road.runs().held_until
    assert road.standings() == {"acknowledged": 5}
    # Once more for whoever was taken out while the platform was still adding them.
    assert road.asked() == {"POST": 6, "DELETE": 2}


def test_whoever_a_left_job_brings_back_is_taken_out_again_and_not_before(road):
    road.wants(*crowd("abcdef"))
    road.runs()
    road.says_no("a")
    road.runs()
    [adding] = [j for j, (_, request, _) in road.platform.jobs.items() if [marked("a@x")] in request.json["rows"]][:1]
    road.does("j2")
    for _ in range(3):
        road.now += 300
        assert road.runs().held_until
    road.does(adding)
    assert road.platform.holds("a@x")
    road.works()
    for _ in range(2):
        road.runs()
        road.works()
    assert road.platform.identifiers == {marked(f"{name}@x") for name in "bcdef"}
    assert road.asked() == {"POST": 6, "DELETE": 2}


def test_whoever_is_in_a_left_job_that_fails_or_is_never_heard_of_is_sent_again(road):
    road.wants(*crowd("abcdef"))
    road.runs()
    road.says_no("a")
    road.runs()
    road.does("j2")
    road.does("j0", fail=True)
    assert road.runs().held_until
    road.now += FOLLOWED.follow.give_up
    road.runs()
    road.does("j3")
    road.runs()
    assert road.asked() == {"POST": 11, "DELETE": 2}


def test_whoever_may_have_left_with_somebody_else_is_sent_again_although_the_job_that_added_them_did_well(road):
    road.wants(person("a", email="a@x", phone="1"), person("b", email="b@x", phone="1"), *crowd("c"))
    road.runs()
    road.says_no("a")
    road.runs()
    road.works()
    road.runs()
    assert road.asked() == {"POST": 4, "DELETE": 1}
    road.works()
    road.runs()
    assert road.platform.holds("b@x")


def test_a_left_job_is_counted_once(road):
    road.wants(*crowd("abcdef"))
    road.runs()
    road.says_no("a")
    road.runs()
    road.works()
    for _ in range(3):
        road.runs()
    notes = left_jobs(AudienceLedger(road.lake, PAIR, lambda: road.now)).entries
    assert Counter(entry.kind for entry in notes) == {"job": 2, "state": 1}
