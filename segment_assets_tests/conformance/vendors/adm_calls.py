"""What a client made from Amazon's OpenAPI sends to Ads Data Manager, and how it reads our sandbox, captured by running it.

`python adm_calls.py SANDBOX_URL > adm.json`, in an environment of its own with amazon-ads-api-v1 0.11.0 and nothing of
this project. The package wants Python 3.13. Where there is none, rewrite its `type X = …` to `X = …` and drop the type
parameters of its functions: neither changes a call (this is how the file was made, on 3.11). The sandbox runs as
`python -m segment_assets.sandbox.platforms --home FOLDER`, on a first start.
Kept of each call: how it went over the wire, what the sandbox answered, and what the package made of the answer. Kept of
its strict models of requests: names, types, lengths and words, without Amazon's sentences.
"""

from __future__ import annotations

import json
import sys
from typing import Any
from urllib.parse import parse_qsl, urlsplit

EMAIL, PHONE = "375320dd9ae7ed408002f3768e16cb5f28c861062fd50dff9a3bff62e9dce4ef", "c" * 64
DEVICE, RAMP = "cdda802e-fb9c-47ad-9866-0794d394c912", "XY" + "1" * 47
PEOPLE = ["1" * 64, "2" * 64]
MANAGER, ADVERTISER, INSTANCE = "amzn1.ads-account.g.sandbox1", "ENTITY1SANDBOX", "amcsandbox1"
NAME, MARKER, TOKEN = "crm lapsed 90 days", "0123456789abcdef0123456789abcdef", "sandbox-amazon_ads-token"
MARKETPLACE = "ATVPDKIKX0DER"
KEPT_HEADERS = (
    *("accept", "authorization", "content-type", "amazon-advertising-api-clientid"),
    *("amazon-ads-accountid", "amazon-ads-manager-account-id"),
)
SENTENCES = ("description", "title", "default")


def without_sentences(schema: Any) -> Any:
    """A JSON schema as facts: names of fields stay, whatever they are called."""
    if isinstance(schema, list):
        return [without_sentences(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        name: {field: without_sentences(inner) for field, inner in one.items()}
        if name in ("properties", "$defs")
        else without_sentences(one)
        for name, one in schema.items()
        if name not in SENTENCES
    }


def main(url: str) -> None:
    import httpx
    from ads_api.base import ClientContext
    from ads_api.client.v0.ads_data_manager import AdsDataManager
    from ads_api.config.settings import AmazonAdsConfig
    from ads_api.errors import AmazonAdsAPIError
    from ads_api.models.v0.ads_data_manager import audiences, identity_deletion, sharing_rules

    calls: list[dict[str, Any]] = []

    def note(response: httpx.Response) -> None:
        response.read()
        request, parts = response.request, urlsplit(str(response.request.url))
        calls.append(
            {
                "method": request.method,
                "path": parts.path.removeprefix("/amazon_ads"),
                "query": dict(parse_qsl(parts.query)),
                "headers": {name: request.headers[name] for name in KEPT_HEADERS if name in request.headers},
                "body": json.loads(request.content) if request.content else None,
                "status": response.status_code,
                "answer": response.json() if response.content else None,
            }
        )

    config = AmazonAdsConfig(client_id=TOKEN, access_token=TOKEN, account_id=ADVERTISER, max_retries=1)
    context = ClientContext(config)
    context._client = httpx.Client(base_url=f"{url}/amazon_ads", event_hooks={"response": [note]}, trust_env=False)
    adm = AdsDataManager(context)

    def noted(name: str, work: Any) -> Any:
        try:
            result = work()
        except AmazonAdsAPIError:
            result = None
        read = (
            result.model_dump(mode="json", by_alias=True, exclude_unset=True) if hasattr(result, "model_dump") else None
        )
        calls[-1] |= {"name": name, "read": read}
        return result

    def member(action: str, number: int, **consent: str) -> Any:
        signal = audiences.AmznConsent(**consent)
        return audiences.AudienceMember(
            action=action,
            externalUserId=PEOPLE[number],
            userIdentity=audiences.Identity(
                hashedPiis=[audiences.HashedPii(em=EMAIL, ph=PHONE)],
                externalIdentities=[
                    audiences.ExternalIdentity(maId=DEVICE),
                    audiences.ExternalIdentity(liveRampId=RAMP),
                ],
            ),
            userConsent=audiences.UserConsent(
                geo=audiences.Geo(countryCode="US"), consent=audiences.Consent(amzn=signal)
            ),
        )

    noted("terms", lambda: adm.terms.get_terms(mode="pydantic"))
    noted("room", lambda: adm.data_rooms.get_dataroom(mode="pydantic"))
    noted("make room", lambda: adm.data_rooms.create_dataroom(mode="pydantic"))
    new = audiences.AdsCdxSolCreateAudienceRequestContent(
        name=f"{NAME.replace(' ', '_')}_{MARKER}", countryCode="US", description=NAME, idRetention=False
    )
    made = noted("create", lambda: adm.audiences.create_audience_dataset(new, mode="pydantic"))
    noted("create again", lambda: adm.audiences.create_audience_dataset(new, mode="pydantic"))
    noted("list", lambda: adm.audiences.list_audience_datasets(mode="pydantic", limit=100))
    for application, place, about in (
        ("DSP_AUDIENCES", ADVERTISER, {"audienceMetadata": {"audienceName": NAME, "externalAudienceId": MARKER}}),
        ("AMAZON_MARKETING_CLOUD", INSTANCE, {"amcMetadata": {"amcInstanceId": INSTANCE}}),
    ):
        asked = sharing_rules.ListSharingRulesRequestContent(
            application=application, datasetIds=[made.dataSetId], destinationAccountId=place
        )
        noted(f"rules {application}", lambda a=asked: adm.sharing_rules.list_sharing_rules(a, mode="pydantic"))
        rule = sharing_rules.CreateSharingRuleRequestContent(
            application=application,
            dataSetId=made.dataSetId,
            destinationAccountId=place,
            marketplaceId=MARKETPLACE,
            metadata=about,
        )
        noted(f"share {application}", lambda r=rule: adm.sharing_rules.create_sharing_rule(r, mode="pydantic"))
        noted(f"rules {application} again", lambda a=asked: adm.sharing_rules.list_sharing_rules(a, mode="pydantic"))
    for name, members in {
        "CREATE": [member("CREATE", n, amznAdStorage="UNKNOWN", amznUserData="GRANTED") for n in range(2)],
        "DELETE": [member("DELETE", 0, amznAdStorage="GRANTED", amznUserData="GRANTED")],
        "CREATE a bad one": [
            member("CREATE", 0, amznAdStorage="UNKNOWN", amznUserData="GRANTED"),
            audiences.AudienceMember(action="CREATE", externalUserId=PEOPLE[1], userIdentity=audiences.Identity()),
        ],
    }.items():
        body = audiences.IngestAudiencesRequestContent(members=members)
        noted(name, lambda b=body: adm.audiences.ingest_audiences(made.dataSetId, b, mode="pydantic"))
    noted("metrics", lambda: adm.datasets.get_data_set_metrics(made.dataSetId, mode="pydantic"))
    noted("delete", lambda: adm.datasets.delete_dataset(made.dataSetId, mode="raw"))
    # Only a manager account may ask for an erasure, and the package has no setting for the header of one.
    config.account_id = None
    context._client.headers["Amazon-Ads-Manager-Account-ID"] = MANAGER
    targets = [identity_deletion.TargetIdentityExternalUserId(externalUserId=one) for one in PEOPLE]
    deletion = identity_deletion.DeleteIdentityRequestContent(targetIdentities=targets)
    noted("erase", lambda: adm.identity_deletion.delete_identity(deletion, mode="raw"))
    models = {
        "erase": identity_deletion.DeleteIdentityRequestContent,
        "create": audiences.AdsCdxSolCreateAudienceRequestContent,
        "members": audiences.IngestAudiencesRequestContent,
        "rules": sharing_rules.ListSharingRulesRequestContent,
        "share": sharing_rules.CreateSharingRuleRequestContent,
    }
    told = {
        "source": "amazon-ads-api-v1 0.11.0 (generated from Amazon's OpenAPI)",
        "account": ADVERTISER,
        "instance": INSTANCE,
        "name": NAME,
        "marker": MARKER,
        "people": PEOPLE,
        "keys": {"email_amazon": EMAIL, "phone_digits": PHONE, "mobile_ad_id": DEVICE, "ramp_id": RAMP},
        "schemas": {name: without_sentences(model.model_json_schema()) for name, model in models.items()},
        "calls": calls,
    }
    json.dump(told, sys.stdout, ensure_ascii=False)
    sys.stdout.write("\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
