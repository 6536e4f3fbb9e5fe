from __future__ import annotations

import importlib.util
import re

import pytest

from segment_assets_tests.deploy.sites import CHECKOUT

IMAGE = CHECKOUT / "deploy" / "image"
_PIN = re.compile(r"^([a-z0-9._-]+)==(\S+)", re.MULTILINE)


@pytest.fixture(scope="module")
def replay():
    spec = importlib.util.spec_from_file_location("image_replay", IMAGE / "replay.py")
    module = importlib.util.module_from_spec(spec)
    # A dataclass looks its module up by name.
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(__import__("sys").modules, spec.name, module)
        spec.loader.exec_module(module)
        yield module


@pytest.fixture(scope="module")
def steps(replay):
    return replay.steps((IMAGE / "Dockerfile").read_text())


def ignored() -> tuple[set[str], list[str]]:
    lines = [line for line in (IMAGE / "Dockerfile.dockerignore").read_text().splitlines() if line and line[0] != "#"]
    return {line[1:] for line in lines if line[0] == "!"}, [line for line in lines if line[0] != "!"]


def test_the_image_copies_files_that_are_there_and_that_the_ignore_list_lets_through(replay, steps):
    sources = [source for step in steps if step.what == "COPY" for source in replay.copied(step)[0]]
    let_through, _ = ignored()

    assert len(sources) >= 5
    assert [source for source in sources if not (CHECKOUT / source).exists()] == []
    assert set(sources) == let_through


def test_nothing_else_of_the_checkout_gets_into_a_layer():
    _, kept_out = ignored()

    assert kept_out == ["*", "**/__pycache__"]


def test_everything_that_is_installed_has_a_hash_and_comes_as_a_wheel(steps):
    installs = [step.told for step in steps if step.what == "RUN" and "pip install" in step.told]
    locked = [told for told in installs if " -r " in told]

    assert len(locked) == 2
    assert all("--require-hashes" in told and "--only-binary :all:" in told and "--no-deps" in told for told in locked)
    assert [told for told in installs if told not in locked and "--no-deps --no-build-isolation" not in told] == []


def test_what_the_agent_needs_is_pinned_as_the_package_pins_it():
    ours, images = (
        dict(_PIN.findall(path.read_text())) for path in (CHECKOUT / "requirements.lock", IMAGE / "requirements.lock")
    )

    assert {name: version for name, version in images.items() if ours.get(name, version) != version} == {}
    assert images["dagster-cloud"] == ours["dagster"]


def test_the_image_runs_as_a_number_that_is_not_root_and_writes_below_tmp_only(steps):
    last = {step.what: step.told for step in steps}
    environment = dict(pair.split("=", 1) for pair in last["ENV"].split())

    assert steps[-1].what == "USER"
    assert re.fullmatch(r"[1-9]\d{3,}:[1-9]\d{3,}", last["USER"])
    assert environment["HOME"] == last["WORKDIR"] == "/tmp"
    assert environment["SEGMENT_ASSETS_HOME"].startswith("/tmp/")
    assert environment["PYTHONDONTWRITEBYTECODE"] == "1"


def test_the_image_holds_no_world_no_secret_and_no_development_tool(steps):
    environment = {pair.split("=")[0] for step in steps if step.what in {"ENV", "ARG"} for pair in step.told.split()}
    told = " ".join(step.told for step in steps)

    assert environment == {
        "HOME", "PATH", "PIP_DISABLE_PIP_VERSION_CHECK", "PIP_NO_CACHE_DIR", "PYTHON", "PYTHONDONTWRITEBYTECODE",
        "PYTHONUNBUFFERED", "SEGMENT_ASSETS_HOME",
    }  # fmt: skip
    assert not re.search(r"requirements-dev|\[dev\]|segment_assets_tests|--extra-index-url|--index-url", told)
    assert not [step for step in steps if step.what in {"ADD", "ENTRYPOINT", "CMD"}]


def test_a_step_is_replayed_in_the_scratch_folder_and_nowhere_else(replay, tmp_path):
    scratch = replay.Scratch(tmp_path)

    assert scratch.here("python -m venv /opt/segment-assets && ls /tmp/x") == (
        f"python -m venv {tmp_path}/opt/segment-assets && ls {tmp_path}/tmp/x"
    )
    assert replay.steps("# no\nRUN a \\\n && b\nUSER 1:1\n") == [
        replay.Step("RUN", "a   && b"),
        replay.Step("USER", "1:1"),
    ]
