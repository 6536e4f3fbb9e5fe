"""Account A's tables break, shrink or are written meanwhile: whoever opted out stays suppressed, and somebody is told."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import TYPE_CHECKING

import dagster as dg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from segment_assets.assets import audiences
from segment_assets.plan import load_plan
from segment_assets.resources.account_tables import LocalAccountTables
from segment_assets.resources.lake import LocalLake
from segment_assets.resources.secrets import LocalSecrets
from segment_assets.road import QUIET
from segment_assets.tables import CUSTOMERS, OPT_OUTS, SUPPRESSIONS
from segment_assets_tests import fakes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from segment_assets.plan import Plan

PEOPLE = [f"person.{number}@example.com" for number in range(20)]
NEW = "new@example.com"


class Tables:
    """Account A's two tables, and the suppressions that are made of them."""

    def __init__(self, instance: dg.DagsterInstance, folder: Path) -> None:
        self.instance, self.folder, self.plan = instance, folder, load_plan(None)
        self.accounts, self.lake = LocalAccountTables(folder / "accounts"), LocalLake(folder / "lake")

    def file(self, name: str, part: int = 0) -> Path:
        return self.folder / "accounts" / "a" / name / f"part-0000{part}.parquet"

    def opt_out(self, emails: Iterable[str], part: int = 0) -> None:
        at = dt.datetime(2026, 11, 1, tzinfo=dt.UTC)
        rows = [{"opt_out_id": e, "email_address": e, "opted_out_at": at, "source": "web"} for e in emails]
        self.write(OPT_OUTS.name, pa.Table.from_pylist(rows, OPT_OUTS.arrow_schema()), part)

    def write(self, name: str, rows: pa.Table, part: int = 0) -> None:
        self.file(name, part).parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(rows, self.file(name, part))

    def cut(self, name: str, part: int) -> None:
        """The file of a writer that was killed."""
        self.file(name, part).write_bytes(self.file(name, part).read_bytes()[:-6])

    def damage(self, name: str, part: int) -> None:
        """Its columns are told as before, and no row of it can be read."""
        raw = bytearray(self.file(name, part).read_bytes())
        columns_end = len(raw) - 8 - int.from_bytes(raw[-8:-4], "little")
        raw[4:columns_end] = b"\xff" * (columns_end - 4)
        self.file(name, part).write_bytes(raw)

    def renames(self, name: str, column: str) -> None:
        rows = pq.read_table(self.file(name))
        self.write(name, rows.rename_columns([f"{n}_" if n == column else n for n in rows.column_names]))

    def makes(self, plan: Plan | None = None) -> str:
        """What the run says, empty when it succeeded."""
        made = dg.materialize(
            [audiences.suppressions],
            instance=self.instance,
            resources={
                "plan": plan or self.plan,
                "lake": self.lake,
                "accounts": self.accounts,
                "secrets": LocalSecrets(self.folder / "secrets"),
                "workdir": self.folder / "work",
            },
            run_config=QUIET,
            raise_on_error=False,
        )
        failures = made.filter_events(lambda event: event.is_step_failure)
        return "" if made.success else str(failures[0].step_failure_data.error_display_string)

    def suppressed(self) -> int:
        return len(self.named())

    def named(self) -> set[bytes]:
        """The e-mails of whoever is suppressed."""
        rows = self.lake.dataset(self.lake.current(SUPPRESSIONS.name, "all")).to_table().to_pylist()
        return {row["digest"] for row in rows if row["kind"] == "email"}


@pytest.fixture
def tables(instance: dg.DagsterInstance, tmp_path: Path) -> Tables:
    made = Tables(instance, tmp_path)
    made.write(CUSTOMERS.name, CUSTOMERS.arrow_schema().empty_table())
    made.opt_out(PEOPLE)
    assert made.makes() == ""
    return made


def test_a_table_of_opt_outs_that_is_gone_takes_nobodys_no_back(tables: Tables):
    tables.file(OPT_OUTS.name).unlink()
    assert "opt_outs: account A's table has no files" in tables.makes()
    assert tables.suppressed() == len(PEOPLE)


@pytest.mark.parametrize(("table", "column"), [(OPT_OUTS.name, "email_address"), (CUSTOMERS.name, "phone_number")])
def test_a_column_that_was_renamed_takes_nobodys_no_back(tables: Tables, table: str, column: str):
    tables.renames(table, column)
    assert f"{column} is missing" in tables.makes()
    assert tables.suppressed() == len(PEOPLE)


@pytest.mark.parametrize("left", [[], PEOPLE[:2], ["no e-mail", "neither"] * 10], ids=["none", "few", "unreadable"])
def test_many_fewer_opt_outs_wait_for_somebody_who_raises_the_limit(tables: Tables, left: list[str]):
    tables.opt_out(left)
    said = tables.makes()
    assert "raise max_opt_out_drop in the plan" in said
    assert tables.suppressed() == len(PEOPLE)
    assert tables.makes(tables.plan.model_copy(update={"max_opt_out_drop": 1.0})) == ""
    assert tables.suppressed() < len(PEOPLE)
    assert tables.makes() == "", "what somebody let through is what the next one is compared with"


def test_as_many_opt_outs_of_other_people_are_refused_too(tables: Tables):
    others = [f"other.{number}@example.com" for number in range(20)]
    before = tables.named()
    tables.opt_out(others)
    assert "nothing names 20 of the 20 pseudonyms any more" in tables.makes()
    assert tables.named() == before | {fakes.digest(other) for other in others}, "whoever says no is heard meanwhile"
    tables.opt_out([*PEOPLE, NEW])
    assert tables.makes() == "", "the table that is mended is compared with what was made of the last sound one"
    assert tables.named() == before | {fakes.digest(NEW)}


def test_new_phones_and_devices_of_customers_take_nobodys_no_back_and_a_later_fall_is_still_found(tables: Tables):
    def customers(kept: int) -> None:
        whole = dict.fromkeys(CUSTOMERS.arrow_schema().names) | {
            "country": "US",
            "date_created": dt.datetime.now(dt.UTC),
        }
        rows = [
            whole
            | {"customer_id": str(n), "email_address": email, "phone_number": f"+1212555{n + (n < kept) * 100:04}"}
            | {"mobile_ad_id": str(uuid.UUID(int=n + (n < kept) * 100))}
            for n, email in enumerate(PEOPLE)
        ]
        tables.write(CUSTOMERS.name, pa.Table.from_pylist(rows, CUSTOMERS.arrow_schema()))

    customers(0)
    assert tables.makes() == ""
    customers(len(PEOPLE))
    assert tables.makes() == ""
    before = tables.named()
    tables.opt_out([f"other.{number}@example.com" for number in range(20)])
    assert "nothing names 20 of the 20 pseudonyms any more" in tables.makes()
    assert before <= tables.named()


BROKEN: dict[str, Callable[[Tables], object]] = {
    "few opt-outs": lambda tables: tables.opt_out([*PEOPLE[:5], NEW]),
    "opt-outs without a moment": lambda tables: tables.renames(OPT_OUTS.name, "opted_out_at"),
    "no customers": lambda tables: tables.file(CUSTOMERS.name).unlink(),
    "customers of whom a file was cut off": lambda tables: tables.cut(CUSTOMERS.name, 0),
    "customers of another type": lambda tables: tables.write(
        CUSTOMERS.name, pa.table({"customer_id": ["1"], "date_created": ["no date"]})
    ),
}


@pytest.mark.parametrize("how", BROKEN)
def test_whoever_says_no_in_tables_that_are_refused_is_suppressed_at_once(tables: Tables, how: str):
    tables.opt_out([*PEOPLE, NEW])
    before = tables.named()
    BROKEN[how](tables)
    assert tables.makes() != ""
    assert tables.named() == before | {fakes.digest(NEW)}
    assert tables.makes() != "", "a refusal is not forgotten by what was added"


def test_of_files_that_cannot_be_read_the_others_are_heard(tables: Tables):
    tables.opt_out([*PEOPLE, NEW])
    tables.opt_out(["unheard@example.com"], 1)
    before, whole = tables.named(), tables.file(OPT_OUTS.name, 1).read_bytes()
    for breaks, said in (
        (tables.cut, "opt_outs/part-00001.parquet cannot be read as a Parquet file"),
        (tables.damage, "opt_outs: 1 of 2 pieces of account A's files cannot be read"),
    ):
        tables.file(OPT_OUTS.name, 1).write_bytes(whole)
        breaks(OPT_OUTS.name, 1)
        assert said in tables.makes()
        assert tables.named() == before | {fakes.digest(NEW)}
    tables.file(OPT_OUTS.name, 1).write_bytes(whole)
    assert tables.makes() == ""
    assert tables.suppressed() == len(PEOPLE) + 2


def test_a_few_may_take_their_no_back(tables: Tables):
    tables.opt_out(PEOPLE[5:])
    assert tables.makes() == ""
    assert tables.suppressed() == len(PEOPLE) - 5


def test_tables_that_are_written_while_they_are_read_are_read_again(tables: Tables):
    class Written(LocalAccountTables):
        __slots__ = ()

        def dataset(self, table: str, week: str | None = None) -> object:
            found = LocalAccountTables.dataset(self, table, week)
            tables.opt_out([*PEOPLE, "one.more@example.com"])
            return found

    whole = tables.accounts
    tables.accounts = Written(whole.root)
    assert "written while they were read" in tables.makes()
    tables.accounts = whole
    assert tables.makes() == ""
    assert tables.suppressed() == len(PEOPLE) + 1
