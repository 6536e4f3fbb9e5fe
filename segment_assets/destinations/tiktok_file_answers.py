"""What TikTok says of customer file audiences: details, history, how a change went, sizes.

Belongs here: reading. Not here: codes of refusals (`tiktok_answers`), what is sent (`tiktok_file`).
Source: tiktok-business-api-sdk-official 1.1.3 (calls); fields as public clients transcribe them from TikTok's own
reference: `is_valid` is false while a list is computed, when it has failed and when it has ended; `error_msg` tells of
a failure; an entry of the history has a `msg` when a part of the data could not be read. As of autumn 2026.

Words of TikTok's are never passed on: they may quote what was sent.
"""

from __future__ import annotations

import dataclasses
import re
from typing import TYPE_CHECKING, Any

from segment_assets.contracts import JobReport, JobState, NeedsHumanError, PermanentError, TransientError
from segment_assets.contracts.sizes import SizeReport, SizeState
from segment_assets.destinations.numbers import whole_number

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from segment_assets.contracts import MatchKey

_ID = re.compile(r"[0-9]{1,20}")
_PATH = re.compile(r"[!-~]{1,1024}")
_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}")
# Of the changes in the history only those are ours.
_EDITOR = "open_api"
_GONE = "list_is_gone"
_FAILED, _UNREADABLE = "change_failed", "rows_not_read"


@dataclasses.dataclass(frozen=True, slots=True)
class Shown:
    """One list. `changed` is the newest change through the API, empty where the history has none.

    It is a time and how many changes have it (times have seconds), so that a later one is the greater text.
    `is_partial`: TikTok could not read all that came with that change.
    """

    list_id: str
    is_valid: bool
    has_failed: bool
    people: int
    changed: str
    is_partial: bool


def shown(body: Mapping[str, Any], wanted: int, account: str) -> Sequence[Shown]:
    """The lists that were asked for. Raises NeedsHumanError where one is not to be seen any more."""
    found = _all(body)
    if len(found) != wanted:
        raise NeedsHumanError(
            f"tiktok account {account}: a list is gone or belongs to another advertiser; look at it in the ads "
            "manager, or end the activation in the plan with on_removal: delete, and name it again"
        )
    return found


def report(body: Mapping[str, Any], people: int, before: str | None) -> JobReport:
    """How a change of so many `people` went. `before` is the newest change before it; None goes by the state alone.

    Where TikTok could not read some rows nobody is told as received, since it says neither who nor how many.
    """
    found = _all(body)
    if not found:
        return JobReport(JobState.FAILED, 0, {_GONE: 1})
    one = found[0]
    if before is not None and one.changed <= before:
        return JobReport(JobState.PROCESSING, 0, {})
    if one.has_failed:
        return JobReport(JobState.FAILED, 0, {_FAILED: 1})
    if not one.is_valid:
        return JobReport(JobState.PROCESSING, 0, {})
    if one.is_partial:
        return JobReport(JobState.PARTIAL_SUCCESS, 0, {_UNREADABLE: 1})
    return JobReport(JobState.SUCCESS, people, {})


def size_report(body: Mapping[str, Any]) -> SizeReport:
    """Lists of several kinds as one audience: people are in more than one of them, nobody knows how many.

    A list of which TikTok says that its change failed is `too_small`, the one reason that it publishes.
    """
    found = _all(body)
    if not found:
        return SizeReport(SizeState.CLOSED, None, None)
    said = ", ".join(sorted({_said(one) for one in found}))
    if any(one.is_valid for one in found):
        sizes = [one.people for one in found if one.is_valid]
        return SizeReport(SizeState.READY, max(sizes), sum(sizes), said)
    state = SizeState.TOO_SMALL if all(one.has_failed for one in found) else SizeState.UPDATING
    return SizeReport(state, None, None, said)


def file_path(body: Mapping[str, Any], account: str) -> str:
    """Where TikTok keeps an uploaded file."""
    path = body.get("file_path")
    if not isinstance(path, str) or not _PATH.fullmatch(path):
        raise TransientError(f"tiktok account {account}: a file came back without its path; it is sent again")
    return path


def id_of(told: object) -> str | None:
    """A list's id as TikTok writes it, in digits; None where it is none."""
    is_id = not isinstance(told, bool) and isinstance(told, int | str) and _ID.fullmatch(str(told))
    return str(told) if is_id else None


def lists_of(audience_id: str) -> list[str]:
    """The ids of the lists of an audience.

    >>> lists_of("email:7038 phone:7039")
    ['7038', '7039']
    """
    return [part.rpartition(":")[2] for part in audience_id.split()]


def list_for(audience_id: str, key: MatchKey, account: str) -> str:
    """The id of the list of one kind. A bare name, as a preview has it, stands for all of them."""
    if ":" not in audience_id:
        return audience_id
    for part in audience_id.split():
        kind, _, list_id = part.rpartition(":")
        if kind == key.value:
            return list_id
    raise PermanentError(
        f"tiktok account {account}: the audience has no list of {key.value}; end the activation in the plan with "
        "on_removal: delete, and name it again"
    )


def _all(body: Mapping[str, Any]) -> list[Shown]:
    listed = body.get("list")
    every = [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
    return [read for one in every if (read := _read(one)) is not None]


def _read(one: Mapping[str, Any]) -> Shown | None:
    details = one.get("audience_details")
    list_id = id_of(details.get("audience_id")) if isinstance(details, dict) else None
    if list_id is None or not isinstance(details, dict):
        return None
    history = one.get("audience_history")
    changes = [entry for entry in history if _is_ours(entry)] if isinstance(history, list) else []
    at = max((str(entry["opt_time"]) for entry in changes), default="")
    newest = [entry for entry in changes if entry["opt_time"] == at]
    return Shown(
        list_id,
        is_valid=details.get("is_valid") is True,
        has_failed=bool(details.get("error_msg")),
        people=whole_number(details.get("cover_num")) or 0,
        changed=f"{at} {len(newest):03d}" if at else "",
        is_partial=any(entry.get("msg") for entry in newest),
    )


def _is_ours(entry: object) -> bool:
    if not isinstance(entry, dict) or entry.get("editor") != _EDITOR:
        return False
    at = entry.get("opt_time")
    return isinstance(at, str) and _TIME.fullmatch(at) is not None


def _said(one: Shown) -> str:
    if one.is_valid:
        return "valid"
    return "failed" if one.has_failed else "computing"
