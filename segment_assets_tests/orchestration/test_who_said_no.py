"""Account A's tables break, shrink or are written meanwhile: whoever opted out stays suppressed, and somebody is told."""

from __future__ import annotations

import datetime as dt
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

    def file(self, name: str) -> Path:
        return self.folder / "accounts" / "a" / name / "part-00000.parquet"

    def opt_out(self, emails: Iterable[str]) -> None:
        at = dt.datetime(2026, 11, 1, tzinfo=dt.UTC)
        rows = [{"opt_out_id": e, "email_address": e, "opted_out_at": at, "source": "web"} for e in emails]
        self.write(OPT_OUTS.name, pa.Table.from_pylist(rows, OPT_OUTS.arrow_schema()))

    def write(self, name: str, rows: pa.Table) -> None:
        self.file(name).parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(rows, self.file(name))

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


BROKEN: dict[str, Callable[[Tables], object]] = {
    "few opt-outs": lambda tables: tables.opt_out([*PEOPLE[:5], NEW]),
    "opt-outs without a moment": lambda tables: tables.renames(OPT_OUTS.name, "opted_out_at"),
    "no customers": lambda tables: tables.file(CUSTOMERS.name).unlink(),
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
