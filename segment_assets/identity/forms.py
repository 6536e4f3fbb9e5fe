"""The normal forms: named, versioned rules, each with its source and the reasons it can give.

Belongs here: the registry. Not here: the rules themselves (`emails`, `phone`, `people`, `birth`, `places`, `states`,
`streets`, `devices`, `passed_through`, `amazon`), the hashing (`digests`), and which platform asks for which form
(`destinations.match_keys`). A changed rule gets a higher version, so that audiences hashed before and after can be
told apart.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from segment_assets.contracts import MatchKey, Reason
from segment_assets.identity import (
    amazon,
    birth,
    devices,
    emails,
    passed_through,
    people,
    phone,
    places,
    states,
    streets,
)
from segment_assets.identity.normal_form import NormalForm, form, refined

if TYPE_CHECKING:
    from collections.abc import Mapping

    from segment_assets.identity.normal_form import Rule

__all__ = ["NORMAL_FORMS", "NormalForm"]

_META = "https://developers.facebook.com/documentation/ads-commerce/marketing-api/audiences/guides/custom-audiences"
_META_NAMES = (
    "https://developers.facebook.com/documentation/ads-commerce/conversions-api/parameters/"
    "customer-information-parameters"
)
_GOOGLE = "https://developers.google.com/data-manager/api/get-started/formatting"
_AMAZON = "https://github.com/aws-solutions/amazon-marketing-cloud-uploader-from-aws"
_AMAZON_ADDRESS = "https://github.com/amzn/amazon-ads-advertiser-audience-normalization-sdk-py"
_UID2 = "https://unifiedid.com/docs"
_REDDIT = "https://business.reddithelp.com"
_TIKTOK = "https://ads.tiktok.com/help/article/list-of-supported-ids-and-formats-for-a-customer-file"
_SNAP = "https://developers.snap.com/api/marketing-api/Ads-API/customer-lists"
_LIVERAMP = "https://docs.liveramp.com/connect/en/formatting-identifiers.html"
_LINKEDIN = "https://learn.microsoft.com/en-us/linkedin/marketing/matched-audiences/create-and-manage-segment-users"
_CRITEO = "https://developers.criteo.com/marketing-solutions/docs"
_X = "https://docs.x.com/x-ads-api"
_ISO_3166_2 = "https://www.iso.org/iso-3166-country-codes.html"
_MICROSOFT = "https://help.ads.microsoft.com"


def _birth(match_key: MatchKey, rule: Rule, description: str, *reasons: Reason) -> NormalForm:
    """A digest of a whole date says nothing about its parts, so a hashed date is of no use."""
    return form(
        match_key,
        rule,
        Reason.NOT_A_DATE,
        Reason.IMPOSSIBLE_DATE,
        *reasons,
        description=description,
        source=_META,
        column="birth_date",
        takes_digests=False,
        needs_country=True,
    )


def _names(key: MatchKey, words: str) -> tuple[NormalForm, ...]:
    column = key.value
    return (
        form(key, people.name, Reason.NO_LETTERS, description=words, source=_META_NAMES),
        form(
            key, people.lower_case_name, Reason.NO_LETTERS, name=f"{key}_lower", column=column,
            description=f"{words}, lower-cased with its punctuation", source=_GOOGLE,
        ),
        form(
            key, amazon.name_amazon, Reason.NO_LETTERS, name=f"{key}_amazon", column=column,
            description=f"{words}, in a-z and 0-9", source=_AMAZON,
        ),
        form(
            key, people.name_as_written, Reason.NO_LETTERS, name=f"{key}_plain", column=column, hashed=False,
            description=f"{words} as written", source=_LINKEDIN,
        ),
    )  # fmt: skip


_EMAIL = form(
    MatchKey.EMAIL, emails.email, Reason.NOT_AN_EMAIL, description="trimmed, lower-cased e-mail", source=_META
)
_PHONE = form(
    MatchKey.PHONE,
    phone.phone_digits,
    Reason.NOT_A_PHONE,
    Reason.NO_COUNTRY,
    name="phone_digits",
    needs_country=True,
    description="phone number in international digits without plus",
    source=_META,
    version=2,
)
_MOBILE_REASONS = (Reason.NOT_A_MOBILE_AD_ID, Reason.ZERO_MOBILE_AD_ID)
_COUNTRY = form(
    MatchKey.COUNTRY, places.country, Reason.UNKNOWN_COUNTRY, description="country, alpha-2 lower-case", source=_META
)

_EMAILS = (
    _EMAIL,
    refined(
        _EMAIL, "email_gmail_folded", emails.folded_as_by_gmail,
        description="e-mail, for Gmail without dots and plus tag", source=_GOOGLE,
    ),
    refined(
        _EMAIL, "email_uid2", emails.folded_as_by_uid2,
        description="e-mail, for gmail.com (not googlemail.com) without dots and plus tag", source=_UID2,
    ),
    refined(
        _EMAIL, "email_folded", emails.folded_everywhere,
        description="e-mail, for every provider without dots and plus tag", source=_MICROSOFT,
    ),
    refined(
        _EMAIL, "email_alphanumeric", emails.letters_and_digits,
        description="e-mail, its mailbox without plus tag in letters and digits", source=_REDDIT,
    ),
    refined(
        _EMAIL, "email_amazon", amazon.word_characters,
        description="e-mail, its mailbox in letters, digits, dot, dash and underscore", source=_AMAZON,
    ),
    refined(
        _EMAIL, "email_plain", str, description="e-mail, not hashed", source=_LIVERAMP, hashed=False,
    ),
    form(
        MatchKey.EMAIL, emails.spaceless_email, Reason.NOT_AN_EMAIL, name="email_spaceless", column="email",
        description="e-mail, lower-cased, all white space removed", source=_TIKTOK,
    ),
)  # fmt: skip

_PHONES = (
    _PHONE,
    refined(
        _PHONE, "phone_e164", phone.e164, description="phone number in E.164, with plus", source=_GOOGLE,
    ),
    refined(
        _PHONE, "phone_e164_india", phone.e164_of_india, Reason.UNSUPPORTED_COUNTRY,
        description="Indian phone number in E.164, with plus", source=_CRITEO,
    ),
    refined(
        _PHONE, "phone_ten_digits", phone.ten_digits, Reason.UNSUPPORTED_COUNTRY,
        description="North American phone number in ten digits", source=_LIVERAMP,
    ),
)  # fmt: skip

_PLACES = (
    form(
        MatchKey.ADDRESS, streets.address, Reason.NOT_AN_ADDRESS, Reason.NO_COUNTRY, Reason.UNSUPPORTED_COUNTRY,
        needs_country=True, description="street line, abbreviated by country, without spaces", source=_AMAZON_ADDRESS,
    ),
    form(
        MatchKey.ADDRESS, streets.address_as_written, Reason.NOT_AN_ADDRESS, name="address_plain", column="address",
        hashed=False, description="street line as written", source=_LIVERAMP,
    ),
    form(MatchKey.CITY, places.city, Reason.NO_LETTERS, description="city", source=_META),
    form(
        MatchKey.CITY, amazon.city_amazon, Reason.NO_LETTERS, name="city_amazon", column="city",
        description="city in a-z and 0-9, accented letters deleted", source=_AMAZON,
    ),
    form(
        MatchKey.CITY, places.city_as_written, Reason.NO_LETTERS, name="city_plain", column="city", hashed=False,
        description="city as written", source=_LIVERAMP,
    ),
    form(
        MatchKey.STATE, places.state, Reason.NOT_A_STATE, Reason.NO_COUNTRY, needs_country=True,
        description="state or province", source=_META,
    ),
    form(
        MatchKey.STATE, states.state_amazon, Reason.NOT_A_STATE, Reason.NO_COUNTRY, needs_country=True,
        name="state_amazon", column="state", description="state or province, Amazon's code", source=_AMAZON,
    ),
    form(
        MatchKey.STATE, states.state_code, Reason.NOT_A_STATE, Reason.NO_COUNTRY, needs_country=True,
        name="state_code", column="state", description="state or province, code of ISO 3166-2", source=_ISO_3166_2,
    ),
    form(
        MatchKey.STATE, states.state_as_written, Reason.NOT_A_STATE, name="state_plain", column="state", hashed=False,
        description="state or province as written", source=_LIVERAMP,
    ),
    form(
        MatchKey.POSTAL_CODE, places.postal_code, Reason.NOT_A_POSTAL_CODE, Reason.NO_COUNTRY, needs_country=True,
        description="postal code", source=_META, version=2,
    ),
    form(
        MatchKey.POSTAL_CODE, places.postal_code_as_written, Reason.NOT_A_POSTAL_CODE, name="postal_code_plain",
        hashed=False, description="Postal code as written, not hashed (Google takes it plain)", source=_GOOGLE,
    ),
    form(
        MatchKey.POSTAL_CODE, amazon.postal_code_amazon, Reason.NOT_A_POSTAL_CODE, Reason.NO_COUNTRY,
        needs_country=True, name="postal_code_amazon", column="postal_code",
        description="postal code, letters in upper case", source=_AMAZON,
    ),
    form(
        MatchKey.POSTAL_CODE, amazon.postal_code_amazon_lower, Reason.NOT_A_POSTAL_CODE, Reason.NO_COUNTRY,
        needs_country=True, name="postal_code_amazon_lower", column="postal_code",
        description="postal code, letters in lower case", source=_AMAZON,
    ),
    form(
        MatchKey.POSTAL_CODE, places.postal_code_compact, Reason.NOT_A_POSTAL_CODE, name="postal_code_compact",
        column="postal_code", hashed=False, needs_country=True, source=_LIVERAMP,
        description="postal code without spaces and dashes, lost zeros restored, not hashed",
    ),
    _COUNTRY,
    refined(
        _COUNTRY, "country_code", str.upper, hashed=False, source=_GOOGLE,
        description="Country, alpha-2 upper-case, not hashed (Google takes it plain)",
    ),
)  # fmt: skip

_PASSED_THROUGH = (
    form(
        MatchKey.MOBILE_AD_ID, devices.mobile_ad_id, *_MOBILE_REASONS, hashed=False, source=_META,
        description="Mobile advertising id, lower-case, not hashed (platforms take it plain)",
    ),
    form(
        MatchKey.MOBILE_AD_ID, devices.mobile_ad_id, *_MOBILE_REASONS, name="mobile_ad_id_hashed",
        column="mobile_ad_id", takes_digests=True, description="mobile advertising id, lower-case", source=_SNAP,
    ),
    form(
        MatchKey.MOBILE_AD_ID, devices.mobile_ad_id_as_issued, *_MOBILE_REASONS, name="mobile_ad_id_as_issued",
        column="mobile_ad_id", takes_digests=True, description="mobile advertising id, IDFA in upper case",
        source=_LIVERAMP,
    ),
    form(
        MatchKey.IP, passed_through.ip_address, Reason.NOT_AN_IP_ADDRESS, name="ip_address", hashed=False,
        description="IP address", source=_GOOGLE,
    ),
    form(
        MatchKey.IP, passed_through.ip_address, Reason.NOT_AN_IP_ADDRESS, name="ip_address_hashed", column="ip",
        description="IP address", source="https://developer.yahooinc.com",
    ),
    form(
        MatchKey.EXTERNAL_ID, passed_through.external_id, Reason.NOT_AN_EXTERNAL_ID, hashed=False, opaque=True,
        description="the advertiser's own id, unchanged", source=_META,
    ),
    form(
        MatchKey.EXTERNAL_ID, passed_through.external_token, Reason.NOT_AN_EXTERNAL_ID, name="external_token",
        column="external_id", hashed=False, opaque=True, source="https://advertising.amazon.com/API/docs/en-us",
        description="the advertiser's own id, in letters, digits, dash and underscore",
    ),
    form(
        MatchKey.UID2, passed_through.uid2, Reason.NOT_A_UID2, hashed=False, opaque=True,
        description="raw UID2, unchanged", source=_UID2,
    ),
    form(
        MatchKey.EUID, passed_through.uid2, Reason.NOT_A_UID2, hashed=False, opaque=True,
        description="raw EUID, unchanged", source="https://euid.eu/docs",
    ),
    form(
        MatchKey.RAMP_ID, passed_through.ramp_id, Reason.NOT_A_RAMP_ID, hashed=False, opaque=True,
        description="RampID, unchanged", source=_LIVERAMP,
    ),
    form(MatchKey.HANDLE, passed_through.handle, Reason.NOT_A_HANDLE, description="name of an X account", source=_X),
    form(
        MatchKey.TWITTER_ID, passed_through.user_number, Reason.NOT_A_USER_NUMBER,
        description="number of an X account", source=_X,
    ),
)  # fmt: skip

_FORMS = (
    *_EMAILS,
    *_PHONES,
    *_names(MatchKey.FIRST_NAME, "first name"),
    form(
        MatchKey.FIRST_INITIAL,
        people.first_initial,
        Reason.NO_LETTERS,
        column="first_name",
        takes_digests=False,
        description="first letter of the first name",
        source=_META,
    ),
    *_names(MatchKey.LAST_NAME, "last name"),
    *_PLACES,
    _birth(MatchKey.BIRTH_YEAR, birth.birth_year, "birth year, YYYY"),
    _birth(MatchKey.BIRTH_MONTH, birth.birth_month, "birth month, MM", Reason.NO_COUNTRY),
    _birth(MatchKey.BIRTH_DAY, birth.birth_day, "birth day, DD", Reason.NO_COUNTRY),
    form(MatchKey.GENDER, people.gender, Reason.NOT_A_GENDER, description="gender, m or f", source=_META),
    *_PASSED_THROUGH,
)

# In the order in which those that are needed are columns of tables.HASHED_AUDIENCE.
NORMAL_FORMS: Mapping[str, NormalForm] = MappingProxyType({form.name: form for form in _FORMS})
