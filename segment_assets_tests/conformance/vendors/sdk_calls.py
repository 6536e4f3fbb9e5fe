"""What the official packages of Pinterest and Criteo send, and how they read our sandbox, captured by running them.

`python sdk_calls.py pinterest|criteo SANDBOX_URL > FILE.json`, in an environment of its own with the package (and its
pins, which clash with ours) and nothing of this project: pinterest-api-sdk 0.2.7, criteo-api-marketingsolutions-sdk
2027.1.0.261026. The sandbox runs as `python -m segment_assets.sandbox.platforms --home FOLDER`, on a first start.
Kept of each call: how it went over the wire, what the sandbox answered, and what the package made of the answer.
"""

from __future__ import annotations

import json
import sys
from importlib.metadata import version
from typing import Any
from urllib.parse import parse_qsl, urlsplit

EMAILS = ["375320dd9ae7ed408002f3768e16cb5f28c861062fd50dff9a3bff62e9dce4ef", "c" * 64]
DEVICE = "cdda802e-fb9c-47ad-9866-0794d394c912"
NAME, MARKER = "crm lapsed 90 days", "0123456789abcdef0123456789abcdef"
KEPT_HEADERS = ("authorization", "content-type")


class Recorder:
    """Stands before the package's own connections, and notes what goes through."""

    def __init__(self, pool: Any, prefix: str) -> None:
        self.calls: list[dict[str, Any]] = []
        self._pool, self._prefix = pool, prefix

    def request(self, method: str, url: str, **given: Any) -> Any:
        answer = self._pool.request(method, url, **given)
        parts, body = urlsplit(url), given.get("body")
        headers = {name.lower(): value for name, value in given.get("headers", {}).items()}
        is_json = isinstance(body, str | bytes) and bool(body)
        self.calls.append(
            {
                "method": method,
                "path": parts.path.removeprefix(self._prefix),
                "query": dict(parse_qsl(parts.query))
                | {name: str(value) for name, value in given.get("fields") or [] if method == "GET"},
                "headers": {name: headers[name] for name in KEPT_HEADERS if name in headers},
                "form": dict(given["fields"]) if given.get("fields") and method == "POST" else None,
                "body": json.loads(body) if is_json else None,
                "status": answer.status,
                "answer": json.loads(answer.data) if answer.data else None,
            }
        )
        return answer

    def clear(self) -> None:
        """Nothing is held."""


def noted(recorder: Recorder, name: str, result: Any) -> Any:
    """The last call gets a name, and what the package read."""
    read = result.to_dict() if hasattr(result, "to_dict") else None
    recorder.calls[-1] |= {"name": name, "read": json.loads(json.dumps(read, default=str))}
    return result


def pinterest(url: str) -> Recorder:
    from openapi_generated.pinterest_client.api.audiences_api import AudiencesApi
    from openapi_generated.pinterest_client.api.customer_lists_api import CustomerListsApi
    from openapi_generated.pinterest_client.configuration import Configuration
    from openapi_generated.pinterest_client.model.audience_create_request import AudienceCreateRequest
    from openapi_generated.pinterest_client.model.audience_rule import AudienceRule
    from openapi_generated.pinterest_client.model.audience_update_operation_type import AudienceUpdateOperationType
    from openapi_generated.pinterest_client.model.audience_update_request import AudienceUpdateRequest
    from openapi_generated.pinterest_client.model.customer_list_request import CustomerListRequest
    from openapi_generated.pinterest_client.model.customer_list_update_request import CustomerListUpdateRequest
    from pinterest.client import PinterestSDKClient

    account, token = "549756359984", "sandbox-pinterest-token"
    client = PinterestSDKClient(configuration=Configuration(host=f"{url}/pinterest/v5", access_token=token))
    recorder = client.rest_client.pool_manager = Recorder(client.rest_client.pool_manager, "/pinterest")
    lists, audiences = CustomerListsApi(client), AudiencesApi(client)
    first = CustomerListRequest(name=f"{NAME} {MARKER[:16]}", records=EMAILS[0], list_type="EMAIL")
    made = noted(recorder, "create list", lists.customer_lists_create(account, first))
    for operation in ("ADD", "REMOVE"):
        change = CustomerListUpdateRequest(records=",".join(EMAILS), operation_type=operation)
        noted(recorder, f"{operation} records", lists.customer_lists_update(account, made.id, change))
    noted(recorder, "get list", lists.customer_lists_get(account, made.id))
    noted(recorder, "list lists", lists.customer_lists_list(account, page_size=250, order="DESCENDING"))
    wanted = AudienceCreateRequest(
        name=f"{NAME} {MARKER[:16]}",
        audience_type="CUSTOMER_LIST",
        rule=AudienceRule(customer_list_id=made.id),
        description=f"segment_assets {MARKER}",
    )
    audience = noted(recorder, "create audience", audiences.audiences_create(account, wanted))
    noted(recorder, "get audience", audiences.audiences_get(account, audience.id))
    noted(recorder, "list audiences", audiences.audiences_list(account, page_size=250, order="DESCENDING"))
    removal = AudienceUpdateRequest(operation_type=AudienceUpdateOperationType("REMOVE"))
    noted(
        recorder, "remove audience", audiences.audiences_update(account, audience.id, audience_update_request=removal)
    )
    return recorder


def criteo(url: str) -> Recorder:
    import criteo_api_marketingsolutions_v2027_01 as package
    from criteo_api_marketingsolutions_v2027_01 import model
    from criteo_api_marketingsolutions_v2027_01.api.audience_api import AudienceApi
    from criteo_api_marketingsolutions_v2027_01.api_client_builder import ApiClientBuilder

    def of(name: str, /, **values: Any) -> Any:
        module = __import__(f"{model.__name__}.{name}", fromlist=["*"])
        return getattr(module, "".join(part[:1].upper() + part[1:] for part in name.split("_")))(**values)

    assert package
    advertiser = "12345"
    client = ApiClientBuilder.WithClientCredentials(
        "sandbox-criteo-app", "sandbox-criteo-app-secret", host=f"{url}/criteo"
    )
    recorder = client.rest_client.pool_manager = Recorder(client.rest_client.pool_manager, "/criteo")
    api = AudienceApi(client)
    attributes = of(
        "audience_segment_create_entity_v1",
        advertiser_id=advertiser,
        name=NAME,
        description=f"segment_assets {MARKER}",
        contact_list={},
    )
    element = of("audience_segment_create_entity_v1_resource", attributes=attributes, type="AudienceSegment")
    wanted = of("audience_segment_bulk_create_input_v1", data=[element])
    made = noted(recorder, "create", api.create_audience_segments(wanted))
    segment = made.data[0].id
    noted(recorder, "create again", api.create_audience_segments(wanted))
    kinds = {"email": EMAILS, "madid": [DEVICE]}
    for operation in ("add", "remove"):
        for kind, identifiers in kinds.items():
            change = of(
                "contactlist_amendment_attributes", identifiers=identifiers, operation=operation, identifier_type=kind
            )
            data = of("contactlist_amendment", attributes=change, type="ContactlistAmendment")
            request = of("contactlist_amendment_request", data=data)
            answer = api.update_contact_list_by_audience_segment(segment, request)
            noted(recorder, f"{operation} {kind}", answer)
    noted(recorder, "statistics", api.get_audience_segment_contact_list_statistics(segment))
    asked = of("audience_segment_search_entity_v1", advertiser_ids=[advertiser], audience_segment_types=["ContactList"])
    search = of("audience_segment_search_entity_v1_resource", attributes=asked, type="AudienceSegment")
    search = of("audience_segment_search_input_v1", data=search)
    noted(recorder, "search", api.search_audience_segments(search, limit=100, offset=0))
    noted(recorder, "clear", api.delete_contact_list_by_audience_segment(segment))
    element = of("audience_segment_delete_entity_v1_resource", id=segment, type="AudienceSegment")
    gone = of("audience_segment_bulk_delete_input_v1", data=[element])
    noted(recorder, "delete", api.delete_audience_segments(gone))
    noted(recorder, "delete again", api.delete_audience_segments(gone))
    return recorder


PACKAGES = {"pinterest": "pinterest-api-sdk", "criteo": "criteo-api-marketingsolutions-sdk"}

if __name__ == "__main__":
    platform, address = sys.argv[1:]
    calls = {"pinterest": pinterest, "criteo": criteo}[platform](address).calls
    told = {"package": PACKAGES[platform], "version": version(PACKAGES[platform]), "emails": EMAILS, "device": DEVICE}
    json.dump({**told, "name": NAME, "marker": MARKER, "calls": calls}, sys.stdout, indent=1)
    sys.stdout.write("\n")
