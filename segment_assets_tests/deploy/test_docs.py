from __future__ import annotations

import re

from segment_assets.aws_settings import AwsSettings
from segment_assets.deployment import Deployment
from segment_assets.tables import TABLES
from segment_assets.worlds import documentation
from segment_assets_tests.deploy.sites import CHECKOUT, example

PAGE = documentation.PAGE.read_text()


def test_the_tables_of_the_page_are_those_of_the_declarations():
    assert documentation.page(PAGE, example()) == PAGE


def test_every_variable_of_the_aws_world_stands_on_the_page():
    assert [name for name, _, _ in AwsSettings.variables() if f"`{name}`" not in PAGE] == []


def test_every_variable_that_is_read_in_every_world_stands_on_the_page():
    asked = set()

    class Heard(dict):
        def get(self, name, default=None):
            asked.add(name)
            return default

    Deployment.from_env(Heard())

    ours = {name for name in asked if name.startswith("SEGMENT_ASSETS_")}
    # Of the local world alone.
    assert {name for name in ours if f"`{name}`" not in PAGE} == {"SEGMENT_ASSETS_CLEAN_ROOM_ANSWERS_AFTER"}


def test_every_file_that_the_page_names_is_there():
    paths = set(re.findall(r"`((?:deploy|segment_assets)/[\w./]+|\w+\.yaml)`", PAGE))
    links = set(re.findall(r"\]\((?!#|https?:)([^)]+)\)", PAGE))

    assert {"build.yaml", "container_context.yaml", "deploy/image/Dockerfile"} <= paths
    assert [path for path in paths if not (CHECKOUT / path).exists()] == []
    assert [link for link in links if not (documentation.PAGE.parent / link).exists()] == []


def test_every_anchor_that_the_page_names_is_a_heading():
    headings = {
        re.sub(r"[^\w -]", "", line.lstrip("# ").lower()).replace(" ", "-")
        for line in PAGE.splitlines()
        if line.startswith("#")
    }

    assert set(re.findall(r"\]\(#([^)]+)\)", PAGE)) <= headings


def test_the_days_on_the_page_are_those_that_the_tables_declare():
    told = {"segment_members": 30, "exposed_customers": 90, "hashed_audience": 180, "quarantine": 180, "changes": 180}
    kept = {"acknowledged": 3650, "receipts": 3650, "deliveries": 3650}

    assert {name: TABLES[name].retention_days for name in told | kept} == told | kept
    assert "`segment_members` 30 days, `exposed_customers` 90, `hashed_audience` and `quarantine` 180" in " ".join(
        PAGE.split()
    )
    assert "| `<lake>/tables/changes/` | 180 days |" in PAGE
    assert "`acknowledged`, `receipts`, `deliveries` are the proof of what was sent: 3,650 days" in " ".join(
        PAGE.split()
    )


def test_every_document_of_the_command_is_explained():
    for path in documentation.EXAMPLE.glob("*.json"):
        kind = re.sub(r"^(policy|trust)-(collaboration|audience|delivery|insight|dashboards)$", r"\1-<duty>", path.stem)
        kind = re.sub(r"^(bucket|queue)-(?!encryption|public)(.*)$", r"\1-<name>", kind)
        assert f"`{kind}.json`" in PAGE, path.name
