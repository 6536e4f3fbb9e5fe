"""Loading a data set's copy (SPICE) again, whenever it was loaded last from another version of its table.

Belongs here: which load is missing. A version is a digest of content, so one that was corrected away comes back with
the id that it had; therefore only the newest load says what the copy holds, never that a version was loaded once.
Not here: the data set itself (`quicksight`). Nothing waits for a load; the next run tells of one that failed.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

from segment_assets.contracts import NeedsHumanError

if TYPE_CHECKING:
    from segment_assets.resources.aws.quicksight_calls import Calls

# What a data set was made from: its creation loads it without being asked.
LOADED = "segment-assets-loaded"
_DIGITS, _MOST_TRIES = 32, 3
_FAILED = frozenset({"FAILED", "CANCELLED"})
_BY_ITSELF, _BY_AN_EDIT = "INITIAL_INGESTION", "EDIT"


def loading(calls: Calls, what: str, data_set: str, arn: str, version: str) -> bool:
    """Have the copy loaded from this version. Whether a load was started. Raises NeedsHumanError where all fail."""
    if not version:
        return False
    name = version[:_DIGITS]
    loads = _loads(calls, what, data_set)
    there = next((one for one in loads if one["IngestionStatus"] not in _FAILED), None)
    if there is not None and (
        _is_of(there, name)
        # Its creation names no version; the tag does, once.
        or (there.get("RequestType") == _BY_ITSELF and _made_from(calls, what, arn) == name)
    ):
        return False
    since = itertools.takewhile(lambda one: one is not there, loads)
    failed = [one for one in since if _is_of(one, name)]
    if len(failed) >= _MOST_TRIES:
        codes = sorted({told.get("ErrorInfo", {}).get("Type", "no reason") for told in failed})
        raise NeedsHumanError(
            f"{what}: its copy was not loaded {len(failed)} times ({', '.join(codes)}); look at its refreshes there"
        )
    ever = sum(_is_of(one, name) for one in loads)
    attempt = f"{name}-{ever + 1}"
    calls.change(
        lambda: calls.ask(what, "create_ingestion", DataSetId=data_set, IngestionId=attempt),
        lambda: any(one["IngestionId"] == attempt for one in _loads(calls, what, data_set)),
    )
    return True


def mark(version: str) -> list[dict[str, str]]:
    """The tag of a data set that is made from a version."""
    return [{"Key": LOADED, "Value": version[:_DIGITS]}] if version else []


def _loads(calls: Calls, what: str, data_set: str) -> list[dict[str, Any]]:
    """The loads, newest first. Those of an edit say nothing: after each edit of ours the version is asked about."""
    told = calls.look(what, "list_ingestions", DataSetId=data_set, MaxResults=100) or {}
    loads = [one for one in told.get("Ingestions", ()) if one.get("RequestType") != _BY_AN_EDIT]
    return sorted(loads, key=lambda one: one["CreatedTime"], reverse=True)


def _is_of(load: dict[str, Any], name: str) -> bool:
    started: str = load["IngestionId"]
    return started.startswith(f"{name}-")


def _made_from(calls: Calls, what: str, arn: str) -> str:
    return calls.tags(what, arn).get(LOADED, "")
