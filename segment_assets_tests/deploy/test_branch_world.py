"""A branch deployment: code that nobody has reviewed, which must reach no real endpoint and no secret of production."""

from __future__ import annotations

import dataclasses
import re
import shutil
import socket
from pathlib import Path

import dagster as dg
import pytest

from segment_assets import destinations
from segment_assets.contracts import NeedsHumanError, PermanentError, Request
from segment_assets.definitions import build_definitions
from segment_assets.deployment import Deployment, Kind
from segment_assets.iam import documents
from segment_assets.plan import load_plan
from segment_assets.resources.destination_account import DestinationAccount
from segment_assets.road import Road
from segment_assets_tests.deploy.connections import heard
from segment_assets_tests.deploy.sites import environment, site
from segment_assets_tests.orchestration.local_world import ACTIVATION, NEWSLETTER

SECRETS = {
    "AWS_ACCESS_KEY_ID": "AKIA-OF-PRODUCTION",
    "AWS_SECRET_ACCESS_KEY": "secret-of-production",
    "SEGMENT_ASSETS_ALERT_WEBHOOK": "https://hooks.slack.example/of-production",
    "SEGMENT_ASSETS_MAIL_HOST": "mail.of-production.example",
    "SEGMENT_ASSETS_MAIL_FROM": "from@of-production.example",
    "SEGMENT_ASSETS_MAIL_TO": "to@of-production.example",
}


def told(home: object, **more: str) -> dict[str, str]:
    """All that production was told, and that this is a branch."""
    production = {name: value for name, value in environment().items() if name != "SEGMENT_ASSETS_WORLD"}
    of_a_branch = {"DAGSTER_CLOUD_IS_BRANCH_DEPLOYMENT": "1", "SEGMENT_ASSETS_HOME": str(home)}
    return {**production, **SECRETS, **of_a_branch, **more}


@pytest.fixture
def branch(tmp_path) -> Deployment:
    return Deployment.from_env(told(tmp_path))


def texts(value: object, seen: set[int]) -> list[str]:
    """Every text that hangs on an object of ours, however deep."""
    if isinstance(value, (str, Path)):
        return [str(value)]
    if id(value) in seen:
        return []
    seen.add(id(value))
    if isinstance(value, dict):
        parts = [*value.keys(), *value.values()]
    elif isinstance(value, (list, tuple, set, frozenset)):
        parts = list(value)
    elif type(value).__module__.startswith("segment_assets."):
        named = {slot for kind in type(value).__mro__ for slot in getattr(kind, "__slots__", ())}
        parts = [getattr(value, name, None) for name in named | set(getattr(value, "__dict__", {}))]
    else:
        return []
    return [text for part in parts for text in texts(part, seen)]


def test_what_production_was_told_makes_no_other_world_of_a_branch(branch):
    assert branch.kind is Kind.BRANCH
    assert branch.aws is None
    assert not branch.sends


def test_a_branch_that_asks_for_the_aws_world_is_refused(tmp_path):
    with pytest.raises(PermanentError, match="branch deployment"):
        Deployment.from_env(told(tmp_path, SEGMENT_ASSETS_WORLD="aws"))


def test_nothing_that_production_was_told_hangs_on_a_resource_of_a_branch(branch):
    held = "\n".join(texts(dict(build_definitions(branch).resources), set()))

    assert str(branch.home) in held
    values = [*environment().values(), *SECRETS.values()]
    # Not within a longer number: a platform's account in the plan holds the digits of the example's.
    told_too = [value for value in values if re.search(rf"(?<!\d){re.escape(value)}(?!\d)", held)]
    assert set(told_too) <= {"aws"}


@pytest.mark.parametrize("destination", sorted(destinations.registry()))
def test_no_destination_is_told_an_address_or_a_token(branch, destination):
    settings = branch.account_settings(destination)

    assert settings["preview_only"] is True
    assert settings["endpoint"].endswith(".invalid")
    assert not {"token", "secrets_home", "role_arn", "region", "lake_home"} & set(settings)


@pytest.mark.parametrize("name", sorted(load_plan(None).accounts))
@pytest.mark.parametrize("to_follow", [False, True])
def test_no_account_of_the_plan_lets_a_request_out(branch, name, to_follow):
    account = load_plan(None).accounts[name]
    resource = DestinationAccount(
        destination=account.destination,
        account=account.account,
        settings=dict(account.settings),
        **branch.account_settings(account.destination),
    )

    with heard() as hosts:
        _, way = resource.connect({}, to_follow=to_follow)
        for path in ("/anything", "https://graph.facebook.com/v25.0/me", "http://127.0.0.1:9/"):
            with pytest.raises(NeedsHumanError, match="only previews"):
                way.send(Request("POST", path, json={"a": 1}))
        way.close()

    assert hosts == []


def test_the_listening_hears_a_connection():
    with socket.create_server(("127.0.0.1", 0)) as server, heard() as hosts:
        socket.create_connection(server.getsockname()).close()

    assert "127.0.0.1" in hosts


def test_nothing_that_tells_anybody_anything_is_there_to_be_switched_on(branch):
    sensors = {sensor.name for sensor in build_definitions(branch).sensors}
    elsewhere = {sensor.name for sensor in build_definitions(dataclasses.replace(branch, kind=Kind.LOCAL)).sensors}

    gone = elsewhere - sensors
    assert {"run_failures", "audience_ready"} <= gone
    assert {name for name in sensors if name.startswith(("follow", "audience_sizes", "withdraw"))} == set()


def test_no_role_of_production_can_be_assumed_by_the_role_of_a_branch():
    made = documents(site())

    for duty in site().settings.roles:
        (statement,) = made[f"trust-{duty}.json"]["Statement"]
        assert statement["Principal"] == {"AWS": site().runtime}


@pytest.mark.slow
def test_a_delivery_of_a_branch_is_rehearsed_to_its_end_and_nothing_of_it_is_noted(walked, copied):
    assert walked.outcomes
    shutil.rmtree(copied.home / "lake" / "objects" / "ledger", ignore_errors=True)
    deployment = dataclasses.replace(copied.deployment, kind=Kind.BRANCH)

    with dg.DagsterInstance.ephemeral() as instance, heard() as hosts:
        road = Road(deployment, instance, build_definitions(deployment))
        road.sync_partitions(copied.plan, [NEWSLETTER])
        outcome = road.run(ACTIVATION, partition=NEWSLETTER)
        event = instance.get_latest_materialization_event(dg.AssetKey(list(ACTIVATION)))

    assert outcome.success, outcome.problems
    told = event.asset_materialization.metadata
    assert "nothing was" in told["said"].value
    assert told["would_take_requests"].value >= 1
    assert copied.lake.keys("ledger") == []
    assert [host for host in hosts if host not in {"127.0.0.1", "localhost", "::1"}] == []
