"""A file of requests to be forgotten, from the landing folder to what every account answered."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime as dt
import functools
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg
import pytest
from click.testing import CliRunner

from segment_assets import erasures as starting
from segment_assets.assets import audiences, erasures
from segment_assets.cli import main
from segment_assets.contracts import Response, TransientError
from segment_assets.jobs import accounts_job
from segment_assets.plan import load_plan
from segment_assets.resources.account_tables import LocalAccountTables
from segment_assets.resources.landing import LocalLanding
from segment_assets.road import QUIET
from segment_assets.tables import CHANGES, CUSTOMERS, ERASURES, OPT_OUTS, PLATFORM_ERASURES, SUPPRESSIONS
from segment_assets_tests.fakes import marked
from segment_assets_tests.orchestration.accounts import GoogleAccount, House, MetaAccount
from segment_assets_tests.orchestration.local_world import ACCOUNT, EXPOSED, NEWSLETTER, write_plan

if TYPE_CHECKING:
    from collections.abc import Iterator

    from click.testing import Result

    from segment_assets.contracts import Request
    from segment_assets.plan import Plan
    from segment_assets.tables import Table

ADS, UNUSED = "lumen_ads", "lumen_us"


@functools.cache
def planned() -> Plan:
    """Meta with three segments, Google with one, and an account on Meta that nothing is sent to."""

    def change(document: dict[str, Any]) -> None:
        own = document["accounts"][ACCOUNT]
        document["accounts"] |= {ADS: own | {"destination": "google", "account": "1234567890"}}
        document["accounts"] |= {UNUSED: own | {"account": "1002"}}
        stated = {
            "terms_of_service": "ACCEPTED",
            "data_source_type": "DATA_SOURCE_TYPE_FIRST_PARTY",
            "consent_ad_user_data": "CONSENT_GRANTED",
            "consent_ad_personalization": "CONSENT_GRANTED",
        }
        document["activations"].append(document["activations"][2] | {"account": ADS, "statements": stated})

    with tempfile.TemporaryDirectory() as folder:
        return load_plan(write_plan(Path(folder) / "plan.yaml", change))


class Meta(MetaAccount):
    """With Meta's call that takes people out of every audience of an account."""

    def send(self, request: Request) -> Response:
        if not request.path.endswith("/usersofanyaudience"):
            return super().send(request)
        self.calls.append(("erase", ""))
        if "erase" in self.trouble:
            return self.trouble["erase"]()
        rows, place = request.json["payload"]["data"], request.json["payload"]["schema"].index("EMAIL")
        self.forgotten = getattr(self, "forgotten", set()) | {row[place] for row in rows}
        self.people = {segment: held - self.forgotten for segment, held in self.people.items()}
        return Response(200, {}, {"num_received": len(rows), "num_invalid_entries": 0})


class Forgetting(House):
    """A house with a landing folder and account A's tables."""

    @property
    def resources(self) -> dict[str, Any]:
        landing = LocalLanding(self.folder / "landing" / "segments")
        return {**super().resources, "landing": landing, "accounts": LocalAccountTables(self.folder / "accounts")}

    @property
    def meta(self) -> Any:
        return self.accounts[ACCOUNT]

    def lands(self, text: str, name: str = "requests.csv") -> None:
        folder = self.folder / "landing" / "erasures"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")

    def opts_out(self, email: str) -> None:
        """In account A's table."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        row = {"opt_out_id": "1", "email_address": email, "opted_out_at": dt.datetime.now(dt.UTC), "source": "web"}
        table = pa.Table.from_pylist([row], OPT_OUTS.arrow_schema())
        pq.write_table(table, self.folder / "accounts" / "a" / OPT_OUTS.name / "part-00000.parquet")

    def shows(self) -> Result:
        """What the command says."""
        return CliRunner(env={"SEGMENT_ASSETS_HOME": str(self.folder)}).invoke(main, ["erasures"])

    def named(self, table: Table) -> set[str]:
        """Digests of e-mails in a table of requests."""
        rows = self.lake.dataset(self.lake.current(table.name, "all")).to_table().to_pylist()
        return {row["digest"].hex() for row in rows if row["kind"] == "email"}

    def makes(self, *keys: dg.AssetKey) -> dg.ExecuteInProcessResult:
        assets = [*erasures.build(self.plan), audiences.suppressions]
        return dg.materialize(
            assets,
            selection=list(keys),
            instance=self.instance,
            resources=self.resources,
            run_config=QUIET,
            raise_on_error=False,
        )

    def told(self) -> dict[str, dict[str, Any]]:
        """Account -> its row."""
        rows = self.lake.dataset(self.lake.current(PLATFORM_ERASURES.name, "all")).to_table().to_pylist()
        return {f"{row['destination']}/{row['account']}": row for row in rows}

    def tick(self, cursor: str | None) -> tuple[str | None, list[dg.AssetKey]]:
        landing, key = self.resources["landing"], self.have.secrets.tenant_key(self.plan.tenant)
        result = starting.look_at_erasures(
            self.instance, cursor, self.plan, self.lake, landing, key=key, now=lambda: self.now
        )
        return result.cursor, [key for request in result.run_requests for key in request.asset_selection]


@pytest.fixture
def house(instance: dg.DagsterInstance, tmp_path: Path) -> Forgetting:
    import pyarrow.parquet as pq

    accounts = {ACCOUNT: Meta("1001"), ADS: GoogleAccount("1234567890"), UNUSED: Meta("1002")}
    made = Forgetting(planned(), tmp_path, instance, accounts)
    for table in (CUSTOMERS, OPT_OUTS):
        folder = tmp_path / "accounts" / "a" / table.name
        folder.mkdir(parents=True)
        pq.write_table(table.arrow_schema().empty_table(), folder / "part-00000.parquet")
    return made


def test_whoever_asks_is_taken_out_everywhere_and_forgotten_where_there_is_a_call(house: Forgetting):
    for segment in (EXPOSED, NEWSLETTER):
        house.wants(segment, "ann", "ben")
        house.run(ACCOUNT, segment)
    house.run(ADS, NEWSLETTER)
    house.accounts[ADS].works()
    house.run(ADS, NEWSLETTER)
    house.lands("email\nann@example.com\n\n")
    cursor, wanted = house.tick(None)
    assert wanted == [starting.REQUESTS]
    assert house.makes(starting.REQUESTS).success
    _, wanted = house.tick(cursor)
    assert wanted == [starting.PLATFORMS]
    # Before the suppressions know them nobody is asked: they could be sent again at once.
    assert not house.makes(starting.PLATFORMS).success
    assert house.makes(audiences.SUPPRESSED).success
    # And while an audience has them the removal goes first.
    assert house.makes(starting.PLATFORMS).success
    assert house.meta.asked("erase") == []
    assert house.told()["meta/1001"]["standing"] == "waiting"
    for account, segment in ((ACCOUNT, EXPOSED), (ACCOUNT, NEWSLETTER), (ADS, NEWSLETTER)):
        house.run(account, segment)
    house.accounts[ADS].works()
    house.run(ADS, NEWSLETTER)
    assert house.makes(starting.PLATFORMS).success
    assert house.meta.forgotten == {marked("ann@example.com")}
    assert {account: row["standing"] for account, row in house.told().items()} == {
        "meta/1001": "done",
        "meta/1002": "nobody",
        "google/1234567890": "no_call",
    }
    assert house.accounts[UNUSED].calls == []
    shown = house.shows()
    assert shown.exit_code == 0
    assert "meta/1001: done, 1 people" in shown.output
    assert "retention" in house.told()["google/1234567890"]["said"]
    house.now += 7_200
    assert house.tick(cursor)[1] == []


def test_a_request_outlives_its_file(house: Forgetting):
    house.lands("email\nann@example.com\nnobody at all\n")
    result = house.makes(starting.REQUESTS)
    told = result.asset_materializations_for_node("audiences__erasures")[0].metadata
    assert (told["requests"].value, told["naming_nobody"].value) == (2, 1)
    first = house.lake.current(ERASURES.name, "all")
    house.lands("email\nben@example.com\n")
    house.makes(starting.REQUESTS)
    after = house.lake.current(ERASURES.name, "all")
    digests = [{row["digest"] for row in house.lake.dataset(one).to_table().to_pylist()} for one in (first, after)]
    assert digests[0] < digests[1]
    # The same files again are the same version, or suppressions and audiences would be made anew each time.
    house.makes(starting.REQUESTS)
    assert house.lake.current(ERASURES.name, "all").id == after.id


def test_an_account_in_trouble_holds_up_no_other_and_is_asked_again(house: Forgetting):
    house.wants(EXPOSED, "ann")
    house.run(ACCOUNT, EXPOSED)
    house.lands("email\nann@example.com\n")
    house.makes(starting.REQUESTS, audiences.SUPPRESSED)
    house.run(ACCOUNT, EXPOSED)
    house.meta.trouble["erase"] = lambda: Response(400, {}, {"error": {"code": 190}})
    assert not house.makes(starting.PLATFORMS).success
    assert (house.told()["meta/1001"]["standing"], house.told()["meta/1002"]["standing"]) == ("in_doubt", "nobody")
    assert "token" in house.told()["meta/1001"]["said"]
    cursor, wanted = house.tick(None)
    assert starting.PLATFORMS in wanted
    assert house.tick(cursor)[1] == [], "the same trouble is not asked about at every tick"
    house.now += 61
    assert house.tick(cursor)[1] == [starting.PLATFORMS]
    del house.meta.trouble["erase"]
    assert house.makes(starting.PLATFORMS).success
    assert house.told()["meta/1001"]["standing"] == "done"


def test_nobody_is_named_in_what_dagster_keeps(house: Forgetting):
    house.wants(EXPOSED, "ann")
    house.run(ACCOUNT, EXPOSED)
    house.lands("email\nann@example.com\n")
    house.makes(starting.REQUESTS, audiences.SUPPRESSED)
    house.run(ACCOUNT, EXPOSED)
    result = house.makes(starting.PLATFORMS)
    said = "".join(str(event) for event in house.instance.all_logs(result.run_id))
    assert "ann@example.com" not in said
    assert marked("ann@example.com") not in said


def test_an_account_that_the_plan_names_no_more_is_told_where_it_was_sent_any_of_them(house: Forgetting):
    for segment, name in ((EXPOSED, "ann"), (NEWSLETTER, "ben")):
        house.wants(segment, name)
    house.run(ACCOUNT, EXPOSED)
    house.run(ADS, NEWSLETTER)
    house.lands("email\nann@example.com\n")
    house.makes(starting.REQUESTS, audiences.SUPPRESSED)
    accounts = {name: account for name, account in house.plan.accounts.items() if name == UNUSED}
    house.plan = house.plan.model_copy(update={"accounts": accounts, "activations": ()})
    assert house.makes(starting.PLATFORMS).success
    assert {account: (row["standing"], row["people"]) for account, row in house.told().items()} == {
        "meta/1001": ("unreachable", 1),
        "google/1234567890": ("nobody", 0),
        "meta/1002": ("nobody", 0),
    }
    assert house.shows().exit_code == 1, "somebody has to put the account back, or to ask the platform"
    cursor, wanted = house.tick(None)
    assert wanted == []
    house.plan = planned()
    assert house.tick(cursor)[1] == [starting.PLATFORMS]


def test_a_file_that_cannot_be_read_stops_no_opt_out_and_no_other_request(house: Forgetting):
    house.lands("email\nann@example.com\n")
    house.lands("", "letter of ben@example.com.docx")
    house.lands("mobile_ad_id\n38400000-8cf0-11bd-b23e-10b96e40000d\n", "devices.csv")
    house.opts_out("cleo@example.com")
    result = house.makes(starting.REQUESTS, audiences.SUPPRESSED)
    assert result.success
    assert house.named(SUPPRESSIONS) == {marked("ann@example.com"), marked("cleo@example.com")}
    (check,) = result.get_asset_check_evaluations()
    assert (check.passed, check.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert "2 files cannot be read" in check.description
    assert "file 1 of 3 by name: a request names a person by customer number, e-mail or phone" in check.description
    assert "file 2 of 3 by name: unknown kind of file" in check.description
    assert "ben@" not in "".join(str(event) for event in house.instance.all_logs(result.run_id))
    assert house.tick(None)[1] == [starting.PLATFORMS], "the same broken files are not read again and again"
    shown = house.shows()
    assert (shown.exit_code, "2 files cannot be read" in shown.output) == (1, True)


def test_rows_that_name_nobody_are_told_until_they_are_corrected(house: Forgetting):
    house.lands("email\nann@example.com\nnobody at all\n")
    house.makes(starting.REQUESTS, audiences.SUPPRESSED, starting.PLATFORMS)
    assert (house.shows().exit_code, "1 requests name nobody" in house.shows().output) == (1, True)
    house.lands("email\nann@example.com\n")
    house.makes(starting.REQUESTS, audiences.SUPPRESSED, starting.PLATFORMS)
    assert house.shows().exit_code == 0
    house.lands("", "letter.docx")
    house.makes(starting.REQUESTS)
    assert house.shows().exit_code == 1
    for file in (house.folder / "landing" / "erasures").iterdir():
        file.unlink()
    assert house.tick(None)[1] == [starting.REQUESTS], "what was told of them is no longer so"
    house.makes(starting.REQUESTS)
    assert house.shows().exit_code == 0
    assert house.named(ERASURES) == {marked("ann@example.com")}


def test_a_folder_whose_storage_fails_keeps_nobody_from_being_suppressed_and_is_read_again(house: Forgetting):
    class Failing(LocalLanding):
        @contextlib.contextmanager
        def beside(self, folder: str) -> Iterator[list[Path]]:
            raise TransientError(f"{folder}: the storage does not answer")
            yield

    house.lands("email\nann@example.com\n")
    house.opts_out("cleo@example.com")
    resources = {**house.resources, "landing": Failing(house.folder / "landing" / "segments")}
    made = [erasures.erasures, audiences.suppressions]
    assert dg.materialize(made, instance=house.instance, resources=resources, run_config=QUIET).success
    assert house.named(SUPPRESSIONS) == {marked("cleo@example.com")}
    assert house.tick(None)[1] == [starting.REQUESTS]


class OnABrokenDisk(type(Path())):  # type: ignore[misc]
    """A file that is there, and whose bytes do not come."""

    def open(self, *_given: Any, **_named: Any) -> Any:
        raise OSError(5, "Input/output error")


def test_a_file_of_which_the_storage_fails_is_left_for_later(house: Forgetting):
    class Failing(LocalLanding):
        @contextlib.contextmanager
        def beside(self, folder: str) -> Iterator[list[Path]]:
            with super().beside(folder) as files:
                yield [OnABrokenDisk(files[0]), *files[1:]]

    house.lands("email\nann@example.com\n", "1.csv")
    house.lands("email\nben@example.com\n", "2.csv")
    resources = {**house.resources, "landing": Failing(house.folder / "landing" / "segments")}
    made = dg.materialize([erasures.erasures], instance=house.instance, resources=resources, run_config=QUIET)
    assert "1 files could not be read just now" in made.get_asset_check_evaluations()[0].description
    assert house.named(ERASURES) == {marked("ben@example.com")}
    failing = starting.unread(house.lake, resources["landing"], house.have.secrets.tenant_key(house.plan.tenant))
    assert failing, "the same look at the same files is not enough"


def test_requests_are_asked_for_until_a_run_has_read_them(house: Forgetting):
    house.lands("email\nann@example.com\n")
    cursor, wanted = house.tick(None)
    assert wanted == [starting.REQUESTS]
    shown = house.shows()
    assert (shown.exit_code, "has not been read" in shown.output) == (1, True)
    assert house.tick(cursor)[1] == []
    house.now += 61
    cursor, wanted = house.tick(cursor)
    assert wanted == [starting.REQUESTS], "the run of before brought nothing"
    house.makes(starting.REQUESTS)
    house.now += 7_200
    assert starting.REQUESTS not in house.tick(cursor)[1]


@pytest.mark.parametrize("asset", [starting.REQUESTS, starting.PLATFORMS], ids=lambda key: key.path[-1])
def test_what_a_run_makes_is_not_asked_for_while_it_goes(house: Forgetting, asset: dg.AssetKey):
    house.lands("email\nann@example.com\n")
    if asset == starting.PLATFORMS:
        house.makes(starting.REQUESTS)
    assert house.tick(None)[1] == [asset]
    job = dg.define_asset_job("by_hand", selection=[asset])
    made = dg.Definitions(assets=erasures.build(house.plan), jobs=[job], resources=house.resources)
    house.instance.create_run_for_job(
        made.resolve_job_def("by_hand"), status=dg.DagsterRunStatus.STARTED, asset_selection=frozenset([asset])
    )
    assert house.tick(None)[1] == []


def test_the_job_that_renews_the_suppressions_reads_requests_too(house: Forgetting):
    house.lands("email\nann@example.com\n")
    job = dg.job(name=accounts_job.name)(lambda: None)
    house.instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED)
    assert house.tick(None)[1] == []


def test_requests_that_another_run_publishes_meanwhile_are_kept(house: Forgetting):
    class Slow(LocalLanding):
        """Between the look at what is known and the reading of the files another run is done."""

        @contextlib.contextmanager
        def beside(self, folder: str) -> Iterator[list[Path]]:
            with super().beside(folder) as files:
                if not between:
                    between.append(True)
                    (other,) = files
                    said = other.read_text(encoding="utf-8")
                    other.write_text("email\nben@example.com\n", encoding="utf-8")
                    assert house.makes(starting.REQUESTS).success
                    other.write_text(said, encoding="utf-8")
                yield files

    between: list[bool] = []
    house.lands("email\nann@example.com\n")
    resources = {**house.resources, "landing": Slow(house.folder / "landing" / "segments")}
    assert dg.materialize([erasures.erasures], instance=house.instance, resources=resources, run_config=QUIET).success
    assert house.named(ERASURES) == {marked("ann@example.com"), marked("ben@example.com")}


class WithoutASetting(Meta):
    """An account that cannot use the platform's erasure call."""

    def connect(self, *given: Any, **to_follow: bool) -> tuple[Any, Any]:
        made, transport = super().connect(*given, **to_follow)
        return dataclasses.replace(made, contract=dataclasses.replace(made.contract, erasure=None)), transport


def test_an_account_that_lacks_a_setting_for_the_call_is_no_account_without_one(house: Forgetting):
    house.accounts = {**house.accounts, ACCOUNT: WithoutASetting("1001")}
    house.wants(EXPOSED, "ann")
    house.run(ACCOUNT, EXPOSED)
    house.lands("email\nann@example.com\n")
    house.makes(starting.REQUESTS, audiences.SUPPRESSED, starting.PLATFORMS)
    assert house.told()["meta/1001"]["standing"] == "not_set_up"
    assert house.shows().exit_code == 1
    cursor, wanted = house.tick(None)
    assert wanted == []
    account = house.plan.accounts[ACCOUNT].model_copy(update={"settings": {"manager_account": "1"}})
    house.plan = house.plan.model_copy(update={"accounts": {**house.plan.accounts, ACCOUNT: account}})
    assert house.tick(cursor)[1] == [starting.PLATFORMS]


def test_nobody_is_not_said_where_deliveries_are_too_old_to_tell(house: Forgetting):
    house.wants(EXPOSED, "ben")
    house.run(ACCOUNT, EXPOSED)
    shutil.rmtree(house.folder / "lake" / "tables" / CHANGES.name)
    house.lands("email\nann@example.com\n")
    house.makes(starting.REQUESTS, audiences.SUPPRESSED, starting.PLATFORMS)
    assert house.told()["meta/1001"]["standing"] == "unknown"
    assert "too old to tell" in house.told()["meta/1001"]["said"]
    assert house.shows().exit_code == 1
