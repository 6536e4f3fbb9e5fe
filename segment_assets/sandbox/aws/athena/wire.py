"""AWS JSON 1.1 for Athena, both ways held against botocore's model: names, types, lengths, enumerations."""

from __future__ import annotations

import datetime as dt
import functools
import json
from typing import TYPE_CHECKING, Any

from segment_assets.sandbox.aws.athena.errors import Refusal

if TYPE_CHECKING:
    from collections.abc import Mapping

TARGET = "AmazonAthena."


def parameters(operation: str, body: bytes) -> dict[str, Any]:
    """The parameters of a request. Raises Refusal where they have not the shape of the operation."""
    try:
        told = json.loads(body or b"{}")
    except ValueError:
        told = None
    shape = _model().operation_model(operation).input_shape
    if not isinstance(told, dict) or not _fits(told, shape):
        raise Refusal("InvalidRequestException", f"The body has not the shape of {operation}")
    return told


def answer(operation: str, told: Mapping[str, Any]) -> bytes:
    """The bytes of an answer. A body without the shape of the operation is a defect of the stand-in."""
    shape = _model().operation_model(operation).output_shape
    if not _fits(dict(told), shape):
        raise AssertionError(f"the answer of {operation} has not its shape")
    return json.dumps(told, default=_seconds).encode()


def refused(refusal: Refusal) -> bytes:
    """The body of an error."""
    return json.dumps({"__type": refusal.code, "Message": refusal.message, **refusal.more}).encode()


def knows(operation: str) -> bool:
    """Whether Athena has such an operation."""
    return operation in _model().operation_names


def _fits(told: dict[str, Any], shape: Any) -> bool:
    from botocore.validate import ParamValidator

    return not ParamValidator().validate(told, shape).has_errors() and _has_only_its_words(told, shape)


def _has_only_its_words(value: Any, shape: Any) -> bool:
    """The validator of botocore looks neither at enumerations nor at the greatest lengths."""
    if shape.type_name == "structure":
        return all(_has_only_its_words(one, shape.members[name]) for name, one in value.items())
    if shape.type_name == "list":
        return all(_has_only_its_words(one, shape.member) for one in value)
    if shape.type_name != "string":
        return True
    return (not shape.enum or value in shape.enum) and len(value) <= shape.metadata.get("max", len(value))


def _seconds(value: object) -> float:
    assert isinstance(value, dt.datetime)
    return value.timestamp()


@functools.cache
def _model() -> Any:
    import botocore.session

    return botocore.session.get_session().get_service_model("athena")
