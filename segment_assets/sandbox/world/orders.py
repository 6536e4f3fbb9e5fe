"""Account A's conversions of a week: who ordered when, for how much, and whom the shop gives the credit.

Belongs here: orders of people of whom `outcomes` says that they convert. Not here: whether they do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from segment_assets.sandbox.world import emails
from segment_assets.sandbox.world.cells import blanked, draw_kinds, flags, joined, padded, words, write_by_kind
from segment_assets.sandbox.world.impressions import CREATIVES, utc
from segment_assets.sandbox.world.places import COUNTRIES
from segment_assets.sandbox.world.randomness import Purpose, by_share
from segment_assets.tables import CONVERSIONS

if TYPE_CHECKING:
    import datetime as dt

    import numpy.typing as npt

    from segment_assets.sandbox.world.impressions import Seen
    from segment_assets.sandbox.world.outcomes import Week
    from segment_assets.sandbox.world.randomness import Turn

SECOND_ORDER = 0.08
_EVENTS = (("purchase", "lead", "signup"), (0.88, 0.07, 0.05))
# Order values are log-normal around 45 EUR before conversion into the customer's currency.
_MEDIAN_EUR, _SIGMA = 45.0, 0.9
BANDS = (("0-25", 25.0), ("25-50", 50.0), ("50-100", 100.0), ("100-250", 250.0), ("250+", np.inf))
_WITHOUT_CENTS = {"JPY", "KRW"}
# What the shop credits when the customer saw ads: one of those, any creative, nothing. And when they saw none.
_CREDIT_EXPOSED, _CREDIT_UNEXPOSED = (0.62, 0.18, 0.20), (0.0, 0.30, 0.70)
_NEEDED = [
    *("person", "country_number", "email", "email_sha256", "account_knows_email"),
    *("customer_id", "second_customer_id"),
]
_WEEK_SECONDS = 7 * 86_400


def make_orders(turn: Turn, people: pa.Table, week: Week, seen: Seen) -> pa.Table:
    """The CONVERSIONS rows of a chunk and week, in order of person."""
    rng = turn.stream(Purpose.ORDERS)
    first = np.flatnonzero(week.converted)
    who = np.sort(np.concatenate([first, first[rng.random(len(first)) < SECOND_ORDER]]))
    buyers = people.select(_NEEDED).take(pa.array(who))
    size = len(who)
    moment = _moments(rng, turn.monday, who, week, seen)
    kind = by_share(rng, _EVENTS[1], size)
    euros, columns = _prices(rng, buyers["country_number"].to_numpy())
    second = buyers["second_customer_id"].combine_chunks()
    other_record = pa.array(rng.random(size) < 0.5)  # noqa: PLR2004 - either record, as it happens
    typed = write_by_kind(buyers.select(["email", "person"]), emails.ON_ORDERS, draw_kinds(rng, emails.ON_ORDERS, size))
    unknown = ~flags(buyers["account_knows_email"])
    columns |= {
        "transaction_id": joined(f"T{turn.monday:%Y%m%d}-{turn.chunk:05d}-", padded(np.arange(size), 7)),
        "customer_id": pc.if_else(
            pc.and_(second.is_valid(), other_record), second, buyers["customer_id"].combine_chunks()
        ),
        "email_address": blanked(typed, unknown),
        "email_sha256": blanked(buyers["email_sha256"].combine_chunks(), unknown),
        "date": pa.array(moment.astype("datetime64[D]")),
        "event_time": utc(moment),
        "creative_id": _credits(rng, who, week, seen),
        "event_type": words(_EVENTS[0], kind),
        "version": words(("v1", "v2"), by_share(rng, (0.2, 0.8), size)),
        "price_band": words(
            [band for band, _ in BANDS], np.searchsorted([top for _, top in BANDS], euros, side="right")
        ),
    }
    for priced in ("price", "currency", "price_band"):
        columns[priced] = blanked(pa.array(columns[priced]), kind != 0)
    table = pa.table([columns[name] for name in CONVERSIONS.column_names()], names=CONVERSIONS.column_names())
    return table.cast(CONVERSIONS.arrow_schema())


def _moments(
    rng: np.random.Generator, monday: dt.date, who: npt.NDArray[np.int64], week: Week, seen: Seen
) -> npt.NDArray[np.datetime64]:
    """Orders that ads caused come after the first ad; the others come at any time of the week."""
    start = np.datetime64(monday, "us")
    caused = ~week.unexposed[who]
    earliest = np.zeros(len(who))
    firsts = seen.moment[seen.starts[who[caused]]]
    earliest[caused] = (firsts - start) / np.timedelta64(1, "s") + 1
    after = earliest + rng.random(len(who)) * (_WEEK_SECONDS - 1 - earliest)
    return np.asarray(start + np.minimum(after, _WEEK_SECONDS - 1).astype(np.int64) * np.timedelta64(1_000_000, "us"))


def _prices(rng: np.random.Generator, country: npt.NDArray[np.int64]) -> tuple[npt.NDArray[np.float64], dict[str, Any]]:
    """Values in EUR (of the rounded price, so that band and price agree) and the price columns."""
    rate = np.array([c.per_eur for c in COUNTRIES])[country]
    whole = np.array([c.currency in _WITHOUT_CENTS for c in COUNTRIES])[country]
    value = np.exp(rng.normal(np.log(_MEDIAN_EUR), _SIGMA, len(country))) * rate
    price = np.where(whole, np.round(value), np.round(value, 2))
    return price / rate, {"price": price, "currency": words([c.currency for c in COUNTRIES], country)}


def _credits(rng: np.random.Generator, who: npt.NDArray[np.int64], week: Week, seen: Seen) -> pa.Array:
    """The shop's own attribution, partly wrong on purpose."""
    size = len(who)
    frequency = week.frequency[who]
    exposed = frequency > 0
    credited = np.where(exposed, by_share(rng, _CREDIT_EXPOSED, size), by_share(rng, _CREDIT_UNEXPOSED, size))
    anything = rng.integers(0, len(CREATIVES), size)
    chosen = seen.starts[who[exposed]] + (rng.random(size)[exposed] * frequency[exposed]).astype(np.int64)
    truly_seen = anything.copy()
    truly_seen[exposed] = seen.creative[chosen]
    return blanked(words([c[0] for c in CREATIVES], np.where(credited == 0, truly_seen, anything)), credited == 2)  # noqa: PLR2004 - third share
