"""Segments on their way to an audience: members as a source gave them, hashed people, suppressions, quarantine.

Not here: what is sent and answered (`ledger`).
"""

from __future__ import annotations

from segment_assets.tables.model import DIGEST, PSEUDONYM, RAW, Column, ComputedIn, Table, Type, text

# What a segment's source may tell about a person. The names are match keys, except birth_date (three of them).
IDENTIFIER_COLUMNS = (
    text("email", "E-mail, raw or SHA-256", RAW),
    text("phone", "Phone, raw or SHA-256", RAW),
    text("first_name", "First name", RAW),
    text("last_name", "Last name", RAW),
    text("city", "City", RAW),
    text("state", "State or province", RAW),
    text("postal_code", "Postal code", RAW),
    text("country", "Country", RAW),
    text("birth_date", "Birth date", RAW),
    text("gender", "Gender", RAW),
    text("mobile_ad_id", "IDFA or GAID", RAW),
)

SEGMENT_MEMBERS = Table(
    name="segment_members",
    description="Rows of a segment as its source gave them, in our column names. Stays in account A's own storage.",
    computed_in=ComputedIn.OWN,
    grain=("source_row",),
    retention_days=30,
    columns=(
        Column("source_row", Type.INTEGER, "Number of the row in the source, from 0", nullable=False),
        text("customer_id", "Account A's customer number, where the source knows it", PSEUDONYM),
        *IDENTIFIER_COLUMNS,
        text("consent_ad_user_data", "granted, denied or unknown"),
        text("consent_ad_personalization", "granted, denied or unknown"),
        Column("gpc_opt_out", Type.BOOLEAN, "Global Privacy Control signal seen (US opt-out)"),
    ),
)


def _form(name: str, description: str) -> Column:
    return Column(name, Type.DIGEST, f"SHA-256 of the {description}", DIGEST)


HASHED_AUDIENCE = Table(
    name="hashed_audience",
    description="One row per person of a segment: keyed pseudonym, digests, and the door reached.",
    computed_in=ComputedIn.OWN,
    grain=("member_id",),
    retention_days=180,
    columns=(
        Column(
            "member_id",
            Type.DIGEST,
            "Keyed pseudonym (HMAC-SHA-256) of the person",
            PSEUDONYM,
            nullable=False,
        ),
        Column(
            "cluster_id",
            Type.DIGEST,
            "Smallest member_id of those sharing an identifier",
            PSEUDONYM,
            nullable=False,
        ),
        text("eligibility", "eligible, suppressed, no_consent or held_out", nullable=False),
        _form("email", "trimmed, lower-cased e-mail"),
        _form("email_gmail_folded", "e-mail, for Gmail without dots and plus tag"),
        _form("phone_digits", "phone number in international digits without plus"),
        _form("phone_e164", "phone number in E.164, with plus"),
        _form("first_name", "first name"),
        _form("first_name_lower", "first name, lower-cased with its punctuation"),
        _form("last_name", "last name"),
        _form("last_name_lower", "last name, lower-cased with its punctuation"),
        _form("city", "city"),
        _form("state", "state or province"),
        _form("postal_code", "postal code"),
        text("postal_code_plain", "Postal code as written, not hashed (Google takes it plain)", RAW),
        _form("country", "country, alpha-2 lower-case"),
        text("country_code", "Country, alpha-2 upper-case, not hashed (Google takes it plain)", RAW),
        _form("birth_year", "birth year, YYYY"),
        _form("birth_month", "birth month, MM"),
        _form("birth_day", "birth day, DD"),
        _form("gender", "gender, m or f"),
        text("mobile_ad_id", "Mobile advertising id, lower-case, not hashed (platforms take it plain)", RAW),
    ),
)

SUPPRESSIONS = Table(
    name="suppressions",
    description="Everything that names a person who said no: their pseudonym and every identifier known of them.",
    computed_in=ComputedIn.OWN,
    grain=("kind", "digest"),
    retention_days=3650,
    columns=(
        text("kind", "`member` for a member_id, else the normal form of the identifier", nullable=False),
        Column(
            "digest",
            Type.DIGEST,
            "member_id, or SHA-256 of the identifier's normal form",
            DIGEST,
            nullable=False,
        ),
        Column("opted_out_at", Type.TIMESTAMP, "Earliest request (UTC)", nullable=False),
    ),
)

QUARANTINE = Table(
    name="quarantine",
    description="Values and rows that were refused, with a reason code and never the value.",
    computed_in=ComputedIn.OWN,
    grain=("source_row", "column"),
    retention_days=180,
    columns=(
        Column("source_row", Type.INTEGER, "Number of the row in segment_members", nullable=False),
        text("column", "Column that was refused; * for the whole row", nullable=False),
        text("reason", "Reason code", nullable=False),
    ),
)
