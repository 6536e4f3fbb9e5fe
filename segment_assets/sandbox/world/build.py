"""Playing the world chunk by chunk and writing it: the heavy half of the public door.

Belongs here: files, folders and the order of writing. Not here: what is in a table (its own module).

Memory: one chunk of people and its events at a time, plus the newsletter rows (bounded) and the audiences' digests.
"""

from __future__ import annotations

import contextlib
import shutil
from collections import Counter
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from segment_assets.contracts import PermanentError
from segment_assets.sandbox.world import customers, impressions, landing, opt_outs, orders, outcomes, people
from segment_assets.sandbox.world.facts import WorldFacts, monday_of, write_facts
from segment_assets.sandbox.world.randomness import Turn
from segment_assets.tables import OPT_OUTS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path

_WEEKLY = (("accounts/a/conversions", "conversions"), ("accounts/b/impressions", "impressions"), ("truth/outcomes", ""))
_OPT_OUTS = "accounts/a/opt_outs"
_DAYS_BEFORE = 42
# Dictionary encoding of columns that hardly repeat a value costs half of the writing time and saves nothing.
_HARDLY_REPEATING = (
    "_sha256",
    "email",
    "email_address",
    "phone_digits",
    "phone_national",
    "phone_number",
    "person",
    "n_id",
)
_DIGEST_BYTES = 32


def build(root: Path, wanted: WorldFacts, weeks: int, progress: Callable[[str], None]) -> WorldFacts:
    """Write a whole world and, last of all, its facts. Leftovers of a killed creation are removed first."""
    _clear(root)
    counts: Counter[str] = Counter({"customers": 0, "conversions": 0, "opt_outs": 0, "impressions": 0})
    subscribers = []
    with _appending(root / _OPT_OUTS / _part(0)) as append_opt_outs:
        for span in people.spans(wanted.people, wanted.chunk_people):
            known, rows = _build_chunk(root, wanted, span, counts)
            subscribers.append(rows)
            for number in range(weeks):
                _play(root, Turn(wanted.seed, span.chunk, number), known, {}, counts)
            refused = opt_outs.make_opt_outs(Turn(wanted.seed, span.chunk), known, monday_of(weeks), _DAYS_BEFORE)
            counts["opt_outs"] += append_opt_outs(refused)
            progress(f"world: {span.first + span.customers:,} of {wanted.people:,} people")
    draft = root / ".landing"
    landing.write_landing(draft, pa.concat_tables(subscribers))
    (root / "landing" / "segments").mkdir(parents=True, exist_ok=True)
    for name in (landing.NEWSLETTER, landing.UNREVIEWED):
        (draft / name).replace(root / "landing" / "segments" / name)
    draft.rmdir()
    return _finish(root, wanted, weeks, counts)


def play_next_week(root: Path, facts: WorldFacts, audiences: Mapping[str, Iterable[str]]) -> WorldFacts:
    """Write the week after the last one, away from readers' eyes, then move it into place and say so."""
    number = len(facts.weeks)
    named = {name: _digests(name, members) for name, members in audiences.items()}
    draft = root / ".advancing"
    shutil.rmtree(draft, ignore_errors=True)
    counts = Counter(facts.counts)
    with _appending(draft / _OPT_OUTS / _part(number)) as append_opt_outs:
        for chunk, path in enumerate(sorted((root / "truth" / "people").glob("part-*"))):
            known = pq.read_table(path)
            turn = Turn(facts.seed, chunk, number)
            _play(draft, turn, known, named, counts)
            refused = opt_outs.make_opt_outs(turn, known, monday_of(number + 1), 7)
            counts["opt_outs"] += append_opt_outs(refused)
    for folder, _ in _WEEKLY:
        week = f"week={monday_of(number).isoformat()}"
        shutil.rmtree(root / folder / week, ignore_errors=True)
        (draft / folder / week).replace(root / folder / week)
    (draft / _OPT_OUTS / _part(number)).replace(root / _OPT_OUTS / _part(number))
    shutil.rmtree(draft)
    return _finish(root, facts, number + 1, counts)


def _finish(root: Path, facts: WorldFacts, weeks: int, counts: Counter[str]) -> WorldFacts:
    mondays = [monday_of(number).isoformat() for number in range(weeks)]
    finished = WorldFacts(facts.seed, facts.people, mondays, dict(sorted(counts.items())), facts.chunk_people)
    write_facts(root, finished)
    return finished


def _clear(root: Path) -> None:
    for leftover in ("accounts", "truth", ".landing", ".advancing"):
        shutil.rmtree(root / leftover, ignore_errors=True)
    for name in (landing.NEWSLETTER, landing.UNREVIEWED):
        shutil.rmtree(root / "landing" / "segments" / name, ignore_errors=True)


def _build_chunk(root: Path, facts: WorldFacts, span: people.Span, counts: Counter[str]) -> tuple[pa.Table, pa.Table]:
    known = people.make_people(facts.seed, span)
    records, truth = customers.make_customers(Turn(facts.seed, span.chunk), known)
    known = known.append_column("account_knows_email", pa.array(customers.known_email(known, records, truth)))
    counts["customers"] += _write(root / "accounts/a/customers" / _part(span.chunk), records)
    _write(root / "truth/people" / _part(span.chunk), known)
    _write(root / "truth/records" / _part(span.chunk), truth)
    return known, landing.subscribers(facts.seed, facts.people, span, records)


def _play(root: Path, turn: Turn, known: pa.Table, audiences: Mapping[str, pa.Array], counts: Counter[str]) -> None:
    week = outcomes.make_week(turn, known, audiences)
    shown, seen = impressions.make_impressions(turn, known, week)
    bought = orders.make_orders(turn, known, week, seen)
    for (folder, counted), table in zip(_WEEKLY, (bought, shown, outcomes.outcome_table(known, week)), strict=True):
        rows = _write(root / folder / f"week={turn.monday.isoformat()}" / _part(turn.chunk), table)
        if counted:
            counts[counted] += rows


def _part(number: int) -> str:
    return f"part-{number:05d}.parquet"


def _write(path: Path, table: pa.Table) -> int:
    path.parent.mkdir(parents=True, exist_ok=True)
    repeating = [name for name in table.column_names if not name.endswith(_HARDLY_REPEATING)]
    pq.write_table(table, path, compression="zstd", compression_level=1, use_dictionary=repeating)
    return len(table)


@contextlib.contextmanager
def _appending(path: Path) -> Iterator[Callable[[pa.Table], int]]:
    """One file to which every chunk appends a row group."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with pq.ParquetWriter(path, OPT_OUTS.arrow_schema(), compression="zstd") as writer:

        def append(table: pa.Table) -> int:
            writer.write_table(table)
            return len(table)

        yield append


def _digests(audience: str, members: Iterable[str]) -> pa.Array:
    try:
        raw = b"".join(sorted({bytes.fromhex(member) for member in members}))
    except ValueError:
        raw = b"?"
    if len(raw) % _DIGEST_BYTES:
        raise PermanentError(
            f"audience {audience!r} has a member that is no hex SHA-256; pass digests of 64 hex digits"
        )
    buffers: list[Any] = [None, pa.py_buffer(raw)]
    return pa.FixedSizeBinaryArray.from_buffers(pa.binary(_DIGEST_BYTES), len(raw) // _DIGEST_BYTES, buffers)
