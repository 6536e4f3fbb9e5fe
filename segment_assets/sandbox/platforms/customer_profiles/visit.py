"""One call on its way through the checks that come before what it asks for: credentials, then the shape of its body.

A caller signs with AWS Signature 4 and the sandbox's access key, or sends the sandbox's token as the local world does;
the signature itself is not computed here. Parameters are validated with botocore's model, of the path and of the body.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import re
from typing import TYPE_CHECKING, Any

from segment_assets.sandbox.platforms.customer_profiles import errors
from segment_assets.sandbox.platforms.kit import audiences, settings

if TYPE_CHECKING:
    import sqlite3

    from segment_assets.sandbox.platforms.kit.exchange import Call

PLATFORM = "customer_profiles"
_KEY = f"sandbox-{PLATFORM}-token"


@dataclasses.dataclass(slots=True)
class Visit:
    """One call: its request, the state, the time. `account`, `audience` and `records` are for the request log."""

    call: Call
    db: sqlite3.Connection
    now: float
    account: str | None = None
    audience: str | None = None
    records: int = 0

    def is_let_in(self) -> bool:
        """Whether the caller has credentials of the sandbox."""
        scheme, _, rest = self.call.headers.get("authorization", "").partition(" ")
        if scheme == "AWS4-HMAC-SHA256":
            return rest.startswith(f"Credential={_KEY}/")
        return scheme == "Bearer" and rest == _KEY

    def parameters(self, operation: str) -> dict[str, Any]:
        """Those of the path and of the body, by the service's model. Refuses others, and a domain that is not there."""
        try:
            body = json.loads(self.call.body or b"{}")
        except ValueError:
            body = None
        if not isinstance(body, dict):
            errors.bad("The body has to be a JSON object")
        model = _model().operation_model(operation)
        wanted = {**body, **self._of_path(model.input_shape)}
        from botocore.validate import ParamValidator

        if ParamValidator().validate(wanted, model.input_shape).has_errors() or not fits(wanted, model.input_shape):
            errors.bad("Invalid request: a parameter has not the shape of the operation")
        domain = wanted["DomainName"]
        if not audiences.account_exists(self.db, PLATFORM, domain):
            errors.gone("The domain")
        self.account = domain
        return wanted

    def _of_path(self, shape: Any) -> dict[str, str]:
        found = {
            name: self.call.path.get(member.serialization.get("name", name)) for name, member in shape.members.items()
        }
        return {name: value for name, value in found.items() if value is not None}

    def switch(self, name: str, default: object) -> Any:
        """A switch of the platform."""
        return settings.read(self.db, PLATFORM, name, default)


def fits(value: Any, shape: Any) -> bool:
    """Botocore looks at neither enumerations, patterns nor the longest text, so they are looked at here."""
    if shape.type_name == "structure":
        return all(fits(one, shape.members[name]) for name, one in value.items() if name in shape.members)
    if shape.type_name == "list":
        return all(fits(one, shape.member) for one in value)
    if shape.type_name == "map":
        return all(fits(name, shape.key) and fits(one, shape.value) for name, one in value.items())
    if shape.type_name in {"integer", "long"}:
        return bool(value <= shape.metadata.get("max", value))
    if shape.type_name != "string":
        return True
    pattern = shape.metadata.get("pattern")
    return (
        (not shape.enum or value in shape.enum)
        and len(value) <= shape.metadata.get("max", len(value))
        and (pattern is None or re.search(pattern, value) is not None)
    )


@functools.cache
def _model() -> Any:
    import botocore.session

    return botocore.session.get_session().get_service_model("customer-profiles")
