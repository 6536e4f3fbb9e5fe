"""What people are worth, as a source says it: decimal numbers, or a reason.

Belongs here: one cell. Not here: whose value counts of several rows (`building`), what is sent (`destinations`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from segment_assets.audience.arrow import kernels, nothing
from segment_assets.contracts import Reason

if TYPE_CHECKING:
    import pyarrow as pa


def numbers(cells: pa.Array[Any]) -> tuple[pa.Array[Any], pa.Array[Any]]:
    """What people are worth as decimal numbers without edges, null where nothing is said, and reasons of refusal.

    >>> import pyarrow as pa
    >>> [array.to_pylist() for array in numbers(pa.array(["12.50", " 007 ", "-1", "1,50", None]))]
    [['12.5', '7', None, None, None], [None, None, 'not_a_value', 'not_a_value', None]]
    """
    import pyarrow as pa

    pc = kernels()

    text = pc.utf8_trim_whitespace(cells.cast(pa.string()))
    said = pc.if_else(pc.equal(text, ""), nothing(pa.string()), text)
    is_number = pc.match_substring_regex(said, r"^[0-9]{1,12}(\.[0-9]{1,6})?$")
    number = pc.replace_substring_regex(said, r"^0+([0-9])", r"\1")
    number = pc.replace_substring_regex(number, r"(\.[0-9]*?)0+$", r"\1")
    number = pc.replace_substring_regex(number, r"\.$", "")
    reasons = pc.if_else(is_number, nothing(pa.string()), pa.scalar(Reason.NOT_A_VALUE.value))
    return pc.if_else(is_number, number, nothing(pa.string())), reasons
