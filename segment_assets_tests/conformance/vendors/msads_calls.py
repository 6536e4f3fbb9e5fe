"""What Microsoft's official package sends, and how it reads our sandbox, captured by running it.

`python msads_calls.py SANDBOX_URL > msads.json`, in an environment of its own with msads 13.0.30.1 and nothing of this
project (to load it takes longer than all tests of a platform may). The sandbox runs as
`python -m segment_assets.sandbox.platforms --home FOLDER`, on a first start.
Kept of each call: how it went over the wire, what the sandbox answered, and what the package made of the answer.
"""

from __future__ import annotations

import enum
import importlib
import json
import sys
from importlib.metadata import version
from typing import Any
from urllib.parse import urlsplit

EMAILS = ["fa0779840f54498c090fcd179780c15a101115a62dbfe245169885dd9b2504d8", "c" * 64]
NAME, MARKER = "crm lapsed 90 days", "0123456789abcdef0123456789abcdef"
ACCOUNT, CUSTOMER, TOKEN = "141414141", "252525252", "sandbox-microsoft_ads-token"
DAYS = 390


class Recorder:
    """Stands before the package's connections, and notes what goes through."""

    def __init__(self, pool: Any) -> None:
        self.calls: list[dict[str, Any]] = []
        self._pool = pool

    def request(self, method: str, url: str, **given: Any) -> Any:
        answer = self._pool.request(method, url, **given)
        body = given.get("body")
        self.calls.append(
            {
                "method": method,
                "path": urlsplit(url).path.removeprefix("/microsoft_ads"),
                "headers": {name.lower(): value for name, value in given["headers"].items()},
                "body": json.loads(body) if body else None,
                "status": answer.status,
                "answer": json.loads(answer.data),
            }
        )
        return answer


def plain(value: Any) -> Any:
    """What the package made of an answer, as JSON."""
    if isinstance(value, enum.Enum):
        return str(value) if isinstance(value, enum.Flag) else value.value
    if isinstance(value, dict):
        return {name: plain(one) for name, one in value.items()}
    return [plain(one) for one in value] if isinstance(value, list) else value


def main(url: str) -> None:
    from bingads.authorization import AuthorizationData, OAuthTokens, OAuthWebAuthCodeGrant
    from bingads.service_client import ServiceClient

    # By name: an attribute of the package hides the module.
    campaign = importlib.import_module("openapi_client.models.campaign")
    tokens = OAuthTokens(TOKEN, 3_600, "unused")
    grant = OAuthWebAuthCodeGrant("app", "secret", "https://app.example", oauth_tokens=tokens)
    who = AuthorizationData(account_id=ACCOUNT, customer_id=CUSTOMER, developer_token=TOKEN, authentication=grant)
    client = ServiceClient("CampaignManagementService", 13, who, location=f"{url}/microsoft_ads")
    rest = client._api.api_client.rest_client
    recorder = rest.pool_manager = Recorder(rest.pool_manager)

    def noted(name: str, result: Any) -> Any:
        recorder.calls[-1] |= {"name": name, "read": plain(result.to_dict())}
        return result

    def applied(audience: str, action: str, items: list[str]) -> Any:
        data = campaign.CustomerListUserData(
            audience_id=audience,
            action_type=action,
            customer_list_item_sub_type="Email",
            customer_list_items=items,
            accept_customer_match_term=True,
        )
        wanted = campaign.ApplyCustomerListUserDataRequest(customer_list_user_data=data)
        return client.apply_customer_list_user_data(apply_customer_list_user_data_request=wanted)

    def asked(ids: list[str] | None) -> Any:
        given = {} if ids is None else {"audience_ids": ids}
        wanted = campaign.GetAudiencesByIdsRequest(type=campaign.AudienceType.CUSTOMERLIST, **given)
        return client.get_audiences_by_ids(get_audiences_by_ids_request=wanted)

    new = campaign.CustomerList(
        name=f"{NAME} {MARKER}", membership_duration=DAYS, scope=campaign.EntityScope.ACCOUNT, parent_id=ACCOUNT
    )
    add = campaign.AddAudiencesRequest(audiences=[new])
    made = noted("create", client.add_audiences(add_audiences_request=add))
    (audience,) = made.audience_ids
    try:
        client.add_audiences(add_audiences_request=add)
    except ValueError:
        # The reference has null for a list that was not made; the package takes texts alone.
        recorder.calls[-1] |= {"name": "create again", "read": None}
    for action in ("Add", "Remove"):
        noted(action, applied(audience, action, EMAILS))
    noted("Add a bad one", applied(audience, "Add", [EMAILS[0], "no digest"]))
    noted("list", asked(None))
    noted("get", asked([audience]))
    gone = campaign.DeleteAudiencesRequest(audience_ids=[audience])
    noted("delete", client.delete_audiences(delete_audiences_request=gone))
    noted("delete again", client.delete_audiences(delete_audiences_request=gone))
    told = {
        "source": f"msads {version('msads')}",
        "host": ServiceClient.endpoints["production"]["campaignmanagement"],
        "sub_types": [one.value for one in campaign.CustomerListItemSubType],
        "actions": [one.value for one in campaign.CustomerListActionType],
        "scopes": [one.value for one in campaign.EntityScope],
        "account": ACCOUNT,
        "customer": CUSTOMER,
        "name": NAME,
        "marker": MARKER,
        "emails": EMAILS,
        "calls": recorder.calls,
    }
    json.dump(told, sys.stdout, indent=1)
    sys.stdout.write("\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
