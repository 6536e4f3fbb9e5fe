"""Every table once: columns, types, PII class, grain, where it is computed, how long it is kept.

Dagster column schemas, Arrow schemas, blocking checks and the data dictionary are derived from this file.
Not here: how a table is filled.
"""

from __future__ import annotations

import dataclasses
import enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pyarrow as pa


class Pii(enum.StrEnum):
    """What a column says about a person. Digests and pseudonyms are personal data too."""

    NONE = "none"
    PSEUDONYMOUS = "pseudonymous"
    DIGEST = "digest"
    RAW = "raw"


class ComputedIn(enum.StrEnum):
    """`room`: inside the collaboration; `own`: account A's data; `ledger`: from deliveries; `partner`: account B's."""

    ROOM = "room"
    OWN = "own"
    PARTNER = "partner"
    LEDGER = "ledger"


class Type(enum.StrEnum):
    """The few column types that every engine of ours has."""

    STRING = "string"
    INTEGER = "bigint"
    DOUBLE = "double"
    BOOLEAN = "boolean"
    DATE = "date"
    TIMESTAMP = "timestamp"
    DIGEST = "binary(32)"


@dataclasses.dataclass(frozen=True, slots=True)
class Column:
    """One column. `nullable` False is enforced by the schema check."""

    name: str
    type: Type
    description: str
    pii: Pii = Pii.NONE
    nullable: bool = True


@dataclasses.dataclass(frozen=True, slots=True)
class Table:
    """One table. `grain` names the columns that identify a row; `retention_days` is how long versions are kept."""

    name: str
    description: str
    computed_in: ComputedIn
    grain: tuple[str, ...]
    columns: tuple[Column, ...]
    retention_days: int

    def column_names(self) -> list[str]:
        """Names in declared order."""
        return [column.name for column in self.columns]

    def arrow_schema(self) -> pa.Schema:
        """The Arrow schema: timestamps in UTC microseconds, digests as 32-byte binary."""
        import pyarrow as pa

        types = {
            Type.STRING: pa.string(),
            Type.INTEGER: pa.int64(),
            Type.DOUBLE: pa.float64(),
            Type.BOOLEAN: pa.bool_(),
            Type.DATE: pa.date32(),
            Type.TIMESTAMP: pa.timestamp("us", tz="UTC"),
            Type.DIGEST: pa.binary(32),
        }
        return pa.schema([pa.field(c.name, types[c.type], nullable=c.nullable) for c in self.columns])


def _s(name: str, description: str, pii: Pii = Pii.NONE, *, nullable: bool = True) -> Column:
    return Column(name, Type.STRING, description, pii, nullable)


_RAW, _PSEUDONYM, _DIGEST = Pii.RAW, Pii.PSEUDONYMOUS, Pii.DIGEST

JOIN_KEY = _s(
    "email_sha256",
    "SHA-256 (lower-case hex) of the trimmed, lower-cased e-mail: the join key of the collaboration",
    _DIGEST,
)

CUSTOMERS = Table(
    name="customers",
    description="Account A's customers, one row per customer record (a person may have two).",
    computed_in=ComputedIn.OWN,
    grain=("customer_id",),
    retention_days=400,
    columns=(
        _s("customer_id", "Account A's own number for the customer", _PSEUDONYM, nullable=False),
        _s("email_address", "E-mail as typed", _RAW),
        JOIN_KEY,
        _s("phone_number", "Phone as typed, national or international", _RAW),
        _s("first_name", "First name as typed", _RAW),
        _s("last_name", "Last name as typed", _RAW),
        _s("city", "City as typed", _RAW),
        _s("state", "State or province as typed", _RAW),
        _s("zip", "Postal code as typed", _RAW),
        _s("country", "Country as typed: name, alpha-2 or alpha-3", _RAW),
        _s("birth_country", "Country of birth", _PSEUDONYM),
        _s("birth_date", "Birth date as typed", _RAW),
        _s("gender", "Gender as typed", _RAW),
        _s("mobile_ad_id", "IDFA or GAID as captured", _RAW),
        _s("status", "active, lapsed or closed"),
        Column("date_created", Type.DATE, "Day the record was created"),
        _s("consent_ad_user_data", "Consent to send data to ad platforms: granted, denied or unknown"),
        _s("consent_ad_personalization", "Consent to personalised ads: granted, denied or unknown"),
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
        _s("transaction_id", "Order number", _PSEUDONYM, nullable=False),
        _s("customer_id", "Who converted", _PSEUDONYM, nullable=False),
        _s("email_address", "E-mail of the order, as typed", _RAW),
        JOIN_KEY,
        Column("date", Type.DATE, "Day of the conversion (UTC)", nullable=False),
        Column("event_time", Type.TIMESTAMP, "Moment of the conversion (UTC)", nullable=False),
        _s("creative_id", "Creative that the shop attributes the order to"),
        _s("event_type", "purchase, lead or signup"),
        _s("version", "Version of the event schema"),
        Column("price", Type.DOUBLE, "Order value in `currency`"),
        _s("currency", "ISO 4217 code of the price"),
        _s("price_band", "Stored band of the value in EUR, since an AGGREGATION rule knows no CASE"),
    ),
)

IMPRESSIONS = Table(
    name="impressions",
    description="Account B's (publisher's) ad impressions, one row per impression, partitioned by reporting week.",
    computed_in=ComputedIn.PARTNER,
    grain=("impression_id",),
    retention_days=400,
    columns=(
        _s("impression_id", "Publisher's number of the impression", _PSEUDONYM, nullable=False),
        _s("viewer_id", "Publisher's own number for the viewer", _PSEUDONYM),
        _s("email_address", "Viewer's e-mail as registered", _RAW),
        JOIN_KEY,
        Column("date", Type.DATE, "Day of the impression (UTC)", nullable=False),
        Column("event_time", Type.TIMESTAMP, "Moment of the impression (UTC)", nullable=False),
        Column("local_hour", Type.INTEGER, "Hour of the day where the viewer was, 0-23"),
        _s("creative_id", "Creative shown"),
        _s("campaign_id", "Campaign"),
        _s("channel", "ctv, olv, display, audio or social"),
        _s("publisher", "Site or app family of account B"),
        _s("device", "ctv, desktop, mobile or tablet"),
        _s("geo_country", "Country of the viewer, alpha-2"),
        _s("geo_region", "Region within the country"),
        Column("cost", Type.DOUBLE, "Media cost of this impression in `currency`"),
        _s("currency", "ISO 4217 code of the cost"),
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
        _s("opt_out_id", "Number of the request", _PSEUDONYM, nullable=False),
        Column("opted_out_at", Type.TIMESTAMP, "When the person said no (UTC)", nullable=False),
        _s("customer_id", "Customer, where the request named one", _PSEUDONYM),
        _s("email_address", "E-mail, where given", _RAW),
        _s("phone_number", "Phone, where given", _RAW),
        _s("country", "Country, to read a national phone number", _RAW),
        _s("source", "preference_center, gpc, call_center or letter"),
    ),
)

# What a segment's source may tell about a person. The names are match keys, except birth_date (three of them).
IDENTIFIER_COLUMNS = (
    _s("email", "E-mail, raw or SHA-256", _RAW),
    _s("phone", "Phone, raw or SHA-256", _RAW),
    _s("first_name", "First name", _RAW),
    _s("last_name", "Last name", _RAW),
    _s("city", "City", _RAW),
    _s("state", "State or province", _RAW),
    _s("postal_code", "Postal code", _RAW),
    _s("country", "Country", _RAW),
    _s("birth_date", "Birth date", _RAW),
    _s("gender", "Gender", _RAW),
    _s("mobile_ad_id", "IDFA or GAID", _RAW),
)

SEGMENT_MEMBERS = Table(
    name="segment_members",
    description="Rows of a segment as its source gave them, in our column names. Stays in account A's own storage.",
    computed_in=ComputedIn.OWN,
    grain=("source_row",),
    retention_days=30,
    columns=(
        Column("source_row", Type.INTEGER, "Number of the row in the source, from 0", nullable=False),
        _s("customer_id", "Account A's customer number, where the source knows it", _PSEUDONYM),
        *IDENTIFIER_COLUMNS,
        _s("consent_ad_user_data", "granted, denied or unknown"),
        _s("consent_ad_personalization", "granted, denied or unknown"),
        Column("gpc_opt_out", Type.BOOLEAN, "Global Privacy Control signal seen (US opt-out)"),
    ),
)


def _form(name: str, description: str) -> Column:
    return Column(name, Type.DIGEST, f"SHA-256 of the {description}", _DIGEST)


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
            _PSEUDONYM,
            nullable=False,
        ),
        Column(
            "cluster_id",
            Type.DIGEST,
            "Smallest member_id of those sharing an identifier",
            _PSEUDONYM,
            nullable=False,
        ),
        _s("eligibility", "eligible, suppressed, no_consent or held_out", nullable=False),
        _form("email", "trimmed, lower-cased e-mail"),
        _form("phone_digits", "phone number in international digits without plus"),
        _form("first_name", "first name"),
        _form("last_name", "last name"),
        _form("city", "city"),
        _form("state", "state or province"),
        _form("postal_code", "postal code"),
        _form("country", "country, alpha-2 lower-case"),
        _form("birth_year", "birth year, YYYY"),
        _form("birth_month", "birth month, MM"),
        _form("birth_day", "birth day, DD"),
        _form("gender", "gender, m or f"),
        _s("mobile_ad_id", "Mobile advertising id, lower-case, not hashed (platforms take it plain)", _RAW),
    ),
)

SUPPRESSIONS = Table(
    name="suppressions",
    description="Everything that names a person who said no: their pseudonym and every identifier known of them.",
    computed_in=ComputedIn.OWN,
    grain=("kind", "digest"),
    retention_days=3650,
    columns=(
        _s("kind", "`member` for a member_id, else the normal form of the identifier", nullable=False),
        Column(
            "digest",
            Type.DIGEST,
            "member_id, or SHA-256 of the identifier's normal form",
            _DIGEST,
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
        _s("column", "Column that was refused; * for the whole row", nullable=False),
        _s("reason", "Reason code", nullable=False),
    ),
)

OVERLAP = Table(
    name="overlap",
    description="Matched converters: people of account A who converted after an impression on account B.",
    computed_in=ComputedIn.ROOM,
    grain=(),
    retention_days=400,
    columns=(Column("matched_converters", Type.INTEGER, "Distinct matched people"),),
)

OVERLAP_BY_CREATIVE = Table(
    name="overlap_by_creative",
    description="Matched converters by the creative that they saw.",
    computed_in=ComputedIn.ROOM,
    grain=("creative_id",),
    retention_days=400,
    columns=(
        _s("creative_id", "Creative seen"),
        Column("matched_converters", Type.INTEGER, "Distinct matched people"),
    ),
)

OVERLAP_BY_PRICE_BAND = Table(
    name="overlap_by_price_band",
    description="Matched converters by stored band of order value.",
    computed_in=ComputedIn.ROOM,
    grain=("price_band",),
    retention_days=400,
    columns=(
        _s("price_band", "Band of the order value in EUR"),
        Column("matched_converters", Type.INTEGER, "Distinct matched people"),
    ),
)

AUDIENCE_BY_BIRTH_COUNTRY = Table(
    name="audience_by_birth_country",
    description="Matched converters by country of birth.",
    computed_in=ComputedIn.ROOM,
    grain=("birth_country",),
    retention_days=400,
    columns=(
        _s("birth_country", "Country of birth"),
        Column("matched_converters", Type.INTEGER, "Distinct matched people"),
    ),
)

CUSTOMER_REACH = Table(
    name="customer_reach",
    description="Customers of account A that saw an impression on account B.",
    computed_in=ComputedIn.ROOM,
    grain=(),
    retention_days=400,
    columns=(Column("exposed_customers", Type.INTEGER, "Distinct matched people"),),
)

EXPOSED_CUSTOMERS = Table(
    name="exposed_customers",
    description="LIST result: account A's customers who saw an impression on account B.",
    computed_in=ComputedIn.ROOM,
    grain=("customer_id",),
    retention_days=90,
    columns=(_s("customer_id", "Account A's customer number", _PSEUDONYM),),
)

AUDIENCE_OVERLAP = Table(
    name="audience_overlap",
    description="How much of account A's base account B reached, and how many of those converted, by week.",
    computed_in=ComputedIn.ROOM,
    grain=("reporting_week",),
    retention_days=400,
    columns=(
        Column("reporting_week", Type.DATE, "Monday of the reporting week", nullable=False),
        Column("customers", Type.INTEGER, "Customers with a join key in account A"),
        Column("exposed_customers", Type.INTEGER, "Of them, reached on account B; empty when below threshold"),
        Column(
            "matched_converters",
            Type.INTEGER,
            "Of them, converted after an impression; empty when below threshold",
        ),
        Column("overlap_rate", Type.DOUBLE, "exposed_customers / customers"),
        Column("conversion_rate", Type.DOUBLE, "matched_converters / exposed_customers"),
        Column(
            "below_threshold",
            Type.BOOLEAN,
            "True when a result was withheld by the clean room",
            nullable=False,
        ),
    ),
)

_FORMS = tuple(c for c in HASHED_AUDIENCE.columns if c.name not in {"member_id", "cluster_id", "eligibility"})

CHANGES = Table(
    name="changes",
    description="The records of one delivery in the order of sending: what was asked of the platform, reproducibly.",
    computed_in=ComputedIn.LEDGER,
    grain=("phase", "batch", "member_id", "record_id"),
    retention_days=180,
    columns=(
        _s("phase", "add, retire, reaffirm, remove, or none where nothing needs to be sent", nullable=False),
        Column("batch", Type.INTEGER, "Number of the request within the phase, from 1", nullable=False),
        Column("member_id", Type.DIGEST, "Keyed pseudonym", _PSEUDONYM, nullable=False),
        Column("record_id", Type.DIGEST, "Digest of all identifiers of the record", _PSEUDONYM, nullable=False),
        _s("kind", "new, changed, old_identifiers or gone", nullable=False),
        *_FORMS,
    ),
)

ACKNOWLEDGED = Table(
    name="acknowledged",
    description="What one audience of a platform account holds as far as its answers tell, record by record.",
    computed_in=ComputedIn.LEDGER,
    grain=("member_id", "record_id"),
    retention_days=3650,
    columns=(
        Column("member_id", Type.DIGEST, "Keyed pseudonym", _PSEUDONYM, nullable=False),
        Column("record_id", Type.DIGEST, "Digest of all identifiers of the record", _PSEUDONYM, nullable=False),
        _s("standing", "acknowledged, in_doubt (no answer came) or rejected (refused by name)", nullable=False),
        *_FORMS,
    ),
)

DELIVERIES = Table(
    name="deliveries",
    description="One row per delivery to an audience of a platform account, with its accounting.",
    computed_in=ComputedIn.LEDGER,
    grain=("delivery_id",),
    retention_days=3650,
    columns=(
        _s("delivery_id", "Digest of the delivery's inputs", nullable=False),
        _s("destination", "Platform", nullable=False),
        _s("account", "Platform account", nullable=False),
        _s("segment", "Segment", nullable=False),
        Column("number", Type.INTEGER, "Number of the delivery within its audience, from 1", nullable=False),
        _s("lane", "audience, or opt_out for removals that go before everything", nullable=False),
        _s("outcome", "done, interrupted, failed or empty", nullable=False),
        _s("to_snapshot", "Version of hashed_audience that was wanted"),
        Column("opened_at", Type.TIMESTAMP, "Start (UTC)"),
        Column("closed_at", Type.TIMESTAMP, "End (UTC)"),
        *(
            Column(name, Type.INTEGER, text)
            for name, text in (
                ("audience", "People in the hashed audience"),
                ("held_out", "Kept back by an experiment"),
                ("suppressed", "Opted out"),
                ("no_consent", "Without the consent that their region asks for"),
                ("no_usable_key", "Without anything this platform can match"),
                ("wanted", "People who should be in the platform audience"),
                ("last_known", "People the platform had acknowledged, or may hold, before this delivery"),
                ("unchanged", "Acknowledged before and the same now"),
                ("known_refused", "Refused by the platform before and the same now: not sent again"),
                ("changed", "Acknowledged before with other identifiers"),
                ("adds", "New people"),
                ("removes", "People to take out"),
                ("accepted", "Adds and changes the platform proved to have taken"),
                ("rejected", "Adds and changes the platform refused"),
                ("unproven", "Adds and changes without evidence either way"),
                ("unsent", "Adds and changes that were not sent before the delivery ended"),
                ("removes_acknowledged", "Removals the platform acknowledged"),
                ("removes_refused", "Removals the platform refused"),
                ("removes_unproven", "Removals without evidence either way"),
                ("removes_unsent", "Removals that were not sent before the delivery ended"),
                ("requests", "Batches the platform answered"),
            )
        ),
    ),
)

RECEIPTS = Table(
    name="receipts",
    description="One row per answer of a platform, chained by digest.",
    computed_in=ComputedIn.LEDGER,
    grain=("delivery_id", "entry"),
    retention_days=3650,
    columns=(
        _s("delivery_id", "Delivery", nullable=False),
        Column("entry", Type.INTEGER, "Number of the entry in the delivery's chain", nullable=False),
        _s("phase", "add, retire, reaffirm or remove", nullable=False),
        Column("batch", Type.INTEGER, "Number of the batch", nullable=False),
        Column("sent", Type.INTEGER, "Records sent"),
        Column("received", Type.INTEGER, "Records the platform says it received"),
        Column("accepted", Type.INTEGER, "Records the platform proved to have taken"),
        Column("rejected", Type.INTEGER, "Records the platform refused and we could name"),
        Column("unproven", Type.INTEGER, "Records without evidence either way"),
        _s("request_digest", "Keyed digest of the request body"),
        _s("platform_code", "The platform's own code"),
        _s("chain", "Digest of this entry and the one before"),
    ),
)

REJECTIONS = Table(
    name="rejections",
    description="People a platform refused by name, with its code.",
    computed_in=ComputedIn.LEDGER,
    grain=("delivery_id", "member_id"),
    retention_days=400,
    columns=(
        _s("delivery_id", "Delivery", nullable=False),
        Column("member_id", Type.DIGEST, "Keyed pseudonym", _PSEUDONYM, nullable=False),
        _s("code", "The platform's code", nullable=False),
    ),
)

DELIVERY_SUMMARY = Table(
    name="delivery_summary",
    description="Where every person of each activated segment stands on each platform account.",
    computed_in=ComputedIn.LEDGER,
    grain=("destination", "account", "segment"),
    retention_days=400,
    columns=(
        _s("destination", "Platform", nullable=False),
        _s("account", "Platform account", nullable=False),
        _s("segment", "Segment", nullable=False),
        Column("deliveries", Type.INTEGER, "Deliveries so far"),
        Column("last_closed_at", Type.TIMESTAMP, "End of the last one (UTC)"),
        Column("audience", Type.INTEGER, "People in the hashed audience, last time"),
        Column("wanted", Type.INTEGER, "People who should be there"),
        Column("accepted_in_total", Type.INTEGER, "Adds and changes accepted over all deliveries"),
        Column("rejected_in_total", Type.INTEGER, "Adds and changes rejected over all deliveries"),
        Column("unproven_in_total", Type.INTEGER, "Adds and changes without evidence over all deliveries"),
        Column("removed_in_total", Type.INTEGER, "Removals acknowledged over all deliveries"),
        Column("requests_in_total", Type.INTEGER, "Calls made over all deliveries"),
        Column("deliverable_share", Type.DOUBLE, "wanted / audience"),
    ),
)


def _by_name(tables: Iterable[Table]) -> dict[str, Table]:
    return {table.name: table for table in tables}


TABLES: dict[str, Table] = _by_name(value for value in list(globals().values()) if isinstance(value, Table))
