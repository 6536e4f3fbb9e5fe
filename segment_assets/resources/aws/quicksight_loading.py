"""Loading a data set's copy (SPICE) again: once for each version of its table.

Belongs here: which load is missing. Not here: the data set itself (`quicksight`). Nothing waits for a load; the next
run tells of one that failed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from segment_assets.contracts import NeedsHumanError

if TYPE_CHECKING:
    from segment_assets.resources.aws.quicksight_calls import Calls

# What a data set was made from: its creation loads it without being asked.
LOADED = "segment-assets-loaded"
_DIGITS, _MOST_TRIES = 32, 3
_FAILED = frozenset({"FAILED", "CANCELLED"})
_BY_ITSELF = "INITIAL_INGESTION"


def loading(calls: Calls, what: str, data_set: str, arn: str, version: str) -> bool:
    """Have the copy loaded from this version. Whether a load was started. Raises NeedsHumanError where all fail."""
    if not version:
        return False
    name = version[:_DIGITS]
    loads = _loads(calls, what, data_set)
    own = {one: told for one, told in loads.items() if one.startswith(f"{name}-")}
    if any(told["IngestionStatus"] not in _FAILED for told in own.values()):
        return False
    first = [told for told in loads.values() if told.get("RequestType") == _BY_ITSELF]
    if (
        not own
        and any(told["IngestionStatus"] not in _FAILED for told in first)
        and _made_from(calls, what, arn) == name
    ):
        return False
    if len(own) >= _MOST_TRIES:
        codes = sorted({told.get("ErrorInfo", {}).get("Type", "no reason") for told in own.values()})
        raise NeedsHumanError(
            f"{what}: its copy was not loaded {len(own)} times ({', '.join(codes)}); look at its refreshes there"
        )
    attempt = f"{name}-{len(own) + 1}"
    calls.change(
        lambda: calls.ask(what, "create_ingestion", DataSetId=data_set, IngestionId=attempt),
        lambda: attempt in _loads(calls, what, data_set),
    )
    return True


def mark(version: str) -> list[dict[str, str]]:
    """The tag of a data set that is made from a version."""
    return [{"Key": LOADED, "Value": version[:_DIGITS]}] if version else []


def _loads(calls: Calls, what: str, data_set: str) -> dict[str, dict[str, Any]]:
    """The newest loads, by id."""
    told = calls.look(what, "list_ingestions", DataSetId=data_set, MaxResults=100)
    return {one["IngestionId"]: one for one in (told or {}).get("Ingestions", ())}


def _made_from(calls: Calls, what: str, arn: str) -> str:
    return calls.tags(what, arn).get(LOADED, "")
