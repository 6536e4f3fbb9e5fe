"""Match keys of Google, Amazon, Microsoft, The Trade Desk, Criteo, Yahoo and LiveRamp.

Belongs here: what each takes, declared. Not here: wire formats (one file per platform in `destinations`).
Source: named per route, as of autumn 2026.
"""

from __future__ import annotations

from segment_assets.contracts import Encoding, MatchKey, Reading, Sent
from segment_assets.destinations.match_keys.model import Platform, Route, alone

K, PLAIN, BASE64 = MatchKey, Encoding.PLAIN, Encoding.SHA256_BASE64

_GOOGLE_ADDRESS = (K.FIRST_NAME, K.LAST_NAME, K.COUNTRY, K.POSTAL_CODE)

GOOGLE = Platform(
    "google",
    {
        "data_manager": Route(
            match_keys={
                K.EMAIL: Sent("emailAddress", "email_gmail_folded"),
                K.PHONE: Sent("phoneNumber", "phone_e164"),
                K.FIRST_NAME: Sent("givenName", "first_name_lower"),
                K.LAST_NAME: Sent("familyName", "last_name_lower"),
                K.COUNTRY: Sent("regionCode", "country_code", PLAIN),
                K.POSTAL_CODE: Sent("postalCode", "postal_code_plain", PLAIN),
            },
            groups=(*alone(K.EMAIL, K.PHONE), _GOOGLE_ADDRESS),
            identifying=(K.EMAIL, K.PHONE),
            also_taken={
                K.MOBILE_AD_ID: Sent("mobileIds", "mobile_ad_id", PLAIN),
                K.EXTERNAL_ID: Sent("userId", "external_id", PLAIN),
                K.IP: Sent("ipAddress", "ip_address", PLAIN),
            },
            settings={
                "name_punctuation": Reading(
                    {
                        "kept": {},
                        "removed": {
                            K.FIRST_NAME: Sent("givenName", "first_name"),
                            K.LAST_NAME: Sent("familyName", "last_name"),
                        },
                    },
                    "the API's field comments ask for names without punctuation, Google's own code keeps it",
                )
            },
            source="https://developers.google.com/data-manager/api/get-started/formatting",
            notes=(
                "mobileIds and userId need lists of their own kind; ipAddress goes with composite data only.",
                "city, street and state are for Google Analytics only.",
            ),
        )
    },
)

_AMAZON_FORMS = {
    K.EMAIL: "email_amazon",
    K.PHONE: "phone_digits",
    K.FIRST_NAME: "first_name_amazon",
    K.LAST_NAME: "last_name_amazon",
    K.ADDRESS: "address",
    K.CITY: "city_amazon",
    K.STATE: "state_amazon",
    K.POSTAL_CODE: "postal_code_amazon",
}


def _amazon(fields: str, plain: dict[MatchKey, Sent], source: str) -> Route:
    """The routes differ in the names of their fields and in what they take beside the hashes."""
    field = dict(zip(_AMAZON_FORMS, fields.split(), strict=True))
    supporting = (K.FIRST_NAME, K.LAST_NAME, K.ADDRESS, K.CITY, K.STATE, K.POSTAL_CODE, K.COUNTRY, K.EXTERNAL_ID)
    return Route(
        match_keys={**{key: Sent(field[key], form) for key, form in _AMAZON_FORMS.items()}, **plain},
        groups=(
            *alone(*(key for key in (K.EMAIL, K.PHONE, K.MOBILE_AD_ID, K.RAMP_ID) if key in {**field, **plain})),
            (K.FIRST_NAME, K.LAST_NAME, K.ADDRESS, K.POSTAL_CODE),
        ),
        identifying=(K.EMAIL, K.PHONE, *(key for key in plain if key in {K.MOBILE_AD_ID, K.RAMP_ID})),
        supporting=tuple(key for key in supporting if key in {**field, **plain}),
        settings={
            "email_symbols": Reading(
                {"deleted": {}, "kept": {K.EMAIL: Sent(field[K.EMAIL], "email")}},
                "Amazon's uploader deletes the plus and keeps the tag, which makes another mailbox of it",
            ),
            "state_codes": Reading(
                {"published": {}, "iso": {K.STATE: Sent(field[K.STATE], "state_code")}},
                "three names are published by their first two letters, French regions by codes of Amazon's own",
            ),
            "postal_code_case": Reading(
                {"upper": {}, "lower": {K.POSTAL_CODE: Sent(field[K.POSTAL_CODE], "postal_code_amazon_lower")}},
                "Amazon's sample rows are in upper case as written, Segment's connector sends lower case",
            ),
        },
        source=source,
        notes=("Which keys together make a person matchable Amazon does not publish: name, street and code is ours.",),
    )


AMAZON = Platform(
    "amazon",
    {
        "adm": _amazon(
            "em ph fn ln ad cty st zip",
            {
                K.MOBILE_AD_ID: Sent("maId", "mobile_ad_id", PLAIN),
                K.RAMP_ID: Sent("liveRampId", "ramp_id", PLAIN),
                K.COUNTRY: Sent("countryCode", "country_code", PLAIN),
                K.EXTERNAL_ID: Sent("externalUserId", "external_token", PLAIN),
            },
            "https://advertising.amazon.com/API/docs/en-us/ads-data-manager; rules as for amc",
        ),
        "amc": _amazon(
            "email phone firstname lastname address city state postal",
            {
                K.COUNTRY: Sent("countryCode", "country_code", PLAIN),
                K.EXTERNAL_ID: Sent("externalUserId", "external_token", PLAIN),
            },
            "https://github.com/aws-solutions/amazon-marketing-cloud-uploader-from-aws",
        ),
        "amc_data": _amazon(
            "email phone first_name last_name address city state zip",
            {
                K.MOBILE_AD_ID: Sent("mobile_ad_id", "mobile_ad_id", PLAIN),
                K.COUNTRY: Sent("country_code", "country_code", PLAIN),
            },
            "https://advertising.amazon.com/API/docs, AMC advertiser data upload; rules as for amc",
        ),
    },
)

MICROSOFT_ADS = Platform(
    "microsoft_ads",
    {
        "customer_match": Route(
            match_keys={
                K.EMAIL: Sent("Email", "email"),
                K.PHONE: Sent("Phone", "phone_e164"),
                K.EXTERNAL_ID: Sent("CRM", "external_id", PLAIN),
            },
            groups=alone(K.EMAIL, K.PHONE, K.EXTERNAL_ID),
            identifying=(K.EMAIL, K.PHONE, K.EXTERNAL_ID),
            settings={
                "email_tag": Reading(
                    {"kept": {}, "folded": {K.EMAIL: Sent("Email", "email_folded")}},
                    "some of Microsoft's help texts drop the plus tag and the dots; its API reference does not",
                ),
                "phone_plus": Reading(
                    {"with": {}, "without": {K.PHONE: Sent("Phone", "phone_digits")}},
                    "the kind exists and its notation is not documented: phones are experimental here",
                ),
            },
            source="https://learn.microsoft.com/en-us/advertising/campaign-management-service/customerlistuserdata",
            notes=("One kind of identifier per request.",),
        )
    },
)

_TTD_IDS = {
    K.RAMP_ID: Sent("RampID", "ramp_id", PLAIN),
    K.MOBILE_AD_ID: Sent("DAID", "mobile_ad_id", PLAIN),
}

THE_TRADE_DESK = Platform(
    "the_trade_desk",
    {
        "data_api": Route(
            match_keys={
                K.EMAIL: Sent("email_hash", "email_uid2", BASE64),
                K.PHONE: Sent("phone_hash", "phone_e164", BASE64),
                **_TTD_IDS,
            },
            groups=alone(K.EMAIL, K.PHONE, *_TTD_IDS),
            identifying=(K.EMAIL, K.PHONE, *_TTD_IDS),
            also_taken={K.UID2: Sent("UID2", "uid2", PLAIN), K.EUID: Sent("EUID", "euid", PLAIN)},
            source="https://unifiedid.com/docs and The Trade Desk's Data API",
            notes=(
                "email_hash and phone_hash go to UID2's or EUID's identity map; the wire then carries UID2 or EUID.",
                "UID2s and EUIDs of a source are not sent: they change, and would have to be kept until then.",
            ),
        ),
        "crm": Route(
            match_keys={K.EMAIL: Sent("EmailHashedUnifiedId2", "email_uid2", BASE64)},
            groups=alone(K.EMAIL),
            identifying=(K.EMAIL,),
            source="The Trade Desk's CRM data segments, as shipped by Segment",
        ),
    },
)


def _criteo(encoding: Encoding, form: str = "email") -> Route:
    return Route(
        match_keys={
            K.EMAIL: Sent("email", form, encoding),
            K.MOBILE_AD_ID: Sent("madid", "mobile_ad_id", PLAIN),
            K.RAMP_ID: Sent("identityLink", "ramp_id", PLAIN),
            K.PHONE: Sent("phoneNumber", "phone_e164_india"),
        },
        groups=alone(K.EMAIL, K.MOBILE_AD_ID, K.RAMP_ID, K.PHONE),
        identifying=(K.EMAIL, K.MOBILE_AD_ID, K.RAMP_ID, K.PHONE),
        source="https://developers.criteo.com/marketing-solutions/docs",
        notes=(
            "One kind of identifier per request, one digest per list.",
            "phoneNumber is for India only; that it is the SHA-256 of E.164 is inferred.",
            "The case of madid is not documented, lower case is inferred.",
        ),
    )


CRITEO = Platform(
    "criteo",
    {
        "sha256": _criteo(Encoding.SHA256_HEX),
        "md5": _criteo(Encoding.MD5_HEX),
        "sha256_of_md5": _criteo(Encoding.SHA256_OF_MD5_HEX),
        "plain": _criteo(PLAIN, "email_plain"),
    },
)

_YAHOO_PHONE_NOTE = "E.164 with plus is what two connectors send; Yahoo's own page was not read."

YAHOO_DSP = Platform(
    "yahoo_dsp",
    {
        "datax": Route(
            match_keys={
                K.EMAIL: Sent("SHA256EMAIL", "email"),
                K.MOBILE_AD_ID: Sent("GPADVID", "mobile_ad_id", PLAIN),
                K.PHONE: Sent("HASHEDID", "phone_e164"),
            },
            groups=alone(K.EMAIL, K.MOBILE_AD_ID, K.PHONE),
            identifying=(K.EMAIL, K.MOBILE_AD_ID, K.PHONE),
            source="https://developer.yahooinc.com/datax/guide/",
            notes=("An IDFA goes under IDFA.", _YAHOO_PHONE_NOTE),
        ),
        "traffic": Route(
            match_keys={
                K.EMAIL: Sent("email_address", "email"),
                K.MOBILE_AD_ID: Sent("device_id", "mobile_ad_id", PLAIN),
                K.IP: Sent("SHA256IP", "ip_address_hashed"),
                K.PHONE: Sent("phone", "phone_e164"),
            },
            groups=alone(K.EMAIL, K.MOBILE_AD_ID, K.IP, K.PHONE),
            identifying=(K.EMAIL, K.MOBILE_AD_ID, K.IP, K.PHONE),
            source="https://developer.yahooinc.com, DSP traffic API",
            notes=(_YAHOO_PHONE_NOTE,),
        ),
    },
)


def _liveramp(email: Sent) -> Route:
    return Route(
        match_keys={
            K.EMAIL: email,
            K.PHONE: Sent("phone1_SHA-1", "phone_ten_digits", Encoding.SHA1_HEX),
            K.FIRST_NAME: Sent("FIRSTNAME", "first_name_plain", PLAIN),
            K.LAST_NAME: Sent("LASTNAME", "last_name_plain", PLAIN),
            K.ADDRESS: Sent("ADDRESS1", "address_plain", PLAIN),
            K.CITY: Sent("CITY", "city_plain", PLAIN),
            K.STATE: Sent("STATE", "state_plain", PLAIN),
            K.POSTAL_CODE: Sent("ZIP", "postal_code_compact", PLAIN),
        },
        groups=(
            *alone(K.EMAIL, K.PHONE),
            (K.FIRST_NAME, K.LAST_NAME, K.ADDRESS, K.CITY, K.STATE, K.POSTAL_CODE),
        ),
        identifying=(K.EMAIL, K.PHONE),
        # In a file of their own: LiveRamp takes no file with both known and pseudonymous identifiers.
        also_taken={
            K.MOBILE_AD_ID: Sent("MAID", "mobile_ad_id_as_issued", Encoding.SHA1_HEX),
            K.RAMP_ID: Sent("RampID", "ramp_id", PLAIN),
        },
        settings={
            "mobile_ad_id_digest": Reading(
                {
                    "sha1": {},
                    "plain": {K.MOBILE_AD_ID: Sent("MAID", "mobile_ad_id", PLAIN)},
                },
                "both are taken",
            )
        },
        source="https://docs.liveramp.com/connect/en/formatting-identifiers.html",
        notes=(
            "Phones are SHA-1 of ten digits and are not taken in the EU.",
            "All three digests of an e-mail together match best; a file may hold one column of each.",
        ),
    )


LIVERAMP = Platform(
    "liveramp",
    {
        "sha256": _liveramp(Sent("email1_SHA-256", "email_spaceless")),
        "sha1": _liveramp(Sent("email1_SHA-1", "email_spaceless", Encoding.SHA1_HEX)),
        "md5": _liveramp(Sent("email1_MD5", "email_spaceless", Encoding.MD5_HEX)),
        "plain": _liveramp(Sent("EMAIL1", "email_plain", PLAIN)),
    },
)
