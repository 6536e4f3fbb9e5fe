"""The flow of a CRM as our connector makes it, for the tests of each CRM."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from segment_assets.contracts import AudienceSpec, Operation, Request, Response, Session, Step
from segment_assets.destinations import connect

if TYPE_CHECKING:
    from collections.abc import Mapping

SPEC = AudienceSpec("VIP / lapsed 90 days", "0f" * 16, {})
PLACE = Session(token=1, sequence=1, last=True, members_in_total=1, received_before=0)


class Kind:
    """Takes everything."""

    def send(self, request: Request) -> Response:
        del request
        return Response(200, {"etag": "1"}, {})


def flow_of(crm: str, settings: Mapping[str, str], spec: AudienceSpec = SPEC) -> dict[str, Any]:
    ours = connect(crm, "crm", {"bucket": "our-bucket", **settings})
    audience = ours.create_audience(Kind(), spec)
    return ours.step_request(Step.OPEN, audience, Operation.ADD, PLACE).json


def mapped(body: Mapping[str, Any]) -> dict[str, str]:
    return {task["sourceFields"][0]: task["destinationField"] for task in body["tasks"] if task["taskType"] == "Map"}


def written(body: Mapping[str, Any]) -> tuple[Mapping[str, Any], dict[str, Any]]:
    """The destination of a flow, and what is written there without where failures go."""
    (target,) = body["destinationFlowConfigList"]
    ((name, properties),) = target["destinationConnectorProperties"].items()
    assert name == target["connectorType"]
    return target, {name: value for name, value in properties.items() if name != "errorHandlingConfig"}
