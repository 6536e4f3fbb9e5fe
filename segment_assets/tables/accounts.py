"""The tables that both accounts bring: customers, conversions, opt-outs (A) and impressions (B).

Not here: anything that we derive from them.
"""

from __future__ import annotations

from segment_assets.tables.model import DIGEST, PSEUDONYM, RAW, Column, ComputedIn, Table, Type, text

JOIN_KEY = text(
    "email_sha256",
    "SHA-256 (lower-case hex) of the trimmed, lower-cased e-mail: the join key of the collaboration",
    DIGEST,
)

CUSTOMERS = Table(
    name="customers",
    description="Account A's customers, one row per customer record (a person may have two).",
    computed_in=ComputedIn.OWN,
    grain=("customer_id",),
    retention_days=400,
    columns=(
        text("customer_id", "Account A's own number for the customer", PSEUDONYM, nullable=False),
        text("email_address", "E-mail as typed", RAW),
        JOIN_KEY,
        text("phone_number", "Phone as typed, national or international", RAW),
        text("first_name", "First name as typed", RAW),
        text("last_name", "Last name as typed", RAW),
        text("city", "City as typed", RAW),
        text("state", "State or province as typed", RAW),
        text("zip", "Postal code as typed", RAW),
        text("country", "Country as typed: name, alpha-2 or alpha-3", RAW),
        text("birth_country", "Country of birth", PSEUDONYM),
        text("birth_date", "Birth date as typed", RAW),
        text("gender", "Gender as typed", RAW),
        text("mobile_ad_id", "IDFA or GAID as captured", RAW),
        text("status", "active, lapsed or closed"),
        Column("date_created", Type.DATE, "Day the record was created"),
        text("consent_ad_user_data", "Consent to send data to ad platforms: granted, denied or unknown"),
        text("consent_ad_personalization", "Consent to personalised ads: granted, denied or unknown"),
        Column("gpc_opt_out", Type.BOOLEAN, "Global Privacy Control signal seen (US opt-out)"),
    ),
)

CONVERSIONS = Table(
    name="conversions",
    description="Account A's conversions, one row per event, partitioned by reporting week.",
    computed_in=ComputedIn.OWN,
    grain=("transaction_id",),
    retention_days=400,
    columns=(
        text("transaction_id", "Order number", PSEUDONYM, nullable=False),
        text("customer_id", "Who converted", PSEUDONYM, nullable=False),
        text("email_address", "E-mail of the order, as typed", RAW),
        JOIN_KEY,
        Column("date", Type.DATE, "Day of the conversion (UTC)", nullable=False),
        Column("event_time", Type.TIMESTAMP, "Moment of the conversion (UTC)", nullable=False),
        text("creative_id", "Creative that the shop attributes the order to"),
        text("event_type", "purchase, lead or signup"),
        text("version", "Version of the event schema"),
        Column("price", Type.DOUBLE, "Order value in `currency`"),
        text("currency", "ISO 4217 code of the price"),
        text("price_band", "Stored band of the value in EUR, since an AGGREGATION rule knows no CASE"),
    ),
)

IMPRESSIONS = Table(
    name="impressions",
    description="Account B's (publisher's) ad impressions, one row per impression, partitioned by reporting week.",
    computed_in=ComputedIn.PARTNER,
    grain=("impression_id",),
    retention_days=400,
    columns=(
        text("impression_id", "Publisher's number of the impression", PSEUDONYM, nullable=False),
        text("viewer_id", "Publisher's own number for the viewer", PSEUDONYM),
        text("email_address", "Viewer's e-mail as registered", RAW),
        JOIN_KEY,
        Column("date", Type.DATE, "Day of the impression (UTC)", nullable=False),
        Column("event_time", Type.TIMESTAMP, "Moment of the impression (UTC)", nullable=False),
        Column("local_hour", Type.INTEGER, "Hour of the day where the viewer was, 0-23"),
        text("creative_id", "Creative shown"),
        text("campaign_id", "Campaign"),
        text("channel", "ctv, olv, display, audio or social"),
        text("publisher", "Site or app family of account B"),
        text("device", "ctv, desktop, mobile or tablet"),
        text("geo_country", "Country of the viewer, alpha-2"),
        text("geo_region", "Region within the country"),
        Column("cost", Type.DOUBLE, "Media cost of this impression in `currency`"),
        text("currency", "ISO 4217 code of the cost"),
        Column("clicks", Type.INTEGER, "Clicks on this impression, 0 or 1"),
    ),
)

OPT_OUTS = Table(
    name="opt_outs",
    description="Account A's opt-outs, one row per request. Any of the identifiers names the person.",
    computed_in=ComputedIn.OWN,
    grain=("opt_out_id",),
    retention_days=3650,
    columns=(
        text("opt_out_id", "Number of the request", PSEUDONYM, nullable=False),
        Column("opted_out_at", Type.TIMESTAMP, "When the person said no (UTC)", nullable=False),
        text("customer_id", "Customer, where the request named one", PSEUDONYM),
        text("email_address", "E-mail, where given", RAW),
        text("phone_number", "Phone, where given", RAW),
        text("country", "Country, to read a national phone number", RAW),
        text("source", "preference_center, gpc, call_center or letter"),
    ),
)
