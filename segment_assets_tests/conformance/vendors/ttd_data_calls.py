"""What The Trade Desk's own package sends, and how it reads our sandbox, captured by running it.

`python ttd_data_calls.py SANDBOX_URL > ttd_data.json`, in an environment of its own with ttd-data 0.3.2 (which brings
uid2-client 2.9.0) and nothing of this project. The sandbox runs as `python -m segment_assets.sandbox.platforms --home
FOLDER`, on a first start. Kept of each call: how it went over the wire, what the sandbox answered, and what the package
made of the answer; of the identity map what was inside the envelopes.
"""

from __future__ import annotations

import base64
import hashlib
import json
import sys
from importlib.metadata import version
from typing import Any
from urllib.parse import urlsplit

import httpx
import uid2_client.request_response_util as envelopes
from ttd_data import DataClient
from ttd_data.errors import DataError
from ttd_data.models import AdvertiserData, DataOrigin, PartnerDsrRequestType
from ttd_data.sdk import BaseDataClient
from ttd_data.uid2.config import IdentityScope, UID2Config
from ttd_data.uid2.models import AdvertiserDataItem, PartnerDsrDataItem

ADVERTISER, TOKEN = "adv12345", "sandbox-the_trade_desk-token"
SECRET = base64.b64encode(hashlib.sha256(TOKEN.encode()).digest()).decode()
NAME, MARKER = "crm lapsed 90 days", "0123456789abcdef0123456789abcdef"
# Of myemail@example.com and +12345678901, as unifiedid.com publishes them; nobody's; no hash at all.
EMAILS = ["FsGNM28LJQ8OLZB0Us65ZYp07NrovJSGTCMSKnLMJ6U=", base64.b64encode(b"e" * 32).decode(), "bm8gaGFzaA=="]
PHONE = "EObwtHBUqDNZR33LNSMdtt5cafsYFuGmuY4ZLenlue4="
DEVICE, RAMP = "6d92078a-8246-4ba4-ae5b-76104861e7dc", "XY" + "0" * 47
DAYS_90 = 129_600
KEPT_HEADERS = ("ttd-auth", "content-type", "authorization")

calls: list[dict[str, Any]] = []
maps: list[dict[str, Any]] = []


class Recorder(httpx.HTTPTransport):
    """Notes what goes through."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        answer = super().handle_request(request)
        answer.read()
        calls.append(
            {
                "method": request.method,
                "path": urlsplit(str(request.url)).path.removeprefix("/the_trade_desk"),
                "headers": {name: request.headers[name] for name in KEPT_HEADERS if name in request.headers},
                "body": json.loads(request.content),
                "status": answer.status_code,
                "answer": answer.json(),
            }
        )
        return answer


def noting_maps() -> None:
    """Notes what is inside the envelopes of the identity map."""
    seal, read = envelopes.create_envelope, envelopes.parse_response

    def sealed(key: bytes, now: Any, data: bytes | None = None) -> Any:
        maps.append({"wanted": json.loads(data or b"null")})
        return seal(key, now, data)

    def opened(key: bytes, response: Any, nonce: bytes) -> Any:
        told = read(key, response, nonce)
        maps[-1]["told"] = json.loads(told)
        return told

    import uid2_client.identity_map_v3_client as client

    client.create_envelope, client.parse_response = sealed, opened


def main(url: str) -> None:
    noting_maps()
    base = f"{url}/the_trade_desk"
    uid2 = UID2Config(base, TOKEN, SECRET, IdentityScope.UID2)
    recorder = httpx.Client(transport=Recorder())
    client = DataClient(uid2, BaseDataClient(ttd_auth=TOKEN, client=recorder))
    origins = [DataOrigin(id=ADVERTISER, type="Advertiser")]
    kinds: dict[str, list[dict[str, str]]] = {
        "email": [{"hashed_email": one} for one in EMAILS],
        "phone": [{"hashed_phone": PHONE}],
        "ramp_id": [{"ramp_id": RAMP}],
        "mobile_ad_id": [{"daid": DEVICE}],
    }
    for operation, minutes in (("add", DAYS_90), ("remove", 0)):
        for kind, ids in kinds.items():
            data = [AdvertiserData(name=f"{NAME} {MARKER}", ttl_in_minutes=minutes)]
            items = [AdvertiserDataItem(data=data, **one) for one in ids]
            read = client.advertiser.ingest_advertiser_data(
                advertiser_id=ADVERTISER, items=items, data_origins=origins, server_url=base
            )
            calls[-1] |= {"name": f"{operation} {kind}", "read": lines(read.advertiser_data_server_response)}
    items = [PartnerDsrDataItem(hashed_email=EMAILS[0])]
    deletion = PartnerDsrRequestType.DELETION
    read = client.deletion_opt_out.data_subject_request_advertiser_data(
        advertiser_id=ADVERTISER, items=items, request_type=deletion, server_url=base
    )
    calls[-1] |= {"name": "erase email", "read": lines(read.advertiser_dsr_response)}
    for name, token, advertiser in (("no token", "bad", ADVERTISER), ("no permission", TOKEN, "other")):
        other = DataClient(uid2, BaseDataClient(ttd_auth=token, client=recorder))
        items = [AdvertiserDataItem(data=[AdvertiserData(name="x", ttl_in_minutes=0)], daid=DEVICE)]
        try:
            other.advertiser.ingest_advertiser_data(advertiser_id=advertiser, items=items, server_url=base)
        except DataError as error:
            calls[-1] |= {"name": name, "read": [type(error).__name__, error.status_code]}


def lines(told: Any) -> Any:
    return json.loads(told.model_dump_json(by_alias=True))


if __name__ == "__main__":
    main(sys.argv[1])
    told = {"package": "ttd-data", "version": version("ttd-data"), "uid2_client": version("uid2_client")}
    ids = {"emails": EMAILS, "phone": PHONE, "device": DEVICE, "ramp": RAMP}
    known = {"name": NAME, "marker": MARKER, "advertiser": ADVERTISER, **ids}
    json.dump({**told, **known, "calls": calls, "maps": maps}, sys.stdout, indent=1)
    sys.stdout.write("\n")
