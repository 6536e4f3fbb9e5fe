"""The sandbox shows a CRM's own property: two flows that write the same one have the same people."""

from __future__ import annotations

import pytest

from segment_assets_tests.conformance.kit import people
from segment_assets_tests.conformance.kit.platforms import hubspot


@pytest.mark.parametrize("record", [hubspot.RECORD], ids=["hubspot"], scope="session")
@pytest.mark.parametrize(("names", "are_apart"), [(("VIP 1", "VIP 2"), True), (("VIP-Kunden", "vip kunden"), False)])
def test_whoever_leaves_a_property_that_two_segments_write_leaves_both(new_house, names, are_apart):
    first = new_house()
    second = type(first)(first.record, first.folder, first.outside)
    for house, segment, name, numbers in ((first, "a", names[0], range(6)), (second, "b", names[1], range(4, 10))):
        house.segment, house.name = segment, name
        house.wants(numbers)
        house.run()
    second.wants(range(6, 10))
    second.run()
    shown, *_ = [one for one in first.outside.audiences() if one["id"] == first.audience_id().partition("/")[0]]
    held = {cell for person in first.outside.people_of(shown) for cell in person.values()}
    assert (held == people.all_identifiers(first.record, range(6))) is are_apart
