"""Every bad end of a query on Athena is told as one of our kinds of error, and none is paid for twice or believed.

Glue and S3 are MiniStack's; Athena is our stand-in. Nothing here ran on AWS.
"""

from __future__ import annotations

from typing import Any

import pytest
from botocore.stub import Stubber

from segment_assets.contracts import NeedsHumanError, PermanentError, TransientError
from segment_assets.resources.aws import athena_execution
from segment_assets.resources.aws.athena_execution import Ended, Patience, Workgroup, failure
from segment_assets.sandbox.aws.athena import Fault, Settings
from segment_assets.sandbox.aws.athena.errors import DENIED, INTERNAL, AthenaError
from segment_assets_tests.aws.athena.world import BUCKET, World

pytestmark = pytest.mark.aws


@pytest.mark.parametrize("same_process", [True, False])
def test_a_failure_of_before_is_not_given_to_the_next_try(world: World, same_process: bool) -> None:
    world.athena.plant(Fault("INTERNAL_ERROR_X: broken", INTERNAL), Fault("INTERNAL_ERROR_X: broken", INTERNAL))
    first = world.warehouse()
    for house in (first, first if same_process else world.warehouse()):
        with pytest.raises(TransientError, match="INTERNAL_ERROR_X"):
            world.asked(house)
        world.athena.executions.grow_older(0 if same_process else 60)
    assert world.asked(first if same_process else None)[0] == 10
    assert world.begun == 3


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (INTERNAL, TransientError),
        (AthenaError(0, category=2, retryable=True), TransientError),
        (AthenaError(1006), PermanentError),
        (AthenaError(1106, category=3), PermanentError),
        (DENIED, NeedsHumanError),
        (AthenaError(1500, category=2, retryable=True), NeedsHumanError),
    ],
)
def test_a_failed_query_is_one_of_our_kinds_and_repeats_none_of_athenas_words(
    world: World, error: AthenaError, kind: type[Exception]
) -> None:
    world.athena.plant(Fault("INVALID_CAST_ARGUMENT: Cannot cast 'ann@example.com' to BIGINT", error))
    with pytest.raises(kind) as caught:
        world.asked()
    assert "ann@example.com" not in str(caught.value)
    assert caught.value.code == "INVALID_CAST_ARGUMENT"


@pytest.mark.parametrize(
    ("status", "kind", "code"),
    [
        ({"State": "FAILED", "AthenaError": {"ErrorCategory": 1, "ErrorType": 206}}, TransientError, "206"),
        ({"State": "FAILED", "AthenaError": {"ErrorCategory": 2, "ErrorType": 1403}}, TransientError, "1403"),
        ({"State": "FAILED", "AthenaError": {"ErrorCategory": 2, "ErrorType": 1001}}, PermanentError, "1001"),
        ({"State": "FAILED", "StateChangeReason": "ann@example.com"}, PermanentError, ""),
        ({"State": "CANCELLED", "StateChangeReason": "other words"}, NeedsHumanError, ""),
    ],
)
def test_an_end_of_which_little_is_told_has_a_kind_too(
    status: dict[str, Any], kind: type[Exception], code: str
) -> None:
    statistics = {"DataScannedInBytes": 10_000_000}
    ended = Ended("an-id", {"Status": status, "Statistics": statistics}, is_of_before=False, seconds_ago=0)
    found = failure(ended, Workgroup("insights", cutoff=10_000_000, decides=False))
    assert (type(found), found.code) == (kind, code)
    assert ("BytesScannedCutoffPerQuery" in str(found)) == (status["State"] == "CANCELLED")
    assert "ann@" not in str(found)


def test_the_workgroups_limit_is_for_a_person_to_raise(world: World) -> None:
    world.athena.settings.cutoff = 10_000_000
    world.athena.plant(Fault(scans=12_345_678))
    with pytest.raises(NeedsHumanError, match=r"insights: 12345678 bytes .* BytesScannedCutoffPerQuery is 10000000"):
        world.asked()


def test_who_is_interrupted_stops_the_query_and_the_next_call_begins_anew(world: World) -> None:
    world.athena.settings.run_seconds = 30

    def interrupted(_seconds: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        world.asked(world.warehouse(patience=Patience(sleep=interrupted)))
    assert [one.state for one in world.athena.executions.all()][-1] == "CANCELLED"
    world.athena.settings.run_seconds = 0
    world.athena.executions.grow_older(60)
    assert world.asked()[0] == 10


def test_a_query_that_does_not_end_is_stopped(world: World) -> None:
    world.athena.settings.queue_seconds = 30
    with pytest.raises(TransientError, match="did not end within"):
        world.asked(world.warehouse(patience=Patience(0.01, most_seconds=0.05)))
    assert "StopQueryExecution" in world.athena.calls


def test_a_query_that_somebody_stopped_is_for_a_person(world: World) -> None:
    world.athena.settings.run_seconds = 30

    def stopped(_seconds: float) -> None:
        world.athena.executions.stop(world.athena.executions.all()[-1].id)

    with pytest.raises(NeedsHumanError, match="stopped by somebody"):
        world.asked(world.warehouse(patience=Patience(sleep=stopped)))


def test_a_snapshot_that_is_not_published_any_more_is_not_asked_about(world: World) -> None:
    (held,) = world.reach.snapshots or ()
    world.tables.publish("exposure_frequency", held.partition, [{"people": 1}])
    with pytest.raises(TransientError, match="changed while it was read"):
        world.asked()
    assert world.begun == 0


def test_a_snapshot_that_moves_while_the_query_runs_is_noticed(world: World) -> None:
    (held,) = world.reach.snapshots or ()

    def moved(_seconds: float) -> None:
        world.tables.publish("exposure_frequency", held.partition, [{"people": 1}])

    with pytest.raises(TransientError, match="changed while it was read"):
        world.asked(world.warehouse(patience=Patience(sleep=moved)))


@pytest.mark.parametrize("fault", [Fault(leaves=2), Fault(loses=True)])
@pytest.mark.parametrize("same_process", [True, False])
def test_an_answer_with_too_many_or_too_few_rows_is_not_believed(
    world: World, fault: Fault, same_process: bool
) -> None:
    world.athena.plant(fault)
    house = world.warehouse()
    with pytest.raises(TransientError, match="too few or too many rows"):
        world.asked(house)
    world.athena.executions.grow_older(0 if same_process else 60)
    assert world.asked(house if same_process else None)[0] == 10
    assert world.begun == 2


def test_a_folder_that_is_not_empty_is_left_alone_and_another_taken(world: World) -> None:
    first = world.asked()
    world.athena.executions.forget_tokens()
    assert world.asked() == first
    assert world.begun == 3


def test_a_workgroup_that_runs_no_sql_of_ours_is_refused_and_one_that_decides_where_results_go_is_let(
    world: World,
) -> None:
    for settings in (Settings(is_enabled=False), Settings(engine="PySpark engine version 3")):
        world.athena.executions.settings = settings
        with pytest.raises(NeedsHumanError, match="workgroup insights"):
            world.asked()
    world.athena.executions.settings = Settings(enforced_location=f"s3://{BUCKET}/enforced")
    assert world.asked()[0] == 10
    assert "ResultConfiguration" not in world.athena.executions.all()[-1].request


def test_a_throttled_start_is_made_again_and_a_full_workgroup_is_for_later(world: World) -> None:
    world.athena.throttles = 1
    assert world.asked()[0] == 10
    client = world.tables.session.client("athena")
    with Stubber(client) as stub:
        stub.add_client_error("start_query_execution", "TooManyRequestsException", http_status_code=400)
        with pytest.raises(TransientError, match="TooManyRequestsException"):
            athena_execution.run(client, {"WorkGroup": "insights", "QueryString": "SELECT 1"}, Patience())
