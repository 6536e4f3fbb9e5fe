"""Files that land for segments: one list in three formats with three sets of headers, and a list nobody planned.

Belongs here: choosing the rows and writing the files. Not here: their headers (headers).
"""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from segment_assets.sandbox.world.cells import blanked
from segment_assets.sandbox.world.headers import NEWSLETTER_FILES
from segment_assets.sandbox.world.randomness import Purpose, Turn

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    import numpy.typing as npt

    from segment_assets.sandbox.world.people import Span

NEWSLETTER = "newsletter_subscribers"
UNREVIEWED = "store_visitors_unreviewed"
# Rows of the newsletter list: 1.4 % of people, within these bounds.
_SHARE, _FEWEST, _MOST = 0.014, 200, 20_000
_WITH_CUSTOMER_NUMBER = 0.5
_REPEATED = 0.02
_COLUMNS = {
    "customer_id": "customer_id",
    "email": "email_address",
    "phone": "phone_number",
    "first_name": "first_name",
    "last_name": "last_name",
    "city": "city",
    "state": "state",
    "postal_code": "zip",
    "country": "country",
    "birth_date": "birth_date",
    "gender": "gender",
    "mobile_ad_id": "mobile_ad_id",
    "consent_ad_user_data": "consent_ad_user_data",
    "consent_ad_personalization": "consent_ad_personalization",
    "gpc_opt_out": "gpc_opt_out",
}
# Lines that no reader can put into columns: one short, one with a separator too many.
_RAGGED = ("C1999999991;only@half.example.com", ";;;;;;;;;;;;;;;;;;too many columns")


def subscribers(seed: int, people: int, span: Span, customers: pa.Table) -> pa.Table:
    """The newsletter rows that a chunk gives, in SEGMENT_MEMBERS' columns, as the shop typed them."""
    rng = Turn(seed, span.chunk).stream(Purpose.LANDING)
    wanted = min(max(_FEWEST, round(people * _SHARE)), _MOST)
    before = wanted * span.first // people
    mine = wanted * (span.first + span.customers) // people - before
    rows = _choose(rng, len(customers), mine)
    chosen = customers.take(pa.array(rows))
    table = pa.table({ours: chosen[theirs] for ours, theirs in _COLUMNS.items()})
    anonymous = rng.random(len(rows)) >= _WITH_CUSTOMER_NUMBER
    numbers = blanked(table["customer_id"].combine_chunks(), anonymous)
    return table.set_column(0, "customer_id", numbers)


def _choose(rng: np.random.Generator, records: int, wanted: int) -> npt.NDArray[np.int64]:
    """Records without repetition while they last, and on top some duplicates."""
    once = rng.permutation(records)[:wanted]
    repeats = max(wanted - len(once), round(wanted * _REPEATED), 1 if wanted else 0)
    return np.concatenate([once, rng.choice(once, repeats)]) if len(once) else once


def write_landing(folder: Path, rows: pa.Table) -> None:
    """Write all landing files below `folder` (…/landing/segments)."""
    shares = {name: rows.take(pa.array(np.arange(start, len(rows), 3))) for start, name in enumerate(NEWSLETTER_FILES)}
    first, second, third = (
        shares[name].select(list(headers.values())).rename_columns(list(headers))
        for name, headers in NEWSLETTER_FILES.items()
    )
    newsletter = folder / NEWSLETTER
    newsletter.mkdir(parents=True)
    names = list(NEWSLETTER_FILES)
    (newsletter / names[0]).write_text(_german_csv(first), encoding="utf-8-sig", newline="")
    lines = (
        json.dumps({k: v for k, v in row.items() if v is not None}, ensure_ascii=False) for row in second.to_pylist()
    )
    (newsletter / names[1]).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8", newline="")
    pq.write_table(third, newsletter / names[2])
    visitors = folder / UNREVIEWED
    visitors.mkdir()
    (visitors / "visitors.csv").write_text(_visitors_csv(rows), encoding="utf-8", newline="")


def _german_csv(table: pa.Table) -> str:
    lines = _csv(table.column_names, (row.values() for row in table.to_pylist()), ";").splitlines(keepends=True)
    for position, ragged in zip((len(lines) // 3, len(lines) // 2), _RAGGED, strict=True):
        lines.insert(position, f"{ragged}\r\n")
    return "".join(lines)


def _visitors_csv(rows: pa.Table) -> str:
    visits = rows.select(["email", "phone", "country"]).slice(0, max(50, len(rows) // 4)).to_pylist()
    stores = ("Berlin Mitte", "London Strand", "Seattle Pike")
    lines = ([*row.values(), stores[position % 3]] for position, row in enumerate(visits))
    return _csv(["email", "phone", "country", "store"], lines, ",")


def _csv(header: Sequence[str], rows: Iterable[Iterable[Any]], delimiter: str) -> str:
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter, lineterminator="\r\n")
    writer.writerow(header)
    writer.writerows(_as_text(rows))
    return text.getvalue()


def _as_text(rows: Iterable[Iterable[Any]]) -> Iterator[list[str]]:
    spoken = {None: "", True: "true", False: "false"}
    for row in rows:
        yield [spoken[cell] if cell is None or isinstance(cell, bool) else str(cell) for cell in row]
