"""Helpers of the audience tests: rows written as dictionaries, and an audience as dictionaries again."""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
from pathlib import Path

import pyarrow as pa
import pyarrow.dataset as pads
import pytest

from segment_assets.audience import AudienceCounts, AudiencePolicy, build_audience, build_suppressions
from segment_assets.tables import CUSTOMERS, HASHED_AUDIENCE, OPT_OUTS, QUARANTINE, SEGMENT_MEMBERS, SUPPRESSIONS

KEY = b"the key of a test tenant, 32 by."
YES = {"consent_ad_user_data": "granted", "consent_ad_personalization": "granted"}


def sha(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


def table(declared, rows, **defaults):
    """Rows as dictionaries to a table of a declared schema; absent cells are null."""
    return pa.Table.from_pylist([{**defaults, **row} for row in rows], schema=declared.arrow_schema())


def members(rows):
    return table(SEGMENT_MEMBERS, [{"source_row": number, **YES, **row} for number, row in enumerate(rows)])


@dataclasses.dataclass
class Built:
    people: list[dict]
    quarantine: list[dict]
    counts: AudienceCounts
    table: pa.Table

    def holding(self, form: str, value: object) -> list[dict]:
        return [person for person in self.people if person[form] == value]


class Builder:
    """Builds audiences in one folder, each from its own rows."""

    def __init__(self, workdir: Path) -> None:
        self.workdir = workdir

    def __call__(self, rows, *, suppressions=(), policy=None, key=KEY, before: Built | None = None) -> Built:
        source = rows if isinstance(rows, pa.Table) else members(rows)
        people, refused = [], []
        counts = build_audience(
            pads.dataset(source),
            pads.dataset(table(SUPPRESSIONS, suppressions, opted_out_at=0)),
            policy=policy or AudiencePolicy(),
            key=key,
            workdir=self.workdir,
            write_member=people.append,
            write_quarantine=refused.append,
            before=pads.dataset(before.table) if before is not None else None,
        )
        written = pa.Table.from_batches(people, schema=HASHED_AUDIENCE.arrow_schema())
        quarantine = pa.Table.from_batches(refused, schema=QUARANTINE.arrow_schema())
        return Built(written.to_pylist(), quarantine.to_pylist(), counts, written)


@pytest.fixture(scope="module")
def build(tmp_path_factory):
    return Builder(tmp_path_factory.mktemp("audience"))


@pytest.fixture
def suppress(tmp_path):
    """Opt-outs and customers as dictionaries to rows of suppressions, and the counts."""

    def run(opt_outs, customers):
        numbers = itertools.count()
        requests = [{"opt_out_id": str(next(numbers)), "opted_out_at": 1_000, **row} for row in opt_outs]
        out = []
        counts = build_suppressions(
            pads.dataset(table(OPT_OUTS, requests)),
            pads.dataset(table(CUSTOMERS, customers)),
            KEY,
            out.append,
            workdir=tmp_path,
        )
        return pa.Table.from_batches(out, schema=SUPPRESSIONS.arrow_schema()).to_pylist(), counts

    return run
