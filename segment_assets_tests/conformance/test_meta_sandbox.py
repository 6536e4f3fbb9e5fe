"""The official facebook-business SDK against our Meta sandbox: each must understand the other.

The sandbox was written from Meta's documents; the SDK is Meta's own code. Where the SDK is known to contradict the
documents (it hashes mobile ad ids, lower-cases EXTERN_ID, strips letters with accents from names, puts removals into
the query, takes refusals in plain text for success), the tests name it, and the sandbox stays with the documents.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pytest
from facebook_business.adobjects.adaccount import AdAccount
from facebook_business.adobjects.customaudience import CustomAudience
from facebook_business.api import FacebookAdsApi
from facebook_business.exceptions import FacebookRequestError
from facebook_business.session import FacebookSession

from segment_assets.sandbox import process

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ACCOUNT = "act_1001"
MADID = "aece52e7-03ee-455a-b3c4-e57283966239"
NEW = {"name": "crm-lapsed-90d", "subtype": "CUSTOM", "customer_file_source": "USER_PROVIDED_ONLY"}


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


class Sdk:
    """The SDK's session on loopback, and the sandbox's own view of what it did."""

    def __init__(self, url: str, token: str = "sandbox-meta-token", version: str | None = None) -> None:
        self.url = url
        session = FacebookSession(access_token=token)
        session.GRAPH = url
        session.requests.trust_env = False
        self.requests = session.requests
        self.api = FacebookAdsApi(session, api_version=version)
        self.account = AdAccount(ACCOUNT, api=self.api)

    def create(self, **changes: object) -> CustomAudience:
        return self.account.create_custom_audience(params={**NEW, **changes})

    def people(self, audience: CustomAudience) -> list[dict[str, str]]:
        return self.requests.get(f"{self.url}/_sandbox/audiences/{audience['id']}/members").json()

    def admin(self, path: str, values: object) -> None:
        self.requests.post(f"{self.url}/_sandbox/{path}", json=values).raise_for_status()


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    home = tmp_path_factory.mktemp("sandbox")
    yield process.start(home).url
    process.stop(home)


@pytest.fixture
def sdk(url: str) -> Iterator[Sdk]:
    sdk = Sdk(url)
    sdk.admin("reset", {})
    with sdk.requests:
        yield sdk


def codes(call: Callable[[], object]) -> tuple[int, int | None]:
    """Code and subcode that the SDK read from the refusal."""
    with pytest.raises(FacebookRequestError) as refused:
        call()
    return refused.value.api_error_code(), refused.value.api_error_subcode()


def test_the_sdk_creates_reads_lists_renames_and_deletes_an_audience(sdk: Sdk):
    audience = sdk.create(description="owned by a segment")
    fields = ["name", "operation_status", "delivery_status", "approximate_count_lower_bound", "time_content_updated"]
    audience.api_get(fields=fields)
    assert audience["name"] == "crm-lapsed-90d"
    assert audience["operation_status"]["code"] == 200
    assert audience["approximate_count_lower_bound"] == -1
    others = [sdk.create(name=f"other {number}")["id"] for number in range(4)]
    listed = sdk.account.get_custom_audiences(fields=["id", "name"], params={"limit": 2})
    assert [one["id"] for one in listed] == [audience["id"], *others]
    audience.api_update(params={"name": "renamed"})
    audience.api_get(fields=["name"])
    assert audience["name"] == "renamed"
    audience.api_delete()
    assert codes(lambda: CustomAudience(audience["id"], api=sdk.api).api_get(fields=["name"])) == (100, 33)


def test_the_sdks_generated_calls_add_replace_and_remove_people(sdk: Sdk):
    audience = sdk.create()
    payload = {"schema": ["EMAIL", "MADID"], "data": [[digest("a@example.com"), MADID], [digest("b@example.com"), ""]]}
    session = {"session_id": 2**62, "batch_seq": 1, "last_batch_flag": True}
    answer = audience.create_user(params={"payload": payload, "session": session})
    assert (answer["session_id"], answer["num_received"]) == (2**62, 2)
    audience.delete_users(params={"payload": {"schema": ["MADID"], "data": [[MADID]]}})
    assert sdk.people(audience) == [{"EMAIL": digest("b@example.com")}]
    session = {"session_id": 8, "batch_seq": 1, "last_batch_flag": True}
    audience.create_users_replace(params={"payload": payload, "session": session})
    assert len(sdk.people(audience)) == 2
    sdk.account.delete_users_of_any_audience(params={"payload": {"schema": ["MADID"], "data": [[MADID]]}})
    assert len(sdk.people(audience)) == 1


def test_the_sdks_helper_adds_and_removes_by_the_published_normal_forms(sdk: Sdk):
    audience = sdk.create()
    keys = ["EMAIL", "PHONE", "COUNTRY"]
    people = [["  Mary@Example.com ", "+1 (555) 987-6543", "US"], ["test1@example.com", "", "GB"]]
    # The helper hashes a blank cell instead of leaving it blank: that row is invalid to the documented contract.
    answer = audience.add_users(schema=keys, users=people, is_raw=True).json()
    assert (answer["num_received"], answer["num_invalid_entries"]) == (2, 1)
    (mary,) = sdk.people(audience)
    assert mary["EMAIL"] == "f1904cf1a9d73a55fa5de0ac823c4403ded71afd4c3248d00bdcd0866552bb79"
    assert mary["PHONE"] == "1ef970831d7963307784fa8688e8fce101a15685d62aa765fed23f3a2c576a4e"
    audience.remove_users(schema=["EMAIL"], users=[["mary@example.com"]], is_raw=True)
    assert sdk.people(audience) == []


def test_the_sdks_legacy_form_is_understood(sdk: Sdk):
    audience = sdk.create()
    audience.add_users(schema=CustomAudience.Schema.email_hash, users=["mary@example.com"])
    audience.add_users(schema=CustomAudience.Schema.mobile_advertiser_id, users=[MADID])
    assert sorted(sdk.people(audience), key=list) == [{"EMAIL": digest("mary@example.com")}, {"MADID": MADID}]


def test_the_sdks_helper_hashes_mobile_ad_ids_which_the_contract_takes_plain(sdk: Sdk):
    audience = sdk.create()
    answer = audience.add_users(schema=["MADID"], users=[[MADID]], is_raw=True).json()
    assert answer["num_invalid_entries"] == 1
    assert sdk.people(audience) == []
    audience.add_users(schema=["MADID"], users=[[MADID]], is_raw=True, pre_hashed=True)
    assert sdk.people(audience) == [{"MADID": MADID}]


def test_the_sdks_helper_changes_names_and_extern_ids_so_that_they_no_longer_match(sdk: Sdk):
    audience = sdk.create()
    audience.add_users(schema=["EXTERN_ID", "FN"], users=[["X1", "Valéry"]], is_raw=True)
    (person,) = sdk.people(audience)
    assert person["EXTERN_ID"] == "x1"
    assert person["FN"] != "08e1996b5dd49e62a4b4c010d44e4345592a863bb9f8e3976219bac29417149c", "Meta's published digest"
    audience.delete_users(params={"payload": {"schema": ["EXTERN_ID"], "data": [["X1"]]}})
    assert len(sdk.people(audience)) == 1


def test_the_sdk_puts_a_removal_into_the_query_and_takes_the_web_servers_refusal_for_success(sdk: Sdk):
    audience = sdk.create()
    users = [f"{number}@example.com" for number in range(500)]
    audience.add_users(schema=CustomAudience.Schema.email_hash, users=users)
    answer = audience.remove_users(schema=CustomAudience.Schema.email_hash, users=users)
    assert answer.status() == 414
    assert answer.is_success(), "the SDK is wrong: it calls any text success that does not say Service Unavailable"
    assert len(sdk.people(audience)) == 500


class TestRefusals:
    """The SDK raises FacebookRequestError with the codes of the error reference."""

    def test_a_missing_customer_file_source(self, sdk: Sdk):
        params = {"name": "n", "subtype": "CUSTOM"}
        assert codes(lambda: sdk.account.create_custom_audience(params=params)) == (100, None)

    def test_a_foreign_token(self, url: str):
        other = Sdk(url, token="foreign")
        with other.requests:
            assert codes(other.create) == (190, None)

    def test_a_retired_version(self, url: str):
        old = Sdk(url, version="v12.0")
        with old.requests:
            assert codes(old.create) == (2635, None)

    def test_terms_that_nobody_accepted(self, sdk: Sdk):
        sdk.admin("accounts/meta/1001", {"terms_accepted": False})
        assert codes(sdk.create) == (200, 1870090)

    def test_a_flagged_audience(self, sdk: Sdk):
        audience = sdk.create()
        sdk.admin(f"audiences/{audience['id']}", {"flagged": True})
        payload = {"schema": ["EMAIL"], "data": [[digest("a")]]}
        assert codes(lambda: audience.create_user(params={"payload": payload})) == (100, 1713230)

    def test_too_many_rows(self, sdk: Sdk):
        audience = sdk.create()
        payload = {"schema": ["EMAIL"], "data": [[digest("a")]] * 10_001}
        assert codes(lambda: audience.create_user(params={"payload": payload})) == (100, None)

    def test_a_replace_without_its_first_batch(self, sdk: Sdk):
        audience = sdk.create()
        payload = {"schema": ["EMAIL"], "data": [[digest("a")]]}
        params = {"payload": payload, "session": {"session_id": 5, "batch_seq": 2}}
        assert codes(lambda: audience.create_users_replace(params=params)) == (2650, 1870147)

    def test_a_spent_budget_which_the_sdk_calls_transient(self, sdk: Sdk):
        audience = sdk.create()
        sdk.admin("accounts/meta/1001", {"calls_per_hour": 1})
        with pytest.raises(FacebookRequestError) as refused:
            audience.api_get(fields=["name"])
        assert (refused.value.api_error_code(), refused.value.api_error_subcode()) == (80003, 2446079)
        assert refused.value.api_transient_error() is True
        assert "custom_audience" in refused.value.http_headers()["X-Business-Use-Case-Usage"]
