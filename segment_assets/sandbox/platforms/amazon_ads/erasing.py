"""People who are to be forgotten: up to 1,000 a request, taken out of every dataset of the manager account.

Source: the models of amazon-ads-api-v1 0.11.0 (one id of the caller's or one identity for each, 30 days).
Our readings where Amazon says nothing: an advertiser's own account may not ask; who is unknown is no error; the answer
is an empty object; it is done at once.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from segment_assets.sandbox.platforms.amazon_ads import errors
from segment_assets.sandbox.platforms.amazon_ads.members import SHAPE
from segment_assets.sandbox.platforms.amazon_ads.visit import MANAGER, PLATFORM, Visit, checked
from segment_assets.sandbox.platforms.kit import audiences, people
from segment_assets.sandbox.platforms.kit.exchange import Answer

if TYPE_CHECKING:
    from collections.abc import Iterator

TARGETS_PER_REQUEST = 1_000
TYPE = "application/vnd.admDataDeletion.v1+json"
_ID = "externalUserId"
_CELL = re.compile(r"[\x21-\x7e]{1,256}")


def erase(visit: Visit) -> Answer:
    """Take people out of every dataset of the account."""
    if visit.account != MANAGER:
        errors.refuse(403, "Only a manager account deletes identities")
    visit.is_prepared()
    if visit.call.headers.get("content-type") != TYPE:
        errors.refuse(415, f"Deletions are of type {TYPE}")
    targets = visit.body(("targetIdentities",))["targetIdentities"]
    if not isinstance(targets, list) or not 0 < len(targets) <= TARGETS_PER_REQUEST:
        errors.refuse(400, f"A request has from 1 to {TARGETS_PER_REQUEST} targetIdentities")
    cells = [cell for target in targets for cell in _cells(target)]
    if not cells or not all(isinstance(value, str) and _CELL.fullmatch(value) for _, value in cells):
        errors.refuse(400, "A target identity is not valid")
    visit.records = len(targets)
    for dataset in audiences.of_account(visit.db, PLATFORM, MANAGER):
        for key, value in cells:
            people.remove(visit.db, dataset["number"], SHAPE, {key: [value]})
    return Answer(200, {})


def _cells(target: object) -> Iterator[tuple[str, str]]:
    """What names the person of one target. Refuses the request for what no model has."""
    if isinstance(target, dict) and _ID in target:
        yield _ID, checked(target, (_ID,))[_ID]
        return
    identity = checked(checked(target, ("identity",))["identity"], (), ("hashedPiis", "externalIdentities"))
    for part in (*(identity.get("hashedPiis") or []), *(identity.get("externalIdentities") or [])):
        yield from ((key, value) for key, value in checked(part, (), SHAPE.keys).items())
