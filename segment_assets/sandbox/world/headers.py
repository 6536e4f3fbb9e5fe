"""The header spellings of the files that land for segments.

Belongs here: names only, so that the plan's examples and tests can import them cheaply. Not here: the rows (landing).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

# Per file of the newsletter list: header in the file -> column of SEGMENT_MEMBERS.
NEWSLETTER_FILES: Mapping[str, Mapping[str, str]] = {
    "crm_export_1.csv": {
        "Customer No": "customer_id",
        "E-Mail Address": "email",
        "Mobile": "phone",
        "Vorname": "first_name",
        "Nachname": "last_name",
        "Ort": "city",
        "Bundesland": "state",
        "PLZ": "postal_code",
        "Land": "country",
        "Geburtsdatum": "birth_date",
        "Geschlecht": "gender",
        "Werbe-ID": "mobile_ad_id",
        "Consent Ad Data": "consent_ad_user_data",
        "Consent Ad Personalisation": "consent_ad_personalization",
        "GPC": "gpc_opt_out",
    },
    "crm_export_2.jsonl": {
        "customerNo": "customer_id",
        "emailAddress": "email",
        "phoneNumber": "phone",
        "firstName": "first_name",
        "lastName": "last_name",
        "town": "city",
        "region": "state",
        "zip": "postal_code",
        "countryCode": "country",
        "dateOfBirth": "birth_date",
        "sex": "gender",
        "adId": "mobile_ad_id",
        "consentAdUserData": "consent_ad_user_data",
        "consentAdPersonalization": "consent_ad_personalization",
        "gpcOptOut": "gpc_opt_out",
    },
    "crm_export_3.parquet": {
        "CUSTOMER_NO": "customer_id",
        "EMAIL_ADDR": "email",
        "PHONE_NUM": "phone",
        "FIRST_NAME": "first_name",
        "LAST_NAME": "last_name",
        "CITY": "city",
        "STATE": "state",
        "POSTAL_CODE": "postal_code",
        "COUNTRY": "country",
        "BIRTH_DATE": "birth_date",
        "GENDER": "gender",
        "MOBILE_AD_ID": "mobile_ad_id",
        "CONSENT_AD_USER_DATA": "consent_ad_user_data",
        "CONSENT_AD_PERSONALIZATION": "consent_ad_personalization",
        "GPC_OPT_OUT": "gpc_opt_out",
    },
}

# All spellings together, as the plan declares them: no spelling has two meanings.
NEWSLETTER_HEADERS: Mapping[str, str] = {
    header: column for headers in NEWSLETTER_FILES.values() for header, column in headers.items()
}
