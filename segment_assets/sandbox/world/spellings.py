"""How names, places, dates, genders and ad ids are typed, with the share of every habit.

Belongs here: spellings of everything but e-mail and phone (emails, phones). Not here: the true values (people).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from segment_assets.sandbox.world.cells import Kind, as_strings, joined, words
from segment_assets.sandbox.world.places import COUNTRIES

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np


def _name(column: str) -> tuple[Kind, ...]:
    return (
        Kind("as_written", 0.84, lambda p: p[column]),
        Kind("upper", 0.05, lambda p: pc.utf8_upper(p[column])),
        Kind("lower", 0.05, lambda p: pc.utf8_lower(p[column])),
        Kind("spaces", 0.03, lambda p: joined(" ", p[column].combine_chunks(), " ")),
        Kind("null", 0.02, lambda _: None),
        Kind("null_text", 0.01, lambda _: "null"),
    )


FIRST_NAME, LAST_NAME, CITY = _name("first_name"), _name("last_name"), _name("city")

STATE = (
    Kind("code", 0.50, lambda p: p["state_code"]),
    Kind("name", 0.32, lambda p: p["state_name"]),
    Kind("lower_name", 0.05, lambda p: pc.utf8_lower(p["state_name"])),
    Kind("lower_code", 0.03, lambda p: pc.utf8_lower(p["state_code"])),
    Kind("null", 0.10, lambda _: None),
)


def _spreadsheet_zip(people: pa.Table) -> Any:
    """A US code that went through a spreadsheet: 02134 became 2134."""
    code = as_strings(people["postal_code"], len(people))
    return pc.if_else(pc.equal(people["country"], "US"), pc.utf8_ltrim(code, characters="0"), code)


def _zip_plus_four(people: pa.Table) -> Any:
    code = as_strings(people["postal_code"], len(people))
    return pc.if_else(pc.equal(people["country"], "US"), joined(code, "-1234"), code)


POSTAL_CODE = (
    Kind("as_printed", 0.58, lambda p: p["postal_code"]),
    Kind("spreadsheet", 0.12, _spreadsheet_zip),
    Kind("without_space", 0.15, lambda p: pc.replace_substring(p["postal_code"], " ", "")),
    Kind("lower", 0.05, lambda p: pc.utf8_lower(p["postal_code"])),
    Kind("plus_four", 0.03, _zip_plus_four),
    Kind("null", 0.06, lambda _: None),
    Kind("not_available", 0.01, lambda _: "N/A"),
)


def _country(values: Sequence[str]) -> Callable[[pa.Table], Any]:
    return lambda people: words(values, people["country_number"].to_numpy())


COUNTRY = (
    Kind("alpha2", 0.46, _country([c.code for c in COUNTRIES])),
    Kind("alpha2_lower", 0.06, _country([c.code.lower() for c in COUNTRIES])),
    Kind("alpha3", 0.14, _country([c.alpha3 for c in COUNTRIES])),
    Kind("name", 0.24, _country([c.name for c in COUNTRIES])),
    Kind("local_name", 0.05, _country([c.local_name for c in COUNTRIES])),
    Kind("null", 0.04, lambda _: None),
    Kind("unknown", 0.01, lambda _: "Atlantis"),
)


def _date(pattern: str) -> Callable[[pa.Table], Any]:
    return lambda people: pc.strftime(people["birth_date"], pattern)


def _local_date(people: pa.Table) -> Any:
    """Month first in the US, day first with slashes in GB, AU and CA, with dots elsewhere."""
    day_slash_month = pc.if_else(
        pc.is_in(people["country"], pa.array(["GB", "AU", "CA"])), _date("%d/%m/%Y")(people), _date("%d.%m.%Y")(people)
    )
    return pc.if_else(pc.equal(people["country"], "US"), _date("%m/%d/%Y")(people), day_slash_month)


def _impossible_date(people: pa.Table) -> Any:
    endings = pa.array(["-02-31", "-13-05", "-00-00"]).take(pa.array(people["person"].to_numpy() % 3))
    return joined(_date("%Y")(people).combine_chunks(), endings)


BIRTH_DATE = (
    Kind("iso", 0.55, _date("%Y-%m-%d")),
    Kind("local", 0.20, _local_date),
    Kind("compact", 0.07, _date("%Y%m%d")),
    Kind("with_time", 0.04, _date("%Y-%m-%d 00:00:00")),
    Kind("in_words", 0.03, _date("%d %b %Y")),
    Kind("impossible", 0.01, _impossible_date),
    Kind("future", 0.005, lambda _: "2091-05-04"),
    Kind("null", 0.095, lambda _: None),
)


def _sex(female: str, male: str) -> Callable[[pa.Table], Any]:
    return lambda people: pc.if_else(people["female"], female, male)


GENDER = (
    Kind("lower_letter", 0.25, _sex("f", "m")),
    Kind("upper_letter", 0.25, _sex("F", "M")),
    Kind("word", 0.18, _sex("Female", "Male")),
    Kind("lower_word", 0.12, _sex("female", "male")),
    Kind("x", 0.02, lambda _: "x"),
    Kind("unknown_letter", 0.02, lambda _: "U"),
    Kind("empty", 0.06, lambda _: ""),
    Kind("null", 0.10, lambda _: None),
)


def _zero_id(_: pa.Table) -> str:
    return "00000000-0000-0000-0000-000000000000"


MOBILE_AD_ID = (
    Kind("lower", 0.18, lambda p: p["ad_id"]),
    Kind("upper", 0.14, lambda p: pc.utf8_upper(p["ad_id"])),
    Kind("zero", 0.03, _zero_id),
    Kind("empty", 0.03, lambda _: ""),
    Kind("null", 0.62, lambda _: None),
)


def ad_ids(rng: np.random.Generator, size: int) -> pa.Array:
    """Random mobile ad ids in canonical lower-case form (version 4 UUIDs)."""
    text = rng.bytes(16 * size).hex()
    each = (text[start : start + 32] for start in range(0, 32 * size, 32))
    return pa.array([f"{t[:8]}-{t[8:12]}-4{t[13:16]}-a{t[17:20]}-{t[20:]}" for t in each], pa.string())
