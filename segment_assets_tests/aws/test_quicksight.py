"""Dashboards in QuickSight over HTTP: made once, changed where they differ, never doubled, never somebody else's."""

from __future__ import annotations

import dataclasses
import functools
import json
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from segment_assets.assets.dashboards import quicksight_dashboards, tables_of
from segment_assets.aws_settings import AwsSettings
from segment_assets.contracts import NeedsHumanError, PermanentError, TransientError
from segment_assets.dashboard import PAGES
from segment_assets.dashboard.quicksight import Bundle, ImportMode, Place, bundle
from segment_assets.deployment import Deployment
from segment_assets.doctor.findings import Level, Subject
from segment_assets.doctor.quicksight import (
    judge_data_source,
    judge_principal,
    look_at_data_source,
    look_at_principal,
)
from segment_assets.plan import load_plan
from segment_assets.resources.aws.quicksight import QuickSightAccount
from segment_assets.resources.aws.quicksight_calls import Patience
from segment_assets.resources.lake import LocalLake
from segment_assets.resources.pages import LocalPages
from segment_assets.resources.quicksight_files import QuickSightFiles
from segment_assets.sandbox.aws.clean_rooms.faults import Trouble
from segment_assets.sandbox.aws.quicksight import QuickSight, Settings, serving
from segment_assets.tables import TABLES
from segment_assets_tests.aws.deployed import forget_clients
from segment_assets_tests.aws.modelled import session_at
from segment_assets_tests.aws.test_settings import GIVEN
from segment_assets_tests.deploy.connections import heard

ACCOUNT = "123456789012"
READER = f"arn:aws:quicksight:us-east-1:{ACCOUNT}:group/default/readers"
AUTHOR = f"arn:aws:quicksight:us-east-1:{ACCOUNT}:user/default/author"
CHANGES = ("Create", "Update")


@dataclasses.dataclass
class World:
    """A QuickSight that forgets between tests, and the resource that speaks to it."""

    service: QuickSight
    resource: QuickSightAccount

    def publish(self, made: Bundle | None = None, versions: dict[str, str] | None = None) -> dict[str, str]:
        self.service.calls.clear()
        found = made or self.bundle()
        return dict(self.resource.publish(found, versions or {}))

    def bundle(self, title: str = "") -> Bundle:
        """The bundle of two small pages; with `title`, the first panel of planning asks another question."""
        return bundle_of(self.resource.place("lumen_shop"), title)

    @property
    def changes(self) -> list[str]:
        return [call for call in self.service.calls if call.startswith(CHANGES)]


@functools.cache
def bundle_of(place: Place, title: str) -> Bundle:
    """As small as it can be: every call costs milliseconds."""
    first, second = PAGES["planning"].panels()[:2]
    if title:
        first = dataclasses.replace(first, title=title)
    pages = [
        dataclasses.replace(PAGES[name], sections=(panel,))
        for name, panel in (("planning", first), ("measurement", second))
    ]
    return bundle(place, [(page, [TABLES["reach_forecast"]]) for page in pages])


@pytest.fixture(scope="module")
def served() -> Iterator[tuple[QuickSight, str]]:
    service = QuickSight()
    with serving(service) as address:
        yield service, address


@pytest.fixture
def world(served: tuple[QuickSight, str]) -> World:
    service, address = served
    service.__init__(settings=Settings(looks=0))
    session = session_at(address, "quicksight")
    # Clients of one call each, made where the address is known.
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {"ENDPOINT_URL": address, "ACCESS_KEY_ID": "test", "SECRET_ACCESS_KEY": "test"}.items():
            patch.setenv(f"AWS_{name}", value)
        session.client("quicksight", attempts=1)
    resource = QuickSightAccount(
        session=session,
        account=ACCOUNT,
        partition="aws",
        workgroup="insight",
        database="lumen_lake",
        mode=ImportMode.DIRECT_QUERY,
        patience=Patience(first_seconds=0.0, sleep=lambda _seconds: None),
    )
    return World(service, resource)


@pytest.fixture
def shared(world: World) -> World:
    """With somebody to share with."""
    return World(world.service, dataclasses.replace(world.resource, readers=(READER,), authors=(AUTHOR,)))


def spice(world: World) -> World:
    return World(world.service, dataclasses.replace(world.resource, mode=ImportMode.SPICE))


def test_the_first_run_makes_everything_and_the_second_changes_nothing(world: World) -> None:
    first = world.publish()

    assert set(first.values()) == {"created"}
    assert world.service.ids("Dashboard") == [
        "segment-assets-lumen_shop-measurement",
        "segment-assets-lumen_shop-planning",
    ]
    assert world.service.ids("DataSet") == ["segment-assets-lumen_shop-reach_forecast"]
    assert world.service.ids("DataSource") == ["segment-assets-lumen_shop"]

    assert set(world.publish().values()) == {"unchanged"}
    assert world.changes == []


def test_a_changed_panel_updates_its_dashboard_and_no_other_and_shows_the_new_version(world: World) -> None:
    world.publish()

    outcome = world.publish(world.bundle(title="Another question?"))

    assert {what for what, done in outcome.items() if done != "unchanged"} == {"dashboard planning"}
    assert world.changes == ["UpdateDashboard", "UpdateDashboardPublishedVersion"]
    kept = world.service.find("Dashboard", "segment-assets-lumen_shop-planning")
    assert (kept.published, len(kept.versions)) == (2, 2)


def test_what_ends_later_is_waited_for(world: World) -> None:
    world.service.settings.looks = 2

    assert set(world.publish().values()) == {"created"}
    assert {kept.status for kept in world.service.kept.values()} == {"CREATION_SUCCESSFUL"}


def test_a_dashboard_that_somebody_published_over_is_put_back(world: World) -> None:
    world.publish()
    kept = world.service.find("Dashboard", "segment-assets-lumen_shop-planning")
    kept.versions.append(kept.versions[0] | {"number": 2, "asked": {"Definition": {}}})
    kept.published = 2

    assert world.publish()["dashboard planning"] == "updated"
    assert kept.published == 3


def test_a_version_that_was_made_and_never_shown_is_shown_by_the_next_run(world: World) -> None:
    world.publish()
    world.service.plans.fault(
        "UpdateDashboardPublishedVersion", Trouble.REFUSED, code="InternalFailureException", told={"Message": "x"}
    )
    changed = world.bundle(title="Another question?")
    with pytest.raises(TransientError):
        world.publish(changed)

    world.publish(changed)

    assert world.changes == ["UpdateDashboardPublishedVersion"]


def test_other_columns_change_the_data_set_that_has_them(world: World) -> None:
    world.publish()
    made = world.bundle()
    request = made.data_sets["reach_forecast"]
    physical = {
        "reach-forecast": {
            "RelationalTable": request["PhysicalTableMap"]["reach-forecast"]["RelationalTable"] | {"Schema": "other"}
        }
    }
    changed = dataclasses.replace(
        made, data_sets={**made.data_sets, "reach_forecast": {**request, "PhysicalTableMap": physical}}
    )

    assert {what for what, done in world.publish(changed).items() if done == "updated"} == {"data set reach_forecast"}
    assert world.changes == ["UpdateDataSet"]


@pytest.mark.parametrize("operation", ["CreateDataSource", "CreateDataSet", "CreateDashboard"])
@pytest.mark.parametrize("trouble", [Trouble.ANSWER_LOST, Trouble.SERVER_ERROR_AFTER])
def test_a_lost_answer_makes_no_second_one(world: World, operation: str, trouble: Trouble) -> None:
    world.service.plans.fault(operation, trouble)

    assert set(world.publish().values()) == {"created"}
    assert (
        world.service.calls.count(operation)
        == {"CreateDataSource": 1, "CreateDataSet": 1, "CreateDashboard": 2}[operation]
    )


def test_a_lost_answer_to_an_update_makes_no_second_version(world: World) -> None:
    world.publish()
    world.service.plans.fault("UpdateDashboard", Trouble.ANSWER_LOST)

    world.publish(world.bundle(title="Another question?"))

    assert len(world.service.find("Dashboard", "segment-assets-lumen_shop-planning").versions) == 2


def test_a_request_that_never_arrived_is_an_error_that_passes(world: World) -> None:
    world.service.plans.fault("CreateDashboard", Trouble.REQUEST_LOST)

    with pytest.raises(TransientError, match="QuickSight dashboard planning"):
        world.publish()
    assert world.publish()["dashboard planning"] == "created"


def test_throttles_and_changes_of_others_are_waited_for(world: World) -> None:
    world.publish()
    world.service.find("Dashboard", "segment-assets-lumen_shop-planning").status = "UPDATE_IN_PROGRESS"
    throttled = {"code": "ThrottlingException", "told": {"Message": "slow"}}
    world.service.plans.fault("UpdateDashboard", Trouble.REFUSED, times=2, **throttled)
    world.service.plans.fault("DescribeDashboard", Trouble.REFUSED, times=2, **throttled)
    world.service.plans.fault("UpdateDashboardPublishedVersion", Trouble.REFUSED, code="ConflictException", told={})

    assert world.publish(world.bundle(title="Another question?"))["dashboard planning"] == "updated"


def test_who_is_throttled_for_ever_is_told_to_come_later(world: World) -> None:
    world.service.plans.fault("CreateDataSource", Trouble.REFUSED, times=9, told={"Message": "slow"})

    with pytest.raises(TransientError, match="ThrottlingException, 6 times"):
        world.publish()


def test_work_that_does_not_end_is_not_waited_for_for_ever(world: World) -> None:
    world.service.settings.looks = 10**6
    ticks = iter(range(10**6))
    patience = Patience(0.0, 20.0, lambda _seconds: None, lambda: float(next(ticks)))
    resource = dataclasses.replace(world.resource, patience=patience)

    with pytest.raises(TransientError, match="data source is still CREATION_IN_PROGRESS after 20 s"):
        resource.publish(world.bundle(), {})


def test_readers_open_dashboards_and_authors_use_data_sets_too(shared: World) -> None:
    shared.publish()

    data_set = shared.service.find("DataSet", "segment-assets-lumen_shop-reach_forecast").permissions
    dashboard = shared.service.find("Dashboard", "segment-assets-lumen_shop-planning").permissions
    assert set(data_set) == {AUTHOR}
    assert set(dashboard) == {READER, AUTHOR}
    everything = set().union(*data_set.values(), *dashboard.values())
    assert not [action for action in everything if ":Update" in action or ":Delete" in action]


def test_a_right_that_was_taken_away_is_given_again_and_others_keep_theirs(shared: World) -> None:
    shared.publish()
    permissions = shared.service.find("Dashboard", "segment-assets-lumen_shop-planning").permissions
    permissions.clear()
    permissions["somebody"] = {"quicksight:DescribeDashboard"}

    assert shared.publish()["dashboard planning"] == "updated"
    assert set(permissions) == {"somebody", READER, AUTHOR}


def test_an_unknown_principal_is_for_a_person_who_is_told_which(shared: World) -> None:
    shared.service.settings.principals = frozenset({AUTHOR})

    with pytest.raises(NeedsHumanError) as refused:
        shared.publish()

    assert READER in str(refused.value)
    assert AUTHOR not in str(refused.value)
    assert "SEGMENT_ASSETS_QUICKSIGHT_READERS" in str(refused.value)


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("AccessDeniedException", "segment-assets iam"),
        ("UnsupportedUserEditionException", "Enterprise"),
        ("LimitExceededException", "limit"),
    ],
)
def test_what_only_a_person_can_mend_says_what_to_do(world: World, code: str, said: str) -> None:
    world.service.plans.fault(
        "CreateDashboard", Trouble.REFUSED, code=code, told={"Message": "secret of AWS"}, status=403
    )

    with pytest.raises(NeedsHumanError, match=said) as refused:
        world.publish()

    assert refused.value.code == code
    assert "secret of AWS" not in str(refused.value)


def test_a_quicksight_that_may_not_use_athena_is_for_a_person_and_mended_by_the_next_run(world: World) -> None:
    world.service.settings.may_use_athena = False
    with pytest.raises(NeedsHumanError, match=r"CREATION_FAILED \(ACCESS_DENIED\); let QuickSight use Athena"):
        world.publish()
    assert world.service.ids("DataSet") == []

    world.service.settings.may_use_athena = True

    assert world.publish()["data source"] == "updated"


def test_a_version_that_quicksight_cannot_use_is_not_shown(world: World) -> None:
    world.publish()
    made = world.bundle(title="Another question?")
    request = made.dashboards["planning"]
    wrong = [{"Identifier": "audience_overlap", "DataSetArn": world.resource.place("other").arn("dataset", "x")}]
    definition = {**request["Definition"], "DataSetIdentifierDeclarations": wrong}
    broken = dataclasses.replace(
        made, dashboards={**made.dashboards, "planning": {**request, "Definition": definition}}
    )

    with pytest.raises(NeedsHumanError, match="version 2 is UPDATE_FAILED"):
        world.publish(broken)
    assert world.service.find("Dashboard", "segment-assets-lumen_shop-planning").published == 1


@pytest.mark.parametrize(
    ("kind", "name"),
    [("DataSource", ""), ("DataSet", "-reach_forecast"), ("Dashboard", "-planning")],
)
def test_what_somebody_else_made_under_our_id_is_not_changed(world: World, kind: str, name: str) -> None:
    world.publish()
    kept = world.service.find(kind, f"segment-assets-lumen_shop{name}")
    kept.tags.clear()
    kept.asked["Name"] = "mine"
    if kind == "Dashboard":
        kept.versions[-1]["asked"] = {"Definition": {}}

    with pytest.raises(NeedsHumanError, match="was not made by this project"):
        world.publish()
    assert world.changes == []


def test_a_copy_is_loaded_again_where_its_newest_load_is_of_another_version(world: World) -> None:
    copies = spice(world)
    versions = dict.fromkeys(copies.bundle().data_sets, "a" * 64)
    copies.publish(versions=versions)
    assert "CreateIngestion" not in copies.changes, "its creation loads it"
    assert set(copies.publish(versions=versions).values()) == {"unchanged"}
    assert copies.changes == []

    for digest in ("b", "a", "b"):  # A correction is taken back, and made again.
        other = versions | {"reach_forecast": digest * 64}
        loading = {what for what, done in copies.publish(versions=other).items() if done == "loading"}
        assert loading == {"data set reach_forecast"}
        assert copies.changes == ["CreateIngestion"]
        copies.publish(versions=other)
        assert copies.changes == []


def test_a_failed_load_is_not_what_a_copy_holds(world: World) -> None:
    copies = spice(world)
    for digest in ("a", "b", "c"):
        copies.publish(versions={"reach_forecast": digest * 64})
    kept = world.service.find("DataSet", "segment-assets-lumen_shop-reach_forecast")
    kept.loads[0]["IngestionStatus"] = "FAILED"

    copies.publish(versions={"reach_forecast": "b" * 64})
    assert copies.changes == []
    copies.publish(versions={"reach_forecast": "c" * 64})
    assert copies.changes == ["CreateIngestion"]


def test_a_load_whose_answer_was_lost_is_started_once(world: World) -> None:
    copies = spice(world)
    copies.publish(versions={"reach_forecast": "a" * 64})
    world.service.plans.fault("CreateIngestion", Trouble.ANSWER_LOST)

    copies.publish(versions={"reach_forecast": "b" * 64})

    loads = world.service.find("DataSet", "segment-assets-lumen_shop-reach_forecast").loads
    assert [one["IngestionId"] for one in loads] == [f"{'b' * 32}-1", "own-1"]


def test_a_load_that_always_fails_is_for_a_person(world: World) -> None:
    copies = spice(world)
    copies.publish(versions={"reach_forecast": "a" * 64})
    kept = world.service.find("DataSet", "segment-assets-lumen_shop-reach_forecast")
    for _ in range(3):
        copies.publish(versions={"reach_forecast": "b" * 64})
        kept.loads[0]["IngestionStatus"] = "FAILED"
        kept.loads[0]["ErrorInfo"] = {"Type": "FAILURE_TO_ASSUME_ROLE", "Message": "secret of AWS"}

    with pytest.raises(NeedsHumanError, match=r"not loaded 3 times \(FAILURE_TO_ASSUME_ROLE\)"):
        copies.publish(versions={"reach_forecast": "b" * 64})


def test_data_that_is_asked_directly_is_never_loaded(world: World) -> None:
    world.publish(versions={"reach_forecast": "a" * 64})

    assert {"CreateIngestion", "ListIngestions"}.isdisjoint(world.service.calls)


def test_the_stand_in_refuses_a_column_that_no_data_set_has(world: World) -> None:
    """It reads definitions by itself, so that a name of ours that is nowhere is seen here too."""
    world.publish()
    made = world.bundle(title="Another question?")
    request = made.dashboards["planning"]
    definition = {**request["Definition"], "CalculatedFields": []}
    broken = dataclasses.replace(made, dashboards={"planning": {**request, "Definition": definition}})

    with pytest.raises(PermanentError, match="COLUMN_TYPE_MISMATCH"):
        world.publish(broken)


@pytest.fixture
def reachable(served: tuple[QuickSight, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The doctor makes its own sessions, by the environment."""
    for name, value in {"ENDPOINT_URL": served[1], "ACCESS_KEY_ID": "test", "SECRET_ACCESS_KEY": "test"}.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    forget_clients()
    yield
    forget_clients()


@pytest.mark.usefixtures("reachable")
def test_the_doctor_names_who_is_not_in_quicksight(world: World) -> None:
    world.service.settings.principals = frozenset({AUTHOR})

    assert look_at_principal(AUTHOR, ACCOUNT)
    assert not look_at_principal(READER, ACCOUNT)
    (wrong,) = judge_principal(is_there=False, subject=Subject("quicksight", "group/default/readers"))
    assert (wrong.level, wrong.code) == (Level.WRONG, "principal_missing")
    assert "SEGMENT_ASSETS_QUICKSIGHT_READERS" in wrong.action


def test_the_doctor_says_whether_quicksight_may_use_athena(world: World) -> None:
    subject, name = Subject("quicksight", "data source"), "segment-assets-lumen_shop"

    def found() -> str:
        (finding,) = judge_data_source(look_at_data_source(world.resource.session, ACCOUNT, name), subject)
        return finding.code

    assert found() == "no_data_source"
    world.service.settings.may_use_athena = False
    with pytest.raises(NeedsHumanError):
        world.publish()
    assert found() == "athena_not_allowed"
    world.service.settings.may_use_athena = True
    world.publish()
    assert found() == "ok"


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ({"ACCOUNT": "12345"}, "QUICKSIGHT_ACCOUNT has not its form"),
        ({"ACCOUNT": ACCOUNT}, "QUICKSIGHT_ACCOUNT needs"),
        ({"READERS": READER}, "QUICKSIGHT_ACCOUNT needs"),
        ({"ACCOUNT": ACCOUNT, "READERS": "somebody@example.com"}, "QUICKSIGHT_READERS has not its form"),
        ({"ACCOUNT": ACCOUNT, "READERS": READER, "IMPORT": "BOTH"}, "QUICKSIGHT_IMPORT has not its form"),
    ],
)
def test_settings_that_cannot_be_meant_are_refused_and_never_quoted(told: dict[str, str], said: str) -> None:
    with pytest.raises(PermanentError, match=said) as refused:
        AwsSettings.from_env(GIVEN | {f"SEGMENT_ASSETS_QUICKSIGHT_{name}": value for name, value in told.items()})
    assert "example.com" not in str(refused.value)


def test_a_deployment_that_names_an_account_goes_to_quicksight_and_another_one_writes_files(tmp_path: Path) -> None:
    named = {"SEGMENT_ASSETS_QUICKSIGHT_ACCOUNT": ACCOUNT, "SEGMENT_ASSETS_QUICKSIGHT_READERS": f"{READER}, {AUTHOR}"}

    def quicksight(environ: dict[str, str]) -> object:
        return Deployment.from_env({**environ, "SEGMENT_ASSETS_HOME": str(tmp_path)}).resources()["quicksight"]

    there = quicksight(GIVEN | named | {"SEGMENT_ASSETS_QUICKSIGHT_IMPORT": "SPICE"})
    assert isinstance(there, QuickSightAccount)
    assert (there.account, there.readers, there.mode) == (ACCOUNT, (READER, AUTHOR), ImportMode.SPICE)
    assert {type(quicksight(one)) for one in (GIVEN, {}, {"SEGMENT_ASSETS_WORLD": "branch"})} == {QuickSightFiles}


def test_at_home_the_asset_writes_every_request_as_a_file_and_calls_nothing(tmp_path: Path) -> None:
    files = QuickSightFiles(LocalPages(tmp_path / "pages"))
    resources = {"plan": load_plan(), "lake": LocalLake(tmp_path / "lake"), "quicksight": files}

    with heard() as hosts:
        outcome = dg.materialize([quicksight_dashboards], resources=resources)

    (made,) = outcome.asset_materializations_for_node("dashboards__quicksight")
    folder = tmp_path / "pages" / "quicksight"
    written = {path.name: json.loads(path.read_text(encoding="utf-8")) for path in folder.iterdir()}
    shown = {table.name for page in PAGES.values() for table in tables_of(page)}
    assert made.metadata["written"].value == len(written) == 1 + len(shown) + len(PAGES)
    assert written["dashboard-planning.json"]["DashboardId"] == "segment-assets-lumen_shop-planning"
    assert {request["AwsAccountId"] for request in written.values()} == {"111122223333"}
    assert hosts == []
