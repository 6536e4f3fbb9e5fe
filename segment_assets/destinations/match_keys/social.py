"""Match keys of the social platforms: Meta, TikTok, Snapchat, Pinterest, LinkedIn, X and Reddit.

Belongs here: what each takes, declared. Not here: wire formats (one file per platform in `destinations`).
Source: named per route, as of autumn 2026.
"""

from __future__ import annotations

from segment_assets.contracts import Encoding, MatchKey, Reading, Sent
from segment_assets.destinations.match_keys.model import Platform, Route, alone

K, PLAIN = MatchKey, Encoding.PLAIN
_EMAIL_PHONE_DEVICE = (K.EMAIL, K.PHONE, K.MOBILE_AD_ID)

META = Platform(
    "meta",
    {
        "customer_file": Route(
            match_keys={
                K.EMAIL: Sent("EMAIL", "email"),
                K.PHONE: Sent("PHONE", "phone_digits"),
                K.FIRST_NAME: Sent("FN", "first_name"),
                K.LAST_NAME: Sent("LN", "last_name"),
                K.CITY: Sent("CT", "city"),
                K.STATE: Sent("ST", "state"),
                K.POSTAL_CODE: Sent("ZIP", "postal_code"),
                K.COUNTRY: Sent("COUNTRY", "country"),
                K.BIRTH_YEAR: Sent("DOBY", "birth_year"),
                K.BIRTH_MONTH: Sent("DOBM", "birth_month"),
                K.BIRTH_DAY: Sent("DOBD", "birth_day"),
                K.GENDER: Sent("GEN", "gender"),
                K.MOBILE_AD_ID: Sent("MADID", "mobile_ad_id", PLAIN),
            },
            groups=(*alone(*_EMAIL_PHONE_DEVICE), (K.FIRST_NAME, K.LAST_NAME, K.POSTAL_CODE, K.COUNTRY)),
            identifying=_EMAIL_PHONE_DEVICE,
            supporting=(
                *(K.FIRST_NAME, K.LAST_NAME, K.CITY, K.STATE, K.POSTAL_CODE, K.COUNTRY),
                *(K.BIRTH_YEAR, K.BIRTH_MONTH, K.BIRTH_DAY, K.GENDER),
            ),
            also_taken={
                K.FIRST_INITIAL: Sent("FI", "first_initial"),
                K.EXTERNAL_ID: Sent("EXTERN_ID", "external_id", PLAIN),
            },
            source="https://developers.facebook.com/documentation/ads-commerce/marketing-api/audiences/guides/"
            "custom-audiences",
            notes=(
                "FI is not sent: FN says more. EXTERN_ID is not sent: Meta keeps its mapping for 90 days only.",
                "Which keys together make a person matchable Meta does not publish: name, code and country is ours.",
            ),
        )
    },
)

_TIKTOK_EMAIL = {
    "kept": {K.EMAIL: Sent("EMAIL_SHA256", "email_spaceless")},
    "folded": {K.EMAIL: Sent("EMAIL_SHA256", "email_folded")},
}
_TIKTOK_EMAIL_WHY = "the newest help page keeps the plus tag, an older one and Segment's code drop it and the dots"
_TIKTOK_PHONE_WHY = (
    "the page of August 2025 and the only published hash are without plus, the streaming guide and the printed example "
    "with it; one audience must never mix them, since a removal has to present the same hash"
)
_WITH_PLUS = {K.PHONE: Sent("PHONE_SHA256", "phone_e164")}
_WITHOUT_PLUS = {K.PHONE: Sent("PHONE_SHA256", "phone_digits")}

TIKTOK = Platform(
    "tiktok",
    {
        "stream": Route(
            match_keys={
                K.EMAIL: Sent("EMAIL_SHA256", "email_spaceless"),
                K.PHONE: Sent("PHONE_SHA256", "phone_e164"),
                K.MOBILE_AD_ID: Sent("AAID_SHA256", "mobile_ad_id_hashed"),
            },
            groups=alone(*_EMAIL_PHONE_DEVICE),
            identifying=_EMAIL_PHONE_DEVICE,
            settings={
                "email_tag": Reading(_TIKTOK_EMAIL, _TIKTOK_EMAIL_WHY),
                "phone_plus": Reading({"with": _WITH_PLUS, "without": _WITHOUT_PLUS}, _TIKTOK_PHONE_WHY),
            },
            source="TikTok API for Business v1.3, segment/mapping",
            notes=("An IDFA goes under IDFA_SHA256; the hash is the same.",),
        ),
        "file": Route(
            match_keys={
                K.EMAIL: Sent("EMAIL_SHA256", "email_spaceless"),
                K.PHONE: Sent("PHONE_SHA256", "phone_digits"),
                K.MOBILE_AD_ID: Sent("FIRST_SHA256", "mobile_ad_id_hashed"),
            },
            groups=alone(*_EMAIL_PHONE_DEVICE),
            identifying=_EMAIL_PHONE_DEVICE,
            settings={
                "email_tag": Reading(_TIKTOK_EMAIL, _TIKTOK_EMAIL_WHY),
                "phone_plus": Reading({"without": _WITHOUT_PLUS, "with": _WITH_PLUS}, _TIKTOK_PHONE_WHY),
                "mobile_ad_id_digest": Reading(
                    {
                        "sha256": {K.MOBILE_AD_ID: Sent("FIRST_SHA256", "mobile_ad_id_hashed")},
                        "md5": {K.MOBILE_AD_ID: Sent("FIRST_MD5", "mobile_ad_id_hashed", Encoding.MD5_HEX)},
                    },
                    "both are taken; one audience holds one of them",
                ),
            },
            source="https://ads.tiktok.com/help/article/list-of-supported-ids-and-formats-for-a-customer-file",
        ),
    },
)

SNAPCHAT = Platform(
    "snapchat",
    {
        "customer_list": Route(
            match_keys={
                K.EMAIL: Sent("EMAIL_SHA256", "email"),
                K.PHONE: Sent("PHONE_SHA256", "phone_digits"),
                K.MOBILE_AD_ID: Sent("MOBILE_AD_ID_SHA256", "mobile_ad_id_hashed"),
            },
            groups=alone(*_EMAIL_PHONE_DEVICE),
            identifying=_EMAIL_PHONE_DEVICE,
            source="https://developers.snap.com/api/marketing-api/Ads-API/customer-lists",
            notes=("One kind of identifier per request.",),
        )
    },
)

PINTEREST = Platform(
    "pinterest",
    {
        "customer_list": Route(
            match_keys={
                K.EMAIL: Sent("EMAIL", "email"),
                K.MOBILE_AD_ID: Sent("MAID", "mobile_ad_id_as_issued"),
            },
            groups=alone(K.EMAIL, K.MOBILE_AD_ID),
            identifying=(K.EMAIL, K.MOBILE_AD_ID),
            also_taken={K.RAMP_ID: Sent("LR_ID", "ramp_id", PLAIN)},
            settings={
                "mobile_ad_id_case": Reading(
                    {
                        "as_issued": {K.MOBILE_AD_ID: Sent("MAID", "mobile_ad_id_as_issued")},
                        "lower": {K.MOBILE_AD_ID: Sent("MAID", "mobile_ad_id_hashed")},
                    },
                    "lower case is documented for AAIDs; that IDFAs stay in upper case is inferred",
                )
            },
            source="https://developers.pinterest.com, API v5 description 5.23.0",
            notes=(
                "One list holds digests of e-mails and mobile ad ids in any combination.",
                "RampIDs need a list of their own kind.",
            ),
        )
    },
)

LINKEDIN = Platform(
    "linkedin",
    {
        "stream": Route(
            match_keys={
                K.EMAIL: Sent("SHA256_EMAIL", "email_spaceless"),
                K.MOBILE_AD_ID: Sent("GOOGLE_AID", "mobile_ad_id", PLAIN),
                K.COUNTRY: Sent("country", "country_code", PLAIN),
            },
            groups=alone(K.EMAIL, K.MOBILE_AD_ID),
            identifying=(K.EMAIL, K.MOBILE_AD_ID),
            supporting=(K.COUNTRY,),
            also_taken={
                K.FIRST_NAME: Sent("firstName", "first_name_plain", PLAIN),
                K.LAST_NAME: Sent("lastName", "last_name_plain", PLAIN),
            },
            settings={
                "email_digest": Reading(
                    {
                        "sha256": {K.EMAIL: Sent("SHA256_EMAIL", "email_spaceless")},
                        "sha512": {K.EMAIL: Sent("SHA512_EMAIL", "email_spaceless", Encoding.SHA512_HEX)},
                    },
                    "both are taken",
                )
            },
            source="https://learn.microsoft.com/en-us/linkedin/marketing/matched-audiences/"
            "create-and-manage-segment-users",
            notes=(
                "Names are taken unhashed only, and help where an e-mail is missing: they are not sent.",
                "Names have 35 characters at most. IDFAs are not known to be supported.",
                "Company and title are taken too and are no keys of a person.",
            ),
        )
    },
)

X_ADS = Platform(
    "x_ads",
    {
        "custom_audience": Route(
            match_keys={
                K.EMAIL: Sent("email", "email"),
                K.PHONE: Sent("phone_number", "phone_e164"),
                K.MOBILE_AD_ID: Sent("device_id", "mobile_ad_id_hashed"),
                K.HANDLE: Sent("handle", "handle"),
                K.TWITTER_ID: Sent("twitter_id", "twitter_id"),
                K.EXTERNAL_ID: Sent("partner_user_id", "external_id", PLAIN),
            },
            groups=alone(*_EMAIL_PHONE_DEVICE, K.HANDLE, K.TWITTER_ID, K.EXTERNAL_ID),
            identifying=(*_EMAIL_PHONE_DEVICE, K.HANDLE, K.TWITTER_ID, K.EXTERNAL_ID),
            settings={
                "phone_plus": Reading(
                    {
                        "with": {K.PHONE: Sent("phone_number", "phone_e164")},
                        "without": {K.PHONE: Sent("phone_number", "phone_digits")},
                    },
                    "X documents no notation; E.164 is inferred",
                )
            },
            source="https://docs.x.com/x-ads-api, custom audience users",
        )
    },
)

REDDIT = Platform(
    "reddit",
    {
        "customer_list": Route(
            match_keys={
                K.EMAIL: Sent("EMAIL_SHA256", "email_alphanumeric"),
                K.MOBILE_AD_ID: Sent("MAID_SHA256", "mobile_ad_id_as_issued"),
            },
            groups=alone(K.EMAIL, K.MOBILE_AD_ID),
            identifying=(K.EMAIL, K.MOBILE_AD_ID),
            settings={
                "email_characters": Reading(
                    {
                        "alphanumeric": {K.EMAIL: Sent("EMAIL_SHA256", "email_alphanumeric")},
                        "dots_only": {K.EMAIL: Sent("EMAIL_SHA256", "email_folded")},
                    },
                    "Reddit's page deletes all but letters and digits, Segment's code only dots (and the plus tag)",
                ),
                "mobile_ad_id_case": Reading(
                    {
                        "as_issued": {K.MOBILE_AD_ID: Sent("MAID_SHA256", "mobile_ad_id_as_issued")},
                        "lower": {K.MOBILE_AD_ID: Sent("MAID_SHA256", "mobile_ad_id_hashed")},
                    },
                    "only connectors of others tell the case: IDFA upper, AAID lower",
                ),
            },
            source="https://ads-api.reddit.com/docs/v3/ and Reddit's page on matching keys",
            notes=("One kind of identifier per request.",),
        )
    },
)
