from __future__ import annotations

import re
import tomllib

import pytest
import yaml
from dagster_aws.ecs.container_context import EcsContainerContext

from segment_assets_tests.deploy.sites import CHECKOUT

PLUS = CHECKOUT / "deploy" / "dagster_plus" / "dagster_cloud.yaml"
WORKFLOW = CHECKOUT / "deploy" / "ci" / "dagster_plus.github.yml"


def read(name: str) -> dict:
    return yaml.safe_load((CHECKOUT / name).read_text())


@pytest.fixture(scope="module")
def location() -> dict:
    (only,) = yaml.safe_load(PLUS.read_text())["locations"]
    return only


@pytest.fixture(scope="module")
def jobs() -> dict:
    return yaml.safe_load(WORKFLOW.read_text())["jobs"]


def test_the_older_file_says_what_the_newer_ones_say(location):
    build = read("build.yaml")

    assert location["container_context"] == read("container_context.yaml")
    assert location["build"]["registry"] == build["registry"]
    assert (PLUS.parent / location["build"]["directory"]).resolve() == (CHECKOUT / build["directory"]).resolve()


def test_both_name_the_module_that_dagster_loads_everywhere_else(location):
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["tool"]["dg"]["project"]
    (entry,) = read("workspace.yaml")["load_from"]

    assert location["code_source"] == {"module_name": project["code_location_target_module"]}
    assert entry["python_module"]["module_name"] == project["code_location_target_module"]
    assert location["location_name"] == entry["python_module"]["location_name"]


def test_the_container_context_is_one_that_dagster_takes():
    taken = EcsContainerContext.create_from_config(read("container_context.yaml"))

    assert taken.run_resources["memory"] == "8192"
    assert taken.runtime_platform["cpuArchitecture"] == "X86_64"


def test_what_holds_for_branches_too_names_no_world_no_role_and_no_secret():
    context = read("container_context.yaml")["ecs"]
    names = {pair.split("=")[0] for pair in context["env_vars"]}

    assert not {"secrets", "secrets_tags", "task_role_arn", "execution_role_arn", "task_definition_arn"} & set(context)
    assert names == {"PYTHONUNBUFFERED", "SEGMENT_ASSETS_HOME"}


def test_a_run_can_be_placed_on_fargate():
    """Fargate has no other pairs than these (ECS developer guide, task sizes)."""
    context = read("container_context.yaml")["ecs"]
    memory = {"1024": range(2048, 8193, 1024), "2048": range(4096, 16385, 1024)}

    for size in (context["server_resources"], context["run_resources"]):
        assert int(size["memory"]) in memory[size["cpu"]]
    assert 21 <= context["run_resources"]["ephemeral_storage"] <= 200


def test_the_example_workflow_is_not_run_by_this_repository():
    assert not (CHECKOUT / ".github").exists()
    assert ".github" not in WORKFLOW.relative_to(CHECKOUT).parts


def test_the_workflow_builds_the_image_of_this_checkout_for_the_location_that_is_declared(jobs, location):
    steps = jobs["deploy"]["steps"]
    (build,) = [step["with"] for step in steps if step.get("uses", "").startswith("docker/build-push-action")]
    commands = " ".join(step["with"]["command"] for step in steps if "command" in step.get("with", {}))
    environment = yaml.safe_load(WORKFLOW.read_text())["env"]

    assert (CHECKOUT / build["file"]).is_file()
    assert build["context"] == read("build.yaml")["directory"]
    assert f"--location-name={location['location_name']}" in commands
    assert environment["IMAGE"] == read("build.yaml")["registry"]


def test_the_workflow_deploys_nothing_untested_and_nothing_of_a_fork(jobs):
    deploy = jobs["deploy"]

    assert deploy["needs"] == "test"
    assert "needs.test.result != 'failure'" in deploy["if"]
    assert "head.repo.full_name == github.repository" in deploy["if"]
    assert ".ci/run" in [step.get("run") for step in jobs["test"]["steps"]]


def test_the_workflow_keeps_no_key_of_aws_and_no_world(jobs):
    text = WORKFLOW.read_text()

    assert not re.search(r"AWS_(ACCESS|SECRET)|aws-access-key-id|SEGMENT_ASSETS_", text)
    assert set(re.findall(r"secrets\.(\w+)", text)) == {"DAGSTER_CLOUD_API_TOKEN", "GITHUB_TOKEN"}
    assert all(job["timeout-minutes"] <= 60 for job in jobs.values())
