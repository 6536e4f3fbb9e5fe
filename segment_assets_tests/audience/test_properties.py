"""Rules that hold for any segment: nobody vanishes, nobody gets a stranger's identifier, the draw is stable."""

from __future__ import annotations

import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from segment_assets.audience import AudiencePolicy, HoldOut
from segment_assets_tests.examples import examples

from .conftest import members, sha

FEW = settings(max_examples=examples(5), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
POLICY = AudiencePolicy(experiments=(HoldOut("autumn", "salt", 0.4),))
KEPT = ("member_id", "cluster_id", "eligibility")
FORMS = ("email", "phone_digits", "first_name", "last_name", "postal_code", "mobile_ad_id")


def column(*values):
    return st.sampled_from([None, "", "null", *values])


# Few values, so that people collide in every way that they can.
MESSY_ROW = st.fixed_dictionaries(
    {
        "customer_id": column("1", "2", "3", " 3 "),
        "email": column("a@example.com", " A@Example.com", "b@example.com", "no address", sha("b@example.com").hex()),
        "phone": column("+12125552368", "(212) 555-2368", "12", "+49 30 901820"),
        "mobile_ad_id": column("0a1b2c3d-1111-4222-8333-444455556666", "00000000-0000-0000-0000-000000000000"),
        "first_name": column("Ann", "Bob", "!!"),
        "country": column("US", "Germany", "Atlantis"),
        "birth_date": column("1990-02-01", "31.2.1990"),
        "consent_ad_user_data": column("granted", "denied", "unknown", "perhaps"),
        "consent_ad_personalization": column("granted", "unknown"),
        "gpc_opt_out": st.sampled_from([None, True, False]),
    }
)
SUPPRESSIONS = [{"kind": "email", "digest": sha("b@example.com")}]


def distinct_person(number):
    """All of a person's values carry the person's number, so that a swap between people shows."""
    return {
        "email": f"person{number}@example.com",
        "phone": f"+1212555{2000 + number}",
        "country": "US",
        "first_name": "Name" + "abcdefghij"[number % 10] * (1 + number // 10),
        "last_name": "Last" + "abcdefghij"[number % 10] * (1 + number // 10),
        "postal_code": f"{10_000 + number}",
        "mobile_ad_id": f"{number + 1:08x}-1111-4222-8333-444455556666",
    }


@pytest.fixture(scope="module")
def everyone(build):
    """Forty people without and with a draw, who are the same whatever the example is."""
    rows = [distinct_person(number) for number in range(40)]
    return identifiers(build(rows)), doors(build(rows, policy=POLICY))


@pytest.fixture(scope="module")
def every_household(build):
    return drawn(build, list(range(15)), seed=0)


def doors(built):
    return {one["email"]: one["eligibility"] for one in built.people}


def drawn(build, houses, seed):
    """(household, door) of each person, in households of one to three people who share a phone."""
    rows = [
        {**distinct_person(house * 3 + one), "phone": f"+1212555{2000 + house}"}
        for house in houses
        for one in range(1 + house % 3)
    ]
    random.Random(seed).shuffle(rows)
    named = {sha(f"1212555{2000 + house}"): house for house in houses}
    return {(named[one["phone_digits"]], one["eligibility"]) for one in build(rows, policy=POLICY).people}


def identifiers(built):
    return {one["email"]: tuple(one[form] for form in FORMS) for one in built.people}


@FEW
@given(rows=st.lists(MESSY_ROW, max_size=40))
def test_every_row_and_every_member_is_accounted_for(build, rows):
    built = build(rows, suppressions=SUPPRESSIONS, policy=POLICY)
    counts = built.counts
    assert counts.rows_in == len(rows)
    assert len(built.people) == counts.members
    assert len(rows) == counts.members + counts.duplicates_merged + counts.quarantined_rows
    assert counts.quarantined_rows == sum(refused["column"] == "*" for refused in built.quarantine)
    doors = [one["eligibility"] for one in built.people]
    for door in ("eligible", "suppressed", "no_consent", "held_out"):
        assert getattr(counts, door) == doors.count(door)


@FEW
@given(rows=st.lists(MESSY_ROW, max_size=40))
def test_no_digest_is_written_for_people_who_may_not_be_sent(build, rows):
    built = build(rows, suppressions=SUPPRESSIONS, policy=POLICY)
    withheld = [one for one in built.people if one["eligibility"] in ("suppressed", "no_consent")]
    assert all(set(one.values()) - {"denied"} == {one[name] for name in KEPT} | {None} for one in withheld)
    assert not built.holding("email", sha("b@example.com"))


@FEW
@given(rows=st.lists(MESSY_ROW, max_size=40))
def test_a_cluster_shares_its_draw_and_is_named_by_its_smallest_member(build, rows):
    built = build(rows, policy=POLICY)
    clusters = {}
    for one in built.people:
        clusters.setdefault(one["cluster_id"], []).append(one)
    for cluster, people in clusters.items():
        assert cluster == min(one["member_id"] for one in people)
        assert len({one["eligibility"] for one in people if one["eligibility"] in ("eligible", "held_out")}) <= 1


@FEW
@given(rows=st.lists(MESSY_ROW, min_size=1, max_size=40), seed=st.integers())
def test_the_order_of_rows_changes_nothing(build, rows, seed):
    table = members(rows)
    order = list(range(len(rows)))
    random.Random(seed).shuffle(order)
    first, second = build(table, policy=POLICY), build(table.take(order), policy=POLICY)
    assert first.people == second.people
    assert sorted(map(str, first.quarantine)) == sorted(map(str, second.quarantine))


@FEW
@given(kept=st.sets(st.integers(0, 39), min_size=1), seed=st.integers())
def test_filtering_and_renumbering_rows_never_moves_an_identifier_to_another_person(build, everyone, kept, seed):
    numbers = sorted(kept)
    random.Random(seed).shuffle(numbers)
    some = identifiers(build([distinct_person(number) for number in numbers]))
    assert len(some) == len(kept)
    assert some.items() <= everyone[0].items()


@FEW
@given(kept=st.sets(st.integers(0, 39), min_size=1))
def test_the_hold_out_of_a_person_does_not_depend_on_who_else_is_there(build, everyone, kept):
    some = doors(build([distinct_person(number) for number in sorted(kept)], policy=POLICY))
    assert set(everyone[1].values()) == {"eligible", "held_out"}
    assert len(some) == len(kept)
    assert some.items() <= everyone[1].items()


@FEW
@given(kept=st.sets(st.integers(0, 14), min_size=1), seed=st.integers())
def test_the_draw_of_a_household_is_one_and_does_not_depend_on_other_households(build, every_household, kept, seed):
    """Fifteen households; whole ones come and go."""
    some = drawn(build, sorted(kept), seed)
    assert len(every_household) == 15, "a household is in both arms"
    assert {door for _, door in every_household} == {"eligible", "held_out"}
    assert len(some) == len(kept)
    assert some <= every_household


@FEW
@given(weeks=st.lists(st.sets(st.integers(0, 44), min_size=1), min_size=2, max_size=4))
def test_whoever_stays_in_a_segment_stays_in_the_arm_whoever_of_the_household_comes_or_goes(build, weeks):
    """Fifteen households of three who share a phone; single people come and go. No order is kept from week to week."""
    before = None
    for people in weeks:
        rows = [{**distinct_person(number), "phone": f"+1212555{2000 + number // 3}"} for number in sorted(people)]
        now = build(rows, policy=POLICY, before=before)
        arms = doors(now)
        assert len({(one["phone_digits"], one["eligibility"]) for one in now.people}) == len({n // 3 for n in people})
        if before is not None:
            assert {email: arm for email, arm in doors(before).items() if email in arms}.items() <= arms.items()
        assert build(rows, policy=POLICY, before=now).people == now.people
        before = now
