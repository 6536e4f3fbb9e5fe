"""People in an audience that somebody else made stay for as long as it says, and not for as long as in one of ours."""

from __future__ import annotations

import pytest

from segment_assets.contracts import Request
from segment_assets.plan import Activation
from segment_assets_tests.conformance.kit.platforms import google

PEOPLE = range(10)
DAY = 86_400
STAY = 30


@pytest.mark.parametrize("record", [google.RECORD], ids=["google"], scope="session")
def test_members_of_an_adopted_list_are_sent_again_before_they_leave_it(house):
    lists = "/v1/accountTypes/GOOGLE_ADS/accounts/1234567890/userLists"
    body = {
        "displayName": "made by hand",
        "membershipDuration": f"{STAY * DAY}s",
        "ingestedUserListInfo": {
            "uploadKeyTypes": ["CONTACT_ID"],
            "contactIdInfo": {"dataSourceType": "DATA_SOURCE_TYPE_FIRST_PARTY"},
        },
    }
    made = house.transport().send(Request("POST", lists, json=body))
    house.permission = Activation(
        segment="seg",
        account="lumen_ads",
        purpose="loyalty",
        use="target",
        adopt=made.json["id"],
        adopted_expiry_days=STAY,
    )
    house.wants(PEOPLE)
    house.run()
    for _ in range(3):
        house.outside.later(0.9 * STAY * DAY)
        house.run()
        house.holds_exactly(PEOPLE)
    house.is_balanced()
