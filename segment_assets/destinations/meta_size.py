"""How Meta tells the size of an audience and whether it is served: the node's counts, operation and delivery status.

Source: Customer File Custom Audiences guide and the Custom Audience reference, as of autumn 2026. 200 (normal, ready)
and 471 (flagged) are Meta's; 300 (too small), 414 and 415 (replace) are reported by third parties only, so whatever is
not known is never taken for ready.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from segment_assets.contracts.sizes import SizeReport, SizeState
from segment_assets.destinations.numbers import CODE_DIGITS, whole_number

if TYPE_CHECKING:
    from collections.abc import Mapping

FIELDS = "operation_status,delivery_status,approximate_count_lower_bound,approximate_count_upper_bound"

_NORMAL, _READY = 200, 200
_OPERATIONS: Mapping[int | None, SizeState] = {471: SizeState.CLOSED, 414: SizeState.UPDATING}
_DELIVERIES: Mapping[int | None, SizeState] = {_READY: SizeState.READY, 300: SizeState.TOO_SMALL}


def size_report(body: Mapping[str, Any]) -> SizeReport:
    """From the fields of the node. Bounds of a small audience are -1, which is no size.

    >>> size_report({"operation_status": {"code": 200}, "delivery_status": {"code": 300}}).state.value
    'too_small'
    """
    operation, delivery = _code(body.get("operation_status")), _code(body.get("delivery_status"))
    if operation == _NORMAL:
        state, said = _DELIVERIES.get(delivery, SizeState.UNKNOWN), delivery
    else:
        state, said = _OPERATIONS.get(operation, SizeState.UNKNOWN), operation
    lower = whole_number(body.get("approximate_count_lower_bound"))
    upper = whole_number(body.get("approximate_count_upper_bound"))
    known = lower is not None and upper is not None
    return SizeReport(state, lower if known else None, upper if known else None, str(said) if said else "")


def _code(status: object) -> int | None:
    return whole_number(status.get("code"), CODE_DIGITS) if isinstance(status, dict) else None
