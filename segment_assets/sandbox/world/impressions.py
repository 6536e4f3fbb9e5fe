"""Account B's impressions of a week: which creative, where, when, at what cost, clicked or not.

Belongs here: campaigns and the single impressions. Not here: how many a person sees (outcomes).
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from segment_assets.sandbox.world import emails
from segment_assets.sandbox.world.cells import as_strings, blanked, draw_kinds, joined, padded, words, write_by_kind
from segment_assets.sandbox.world.places import COUNTRIES
from segment_assets.sandbox.world.randomness import Purpose, by_share
from segment_assets.tables import IMPRESSIONS

if TYPE_CHECKING:
    import datetime as dt

    import numpy.typing as npt

    from segment_assets.sandbox.world.outcomes import Week
    from segment_assets.sandbox.world.randomness import Turn

PUBLISHERS = ("morning_courier", "puzzle_parlour", "streamhaus_tv")
# creative, campaign, channel, share among impressions that no audience asked for, price of 1000 in EUR.
CREATIVES = (
    ("cr_autumn_ctv_01", "cmp_autumn_brand", "ctv", 0.20, 24.0),
    ("cr_autumn_olv_01", "cmp_autumn_brand", "olv", 0.16, 12.0),
    ("cr_offer_display_01", "cmp_autumn_offer", "display", 0.22, 3.0),
    ("cr_offer_social_01", "cmp_autumn_offer", "social", 0.16, 7.0),
    ("cr_loyalty_audio_01", "cmp_loyalty", "audio", 0.10, 9.0),
    ("cr_loyalty_display_01", "cmp_loyalty", "display", 0.16, 3.5),
    ("cr_retarget_display_01", "cmp_retarget", "display", 0.0, 4.0),
    ("cr_retarget_social_01", "cmp_retarget", "social", 0.0, 8.0),
)
_ORGANIC = tuple(creative[3] for creative in CREATIVES)
# Audiences are served by the retargeting campaign.
_TARGETED = (0.0,) * 6 + (0.55, 0.45)
_CLICK_RATE = {"ctv": 0.001, "olv": 0.004, "display": 0.005, "audio": 0.002, "social": 0.012}
_DEVICES = ("ctv", "desktop", "mobile", "tablet")
_DEVICE_SHARES = {
    "ctv": (1.0, 0.0, 0.0, 0.0),
    "olv": (0.2, 0.3, 0.4, 0.1),
    "display": (0.0, 0.4, 0.5, 0.1),
    "audio": (0.0, 0.2, 0.75, 0.05),
    "social": (0.0, 0.15, 0.78, 0.07),
}
_NEEDED = ["person", "viewer_id", "viewer_email_sha256", "country", "country_number", "state_code"]
_LOYAL_TO_PUBLISHER = 0.65
_NO_REGION = 0.03
_HOURS = np.array([1, 1, 1, 1, 1, 2, 4, 6, 6, 5, 5, 5, 6, 6, 5, 5, 6, 7, 9, 11, 12, 11, 7, 3], dtype=np.float64)
_HOUR_SHARES = tuple(_HOURS / _HOURS.sum())
_DAY = 1_440
_SECOND = np.timedelta64(1_000_000, "us")
_DOLLAR = next(c.per_eur for c in COUNTRIES if c.code == "US")


@dataclasses.dataclass(frozen=True, slots=True)
class Seen:
    """The impressions of a chunk in a week, sorted by person and moment, as positions and numbers.

    `who` is the position of the person in the chunk; `starts` is, per person, the position of their first impression.
    """

    who: npt.NDArray[np.int64]
    starts: npt.NDArray[np.int64]
    moment: npt.NDArray[np.datetime64]
    local_hour: npt.NDArray[np.int64]
    creative: npt.NDArray[np.int64]


def make_impressions(turn: Turn, people: pa.Table, week: Week) -> tuple[pa.Table, Seen]:
    """The IMPRESSIONS rows of a chunk and week, and the same in short for the orders that follow from them."""
    rng = turn.stream(Purpose.IMPRESSIONS)
    seen = _see(rng, turn.monday, people, week)
    viewer = people.select(_NEEDED).take(pa.array(seen.who))
    size = len(seen.who)
    channel = np.array([c[2] for c in CREATIVES])[seen.creative]
    device, clicked = _reactions(rng, channel)
    country = viewer["country_number"].to_numpy()
    currency, cost = _costs(rng, seen.creative, country)
    columns: dict[str, Any] = {
        "impression_id": joined(f"i{turn.monday:%Y%m%d}-{turn.chunk:05d}-", padded(np.arange(size), 7)),
        "viewer_id": viewer["viewer_id"],
        "email_address": _registered_email(rng, people).take(pa.array(seen.who)),
        "email_sha256": viewer["viewer_email_sha256"],
        "date": pa.array(seen.moment.astype("datetime64[D]")),
        "event_time": utc(seen.moment),
        "local_hour": seen.local_hour,
        "creative_id": words([c[0] for c in CREATIVES], seen.creative),
        "campaign_id": words([c[1] for c in CREATIVES], seen.creative),
        "channel": words([c[2] for c in CREATIVES], seen.creative),
        "publisher": words(PUBLISHERS, _publishers(rng, viewer["person"].to_numpy())),
        "device": words(_DEVICES, device),
        "geo_country": viewer["country"],
        "geo_region": blanked(as_strings(viewer["state_code"], size), rng.random(size) < _NO_REGION),
        "cost": cost,
        "currency": currency,
        "clicks": clicked.astype(np.int64),
    }
    table = pa.table([columns[name] for name in IMPRESSIONS.column_names()], names=IMPRESSIONS.column_names())
    return table.cast(IMPRESSIONS.arrow_schema()), seen


def utc(moments: npt.NDArray[np.datetime64]) -> pa.Array:
    """Microsecond timestamps in UTC."""
    return pa.array(moments.astype("datetime64[us]")).cast(pa.timestamp("us", tz="UTC"))


def _see(rng: np.random.Generator, monday: dt.date, people: pa.Table, week: Week) -> Seen:
    frequency = week.frequency
    who = np.repeat(np.arange(len(people)), frequency)
    starts = np.cumsum(frequency) - frequency
    size = len(who)
    asked_for = np.arange(size) - starts[who] >= week.frequency0[who]
    creative = np.where(asked_for, by_share(rng, _TARGETED, size), by_share(rng, _ORGANIC, size))
    local = by_share(rng, _HOUR_SHARES, size) * 60 + rng.integers(0, 60, size)
    offset = np.array([c.utc_offset for c in COUNTRIES])[people["country_number"].to_numpy()][who]
    seconds = (rng.integers(0, 7, size) * _DAY + (local - offset) % _DAY) * 60 + rng.integers(0, 60, size)
    order = np.lexsort((seconds, who))
    moment = np.datetime64(monday, "us") + seconds[order] * _SECOND
    return Seen(who, starts, moment, (local // 60)[order], creative[order])


def _reactions(
    rng: np.random.Generator, channel: npt.NDArray[np.str_]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    device = np.zeros(len(channel), dtype=np.int64)
    rate = np.zeros(len(channel))
    for name, shares in _DEVICE_SHARES.items():
        mine = channel == name
        device[mine] = by_share(rng, shares, int(mine.sum()))
        rate[mine] = _CLICK_RATE[name]
    return device, rng.random(len(channel)) < rate


def _publishers(rng: np.random.Generator, person: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Mostly the viewer's own publisher, else any: publishers overlap in viewers."""
    anywhere = rng.integers(0, len(PUBLISHERS), len(person))
    return np.where(rng.random(len(person)) < _LOYAL_TO_PUBLISHER, person % len(PUBLISHERS), anywhere)


def _costs(
    rng: np.random.Generator, creative: npt.NDArray[np.int64], country: npt.NDArray[np.int64]
) -> tuple[pa.Array, npt.NDArray[np.float64]]:
    """Account B bills in EUR where the euro is used, else in USD."""
    in_euro = np.array([c.currency == "EUR" for c in COUNTRIES])[country]
    price = np.array([c[4] for c in CREATIVES])[creative] / 1_000 * rng.lognormal(0.0, 0.25, len(creative))
    cost = np.round(np.where(in_euro, price, price * _DOLLAR), 6)
    return pc.if_else(pa.array(in_euro), "EUR", "USD"), cost


def _registered_email(rng: np.random.Generator, people: pa.Table) -> pa.Array:
    """One spelling per viewer, the same on all of the viewer's impressions of the week."""
    registered = people.select(["person"]).append_column("email", people["viewer_email"])
    return write_by_kind(registered, emails.ON_ORDERS, draw_kinds(rng, emails.ON_ORDERS, len(people)))
