"""Requests of people who say no, in the notations that people use.

Belongs here: the OPT_OUTS table. Not here: what follows from an opt-out; that is the product's business.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from segment_assets.sandbox.world import emails, phones, spellings
from segment_assets.sandbox.world.cells import Kind, blanked, draw_kinds, joined, padded, words, write_by_kind
from segment_assets.sandbox.world.customers import typed_phones
from segment_assets.sandbox.world.impressions import utc
from segment_assets.sandbox.world.randomness import Purpose, by_share
from segment_assets.tables import OPT_OUTS

if TYPE_CHECKING:
    import datetime as dt

    from segment_assets.sandbox.world.randomness import Turn

# Of customers: until the world begins, and in every later week.
AT_FIRST, PER_WEEK = 0.015, 0.0015
_NAMED_BY = (0.60, 0.25, 0.15)  # customer number, e-mail only, phone only
_SOURCES = ("preference_center", "gpc", "call_center", "letter")
_SOURCE_SHARES = ((0.75, 0.20, 0.04, 0.01), (0.70, 0.0, 0.20, 0.10), (0.0, 0.0, 0.9, 0.1))
_EMAIL = (
    *(Kind(k.name, k.share * 0.98, k.write) for k in emails.SAME_MAILBOX),
    Kind("no_at", 0.02, lambda _: "by post"),
)


def make_opt_outs(turn: Turn, people: pa.Table, until: dt.date, days: int) -> pa.Table:
    """The OPT_OUTS rows of a chunk that came in during the `days` before the midnight (UTC) that begins `until`.

    Week 0 makes the first file, with a larger share of people.
    """
    rng = turn.stream(Purpose.OPT_OUTS)
    share = PER_WEEK if turn.week else AT_FIRST
    customers = people.filter(people["is_customer"])
    mine = customers.take(pa.array(np.flatnonzero(rng.random(len(customers)) < share)))
    size = len(mine)
    named_by = by_share(rng, _NAMED_BY, size)
    moment = np.datetime64(until, "us") - rng.integers(1, days * 86_400, size) * np.timedelta64(1_000_000, "us")
    typed = write_by_kind(mine.select(["email", "person"]), _EMAIL, draw_kinds(rng, _EMAIL, size))
    phone = typed_phones(mine, phones.READABLE, draw_kinds(rng, phones.READABLE, size))
    country = write_by_kind(
        mine.select(["country_number"]), spellings.COUNTRY, draw_kinds(rng, spellings.COUNTRY, size)
    )
    columns: dict[str, Any] = {
        "opt_out_id": joined(f"o{turn.week:04d}-{turn.chunk:05d}-", padded(np.arange(size), 6)),
        "opted_out_at": utc(moment),
        "customer_id": blanked(mine["customer_id"].combine_chunks(), named_by != 0),
        "email_address": blanked(typed, named_by != 1),
        "phone_number": blanked(phone, named_by != 2),  # noqa: PLR2004 - third way of naming
        "country": country,
        "source": _sources(rng, named_by),
    }
    table = pa.table([columns[name] for name in OPT_OUTS.column_names()], names=OPT_OUTS.column_names())
    return table.cast(OPT_OUTS.arrow_schema())


def _sources(rng: np.random.Generator, named_by: np.ndarray[Any, np.dtype[np.int64]]) -> pa.Array:
    drawn = np.stack([by_share(rng, shares, len(named_by)) for shares in _SOURCE_SHARES])
    return words(_SOURCES, drawn[named_by, np.arange(len(named_by))])
