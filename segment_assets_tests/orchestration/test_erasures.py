"""A file of requests to be forgotten, from the landing folder to what every account answered."""

from __future__ import annotations

import functools
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg
import pytest
from click.testing import CliRunner

from segment_assets import erasures as starting
from segment_assets.assets import audiences, erasures
from segment_assets.cli import main
from segment_assets.contracts import Response
from segment_assets.plan import load_plan
from segment_assets.resources.account_tables import LocalAccountTables
from segment_assets.resources.landing import LocalLanding
from segment_assets.road import QUIET
from segment_assets.tables import CUSTOMERS, ERASURES, OPT_OUTS, PLATFORM_ERASURES
from segment_assets_tests.fakes import marked
from segment_assets_tests.orchestration.accounts import GoogleAccount, House, MetaAccount
from segment_assets_tests.orchestration.local_world import ACCOUNT, EXPOSED, NEWSLETTER, write_plan

if TYPE_CHECKING:
    from segment_assets.contracts import Request
    from segment_assets.plan import Plan

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
        result = starting.look_at_erasures(cursor, self.lake, landing, key, now=lambda: self.now)
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
    shown = CliRunner(env={"SEGMENT_ASSETS_HOME": str(house.folder)}).invoke(main, ["erasures"])
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
