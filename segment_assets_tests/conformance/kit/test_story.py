"""Batches, changes, shared identifiers, people who say no, the end: what a platform holds after each of them."""

from __future__ import annotations

import pytest

from segment_assets.contracts import Mode
from segment_assets_tests.conformance.kit import people
from segment_assets_tests.conformance.kit.house import BATCH
from segment_assets_tests.conformance.kit.outside import with_unknown_fields
from segment_assets_tests.conformance.kit.story import (
    CREATED,
    SAYS_NO,
    STAYS,
    remaining,
    told,
    with_new_value,
)


@pytest.fixture(scope="module")
def story(record, new_house):
    return told(new_house())


def test_batches_are_filled_to_the_limit_and_never_above(record, story):
    lanes = len(record.contract.lanes) or 1
    sizes = [len(call.people) for call in story.chapters["created"].calls if call.people]
    assert sizes == [BATCH, BATCH, len(CREATED) - 2 * BATCH] * lanes


def test_an_audience_is_created_once_and_holds_everybody(record, story):
    assert story.chapters["created"].held == people.all_identifiers(record, CREATED)
    audiences = {name: chapter.audiences for name, chapter in story.chapters.items() if name != "deleted"}
    assert len({tuple(ids) for ids in audiences.values()}) == 1


def test_whoever_leaves_is_out_and_whoever_stays_is_in(record, story):
    staying = people.all_identifiers(record, STAYS) | remaining(record) | with_new_value(record)
    assert story.chapters["changed"].held >= staying
    assert story.chapters["parted"].held == staying


def test_a_new_identifier_is_there_before_the_old_one_goes(record, story):
    (new,) = with_new_value(record) - people.identifiers(record, 1)
    (old,) = people.identifiers(record, 1) - with_new_value(record)
    chapter = story.chapters["changed"]
    if record.mode is Mode.REPLACE:
        # A list in the place of another has the new one, and never names the old one.
        assert [any(one in call.text for call in chapter.calls) for one in (new, old)] == [True, False]
    else:
        assert chapter.first(new) < chapter.first(old)


def test_of_a_person_who_said_no_nothing_is_left_and_everybody_else_is(record, story):
    gone = people.identifiers(record, SAYS_NO)
    assert story.chapters["opted_out"].held == story.chapters["parted"].held - gone
    assert gone & story.chapters["parted"].held == gone


def test_when_nothing_has_changed_nothing_is_called(story):
    assert story.chapters["again"].calls == []
    story.house.is_balanced()


def test_a_deleted_audience_holds_nobody_and_deleting_it_again_is_fine(story):
    assert story.chapters["deleted"].held == set()
    story.house.destination().delete_audience(story.house.transport(), story.house.audience_id())


def test_the_same_audience_makes_the_same_calls_also_when_answers_have_fields_of_a_later_version(
    record, story, new_house
):
    house = new_house()
    house.line.after = lambda call, answer: with_unknown_fields(answer)
    house.wants(CREATED)
    house.run()
    assert house.held() == people.all_identifiers(record, CREATED)
    lists = [one["id"] for one in house.outside.audiences()]
    assert said(house.line.calls, lists) == said(story.chapters["created"].calls, story.chapters["created"].audiences)


def said(calls, lists) -> list[str]:
    """The calls with people, and how many others there were. The audience's id is the platform's."""
    texts = [call.text if call.people else call.method for call in calls]
    for one in lists:
        texts = [text.replace(str(one), "AUDIENCE") for text in texts]
    return texts
