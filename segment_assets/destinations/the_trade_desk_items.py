"""Items of The Trade Desk's requests with ids in the place of hashes, and answers about them in places of the hashes.

Belongs here: which items go out for which hashes. Not here: asking the identity map
(`resources.mapped_transport`), what a refused item means (`the_trade_desk_answers`).
Source: unifiedid.com (the id of before is named for 90 days after a change), ttd-data 0.3.2 (items are counted from 1,
in texts). The package sends a * for whoever could not be mapped and lets it be refused; we leave them out.
"""

from __future__ import annotations

import dataclasses
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, NamedTuple

from segment_assets.contracts import Request, Response
from segment_assets.destinations.numbers import CODE_DIGITS, written_number

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from segment_assets.contracts.mapping import MappedId, MappedIds

    Item = Mapping[str, Any]

_KINDS = ("email_hash", "phone_hash")
_NOBODY = "UserNotMapped"
_UNKNOWN_ID = "Uid2Error"


class _Sent(NamedTuple):
    """An item that goes out: the place of the item that it was made of, and whether it has the id of before."""

    place: int
    item: Item
    is_previous: bool = False


def hashes_in(request: Request) -> Mapping[str, Sequence[str]]:
    """Kind -> hashes of a request, in their order."""
    found: dict[str, list[str]] = {}
    for item in _items(request):
        for kind in _KINDS:
            if kind in item:
                found.setdefault(kind, []).append(item[kind])
    return found


def with_ids(request: Request, ids: MappedIds, field: str) -> Request | None:
    """The request with ids under `field`; None where all its hashes stand for nobody.

    Whoever is taken out is so by the id of before as well: they may have been added under it.
    """
    items = [sent.item for sent in _sent(request, ids, field)]
    return dataclasses.replace(request, json={**_body(request), "Items": items}) if items else None


def told_in_places_of(request: Request, ids: MappedIds, response: Response | None) -> Response:
    """The answer to `with_ids`, about the items of the request itself.

    Who stands for nobody is refused with the reason, except of a removal: nobody is there to be taken out.
    """
    sent = list(_sent(request, ids, ""))
    lines = [line for one in _lines(response) for line in _translated(one, sent)]
    if response is None or response.status < HTTPStatus.BAD_REQUEST:
        lines += _of_nobody(request, ids)
    if response is None:
        return Response(HTTPStatus.OK, {}, {"FailedLines": lines})
    body = response.json
    if not isinstance(body, dict) or not isinstance(body.get("FailedLines") or [], list):
        return response
    return dataclasses.replace(response, json={**body, "FailedLines": lines})


def _of_nobody(request: Request, ids: MappedIds) -> Iterator[object]:
    """Refused lines of those to be added whose hashes stand for nobody."""
    for place, item in enumerate(_items(request)):
        mapped = _mapped(item, ids)
        if mapped is not None and not mapped.current and not _takes_out(item):
            yield {"ItemNumber": str(place + 1), "ErrorCode": mapped.reason}


def _sent(request: Request, ids: MappedIds, field: str) -> Iterator[_Sent]:
    for place, item in enumerate(_items(request)):
        mapped = _mapped(item, ids)
        if mapped is None:
            yield _Sent(place, item)
            continue
        more = {name: value for name, value in item.items() if name not in _KINDS}
        if mapped.current:
            yield _Sent(place, {field: mapped.current, **more})
        if mapped.previous and _takes_out(item):
            yield _Sent(place, {field: mapped.previous, **more}, is_previous=True)


def _translated(line: object, sent: Sequence[_Sent]) -> Iterator[object]:
    """A refused line, by the place of the hash; nothing where it says that there was nobody to take out."""
    number = item_number(line)
    if number is None or number >= len(sent) or not isinstance(line, dict):
        yield line
        return
    place, item, is_previous = sent[number]
    gone = {_NOBODY, _UNKNOWN_ID} if is_previous else {_NOBODY}
    if not _takes_out(item) or line.get("ErrorCode") not in gone:
        yield {**line, "ItemNumber": str(place + 1)}


def item_number(line: object) -> int | None:
    """The place of an item that a refused line names, from 0; None where it names none.

    >>> item_number({"ItemNumber": "1"}), item_number({"ItemNumber": "-"})
    (0, None)
    """
    number = written_number(line.get("ItemNumber"), CODE_DIGITS) if isinstance(line, dict) else None
    return number - 1 if number else None


def _takes_out(item: Item) -> bool:
    """Whether an item is of a removal, or of an erasure, which has no data."""
    return all(data.get("TtlInMinutes") == 0 for data in item.get("Data", ()))


def _mapped(item: Item, ids: MappedIds) -> MappedId | None:
    return next((ids[kind][item[kind]] for kind in _KINDS if kind in item), None)


def _items(request: Request) -> Sequence[Item]:
    found: Sequence[Item] = _body(request).get("Items", ())
    return found


def _lines(response: Response | None) -> Sequence[object]:
    body = response.json if response is not None else None
    lines = body.get("FailedLines") if isinstance(body, dict) else None
    return lines if isinstance(lines, list) else []


def _body(request: Request) -> dict[str, Any]:
    return request.json if isinstance(request.json, dict) else {}
