"""Google's own Data Manager client and protos against our sandbox: each must understand the other.

The sandbox was written from the published contract; `google-ads-datamanager` is Google's own code. Its REST transport
sends enums as numbers and all parameters in camelCase; its protos parse the sandbox's answers strictly.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from segment_assets.sandbox import process
from segment_assets.sandbox.platforms.google import messages, wire
from segment_assets_tests.conformance.vendors.late import Late

if TYPE_CHECKING:
    from collections.abc import Iterator

dm = Late("google.ads.datamanager_v1")
ingestion_transports = Late("google.ads.datamanager_v1.services.ingestion_service.transports")
list_transports = Late("google.ads.datamanager_v1.services.user_list_service.transports")
credentials, exceptions = Late("google.auth.credentials"), Late("google.api_core.exceptions")
duration_pb2, field_mask_pb2 = Late("google.protobuf.duration_pb2"), Late("google.protobuf.field_mask_pb2")
json_format, timestamp_pb2 = Late("google.protobuf.json_format"), Late("google.protobuf.timestamp_pb2")
error_details_pb2, status_pb2 = Late("google.rpc.error_details_pb2"), Late("google.rpc.status_pb2")

ACCOUNT = "1234567890"
PARENT = f"accountTypes/GOOGLE_ADS/accounts/{ACCOUNT}"


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def fixed_token(token: str) -> Any:
    """Credentials with a token that the sandbox knows, instead of an OAuth exchange."""

    class Token(credentials.Credentials):
        def __init__(self) -> None:
            super().__init__()
            self.token = token
            self.refreshes = 0

        def refresh(self, request: object) -> None:
            """Get the same token again."""
            self.refreshes += 1

    return Token()


class Official:
    """Google's two clients on loopback, and the sandbox's own view of what they did."""

    def __init__(self, url: str, token: str = "sandbox-google-token") -> None:
        host = url.removeprefix("http://")
        headers = {"Authorization": "Bearer sandbox-google-token"}
        self.http = httpx.Client(base_url=url, headers=headers, trust_env=False, verify=False, timeout=20)
        self.token = fixed_token(token)
        settings = {"credentials": self.token, "host": host, "url_scheme": "http"}
        over_rest = ingestion_transports.IngestionServiceRestTransport(**settings)
        self.ingestion = dm.IngestionServiceClient(transport=over_rest)
        lists_over_rest = list_transports.UserListServiceRestTransport(**settings)
        self.lists = dm.UserListServiceClient(transport=lists_over_rest)
        for client in (self.ingestion, self.lists):
            client.transport._session.trust_env = False

    def admin(self, path: str, values: object) -> None:
        self.http.post(f"/_sandbox/{path}", json=values).raise_for_status()

    def create(self, name: str = "crm-lapsed") -> dm.UserList:
        return self.lists.create_user_list(parent=PARENT, user_list=contact_list(name))

    def people(self, made: dm.UserList) -> list[dict[str, str]]:
        return self.http.get(f"/_sandbox/audiences/{made.id}/members").raise_for_status().json()

    def status(self, request_id: str) -> list[dm.RequestStatusPerDestination]:
        asked = dm.RetrieveRequestStatusRequest(request_id=request_id)
        return list(self.ingestion.retrieve_request_status(request=asked).request_status_per_destination)

    def close(self) -> None:
        self.http.close()
        for client in (self.ingestion, self.lists):
            client.transport.close()


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    home = tmp_path_factory.mktemp("sandbox")
    yield process.start(home).url
    process.stop(home)


@pytest.fixture
def official(url: str) -> Iterator[Official]:
    official = Official(url)
    official.admin("reset", {})
    yield official
    official.close()


def contact_list(name: str = "crm-lapsed") -> dm.UserList:
    return dm.UserList(
        display_name=name,
        membership_duration=duration_pb2.Duration(seconds=90 * 86_400),
        ingested_user_list_info=dm.IngestedUserListInfo(
            upload_key_types=[dm.IngestedUserListInfo.UploadKeyType.CONTACT_ID],
            contact_id_info=dm.ContactIdInfo(data_source_type=dm.DataSourceType.DATA_SOURCE_TYPE_FIRST_PARTY),
        ),
    )


def destination(made: dm.UserList) -> dm.Destination:
    account = dm.ProductAccount(account_id=ACCOUNT, account_type=dm.ProductAccount.AccountType.GOOGLE_ADS)
    return dm.Destination(operating_account=account, product_destination_id=str(made.id))


def member(name: str, region: str = "US", **more: object) -> dm.AudienceMember:
    address = dm.AddressInfo(
        given_name=digest(name), family_name=digest("doe"), region_code=region, postal_code="94045"
    )
    identifiers = [
        dm.UserIdentifier(email_address=digest(f"{name}@example.com")),
        dm.UserIdentifier(phone_number=digest(f"+1{name}")),
        dm.UserIdentifier(address=address),
    ]
    return dm.AudienceMember(user_data=dm.UserData(user_identifiers=identifiers), **more)


def ingestion(made: dm.UserList, *members: dm.AudienceMember, **more: object) -> dm.IngestAudienceMembersRequest:
    return dm.IngestAudienceMembersRequest(
        destinations=[destination(made)],
        audience_members=members,
        consent=dm.Consent(
            ad_user_data=dm.ConsentStatus.CONSENT_GRANTED, ad_personalization=dm.ConsentStatus.CONSENT_GRANTED
        ),
        encoding=dm.Encoding.HEX,
        terms_of_service=dm.TermsOfService(
            customer_match_terms_of_service_status=dm.TermsOfServiceStatus.ACCEPTED,
        ),
        **more,
    )


def test_the_client_creates_reads_lists_updates_and_deletes_a_list(official: Official):
    made = official.create()
    assert made.name == f"{PARENT}/userLists/{made.id}"
    assert made.membership_duration.days == 90
    assert official.lists.get_user_list(name=made.name) == made
    others = [official.create(f"other {number}").id for number in range(4)]
    pages = official.lists.list_user_lists(dm.ListUserListsRequest(parent=PARENT, page_size=2))
    assert [one.id for one in pages] == [made.id, *others]
    asked = dm.ListUserListsRequest(parent=PARENT, filter='display_name = "crm-lapsed"')
    assert [one.id for one in official.lists.list_user_lists(asked)] == [made.id]
    renamed = dm.UserList(name=made.name, display_name="renamed")
    mask = field_mask_pb2.FieldMask(paths=["display_name"])
    assert official.lists.update_user_list(user_list=renamed, update_mask=mask).display_name == "renamed"
    official.lists.delete_user_list(name=made.name)
    with pytest.raises(exceptions.NotFound):
        official.lists.get_user_list(name=made.name)


def test_the_client_adds_follows_removes_and_empties(official: Official):
    made = official.create()
    denied = dm.Consent(
        ad_user_data=dm.ConsentStatus.CONSENT_DENIED, ad_personalization=dm.ConsentStatus.CONSENT_GRANTED
    )
    request = ingestion(made, member("a"), member("b"), member("c", "DE", consent=denied))
    request_id = official.ingestion.ingest_audience_members(request=request).request_id
    (told,) = official.status(request_id)
    status = dm.RequestStatusPerDestination.RequestStatus
    assert (told.request_status, told.destination) == (status.PROCESSING, destination(made))
    official.admin("clock", {"offset": 3_600})
    (told,) = official.status(request_id)
    assert told.request_status == status.PARTIAL_SUCCESS
    counts = told.audience_members_ingestion_status.user_data_ingestion_status
    assert (counts.record_count, counts.user_identifier_count) == (3, 9)
    assert counts.upload_match_rate_range == dm.MatchRateRange.MATCH_RATE_RANGE_61_TO_70
    (error,) = told.error_info.error_counts
    denied_consent = dm.ProcessingErrorReason.PROCESSING_ERROR_REASON_DENIED_CONSENT
    assert (error.reason, error.record_count) == (denied_consent, 1)
    assert len(official.people(made)) == 2

    removal = dm.RemoveAudienceMembersRequest(
        destinations=[destination(made)], audience_members=[member("a")], encoding=dm.Encoding.HEX
    )
    removed = official.ingestion.remove_audience_members(request=removal).request_id
    official.admin("clock", {"offset": 7_200})
    (told,) = official.status(removed)
    assert told.audience_members_removal_status.user_data_removal_status.user_identifier_count == 3
    assert len(official.people(made)) == 1

    everything = dm.RemoveAllAudienceMembersRequest(destinations=[destination(made)])
    everything.remove_as_of_time = timestamp_pb2.Timestamp(
        seconds=int(official.http.get("/_sandbox/clock").json()["now"])
    )
    emptied = official.ingestion.remove_all_audience_members(request=everything).request_id
    official.admin("clock", {"offset": 10_800})
    (told,) = official.status(emptied)
    assert told.request_status == status.SUCCESS
    assert "remove_all_audience_members_status" in told
    assert official.people(made) == []


@pytest.mark.parametrize("snake_case", [False, True])
@pytest.mark.parametrize("enums_as_numbers", [False, True])
def test_what_googles_protos_serialise_is_understood(official: Official, snake_case: bool, enums_as_numbers: bool):
    made = official.create()
    text = json_format.MessageToJson(
        dm.IngestAudienceMembersRequest.pb(ingestion(made, member("a"))),
        preserving_proto_field_name=snake_case,
        use_integers_for_enums=enums_as_numbers,
    )
    official.http.post("/v1/audienceMembers:ingest", content=text).raise_for_status()
    official.admin("clock", {"offset": 3_600})
    assert len(official.people(made)) == 1


def strictly(answer: httpx.Response, message: type) -> object:
    """Parse an answer as Google's message, unknown fields not allowed, and lose nothing on the way."""
    parsed = json_format.Parse(answer.raise_for_status().text, message.pb()(), ignore_unknown_fields=False)
    assert json_format.MessageToDict(parsed) == answer.json()
    return parsed


def test_every_answer_parses_strictly_and_says_nothing_twice(official: Official):
    official.admin("accounts/google/1234567890", {"match_rate": 1})
    made = official.create()
    path = f"/v1/{PARENT}/userLists"
    eea = [member(f"eea {number}", "DE", consent=dm.Consent()) for number in range(2)]
    members = [member(f"us {number}") for number in range(120)]
    body = json_format.MessageToJson(dm.IngestAudienceMembersRequest.pb(ingestion(made, *members, *eea)))
    answer = official.http.post("/v1/audienceMembers:ingest", content=body)
    strictly(answer, dm.IngestAudienceMembersResponse)
    status = {"requestId": answer.json()["requestId"]}
    strictly(official.http.get("/v1/requestStatus:retrieve", params=status), dm.RetrieveRequestStatusResponse)
    official.admin("clock", {"offset": 3_600})
    strictly(official.http.get("/v1/requestStatus:retrieve", params=status), dm.RetrieveRequestStatusResponse)
    shown = official.http.get(f"{path}/{made.id}")
    strictly(shown, dm.UserList)
    assert shown.json()["sizeInfo"]["displayNetworkMembersCount"] == "120"
    strictly(official.http.get(path), dm.ListUserListsResponse)
    emptying = {"destinations": json.loads(body)["destinations"]}
    answer = official.http.post("/v1/audienceMembers:removeAll", json=emptying)
    strictly(answer, dm.RemoveAllAudienceMembersResponse)
    status = {"requestId": answer.json()["requestId"]}
    strictly(official.http.get("/v1/requestStatus:retrieve", params=status), dm.RetrieveRequestStatusResponse)


def test_a_composite_status_parses_strictly(official: Official):
    made = official.create()
    composite = dm.CompositeData(user_data=member("a").user_data, ip_data=[dm.IpData(ip_address="192.0.2.1")])
    request = ingestion(made, dm.AudienceMember(composite_data=composite))
    request_id = official.ingestion.ingest_audience_members(request=request).request_id
    official.admin("clock", {"offset": 3_600})
    answer = official.http.get("/v1/requestStatus:retrieve", params={"requestId": request_id})
    parsed = strictly(answer, dm.RetrieveRequestStatusResponse)
    (told,) = parsed.request_status_per_destination
    counts = told.audience_members_ingestion_status.composite_data_ingestion_status.data_type_counts
    assert [one.count for one in counts] == [1, 1, 1, 1]


@pytest.mark.parametrize(
    ("declared", "official_message"),
    [
        (messages.INGEST, "IngestAudienceMembersRequest"),
        (messages.REMOVE, "RemoveAudienceMembersRequest"),
        (messages.REMOVE_ALL, "RemoveAllAudienceMembersRequest"),
        (messages.USER_LIST, "UserList"),
    ],
)
def test_the_declared_messages_are_googles(declared: wire.Message, official_message: str):
    compare(declared, getattr(dm, official_message).pb().DESCRIPTOR)


def compare(declared: wire.Message, descriptor: object) -> None:
    """Names, kinds, oneofs and enum values, all the way down."""
    theirs = {field.name: field for field in descriptor.fields}
    assert set(declared.fields) == set(theirs), descriptor.full_name
    for name, field in declared.fields.items():
        their = theirs[name]
        assert field.repeated == their.is_repeated, their.full_name
        if field.oneof:
            assert field.oneof == their.containing_oneof.name
        if isinstance(field.kind, wire.EnumOf):
            assert field.kind.name == f"type.googleapis.com/{their.enum_type.full_name}"
            assert list(field.kind.values) == [value.name for value in their.enum_type.values]
        elif isinstance(field.kind, wire.Message):
            compare(field.kind, their.message_type)


class TestRefusals:
    """Google's client raises the class of the HTTP status; the details parse strictly as `google.rpc` messages."""

    def test_a_wrong_member_is_named_with_its_place(self, official: Official):
        made = official.create()
        wrong = dm.AudienceMember(user_data={"user_identifiers": [{"email_address": "jo@example.com"}]})
        request = ingestion(made, member("a"), wrong)
        with pytest.raises(exceptions.BadRequest):
            official.ingestion.ingest_audience_members(request=request)
        body = json_format.MessageToJson(dm.IngestAudienceMembersRequest.pb(request))
        info, bad, request_info = details(official.http.post("/v1/audienceMembers:ingest", content=body))
        (violation,) = bad.field_violations
        assert violation.field == "audience_members.audience_members[1].user_data.user_identifiers"
        assert violation.reason == "INVALID_HEX_ENCODING"
        assert (info.reason, info.domain) == ("INVALID_ARGUMENT", "datamanager.googleapis.com")
        assert request_info.request_id
        assert official.people(made) == []

    def test_a_foreign_token(self, url: str):
        foreign = Official(url, token="foreign")
        with pytest.raises(exceptions.Unauthorized):
            foreign.create()
        assert foreign.token.refreshes > 0, "401 makes the client ask for another token"
        foreign.close()

    def test_a_foreign_account(self, official: Official):
        with pytest.raises(exceptions.Forbidden):
            official.lists.create_user_list(parent="accountTypes/GOOGLE_ADS/accounts/1", user_list=contact_list())

    def test_a_spent_quota_says_when_to_come_back(self, official: Official):
        official.admin("platforms/google", {"requests_per_minute": 0})
        with pytest.raises(exceptions.TooManyRequests):
            official.create()
        _, retry, _ = details(official.http.get(f"/v1/{PARENT}/userLists"))
        assert 0 < retry.retry_delay.seconds <= 60

    def test_a_request_that_is_not_known(self, official: Official):
        with pytest.raises(exceptions.BadRequest, match="INVALID_REQUEST_ID"):
            official.status("unknown")


def details(answer: httpx.Response) -> list[object]:
    """The details of a refusal, parsed strictly as Google's own messages."""
    error = answer.json()["error"]
    del error["status"]  # the name of the code, which only the HTTP form has
    assert error_details_pb2.DESCRIPTOR, "the messages of details are known before one is parsed"
    parsed = json_format.ParseDict(error, status_pb2.Status(), ignore_unknown_fields=False)
    assert parsed.code == answer.status_code
    found = []
    for packed in parsed.details:
        detail = getattr(error_details_pb2, packed.TypeName().rpartition(".")[2])()
        assert packed.Unpack(detail)
        found.append(detail)
    return found
