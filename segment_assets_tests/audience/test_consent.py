"""What an audience says of each person's consent: for platforms that take it, and for those who took it back."""

from __future__ import annotations

import pytest

from segment_assets.audience import AudiencePolicy, Regime

PURPOSES = ("consent_ad_user_data", "consent_ad_personalization")
EVERYBODY_IS_ASKED = AudiencePolicy(regime_elsewhere=Regime.OPT_IN)


def somebody(number=1, **said):
    return {"email": f"person{number}@example.com", "country": "US", **said}


def told(built):
    return [(one["eligibility"], *(one[purpose] for purpose in PURPOSES)) for one in built.people]


@pytest.mark.parametrize(
    ("said", "told_of_them"),
    [
        ({}, ("eligible", "granted", "granted")),
        ({PURPOSES[1]: "unknown"}, ("eligible", "granted", "unspecified")),
        ({PURPOSES[0]: None, PURPOSES[1]: None}, ("eligible", "unspecified", "unspecified")),
        ({PURPOSES[0]: "denied"}, ("no_consent", "denied", None)),
        ({PURPOSES[1]: "Withdrawn"}, ("no_consent", None, "denied")),
        ({"country": "DE", PURPOSES[0]: "unknown"}, ("no_consent", None, None)),
        ({"gpc_opt_out": True}, ("no_consent", "denied", "denied")),
    ],
)
def test_each_person_carries_their_own_answers(build, said, told_of_them):
    assert told(build([somebody(**said)])) == [told_of_them]


def test_the_plan_s_assertion_is_not_written_down_as_the_person_s_own_answer(build):
    built = build([somebody(country="DE", **dict.fromkeys(PURPOSES))], policy=AudiencePolicy(consent_asserted=True))
    assert told(built) == [("eligible", "unspecified", "unspecified")]


def test_a_word_that_we_do_not_know_keeps_a_person_back_but_is_no_withdrawal(build):
    assert told(build([somebody(consent_ad_user_data="perhaps")])) == [("no_consent", None, None)]


def test_a_no_on_one_record_is_told_of_every_record_with_that_mailbox(build):
    rows = [somebody(customer_id="1", consent_ad_user_data="denied"), somebody(customer_id="2"), somebody(2)]
    doors = sorted(told(build(rows)), key=str)
    assert doors == [
        ("eligible", "granted", "granted"),
        ("no_consent", "denied", None),
        ("no_consent", "denied", None),
    ]


def test_who_is_suppressed_or_held_back_tells_nothing_more(build):
    rows = [somebody(customer_id="1"), somebody(2)]
    named = [{"kind": "email", "digest": build(rows[:1]).people[0]["email"]}]
    assert sorted(told(build(rows, suppressions=named)), key=str) == [
        ("eligible", "granted", "granted"),
        ("suppressed", None, None),
    ]


@pytest.mark.parametrize("policy", [AudiencePolicy(), EVERYBODY_IS_ASKED])
@pytest.mark.parametrize(
    ("country", "door"), [("US", "no_consent"), (None, "no_consent"), ("BR", "no_consent"), ("DE", "eligible")]
)
def test_a_privacy_signal_is_a_no_unless_the_law_asked_for_the_yes(build, policy, country, door):
    built = build([somebody(country=country, gpc_opt_out=True)], policy=policy)
    assert [one["eligibility"] for one in built.people] == [door]
