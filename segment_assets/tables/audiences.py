"""Segments on their way to an audience: members as a source gave them, hashed people, suppressions, quarantine.

Not here: what is sent and answered (`ledger`).
"""

from __future__ import annotations

from segment_assets.contracts import CONSENT_COLUMNS, VALUE_COLUMN, every_form
from segment_assets.destinations import registry
from segment_assets.identity.forms import NORMAL_FORMS, NormalForm
from segment_assets.tables.model import DIGEST, PSEUDONYM, RAW, Column, ComputedIn, Table, Type, text

# What a segment's source may tell about a person. The names are match keys, except birth_date (three of them).
IDENTIFIER_COLUMNS = (
    text("email", "E-mail, raw or SHA-256", RAW, of=("customers.email_address",)),
    text("phone", "Phone, raw or SHA-256", RAW, of=("customers.phone_number",)),
    text("first_name", "First name", RAW, of=("customers.first_name",)),
    text("last_name", "Last name", RAW, of=("customers.last_name",)),
    text("city", "City", RAW, of=("customers.city",)),
    text("state", "State or province", RAW, of=("customers.state",)),
    text("postal_code", "Postal code", RAW, of=("customers.zip",)),
    text("country", "Country", RAW, of=("customers.country",)),
    text("birth_date", "Birth date", RAW, of=("customers.birth_date",)),
    text("gender", "Gender", RAW, of=("customers.gender",)),
    text("mobile_ad_id", "IDFA or GAID", RAW, of=("customers.mobile_ad_id",)),
    text("ramp_id", "LiveRamp's RampID, as it was issued to us", RAW),
)

# Where a row was found. Ours to fill: no header of a source means one of these.
SOURCE_PLACE = (
    Column("source_row", Type.INTEGER, "Number of the row in the source, from 0", nullable=False),
    text("source_file", "Name of the landed file; null where the source is a table"),
    Column("source_line", Type.INTEGER, "First line of the row in that file, from 1; in Parquet the row, from 1"),
)

SEGMENT_MEMBERS = Table(
    name="segment_members",
    description="Rows of a segment as its source gave them, in our column names. Stays in account A's own storage.",
    computed_in=ComputedIn.OWN,
    grain=("source_row",),
    retention_days=30,
    columns=(
        *SOURCE_PLACE,
        text(
            "customer_id",
            "Account A's customer number, where the source knows it",
            PSEUDONYM,
            of=("exposed_customers.customer_id", "customers.customer_id"),
        ),
        *IDENTIFIER_COLUMNS,
        text("consent_ad_user_data", "granted, denied or unknown", of=("customers.consent_ad_user_data",)),
        text("consent_ad_personalization", "granted, denied or unknown", of=("customers.consent_ad_personalization",)),
        Column(
            "gpc_opt_out",
            Type.BOOLEAN,
            "Global Privacy Control signal seen (US opt-out)",
            of=("customers.gpc_opt_out",),
        ),
        text(
            VALUE_COLUMN,
            "What the person is worth to account A, as the source says, or the sum of their orders in one currency",
            PSEUDONYM,
            of=("conversions.price", "conversions.currency"),
        ),
    ),
)

# Every one of them alone is enough to name a person; a national phone number is read with the country.
_NAMING = tuple(f"segment_members.{name}" for name in ("customer_id", "email", "phone", "country", "mobile_ad_id"))


def _form(form: NormalForm) -> Column:
    if form.hashed:
        return Column(form.name, Type.DIGEST, f"SHA-256 of the {form.description}", DIGEST)
    return text(form.name, form.description, RAW)


# What the connected destinations are sent, by whatever reading; the forms of the others take no room.
_CONNECTED_FORMS = {name for contract in registry().values() for name in every_form(contract)}

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
            of=_NAMING,
        ),
        Column(
            "cluster_id",
            Type.DIGEST,
            "member_id of one of those who share an identifier, or did when somebody of them was drawn",
            PSEUDONYM,
            nullable=False,
            of=_NAMING,
        ),
        text(
            "eligibility",
            "eligible, suppressed, no_consent or held_out",
            nullable=False,
            of=(
                *_NAMING,
                "segment_members.consent_ad_user_data",
                "segment_members.consent_ad_personalization",
                "segment_members.gpc_opt_out",
                "suppressions.kind",
                "suppressions.digest",
            ),
        ),
        *(
            text(
                name,
                "granted, denied or unspecified, the strictest of what was said; a privacy signal that counts is a no. "
                "Only for those who may be sent, and where it was denied",
                of=(*_NAMING, f"segment_members.{name}", "segment_members.gpc_opt_out"),
            )
            for name in CONSENT_COLUMNS
        ),
        text(
            VALUE_COLUMN,
            "What the person is worth to account A: a decimal number from 0 on. Only for those who may be sent",
            PSEUDONYM,
            of=(*_NAMING, f"segment_members.{VALUE_COLUMN}"),
        ),
        *(_form(form) for form in NORMAL_FORMS.values() if form.name in _CONNECTED_FORMS),
    ),
)

_NAMES_OF_A_CUSTOMER = ("customer_id", "email_address", "email_sha256", "phone_number", "country", "mobile_ad_id")

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
            of=(
                *(f"opt_outs.{name}" for name in ("customer_id", "email_address", "phone_number", "country")),
                *(f"customers.{name}" for name in _NAMES_OF_A_CUSTOMER),
            ),
        ),
        Column(
            "opted_out_at",
            Type.TIMESTAMP,
            "Earliest request (UTC)",
            nullable=False,
            of=("opt_outs.opted_out_at",),
        ),
        Column(
            "asked",
            Type.BOOLEAN,
            "Whether a request itself said this; false for what was found with the customer, which changes as they do; "
            "null in versions that were made before this was noted",
            of=tuple(f"opt_outs.{name}" for name in ("customer_id", "email_address", "phone_number", "country")),
        ),
    ),
)

ERASURES = Table(
    name="erasures",
    description="Everything that names a person who asked to be forgotten; each of them is among the suppressions too.",
    computed_in=ComputedIn.OWN,
    grain=("kind", "digest"),
    # What keeps a person from being sent again has to outlive what it forgets.
    retention_days=3650,
    columns=(
        text("kind", "`member` for a member_id, else the normal form of the identifier", nullable=False),
        Column(
            "digest",
            Type.DIGEST,
            "member_id, or SHA-256 of the identifier's normal form",
            DIGEST,
            nullable=False,
            of=tuple(f"customers.{name}" for name in _NAMES_OF_A_CUSTOMER),
        ),
        Column("opted_out_at", Type.TIMESTAMP, "When the request was first read (UTC)", nullable=False),
        Column(
            "asked",
            Type.BOOLEAN,
            "Whether a request itself said this e-mail, or this phone and nothing else; false for what was found with "
            "the customer, who may share it with a household",
        ),
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
        text("file", "Name of the landed file; null where the source is a table"),
        Column("line", Type.INTEGER, "First line of the row in that file, from 1; in Parquet the row, from 1"),
        text("column", "Column that was refused; * for the whole row", nullable=False),
        text("reason", "Reason code", nullable=False),
    ),
)
