"""A careful caller of Google's Data Manager API, for the tests of the sandbox."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

import httpx

from segment_assets_tests.sandbox.platforms.caller import digest

if TYPE_CHECKING:
    from types import TracebackType

ADS, DISPLAY = "1234567890", "7654321"
HALF_AN_HOUR, AN_HOUR, A_DAY = 1_800, 3_600, 86_400
GRANTED = {"adUserData": "CONSENT_GRANTED", "adPersonalization": "CONSENT_GRANTED"}
ACCEPTED = {"customerMatchTermsOfServiceStatus": "ACCEPTED"}
CONTACT_LIST = {
    "uploadKeyTypes": ["CONTACT_ID"],
    "contactIdInfo": {"dataSourceType": "DATA_SOURCE_TYPE_FIRST_PARTY"},
}


def lists(kind: str = "GOOGLE_ADS", account: str = ADS) -> str:
    return f"/v1/accountTypes/{kind}/accounts/{account}/userLists"


def destination(list_id: str, account: str = ADS, kind: str = "GOOGLE_ADS", **more: object) -> dict:
    operating = {"accountType": kind, "accountId": account}
    return {"operatingAccount": operating, "productDestinationId": list_id, **more}


def email(name: str) -> dict:
    return {"emailAddress": digest(name)}


def phone(number: str) -> dict:
    return {"phoneNumber": digest(number)}


def address(name: str, region: str = "US", **changes: object) -> dict:
    whole = {"givenName": digest(name), "familyName": digest("doe"), "regionCode": region, "postalCode": "94045"}
    return {"address": {**whole, **changes}}


def member(*identifiers: dict, **more: object) -> dict:
    return {"userData": {"userIdentifiers": list(identifiers)}, **more}


class GoogleCaller:
    """What the tests do over HTTP, in the words of the tests. Starts as on a first start."""

    def __init__(self, url: str, *, is_new: bool = True) -> None:
        headers = {"Authorization": "Bearer sandbox-google-token"}
        self.http = httpx.Client(base_url=url, headers=headers, trust_env=False, timeout=30, verify=False)
        if is_new:
            self.admin("reset", {})

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.http.close()

    def admin(self, path: str, values: object) -> httpx.Response:
        return self.http.post(f"/_sandbox/{path}", json=values).raise_for_status()

    def pass_time(self, seconds: float) -> None:
        offset = self.http.get("/_sandbox/clock").json()["offset"]
        self.admin("clock", {"offset": offset + seconds})

    def try_create(self, name: str = "crm-lapsed", *, path: str | None = None, **changes: object) -> httpx.Response:
        body = {"displayName": name, "ingestedUserListInfo": CONTACT_LIST, **changes}
        return self.http.post(path or lists(), json=body)

    def create(self, name: str = "crm-lapsed", *, path: str | None = None, **changes: object) -> str:
        return self.try_create(name, path=path, **changes).raise_for_status().json()["id"]

    def ingest(self, to: str | list[dict], members: list[dict], **changes: object) -> httpx.Response:
        destinations = [destination(to)] if isinstance(to, str) else to
        body = {
            "destinations": destinations,
            "audienceMembers": members,
            "consent": GRANTED,
            "encoding": "HEX",
            "termsOfService": ACCEPTED,
        }
        return self.http.post("/v1/audienceMembers:ingest", json=body | changes)

    def remove(self, list_id: str, members: list[dict], **changes: object) -> httpx.Response:
        body = {"destinations": [destination(list_id)], "audienceMembers": members, "encoding": "HEX", **changes}
        return self.http.post("/v1/audienceMembers:remove", json=body)

    def remove_all(self, list_id: str, **changes: object) -> httpx.Response:
        return self.http.post("/v1/audienceMembers:removeAll", json={"destinations": [destination(list_id)], **changes})

    def try_status(self, request_id: str) -> httpx.Response:
        return self.http.get("/v1/requestStatus:retrieve", params={"requestId": request_id})

    def status(self, answer: httpx.Response) -> dict:
        """The status of an accepted request at its only destination."""
        request_id = answer.raise_for_status().json()["requestId"]
        (told,) = self.try_status(request_id).raise_for_status().json()["requestStatusPerDestination"]
        return told

    def settle(self, *answers: httpx.Response) -> None:
        """Let an hour of the sandbox's time pass, in which accepted requests are processed."""
        for answer in answers:
            answer.raise_for_status()
        self.pass_time(AN_HOUR)

    def people(self, list_id: str) -> list[dict[str, str]]:
        return self.http.get(f"/_sandbox/audiences/{list_id}/members").raise_for_status().json()

    def emails(self, list_id: str) -> set[str]:
        return {person["EMAIL"] for person in self.people(list_id)}


def reasons(answer: httpx.Response) -> list[tuple[str, str]]:
    """Field and reason of every violation of a refusal. No reason may be one that Google does not have."""
    from google.ads.datamanager_v1 import ErrorReason

    assert answer.status_code == 400, answer.text
    (bad,) = (one for one in answer.json()["error"]["details"] if one["@type"].endswith("BadRequest"))
    found = [(violation["field"], violation.get("reason", "")) for violation in bad["fieldViolations"]]
    assert {reason for _, reason in found} <= {"", *ErrorReason.__members__}
    return found
