"""Reddit's error answers: HTTP status, and an object with the same number, a message and the fields at fault.

Source: the OpenAPI description. Wording is ours: callers decide on the status.
"""

from __future__ import annotations

import math
from typing import NoReturn

from segment_assets.sandbox.platforms.kit.exchange import Answer, Refusal


def error(status: int, message: str, field: str = "") -> Answer:
    """An error as Reddit words it."""
    fields = {"fields": [{"field": field, "message": message}]} if field else {}
    return Answer(status, {"error": {"code": status, "message": "Bad Request" if field else message, **fields}})


def refuse(status: int, message: str) -> NoReturn:
    """End the call with an error."""
    raise Refusal(error(status, message))


def invalid(field: str, message: str) -> NoReturn:
    """Refuse a field of the request."""
    raise Refusal(error(400, message, field))


def not_found() -> NoReturn:
    """Refuse an audience that is not there."""
    refuse(404, "The custom audience was not found.")


def unauthorised() -> Answer:
    """A token that is not good."""
    return error(401, "Bad bearer token provided.")


def throttled(policy: str, quota: int, window: float, wait: float) -> Answer:
    """A budget is used up; the headers say which, and for how many seconds."""
    headers = {
        "RateLimit-Policy": f'"{policy}";q={quota};w={window:.0f}',
        "RateLimit": f'"{policy}";r=0;t={math.ceil(wait)}',
    }
    answer = error(429, "Too Many Requests")
    answer.headers.update(headers)
    return answer
