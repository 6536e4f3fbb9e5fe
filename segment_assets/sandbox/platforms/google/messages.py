"""The request messages of `google.ads.datamanager.v1`, as far as Customer Match uses them.

Belongs here: names and kinds of fields. Not here: which of them a call needs (`lists`, `members`, `uploads`).
Source: the API's discovery document, revision 20261106. A conformance test compares them with Google's own protos.
"""

from __future__ import annotations

from segment_assets.sandbox.platforms.google.wire import EnumOf, Field, Kind, Message

ACCOUNT_TYPES = (
    "ACCOUNT_TYPE_UNSPECIFIED", "GOOGLE_ADS", "DISPLAY_VIDEO_PARTNER", "DISPLAY_VIDEO_ADVERTISER", "DATA_PARTNER",
    "GOOGLE_ANALYTICS_PROPERTY", "GOOGLE_AD_MANAGER_AUDIENCE_LINK", "FLOODLIGHT_CONFIG", "GOOGLE_AD_MANAGER",
)  # fmt: skip
_PACKAGE = "type.googleapis.com/google.ads.datamanager.v1."


def _enum(name: str, *values: str) -> Field:
    return Field(EnumOf(_PACKAGE + name, values))


_STRING, _BOOL, _INT64, _ANY = Field(Kind.STRING), Field(Kind.BOOL), Field(Kind.INT64), Field(Kind.ANY)
_STRINGS = Field(Kind.STRING, repeated=True)
_TIMESTAMP = Field(Kind.TIMESTAMP)

PRODUCT_ACCOUNT = Message(
    product=_enum("Product", "PRODUCT_UNSPECIFIED", *ACCOUNT_TYPES[1:5]),
    account_id=_STRING,
    account_type=_enum("ProductAccount.AccountType", *ACCOUNT_TYPES),
)
_ACCOUNT = Field(PRODUCT_ACCOUNT)
DESTINATION = Message(
    reference=_STRING,
    login_account=_ACCOUNT,
    linked_account=_ACCOUNT,
    operating_account=_ACCOUNT,
    product_destination_id=_STRING,
)
_CONSENT_STATUS = _enum("ConsentStatus", "CONSENT_STATUS_UNSPECIFIED", "CONSENT_GRANTED", "CONSENT_DENIED")
CONSENT = Message(ad_user_data=_CONSENT_STATUS, ad_personalization=_CONSENT_STATUS)

ADDRESS = Message(
    given_name=_STRING,
    family_name=_STRING,
    region_code=_STRING,
    postal_code=_STRING,
    address_line=_STRING,
    city=_STRING,
    administrative_area=_STRING,
)
USER_IDENTIFIER = Message(
    email_address=Field(Kind.STRING, oneof="identifier"),
    phone_number=Field(Kind.STRING, oneof="identifier"),
    address=Field(ADDRESS, oneof="identifier"),
)
USER_DATA = Message(user_identifiers=Field(USER_IDENTIFIER, repeated=True))
IP_DATA = Message(ip_address=_STRING, observe_start_time=_TIMESTAMP, observe_end_time=_TIMESTAMP)
MEMBER = Message(
    destination_references=_STRINGS,
    consent=Field(CONSENT),
    user_data=Field(USER_DATA, oneof="data"),
    mobile_data=Field(Message(mobile_ids=_STRINGS), oneof="data"),
    user_id_data=Field(Message(user_id=_STRING), oneof="data"),
    composite_data=Field(
        Message(user_data=Field(USER_DATA), ip_data=Field(IP_DATA, repeated=True)),
        oneof="data",
    ),
    pair_data=Field(Message(pair_ids=_STRINGS), oneof="data"),
    ppid_data=Field(Message(ppids=_STRINGS), oneof="data"),
    google_user_id_data=Field(Message(google_user_ids=_STRINGS), oneof="data"),
    partner_provided_id_data=Field(Message(partner_provided_ids=_STRINGS), oneof="data"),
)

_DESTINATIONS = Field(DESTINATION, repeated=True)
_ENCODING = _enum("Encoding", "ENCODING_UNSPECIFIED", "HEX", "BASE64")
_ENCRYPTION = Field(Message(gcp_wrapped_key_info=_ANY, aws_wrapped_key_info=_ANY, coordinator_key_info=_ANY))
_TERMS_STATUS = _enum("TermsOfServiceStatus", "TERMS_OF_SERVICE_STATUS_UNSPECIFIED", "ACCEPTED", "REJECTED")
REMOVE = Message(
    destinations=_DESTINATIONS,
    audience_members=Field(MEMBER, repeated=True),
    validate_only=_BOOL,
    encoding=_ENCODING,
    encryption_info=_ENCRYPTION,
)
INGEST = Message(
    **REMOVE.fields,
    consent=Field(CONSENT),
    terms_of_service=Field(Message(customer_match_terms_of_service_status=_TERMS_STATUS)),
)
REMOVE_ALL = Message(destinations=_DESTINATIONS, remove_as_of_time=_TIMESTAMP, validate_only=_BOOL)

_SOURCE = _enum(
    "DataSourceType", "DATA_SOURCE_TYPE_UNSPECIFIED", "DATA_SOURCE_TYPE_FIRST_PARTY",
    "DATA_SOURCE_TYPE_THIRD_PARTY_CREDIT_BUREAU", "DATA_SOURCE_TYPE_THIRD_PARTY_VOTER_FILE",
    "DATA_SOURCE_TYPE_THIRD_PARTY_PARTNER_DATA",
)  # fmt: skip
_UPLOAD_KEY_TYPES = EnumOf(
    f"{_PACKAGE}IngestedUserListInfo.UploadKeyType",
    ("UPLOAD_KEY_TYPE_UNSPECIFIED", "CONTACT_ID", "MOBILE_ID", "USER_ID", "PAIR_ID", "PSEUDONYMOUS_ID"),
)
INGESTED_USER_LIST_INFO = Message(
    upload_key_types=Field(_UPLOAD_KEY_TYPES, repeated=True),
    contact_id_info=Field(Message(data_source_type=_SOURCE, match_rate_percentage=Field(Kind.INT32))),
    mobile_id_info=Field(
        Message(
            data_source_type=_SOURCE,
            key_space=_enum("MobileIdInfo.KeySpace", "KEY_SPACE_UNSPECIFIED", "IOS", "ANDROID"),
            app_id=_STRING,
        )
    ),
    user_id_info=Field(Message(data_source_type=_SOURCE)),
    pair_id_info=_ANY,
    pseudonymous_id_info=_ANY,
    partner_audience_info=_ANY,
)
USER_LIST = Message(
    name=_STRING,
    id=_INT64,
    read_only=_BOOL,
    display_name=_STRING,
    description=_STRING,
    membership_status=_enum("UserList.MembershipStatus", "MEMBERSHIP_STATUS_UNSPECIFIED", "OPEN", "CLOSED"),
    integration_code=_STRING,
    membership_duration=Field(Kind.DURATION),
    closing_reason=_enum("UserList.ClosingReason", "CLOSING_REASON_UNSPECIFIED", "UNUSED"),
    access_reason=_enum(
        "UserList.AccessReason",
        "ACCESS_REASON_UNSPECIFIED",
        "OWNED",
        "SHARED",
        "LICENSED",
        "SUBSCRIBED",
        "AFFILIATED",
    ),
    account_access_status=_enum("UserList.AccessStatus", "ACCESS_STATUS_UNSPECIFIED", "ENABLED", "DISABLED"),
    size_info=Field(
        Message(
            display_network_members_count=_INT64,
            search_network_members_count=_INT64,
            youtube_members_count=_INT64,
            gmail_members_count=_INT64,
        )
    ),
    target_network_info=Field(Message(eligible_for_display=_BOOL, eligible_for_search=_BOOL)),
    ingested_user_list_info=Field(INGESTED_USER_LIST_INFO),
)

# Parameters in the query.
NOTHING = Message()
VALIDATE_ONLY = Message(validate_only=_BOOL)
UPDATE = Message(validate_only=_BOOL, update_mask=_STRING)
LIST = Message(page_size=Field(Kind.INT32), page_token=_STRING, filter=_STRING)
STATUS = Message(request_id=_STRING)
