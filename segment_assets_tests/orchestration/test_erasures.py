"""A file of requests to be forgotten, from the landing folder to what every account answered."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime as dt
import functools
import json
import shutil
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg
import pytest
from click.testing import CliRunner

from segment_assets import erasures as starting
from segment_assets.assets import audiences, erasures
from segment_assets.cli import main
from segment_assets.contracts import NeedsHumanError, Response, TransientError
from segment_assets.jobs import accounts_job
from segment_assets.plan import load_plan
from segment_assets.resources.account_tables import LocalAccountTables
from segment_assets.resources.alerts import Alerts
from segment_assets.resources.landing import LocalLanding
from segment_assets.road import QUIET
from segment_assets.tables import ACKNOWLEDGED, CHANGES, CUSTOMERS, ERASURES, OPT_OUTS, PLATFORM_ERASURES, SUPPRESSIONS
from segment_assets_tests.fakes import marked
from segment_assets_tests.orchestration.accounts import GoogleAccount, House, MetaAccount
from segment_assets_tests.orchestration.local_world import ACCOUNT, EXPOSED, NEWSLETTER, write_plan

if TYPE_CHECKING:
    from collections.abc import Iterator

    from click.testing import Result

    from segment_assets.contracts import Request
    from segment_assets.plan import Plan
    from segment_assets.resources.ports import LandedFile
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

    def copies_of(self, email: str) -> set[str]:
        """Tables of which a retained version that is not in use holds an e-mail."""
        found = set()
        for table in ("acknowledged", "changes", "hashed_audience"):
            for partition in self.lake.partitions(table):
                current = self.lake.current(table, partition)
                for version in self.lake.versions(table, partition):
                    snapshot = self.lake.snapshot(table, partition, version)
                    rows = self.lake.dataset(snapshot).to_table(columns=["email"]).to_pylist()
                    is_in_use = version == current.id and table != "changes"
                    if any(row["email"] and row["email"].hex() == marked(email) for row in rows) and not is_in_use:
                        found.add(table)
        return found

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
    cursor, wanted = house.tick(cursor)
    assert wanted == [audiences.SUPPRESSED]
    # Before the suppressions know them nobody is asked: they could be sent again at once.
    assert not house.makes(starting.PLATFORMS).success
    house.now += 60
    assert house.tick(cursor)[1] == [audiences.SUPPRESSED], "their run may have failed"
    assert house.makes(audiences.SUPPRESSED).success
    assert house.tick(cursor)[1] == [starting.PLATFORMS]
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
        "google/1234567890": "waiting",
    }
    assert house.accounts[UNUSED].calls == []
    shown = house.shows()
    assert shown.exit_code == 1, "Google's removal is still to come"
    assert "meta/1001: done, 1 people" in shown.output
    assert "Our own retained versions still have those" in shown.output
    # Google may still hold them, so our own copies are needed and it is looked at again.
    assert house.told()["google/1234567890"]["still_there"] == 1
    assert "changes" in house.copies_of("ann@example.com")
    house.now += 7_200
    assert house.tick(cursor)[1] == [starting.PLATFORMS]


def test_our_own_copies_stay_while_an_account_is_not_through(house: Forgetting):
    house.wants(EXPOSED, "ann", "ben")
    house.run(ACCOUNT, EXPOSED)
    house.lands("email\nann@example.com\n")
    house.makes(starting.REQUESTS, audiences.SUPPRESSED)
    house.run(ACCOUNT, EXPOSED)
    house.meta.trouble["erase"] = lambda: Response(400, {}, {"error": {"code": 190}})
    assert not house.makes(starting.PLATFORMS).success
    assert "changes" in house.copies_of("ann@example.com")
    del house.meta.trouble["erase"]
    result = house.makes(starting.PLATFORMS)
    told = result.asset_materializations_for_node("erasure__platforms")[0].metadata
    assert told["versions_rewritten"].value > 0
    # Who is still there is in all that they were in.
    assert house.copies_of("ann@example.com") == set()
    assert "Our own retained versions that are not in use have nobody" in house.shows().output
    assert "changes" in house.copies_of("ben@example.com")
    cursor, wanted = house.tick(None)
    assert wanted == []
    house.now = time.time() + starting.SWEEP + 60
    assert house.tick(cursor)[1] == [starting.PLATFORMS], "what was in use then is looked at again"


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


def test_an_account_that_goes_after_it_had_forgotten_them_is_no_trouble(house: Forgetting):
    house.wants(EXPOSED, "ann")
    house.run(ACCOUNT, EXPOSED)
    house.lands("email\nann@example.com\n")
    house.makes(starting.REQUESTS, audiences.SUPPRESSED)
    house.run(ACCOUNT, EXPOSED)
    house.makes(starting.PLATFORMS)
    accounts = {name: account for name, account in house.plan.accounts.items() if name == UNUSED}
    house.plan = house.plan.model_copy(update={"accounts": accounts, "activations": ()})
    assert house.tick(None)[1] == [starting.PLATFORMS]
    house.makes(starting.PLATFORMS)
    assert (house.told()["meta/1001"]["standing"], house.told()["meta/1001"]["people"]) == ("done", 1)
    assert house.shows().exit_code == 0


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
        def each(self, folder: str) -> Iterator[list[LandedFile]]:
            raise TransientError(f"{folder}: the storage does not answer")
            yield

    house.lands("email\nann@example.com\n")
    house.opts_out("cleo@example.com")
    resources = {**house.resources, "landing": Failing(house.folder / "landing" / "segments")}
    made = [erasures.erasures, audiences.suppressions]
    assert dg.materialize(made, instance=house.instance, resources=resources, run_config=QUIET).success
    assert house.named(SUPPRESSIONS) == {marked("cleo@example.com")}
    assert house.tick(None)[1] == [starting.REQUESTS]


class Failing(LocalLanding):
    """A landing area of which the first file is there, and its bytes do not come."""

    trouble: Exception = OSError(5, "Input/output error")

    @contextlib.contextmanager
    def each(self, folder: str) -> Iterator[list[LandedFile]]:
        def fails() -> Any:
            raise self.trouble

        with super().each(folder) as files:
            yield [(files[0][0], fails), *files[1:]]


class Denied(Failing):
    """As where one object has a key of its own."""

    trouble = NeedsHumanError("S3 bucket landing: AccessDenied; look at the role, the policies, the key and the clock")


def test_a_request_is_heard_without_the_customers_and_read_again_with_them(house: Forgetting):
    assert house.makes(starting.REQUESTS, audiences.SUPPRESSED).success
    customers = house.folder / "accounts" / "a" / CUSTOMERS.name / "part-00000.parquet"
    rows = customers.read_bytes()
    customers.unlink()
    house.lands("email\nann@example.com\n")
    assert not house.makes(starting.REQUESTS).success
    assert not house.makes(audiences.SUPPRESSED).success
    assert house.named(ERASURES) == house.named(SUPPRESSIONS) == {marked("ann@example.com")}
    assert house.tick(None)[1] == [starting.REQUESTS, starting.PLATFORMS]
    customers.write_bytes(rows)
    assert house.makes(starting.REQUESTS).success
    assert house.tick(None)[1] == [starting.PLATFORMS]


def test_a_file_of_which_the_storage_fails_is_left_for_later(house: Forgetting):
    house.lands("email\nann@example.com\n", "1.csv")
    house.lands("email\nben@example.com\n", "2.csv")
    resources = {**house.resources, "landing": Failing(house.folder / "landing" / "segments")}
    made = dg.materialize([erasures.erasures], instance=house.instance, resources=resources, run_config=QUIET)
    assert "1 files could not be read just now" in made.get_asset_check_evaluations()[0].description
    assert house.named(ERASURES) == {marked("ben@example.com")}
    failing = starting.unread(house.lake, resources["landing"], house.have.secrets.tenant_key(house.plan.tenant))
    assert failing, "the same look at the same files is not enough"


def test_a_file_that_is_denied_keeps_none_of_the_others_back_and_is_told_until_it_is_not(house: Forgetting):
    house.lands("email\nann@example.com\n", "1.csv")
    house.lands("email\nben@example.com\n", "2.csv")
    resources = {**house.resources, "landing": Denied(house.folder / "landing" / "segments")}
    made = dg.materialize([erasures.erasures], instance=house.instance, resources=resources, run_config=QUIET)
    (check,) = made.get_asset_check_evaluations()
    assert "1 files cannot be read: correct them" in check.description
    assert "file 1 of 2 by name: S3 bucket landing: AccessDenied" in check.description
    assert house.named(ERASURES) == {marked("ben@example.com")}
    key = house.have.secrets.tenant_key(house.plan.tenant)
    assert not starting.unread(house.lake, resources["landing"], key), "nothing has changed"
    assert starting.unread(house.lake, house.resources["landing"], key), "it can be read by now"


def test_a_request_in_a_folder_of_the_folder_is_read_too(house: Forgetting):
    (house.folder / "landing" / "erasures" / "2026-11").mkdir(parents=True)
    house.lands("email\nann@example.com\n", "2026-11/requests.csv")
    assert house.tick(None)[1] == [starting.REQUESTS]
    house.makes(starting.REQUESTS)
    assert house.named(ERASURES) == {marked("ann@example.com")}


def test_the_first_line_of_a_file_without_headers_is_shown_to_nobody(house: Forgetting):
    house.lands("Doe;Jane;Main Street\nRoe;Rick;Side Road\n", "a.csv")
    result = house.makes(starting.REQUESTS)
    shown = "".join(str(event) for event in house.instance.all_logs(result.run_id)) + house.shows().output
    assert "add a header line" in shown
    assert "Jane" not in shown + repr(house.lake.current(ERASURES.name, "all").stats)


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
        house.makes(starting.REQUESTS, audiences.SUPPRESSED)
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
        def each(self, folder: str) -> Iterator[list[LandedFile]]:
            with super().each(folder) as files:
                if not between:
                    between.append(True)
                    other = house.folder / "landing" / "erasures" / "requests.csv"
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
    house.wants(EXPOSED, "ben", "cleo", "dan", "eve")
    house.run(ACCOUNT, EXPOSED)
    first = house.last(ACCOUNT, EXPOSED).closed.body["state"]
    house.wants(EXPOSED, "ben", "cleo", "dan")
    house.run(ACCOUNT, EXPOSED)
    shutil.rmtree(house.folder / "lake" / "tables" / CHANGES.name)
    house.lands("email\nann@example.com\n")
    house.makes(starting.REQUESTS, audiences.SUPPRESSED, starting.PLATFORMS)
    assert house.told()["meta/1001"]["standing"] == "nobody", "by the state of before somebody left"
    shutil.rmtree(house.lake.snapshot(ACKNOWLEDGED.name, f"meta/1001/{EXPOSED}", first).uri)
    house.makes(starting.PLATFORMS)
    assert house.told()["meta/1001"]["standing"] == "unknown"
    assert "too old to tell" in house.told()["meta/1001"]["said"]
    assert house.shows().exit_code == 1


def test_what_waits_for_a_person_is_told_once_a_day(house: Forgetting):
    alerts = Alerts(house.folder / "alerts")

    def told() -> list[str]:
        starting.tell(alerts, house.lake, now=lambda: house.now)
        file = house.folder / "alerts" / "alerts.jsonl"
        return [json.loads(line)["text"] for line in file.read_text().splitlines()] if file.exists() else []

    house.lands("email\nann@example.com\n")
    house.makes(starting.REQUESTS)
    assert told() == []
    house.lands("", "letter of ben@example.com.docx")
    house.makes(starting.REQUESTS)
    assert [len(told()) for _ in range(3)] == [1, 1, 1]
    house.now += 86_400
    first, second = told()
    assert "1 files cannot be read" in first
    assert second == first
    assert "ben@" not in first
    house.accounts = {**house.accounts, ACCOUNT: WithoutASetting("1001")}
    house.wants(EXPOSED, "ann")
    house.run(ACCOUNT, EXPOSED)
    house.makes(audiences.SUPPRESSED, starting.PLATFORMS)
    assert "meta/1001: It has an erasure call, for which the account lacks a setting" in told()[2]


@pytest.mark.parametrize(
    ("standing", "asks"), [("refused", False), ("unproven", False), ("in_doubt", True), ("waiting", True)]
)
def test_an_account_is_asked_again_while_that_helps(house: Forgetting, standing: str, asks: bool):
    assert bool(asked_of(house, standing)) is asks


class TakesDays(Meta):
    """An account whose platform takes five days."""

    def connect(self, *given: Any, **to_follow: bool) -> tuple[Any, Any]:
        made, transport = super().connect(*given, **to_follow)
        slow = dataclasses.replace(made.contract.erasure, within_days=5)
        return dataclasses.replace(made, contract=dataclasses.replace(made.contract, erasure=slow)), transport


def test_what_a_platform_has_taken_on_rests_until_its_time(house: Forgetting):
    house.accounts = {**house.accounts, ACCOUNT: TakesDays("1001")}
    house.wants(EXPOSED, "ann")
    house.run(ACCOUNT, EXPOSED)
    house.lands("email\nann@example.com\n")
    house.makes(starting.REQUESTS, audiences.SUPPRESSED)
    house.run(ACCOUNT, EXPOSED)
    assert house.makes(starting.PLATFORMS).success
    assert house.told()["meta/1001"]["standing"] == "asked"
    assert "Our own retained versions still have those" in house.shows().output
    cursor, begun = None, time.time()
    for after in (0, 3_600, 4 * 86_400):
        house.now = begun + after
        cursor, wanted = house.tick(cursor)
        assert wanted == []
    house.now = house.told()["meta/1001"]["done_by"].timestamp() + 1
    assert house.tick(cursor)[1] == [starting.PLATFORMS]


def test_an_account_whose_connector_is_no_more_holds_up_no_other_and_is_told(house: Forgetting):
    house.lake.put_if_absent("ledger/gone/1/segment/deliveries/00000001/00000001", b"")
    house.lands("email\nann@example.com\n")
    house.makes(starting.REQUESTS, audiences.SUPPRESSED)
    assert not house.makes(starting.PLATFORMS).success
    assert house.told()["meta/1001"]["standing"] == "nobody"
    assert "put the connector back" in house.told()["gone/1"]["said"]


def asked_of(house: Forgetting, standing: str) -> list[dg.AssetKey]:
    """What a first tick asks for where one account stands so, and everything else is done."""
    import pyarrow as pa

    house.lands("email\nann@example.com\n")
    house.makes(starting.REQUESTS, audiences.SUPPRESSED)
    row = {"destination": "meta", "account": "1001", "standing": standing, "said": ""}
    writer = house.lake.writer(PLATFORM_ERASURES.name, "all")
    writer.write(pa.Table.from_pylist([row], PLATFORM_ERASURES.arrow_schema()))
    wanted = house.lake.current(ERASURES.name, "all").id
    swept = {"swept_at": house.now}
    writer.publish({"erasures": wanted, "accounts": starting.accounts_version(house.plan), **swept})
    return house.tick(None)[1]
