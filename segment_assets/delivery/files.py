"""Lists that take only so many files: how many each has taken, and whether a delivery still fits.

Belongs here: counting by the ledger, since no platform that was read tells. Not here: the number (the contract's
`more_limits`), what becomes of a list that is full (`steps`).

A list is made of one file, and takes each file that a commit names: one that is in doubt counts, one that was refused
does not. Every delivery is opened with what was taken before it, so that nobody has to read a year of them.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from segment_assets.contracts import Counted, NeedsHumanError, RefusedRemovalError
from segment_assets.delivery.lanes import stretch_of, stretches
from segment_assets.delivery.outgoing import OPERATIONS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from segment_assets.contracts import Contract, MatchKey
    from segment_assets.delivery.ledger import AudienceLedger, DeliveryLog, Pair

_OF_THE_CREATION = 1
# Of what is not left to people who said no. With two files a day that is three months before the end.
_TOLD_FROM = 0.6
_A_NEW_ONE = "end the activation with on_removal: delete, name it again, and give the new one to the campaigns"


class FullListError(NeedsHumanError):
    """A delivery has more files than its lists still take. `fits_a_new_one`: a list that was just made takes it."""

    def __init__(self, message: str, *, fits_a_new_one: bool) -> None:
        super().__init__(message)
        self.fits_a_new_one = fits_a_new_one


def files_noted(ledger: AudienceLedger, audience_id: str, contract: Contract) -> dict[str, Any]:
    """What the header of the next delivery says of files; empty where the platform does not count them."""
    if contract.limit(Counted.FILES) is None or not audience_id:
        return {}
    return {"files": {"audience": audience_id, "taken": files_taken(ledger, audience_id, contract)}}


def files_taken(ledger: AudienceLedger, audience_id: str, contract: Contract) -> dict[str, int]:
    """Lane (its match keys, with + between them) -> the files that its list has taken since it was made."""
    taken = Counter[str]()
    made = [entry.at for entry in ledger.audience().entries if entry.kind in {"created", "adopted"}]
    for log in ledger.newest_first():
        before = log.header.get("files")
        if before is not None and before["audience"] == audience_id:
            return dict(taken + _named(log) + Counter(before["taken"]))
        # One without a word on files sent nothing, or is from before they were counted.
        if before is not None or log.chain.entries[0].at < max(made, default=0.0):
            break
        taken += _named(log)
    return dict(taken + Counter({_name(keys): _OF_THE_CREATION for keys in contract.lanes or ((),)}))


def must_fit(pair: Pair, header: Mapping[str, Any], contract: Contract) -> None:
    """Raise for a delivery with more files than its lists still take. To people who leave the reserve is open.

    RefusedRemovalError for those who said no, FullListError for anybody else.
    """
    limit = contract.limit(Counted.FILES)
    if limit is None or "files" not in header:
        return
    room = limit.most - limit.reserve if header["lane"] == "audience" else limit.most
    for lane, needed in _needed(header).items():
        taken = header["files"]["taken"].get(lane, _OF_THE_CREATION)
        if taken + needed <= room:
            continue
        said = (
            f"{pair}: {_list(lane, limit.per)} has taken {taken} files, this delivery has {needed} more, and "
            f"{contract.platform} takes {limit.most}"
        )
        if header["lane"] == "opt_out":
            raise RefusedRemovalError(said)
        fits = _OF_THE_CREATION + -(-header["counts"]["wanted"] // contract.batch_members) <= room
        said += f", of which {limit.reserve} are left to people who say no" if limit.reserve else ""
        way_out = _A_NEW_ONE if fits else "these are too many people for files: split the segment"
        raise FullListError(f"{said}. Nobody is added to it any more; {way_out}", fits_a_new_one=fits)


def files_warning(ledger: AudienceLedger, audience_id: str, contract: Contract) -> str:
    """What a person should know about a list that has taken many files; empty while it has not."""
    limit = contract.limit(Counted.FILES)
    if limit is None or not audience_id:
        return ""
    room = limit.most - limit.reserve
    lane, taken = max(files_taken(ledger, audience_id, contract).items(), key=lambda item: item[1])
    if taken < room * _TOLD_FROM:
        return ""
    way_out = "a new one is made then" if contract.on_full_list == "renew" else f"before that, {_A_NEW_ONE}"
    return (
        f"{_list(lane, limit.per)} has taken {taken} of the {limit.most} files that {contract.platform} takes; after "
        f"{room} only people who say no are delivered: {way_out}"
    )


def _named(log: DeliveryLog) -> Counter[str]:
    """Lane -> files that commits of a delivery named and that were not refused."""
    files: dict[tuple[str, int], tuple[str, int]] = {}
    for entry in log.chain.entries:
        if entry.body.get("step") != "commit":
            continue
        phase, batches = entry.body["phase"], log.covered(entry)
        if entry.kind == "refused":
            files.pop((phase, batches.start), None)
        elif entry.kind == "intent":
            staged = log.staged(entry.number)
            uploads = [staged[phase, batch].body.get("noted", ()) for batch in batches if (phase, batch) in staged]
            lane = _name(stretch_of(log.header, phase, batches.start).keys)
            files[phase, batches.start] = (lane, sum(map(len, uploads)))
    found = Counter[str]()
    for lane, count in files.values():
        found[lane] += count
    return found


def _needed(header: Mapping[str, Any]) -> Counter[str]:
    """Lane -> the files of a delivery. A batch is one; one that is refused and goes in parts is more, which is rare."""
    needed = Counter[str]()
    for phase in header["batches"]:
        for stretch in stretches(header, phase) if phase in OPERATIONS else ():
            needed[_name(stretch.keys)] += stretch.last - stretch.first + 1
    return needed


def _name(keys: tuple[MatchKey, ...]) -> str:
    return "+".join(key.value for key in keys)


def _list(lane: str, per: str) -> str:
    return f"the {per} of {lane.replace('_', ' ')}" if lane else f"the {per}"
