"""How e-mail addresses are typed into account A's and account B's systems, with the share of every habit.

Belongs here: spellings of one true address. Not here: what the true address is (people).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from segment_assets.sandbox.world.cells import Kind, as_strings, joined

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    import numpy.typing as npt

_TAGS = ("+news", "+shop", "+promo2026")
_GMAIL = "@gmail.com"


def _gmail_only(rewrite: Callable[[pa.Table, pa.Array], Any]) -> Callable[[pa.Table], pa.Array]:
    """Rewrite the local part of Gmail addresses and leave other addresses as they are."""

    def write(people: pa.Table) -> pa.Array:
        email = as_strings(people["email"], len(people))
        local = pc.utf8_slice_codeunits(email, 0, -len(_GMAIL))
        return pc.if_else(pc.ends_with(email, _GMAIL), joined(rewrite(people, local), _GMAIL), email)

    return write


def _without_dots(_: pa.Table, local: pa.Array) -> Any:
    return pc.replace_substring(local, ".", "")


def _tagged(people: pa.Table, local: pa.Array) -> Any:
    return joined(local, pa.array(_TAGS).take(pa.array(people["person"].to_numpy() % len(_TAGS))))


def _spaced(people: pa.Table) -> Any:
    before = pa.array(["", " ", "  "]).take(pa.array(people["person"].to_numpy() % 3))
    return joined(before, people["email"].combine_chunks(), " ")


def _title(people: pa.Table) -> Any:
    return pc.utf8_title(people["email"])


# What a trimmed, lower-cased cell of these still says truly.
SAME_MAILBOX = (
    Kind("clean", 0.74, lambda p: p["email"]),
    Kind("upper", 0.05, lambda p: pc.utf8_upper(p["email"])),
    Kind("title", 0.05, _title),
    Kind("spaces", 0.06, _spaced),
    Kind("gmail_dots", 0.05, _gmail_only(_without_dots)),
    Kind("gmail_tag", 0.05, _gmail_only(_tagged)),
)

HASHED = (
    Kind("hashed_lower", 0.015, lambda p: p["email_sha256"]),
    Kind("hashed_upper", 0.01, lambda p: pc.utf8_upper(p["email_sha256"])),
)

UNKNOWN = (
    Kind("null", 0.02, lambda _: None),
    Kind("empty", 0.01, lambda _: ""),
    Kind("blank", 0.004, lambda _: "   "),
    Kind("null_text", 0.004, lambda _: "null"),
    Kind("nan_text", 0.004, lambda _: "nan"),
    Kind("none_text", 0.004, lambda _: "None"),
    Kind("not_available", 0.004, lambda _: "N/A"),
    Kind("no_at", 0.005, lambda p: pc.replace_substring(p["email"], "@", "")),
)

TYPED = tuple(Kind(k.name, k.share * 0.92, k.write) for k in SAME_MAILBOX) + HASHED + UNKNOWN


def is_known(drawn: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """Whether a cell of these kinds of `TYPED` tells the mailbox, in the clear or as a digest."""
    return drawn < len(TYPED) - len(UNKNOWN)


# An order confirmation must arrive: no blanks and no digests, but the usual carelessness.
ON_ORDERS = (
    Kind("clean", 0.85, lambda p: p["email"]),
    Kind("upper", 0.05, lambda p: pc.utf8_upper(p["email"])),
    Kind("title", 0.05, _title),
    Kind("spaces", 0.05, _spaced),
)
