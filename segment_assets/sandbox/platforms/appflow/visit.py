"""One call on its way through the checks that come before what it asks for: credentials, then the shape of its body.

A caller signs with AWS Signature 4 and the sandbox's access key, or sends the sandbox's token as the local world does;
the signature itself is not computed here. Bodies are validated with botocore's model of the service.
"""

from __future__ import annotations

import dataclasses
import functools
import json
from typing import TYPE_CHECKING, Any

from segment_assets.sandbox.platforms.appflow import errors
from segment_assets.sandbox.platforms.kit import settings

if TYPE_CHECKING:
    import sqlite3

    from segment_assets.sandbox.platforms.appflow.crm import Crm
    from segment_assets.sandbox.platforms.kit.exchange import Call


@dataclasses.dataclass(slots=True)
class Visit:
    """One call: its request, the state, the time. `account` and `audience` are for the request log."""

    call: Call
    db: sqlite3.Connection
    now: float
    platform: str
    crm: Crm
    account: str | None = None
    audience: str | None = None

    def is_let_in(self) -> bool:
        """Whether the caller has credentials of the sandbox."""
        key = f"sandbox-{self.platform}-token"
        scheme, _, rest = self.call.headers.get("authorization", "").partition(" ")
        if scheme == "AWS4-HMAC-SHA256":
            return rest.startswith(f"Credential={key}/")
        return scheme == "Bearer" and rest == key

    def parameters(self, operation: str) -> dict[str, Any]:
        """The body, by the service's model. Refuses another one."""
        try:
            body = json.loads(self.call.body or b"{}")
        except ValueError:
            body = None
        if not isinstance(body, dict):
            errors.refuse("ValidationException", "The body has to be a JSON object")
        found = _complaints(operation, body)
        if found:
            errors.refuse("ValidationException", found)
        return body

    def switch(self, name: str, default: object) -> Any:
        """A switch of the platform."""
        return settings.read(self.db, self.platform, name, default)


def _complaints(operation: str, body: dict[str, Any]) -> str:
    """What is wrong with the shape, without any value. botocore knows no enumerations, so these are looked at too."""
    from botocore.validate import ParamValidator

    shape = _model().operation_model(operation).input_shape
    if ParamValidator().validate(body, shape).has_errors():
        return "Invalid request provided: the body has not the shape of the operation"
    return "" if _is_enumerated(body, shape) else "Invalid request provided: a word is none of its enumeration"


def _is_enumerated(value: Any, shape: Any) -> bool:
    if shape.type_name == "structure":
        return all(_is_enumerated(one, shape.members[name]) for name, one in value.items())
    if shape.type_name == "list":
        return all(_is_enumerated(one, shape.member) for one in value)
    return shape.type_name != "string" or not shape.enum or value in shape.enum


@functools.cache
def _model() -> Any:
    import botocore.session

    return botocore.session.get_session().get_service_model("appflow")
