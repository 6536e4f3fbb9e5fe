"""The calls of destinations that are services of AWS, as their connectors really make them, against the delivery duty."""

from __future__ import annotations

import contextlib
import dataclasses
import re
from types import SimpleNamespace

import botocore.session
import pytest

from segment_assets import destinations
from segment_assets.contracts import AudienceSpec, Operation, Request, Response, SegmentAssetsError, Step
from segment_assets.iam import documents
from segment_assets.iam.duties import DUTIES
from segment_assets.plan import Plan
from segment_assets_tests.deploy.sites import ACCOUNT, plan, site

SETTINGS = {
    "appflow": ("salesforce", "salesforce-crm", {"bucket": "crm-files"}),
    "profile": ("customer_profiles", "lumen-domain", {}),
    "s3": ("liveramp", "lumen", {"bucket": "liveramp-drop"}),
}
MODELS = {"appflow": "appflow", "profile": "customer-profiles"}


class Listening:
    """Takes every request and answers nothing of use."""

    def __init__(self) -> None:
        self.requests: list[Request] = []

    def send(self, request: Request) -> Response:
        self.requests.append(request)
        return Response(200, {"etag": '"0"', "ETag": '"0"'}, {})

    def close(self) -> None:
        pass


def operation_of(service: str, request: Request) -> str:
    """The API's name of a request of a REST service."""
    model = botocore.session.get_session().get_service_model(MODELS[service])
    for name in model.operation_names:
        http = model.operation_model(name).http
        pattern = re.sub(r"\{[^}]+\}", "[^/]+", http["requestUri"])
        if http["method"] == request.method and re.fullmatch(pattern, request.path):
            return f"{MODELS[service]}:{name}"
    raise AssertionError(f"{service} has no operation {request.method} {request.path}")


def calls_of(service: str) -> set[str]:
    """Everything that a connector asks of AWS's service itself, in any order."""
    name, account, settings = SETTINGS[service]
    destination = destinations.connect(name, account, settings)
    way = Listening()
    spec = AudienceSpec("news", "0123456789abcdef", {})
    session = SimpleNamespace(token=1, sequence=1, noted={"job": "j-1"}, received_before=0, uploads=[])
    audience = {"appflow": "segment-assets-x", "profile": "segment_assets-x", "s3": "x"}[service]
    asked = [
        lambda: destination.find_audience(way, spec),
        lambda: destination.create_audience(way, spec),
        lambda: destination.delete_audience(way, audience),
        lambda: destination.ask_job(way, "flow/run"),
        lambda: way.send(destination.job_request("j-1")),
        *(lambda step=step: way.send(destination.step_request(step, audience, Operation.ADD, session)) for step in Step),
        lambda: destination.carried(way).send(destination.request(audience, Operation.ADD, [], session)),
    ]  # fmt: skip
    for ask in asked:
        # Not every connector has every method, and none understands the answers.
        with contextlib.suppress(SegmentAssetsError, AttributeError):
            ask()
    own = [request for request in way.requests if not request.path.startswith("/s3/") and not request.is_elsewhere]
    return {operation_of(service, request) for request in own}


@pytest.mark.parametrize("service", MODELS)
def test_the_delivery_duty_may_make_the_calls_of_a_connector_and_no_other(service):
    granted = {call for grant in DUTIES["delivery"](with_account(service)) for call in grant.calls}

    assert {call for call in granted if call.startswith(f"{MODELS[service]}:")} == calls_of(service)


def with_account(service: str, **changed: str):
    """The example with one more account in its plan, some of its settings in the place of those above."""
    name, number, settings = SETTINGS[service]
    settings = changed or settings
    known = next(iter(plan().accounts.values()))
    account = known.model_copy(update={"destination": name, "account": number, "settings": settings})
    changed: Plan = plan().model_copy(update={"accounts": {**plan().accounts, "one_more": account}})
    return dataclasses.replace(site(), plan=changed)


def resources(service: str) -> set[str]:
    statements = documents(with_account(service))["policy-delivery.json"]["Statement"]
    return {resource for statement in statements for resource in statement["Resource"]}


def test_a_flow_of_another_bucket_and_connection_is_named_by_the_plan():
    assert {
        f"arn:aws:appflow:eu-central-1:{ACCOUNT}:connectorprofile/salesforce-crm",
        "arn:aws:s3:::crm-files/segment-assets/appflow/*",
    } <= resources("appflow")


def test_a_domain_is_named_by_the_plan():
    domain = f"arn:aws:profile:eu-central-1:{ACCOUNT}:domains/lumen-domain"

    assert {domain, f"{domain}/segment-definitions/segment_assets-*"} <= resources("profile")


def test_a_bucket_where_a_platform_fetches_files_is_written_and_not_read():
    statements = documents(with_account("s3"))["policy-delivery.json"]["Statement"]
    (files,) = [one for one in statements if one["Resource"] == ["arn:aws:s3:::liveramp-drop/segment-assets/lumen/*"]]

    assert files["Action"] == ["s3:PutObject"]


def test_files_by_sftp_need_a_password_and_no_bucket():
    statements = documents(with_account("s3", transport="sftp"))["policy-delivery.json"]["Statement"]

    assert [one for one in statements if one["Sid"].startswith("Files")] == []
    secrets = [arn for one in statements for arn in one["Resource"] if ":secretsmanager:" in arn]
    assert [arn for arn in secrets if arn.endswith("/liveramp.*")]


@pytest.mark.parametrize(("prefix", "service"), [("appflow:", "appflow"), ("profile:", "profile")])
def test_a_service_that_the_plan_does_not_name_is_not_granted(prefix, service):
    bare = plan().model_copy(update={"accounts": {"meta": plan().accounts["lumen_eu"]}})
    made = documents(dataclasses.replace(site(), plan=bare))
    actions = [action for one in made["policy-delivery.json"]["Statement"] for action in one["Action"]]

    assert [action for action in actions if action.startswith(prefix)] == []
    assert [
        action
        for one in documents(with_account(service))["policy-delivery.json"]["Statement"]
        for action in one["Action"]
        if action.startswith(prefix)
    ]
