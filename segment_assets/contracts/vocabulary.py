"""Names that every room uses: match keys, reasons of refusal, states and encodings of a value, the doors of a person.

Not here: what a value has to look like (`identity`), who passes which door (`audience`).
"""

from __future__ import annotations

import enum


class MatchKey(enum.StrEnum):
    """What a platform can recognise a person by. The field's own words, used in the plan and on the command line."""

    EMAIL = "email"
    PHONE = "phone"
    FIRST_NAME = "first_name"
    FIRST_INITIAL = "first_initial"
    LAST_NAME = "last_name"
    ADDRESS = "address"
    CITY = "city"
    STATE = "state"
    POSTAL_CODE = "postal_code"
    COUNTRY = "country"
    BIRTH_YEAR = "birth_year"
    BIRTH_MONTH = "birth_month"
    BIRTH_DAY = "birth_day"
    GENDER = "gender"
    MOBILE_AD_ID = "mobile_ad_id"
    IP = "ip"
    EXTERNAL_ID = "external_id"
    UID2 = "uid2"
    EUID = "euid"
    RAMP_ID = "ramp_id"
    HANDLE = "handle"
    TWITTER_ID = "twitter_id"


class Reason(enum.StrEnum):
    """Why a value was refused. Codes are stored in tables, so a code is never renamed."""

    EMPTY = "empty"
    NULL_TEXT = "null_text"
    NOT_AN_EMAIL = "not_an_email"
    NOT_A_PHONE = "not_a_phone"
    NO_COUNTRY = "no_country"
    UNKNOWN_COUNTRY = "unknown_country"
    NOT_A_POSTAL_CODE = "not_a_postal_code"
    NOT_A_STATE = "not_a_state"
    NOT_A_DATE = "not_a_date"
    IMPOSSIBLE_DATE = "impossible_date"
    NOT_A_GENDER = "not_a_gender"
    NOT_A_MOBILE_AD_ID = "not_a_mobile_ad_id"
    ZERO_MOBILE_AD_ID = "zero_mobile_ad_id"
    NO_LETTERS = "no_letters"
    NOT_AN_ADDRESS = "not_an_address"
    NOT_AN_IP_ADDRESS = "not_an_ip_address"
    NOT_AN_EXTERNAL_ID = "not_an_external_id"
    NOT_A_UID2 = "not_a_uid2"
    NOT_A_RAMP_ID = "not_a_ramp_id"
    NOT_A_HANDLE = "not_a_handle"
    NOT_A_USER_NUMBER = "not_a_user_number"
    UNSUPPORTED_COUNTRY = "unsupported_country"
    UNSUPPORTED_DIGEST = "unsupported_digest"
    HASHED_WHERE_PLAIN_IS_NEEDED = "hashed_where_plain_is_needed"
    NO_IDENTIFIER = "no_identifier"
    UNREADABLE_ROW = "unreadable_row"
    NOT_A_VALUE = "not_a_value"


class Encoding(enum.StrEnum):
    """How a normal form is written for a platform. All but the first two and `plain` need the raw value."""

    SHA256_HEX = "sha256_hex"
    SHA256_BASE64 = "sha256_base64"
    PLAIN = "plain"
    SHA512_HEX = "sha512_hex"
    SHA1_HEX = "sha1_hex"
    MD5_HEX = "md5_hex"
    SHA256_OF_MD5_HEX = "sha256_of_md5_hex"


class ColumnState(enum.StrEnum):
    """What a source says about one of its columns. `auto` looks at every value."""

    RAW = "raw"
    HASHED = "hashed"
    AUTO = "auto"


class Consent(enum.StrEnum):
    """What is known of a person's answer to one purpose. `unspecified`: nobody asked, or nothing was answered."""

    GRANTED = "granted"
    DENIED = "denied"
    UNSPECIFIED = "unspecified"


# The purposes: may a person's data go to platforms, may ads be chosen by it. Columns of a segment and an audience.
CONSENT_COLUMNS = ("consent_ad_user_data", "consent_ad_personalization")

# What a person is worth to account A, as a decimal number from 0 on: for platforms that look for people like the best.
VALUE_COLUMN = "customer_value"

# The statement that an audience is by value, which an activation with `value_based` makes of itself.
IS_VALUE_BASED = "is_value_based"

# What is said of a person and identifies nobody: never decisive for a removal, and nothing that people share.
ATTRIBUTE_COLUMNS = (*CONSENT_COLUMNS, VALUE_COLUMN)


class Eligibility(enum.StrEnum):
    """The door at which a person of an audience stopped, or `eligible` for those who may be sent."""

    ELIGIBLE = "eligible"
    SUPPRESSED = "suppressed"
    NO_CONSENT = "no_consent"
    HELD_OUT = "held_out"
