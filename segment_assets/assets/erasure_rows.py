"""What the table of `erasure/platforms` says of an account, in numbers and in a sentence.

Belongs here: words. Not here: what stands (`delivery.erasure_standing`), asking anybody (`erasures`).
"""

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from segment_assets.delivery.erasing import Forgotten
    from segment_assets.delivery.redacting import Redaction

_NUMBERS = ("people", "still_there", "acknowledged", "refused", "in_doubt", "unproven", "not_retained")
SAID: Mapping[str, str] = {
    "nobody": "None of them was ever sent there, so the platform is not told of them now.",
    "unknown": "Nobody can tell whether others of them were sent there: deliveries are too old to tell, or a request "
    "said a phone alone, which may be a household's. Ask the platform by hand, or have them say their e-mail.",
    "not_set_up": "It has an erasure call, for which the account lacks a setting: add that to the plan.",
    "no_call": "It has no erasure call: they are taken out of its audiences, and the platform's retention applies.",
    "waiting": "Their removal from the audiences goes first; a platform with an erasure call is asked after it.",
    "asked": "The platform has taken it on, and has it done by the date; it is looked at again until then.",
    "done": "The platform has done it, by its own word.",
    "unproven": "The platform has taken it on and gave no evidence for every record: ask it about them by hand. It is "
    "not asked again by itself, and our own copies of them stay until their retention ends.",
    "refused": "The platform refused somebody's erasure: ask its support, and run this again.",
    "in_doubt": "Not everybody could be asked about yet; it is tried again.",
    "preview": "This deployment sends nothing.",
    "unreachable": "The plan names the account no more: put it back until it is asked, or ask the platform by hand.",
}


def row_of(destination: str, account: str, found: "Forgotten", erasure: Any) -> dict[str, object]:
    """One account's row of PLATFORM_ERASURES. `erasure` is the contract's, None without a call."""
    reaches = f" Asked of: {erasure.reaches}." if erasure and found.acknowledged else ""
    done_by = dt.datetime.fromtimestamp(found.done_by, dt.UTC) if found.done_by is not None else None
    return {
        "destination": destination,
        "account": account,
        **{name: getattr(found, name) for name in _NUMBERS},
        "standing": found.standing,
        "done_by": done_by,
        "said": f"{SAID[found.standing]}{reaches}",
    }


def told(rows: Sequence[Mapping[str, object]]) -> str:
    """All rows as a table in Markdown, for a person."""
    return "\n".join(_lines(rows)) if rows else "nobody has asked to be forgotten"


def _lines(rows: Sequence[Mapping[str, object]]) -> Iterator[str]:
    yield "| account | people | standing | |"
    yield "|---|---:|---|---|"
    for row in rows:
        account, people = f"{row['destination']}/{row['account']}", row.get("people") or 0
        yield f"| {account} | {people} | {row['standing']} | {row['said']} |"


def swept_numbers(swept: "Redaction | None") -> dict[str, int]:
    """How our own copies were rewritten; nothing where they were not looked through."""
    if swept is None:
        return {}
    return {"versions_rewritten": swept.versions, "rows_taken_out": swept.rows, "versions_in_use": swept.waiting}
