"""The declared match keys: every form exists and fits its key, groups are made of keys that are sent, settings change."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segment_assets.contracts import Encoding, MatchKey, Pattern, PermanentError, Sent
from segment_assets.destinations import registry
from segment_assets.destinations.match_keys import PLATFORMS, Route, route
from segment_assets.identity import NORMAL_FORMS

K = MatchKey
ROUTES = [(platform.name, name, found) for platform in PLATFORMS.values() for name, found in platform.routes.items()]


def declared() -> list[tuple[str, MatchKey, Sent]]:
    """Every key of every route, under the defaults and under every choice of every setting."""
    return [
        (f"{platform}/{variant}", key, sent)
        for platform, variant, found in ROUTES
        for chosen in ({}, *({name: choice} for name, s in found.settings.items() for choice in s.choices))
        for key, sent in found.sent(chosen).items()
    ]


def test_every_key_is_sent_in_a_form_of_its_own_and_what_is_plain_is_said_to_be():
    wrong = [
        (place, key.value, sent)
        for place, key, sent in declared()
        if NORMAL_FORMS[sent.form].match_key is not key
        or NORMAL_FORMS[sent.form].hashed is (sent.encoding is Encoding.PLAIN)
        or not sent.field
    ]
    assert wrong == []


def test_every_form_is_wanted_by_some_platform():
    assert {sent.form for _, _, sent in declared()} == set(NORMAL_FORMS)


@pytest.mark.parametrize(("platform", "variant", "found"), ROUTES)
def test_groups_and_identifying_keys_are_keys_that_are_sent(platform, variant, found):
    assert found.groups
    assert {key for group in found.groups for key in group} <= set(found.match_keys)
    assert set(found.identifying) <= {group[0] for group in found.groups if len(group) == 1}
    assert set(found.supporting) <= set(found.match_keys)
    assert not set(found.match_keys) & set(found.also_taken)
    assert found.source


def test_the_default_of_a_setting_is_what_is_declared():
    different = [
        (platform, variant, name)
        for platform, variant, found in ROUTES
        for name, setting in found.settings.items()
        if found.sent({name: setting.default}) != found.sent()
    ]
    assert different == []


def test_every_choice_of_a_setting_makes_a_difference_and_says_why_it_is_there():
    for _, _, found in ROUTES:
        for name, setting in found.settings.items():
            assert setting.why
            results = [str(found.sent({name: choice})) for choice in setting.choices]
            assert len(set(results)) == len(results) > 1


def takes_its_keys_from(contract, found) -> bool:
    keys = set(contract.match_keys)
    return (
        contract.match_keys.items() <= found.match_keys.items()
        and contract.match_groups == tuple(group for group in found.groups if keys.issuperset(group))
        and contract.identifying == tuple(key for key in found.identifying if key in keys)
    )


def test_the_contracts_of_connected_destinations_take_their_keys_from_here():
    for name in registry().keys() & PLATFORMS.keys():
        assert takes_its_keys_from(registry()[name], route(name))


def test_only_platforms_of_ones_own_have_no_route():
    """A CRM's field holds whatever digest we chose; there is no rule of a platform to follow.

    A second way into a platform has another name than the platform, and one of its routes.
    """
    for name in registry().keys() - PLATFORMS.keys():
        contract = registry()[name]
        of_a_route = any(takes_its_keys_from(contract, found) for _, _, found in ROUTES)
        assert of_a_route or contract.pattern is Pattern.MANAGED, name


def test_a_connected_destination_is_sent_what_the_hashed_audience_can_hold():
    encodings = {sent.encoding for contract in registry().values() for sent in contract.match_keys.values()}
    # Digests of another algorithm cannot be made of the column's SHA-256.
    assert encodings <= {Encoding.SHA256_HEX, Encoding.SHA256_BASE64, Encoding.PLAIN}


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (lambda: route("myspace"), "the_trade_desk"),
        (lambda: route("amazon", "dsp"), "adm, amc"),
        (lambda: route("google").sent({"spelling": "free"}), "name_punctuation"),
        (lambda: route("tiktok").sent({"phone_plus": "maybe"}), "with, without"),
    ],
)
def test_an_unknown_name_is_refused_with_what_is_known(call, named):
    with pytest.raises(PermanentError, match=named):
        call()


@pytest.mark.parametrize(
    ("found", "known", "useful"),
    [
        (route("google"), {K.EMAIL, K.FIRST_NAME, K.LAST_NAME}, (K.EMAIL,)),
        (route("google"), {K.FIRST_NAME, K.LAST_NAME, K.COUNTRY}, ()),
        (
            route("google"),
            {K.FIRST_NAME, K.LAST_NAME, K.COUNTRY, K.POSTAL_CODE},
            (K.FIRST_NAME, K.LAST_NAME, K.COUNTRY, K.POSTAL_CODE),
        ),
        (route("meta"), {K.EMAIL, K.CITY}, (K.EMAIL, K.CITY)),
        (route("meta"), {K.CITY, K.GENDER, K.COUNTRY}, ()),
        (route("amazon"), {K.FIRST_NAME, K.LAST_NAME, K.POSTAL_CODE}, ()),
        (route("linkedin"), {K.FIRST_NAME, K.COUNTRY}, ()),
        (route("linkedin"), {K.FIRST_NAME, K.LAST_NAME}, ()),
        (route("linkedin"), {K.EMAIL, K.COUNTRY}, (K.EMAIL, K.COUNTRY)),
        (route("liveramp"), {K.EMAIL, K.CITY}, (K.EMAIL,)),
    ],
)
def test_cells_that_cannot_help_to_match_anybody_are_not_sent(found, known, useful):
    assert found.useful(known) == useful


@settings(max_examples=60, deadline=None)
@given(st.sampled_from([found for _, _, found in ROUTES]), st.sets(st.sampled_from(list(MatchKey))))
def test_a_person_is_matchable_exactly_when_a_group_is_complete(found: Route, known):
    useful = found.useful(known)
    assert bool(useful) is any(set(group) <= known for group in found.groups)
    assert set(useful) <= known & set(found.match_keys)
