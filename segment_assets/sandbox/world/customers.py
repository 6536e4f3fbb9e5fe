"""Account A's customer records: what the shop typed, captured and was allowed.

Belongs here: the CUSTOMERS table and, for the hidden truth, how each identifier was spelt. Not here: orders.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from segment_assets.sandbox.world import emails, phones, spellings
from segment_assets.sandbox.world.cells import Kind, blanked, draw_kinds, flags, words, write_by_kind
from segment_assets.sandbox.world.places import COUNTRIES
from segment_assets.sandbox.world.randomness import Purpose, by_share
from segment_assets.tables import CUSTOMERS

if TYPE_CHECKING:
    import numpy.typing as npt

    from segment_assets.sandbox.world.randomness import Turn

# granted, denied, unknown: EU and UK customers were asked, most others never were.
_CONSENT = ("granted", "denied", "unknown")
_ASKED, _NOT_ASKED = (0.62, 0.28, 0.10), (0.15, 0.05, 0.80)
# Of those who grant the sending of data, the share that refuses personalised ads.
_NO_PERSONALISATION = 0.08
_GPC_OPT_OUT = 0.08
_STATUS = (("active", "lapsed", "closed"), (0.78, 0.17, 0.05))
_FIRST_DAY, _DAYS = dt.date(2019, 1, 1), 2_460

_SPELT: tuple[tuple[str, tuple[Kind, ...], tuple[str, ...]], ...] = (
    ("first_name", spellings.FIRST_NAME, ("first_name",)),
    ("last_name", spellings.LAST_NAME, ("last_name",)),
    ("city", spellings.CITY, ("city",)),
    ("state", spellings.STATE, ("state_code", "state_name")),
    ("zip", spellings.POSTAL_CODE, ("postal_code", "country")),
    ("country", spellings.COUNTRY, ("country_number",)),
    ("birth_date", spellings.BIRTH_DATE, ("birth_date", "country", "person")),
    ("gender", spellings.GENDER, ("female",)),
    ("mobile_ad_id", spellings.MOBILE_AD_ID, ("ad_id",)),
)


def make_customers(turn: Turn, people: pa.Table) -> tuple[pa.Table, pa.Table]:
    """The CUSTOMERS rows of a chunk, and the truth about each record (person, kinds of e-mail and phone).

    A person with a second customer number has a second record, typed anew.
    """
    rng = turn.stream(Purpose.CUSTOMERS)
    mine = people.filter(people["is_customer"])
    again = mine.filter(mine["second_customer_id"].is_valid())
    ad_id = spellings.ad_ids(rng, len(mine))
    repeated = pa.array(np.flatnonzero(mine["second_customer_id"].is_valid().to_numpy()))
    records = pa.concat_tables([mine, again]).append_column("ad_id", pa.concat_arrays([ad_id, ad_id.take(repeated)]))
    numbers = pa.concat_arrays([mine["customer_id"].combine_chunks(), again["second_customer_id"].combine_chunks()])
    email_kind = draw_kinds(rng, emails.TYPED, len(records))
    phone_kind = draw_kinds(rng, phones.TYPED, len(records))
    columns: dict[str, Any] = {
        "customer_id": numbers,
        "email_address": write_by_kind(records.select(["email", "email_sha256", "person"]), emails.TYPED, email_kind),
        "email_sha256": blanked(records["email_sha256"].combine_chunks(), ~emails.is_known(email_kind)),
        "phone_number": typed_phones(records, phones.TYPED, phone_kind),
        "birth_country": records["birth_country"],
        "status": words(_STATUS[0], by_share(rng, _STATUS[1], len(records))),
        "date_created": pa.array(np.datetime64(_FIRST_DAY) + rng.integers(0, _DAYS, len(records))),
    }
    for name, kinds, needed in _SPELT:
        columns[name] = write_by_kind(records.select(needed), kinds, draw_kinds(rng, kinds, len(records)))
    columns |= _consent(rng, records["country_number"].to_numpy())
    table = pa.table([columns[name] for name in CUSTOMERS.column_names()], names=CUSTOMERS.column_names())
    truth = pa.table(
        {
            "customer_id": numbers,
            "person": records["person"],
            "email_kind": words([kind.name for kind in emails.TYPED], email_kind),
            "phone_kind": words([kind.name for kind in phones.TYPED], phone_kind),
        }
    )
    return table.cast(CUSTOMERS.arrow_schema()), truth


def typed_phones(people: pa.Table, kinds: tuple[Kind, ...], drawn: npt.NDArray[np.int64]) -> pa.Array:
    """Phone numbers as people type them."""
    return write_by_kind(people.select(["phone_digits", "phone_national", "country_number"]), kinds, drawn)


def _consent(rng: np.random.Generator, country: npt.NDArray[np.int64]) -> dict[str, Any]:
    size = len(country)
    asked = np.array([c.explicit_consent for c in COUNTRIES])[country]
    data = np.where(asked, by_share(rng, _ASKED, size), by_share(rng, _NOT_ASKED, size))
    refuses = (data == 0) & (rng.random(size) < _NO_PERSONALISATION)
    american = np.array([c.code == "US" for c in COUNTRIES])[country]
    return {
        "consent_ad_user_data": words(_CONSENT, data),
        "consent_ad_personalization": words(_CONSENT, np.where(refuses, 1, data)),
        "gpc_opt_out": pa.array(american & (rng.random(size) < _GPC_OPT_OUT)),
    }


def known_email(people: pa.Table, customers: pa.Table, records: pa.Table) -> npt.NDArray[np.bool_]:
    """Per person of `people`: does any of their customer records know their e-mail."""
    known = records["person"].filter(customers["email_sha256"].is_valid())
    return flags(pc.is_in(people["person"], known.combine_chunks()))
