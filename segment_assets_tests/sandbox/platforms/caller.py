"""A careful caller of Meta, for the tests of the sandbox. Fixtures are in `conftest`."""

from __future__ import annotations

import hashlib

import httpx

ACCOUNT = "act_1001"
SCHEMA = ["EMAIL", "PHONE", "MADID"]


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


class Caller:
    """What the tests do over HTTP, in the words of the tests."""

    def __init__(self, url: str) -> None:
        headers = {"Authorization": "Bearer sandbox-meta-token"}
        self.http = httpx.Client(base_url=url, headers=headers, trust_env=False, timeout=20, verify=False)

    def create(self, name: str = "crm-lapsed-90d", **changes: object) -> str:
        return self.try_create(name, **changes).json()["id"]

    def try_create(self, name: str = "crm-lapsed-90d", **changes: object) -> httpx.Response:
        body = {"name": name, "subtype": "CUSTOM", "customer_file_source": "USER_PROVIDED_ONLY", **changes}
        return self.http.post(f"/v26.0/{ACCOUNT}/customaudiences", json=body)

    def add(
        self, audience: str, rows: list, schema: list | str = SCHEMA, session: dict | None = None
    ) -> httpx.Response:
        return self.edit("POST", f"{audience}/users", rows, schema, session)

    def remove(self, audience: str, rows: list, schema: list = SCHEMA, session: dict | None = None) -> httpx.Response:
        return self.edit("DELETE", f"{audience}/users", rows, schema, session)

    def replace(self, audience: str, rows: list, session: dict | None, schema: list = SCHEMA) -> httpx.Response:
        return self.edit("POST", f"{audience}/usersreplace", rows, schema, session)

    def edit(self, method: str, path: str, rows: list, schema: list | str, session: dict | None) -> httpx.Response:
        body = {"payload": {"schema": schema, "data": rows}} | ({} if session is None else {"session": session})
        return self.http.request(method, f"/v26.0/{path}", json=body)

    def show(self, audience: str, fields: str) -> dict:
        return self.http.get(f"/v26.0/{audience}", params={"fields": fields}).json()

    def admin(self, path: str, values: object) -> httpx.Response:
        return self.http.post(f"/_sandbox/{path}", json=values).raise_for_status()

    def people(self, audience: str) -> list[dict[str, str]]:
        return self.http.get(f"/_sandbox/audiences/{audience}/members").raise_for_status().json()

    def extras(self, audience: str) -> list[dict | None]:
        """What was said of each of the people beside identifiers, in their order."""
        return self.http.get(f"/_sandbox/audiences/{audience}/extras").raise_for_status().json()

    def log(self) -> list[dict]:
        return self.http.get("/_sandbox/requests").json()


def session(number: int, batch: int, *, last: bool = False) -> dict:
    return {"session_id": number, "batch_seq": batch, "last_batch_flag": last}


def refusal(response: httpx.Response) -> tuple[int, int, int | None]:
    """HTTP status, code and subcode of a refusal."""
    error = response.json()["error"]
    return response.status_code, error["code"], error.get("error_subcode")
