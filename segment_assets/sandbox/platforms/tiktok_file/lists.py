"""Customer file audiences: made of files, changed by files, listed, deleted.

Source: the official package (bodies, defaults), public clients that transcribe the reference: REPLACE is the default
action; a change after which a list has fewer than a thousand people fails, later and not in the call; at most 128
characters in a name; 400 audiences of an account and 500 files of an audience, as other vendors tell. Our readings
where TikTok says nothing: what is above those two is 40002, in the call; every file that was named counts, also of a
change that failed and of one that replaced what was there; each identifier is a person of its own, since the sandbox
knows of no accounts; a list that is gone or another advertiser's is 40007; a file of another kind than the list is
40002; a change stands in the history as soon as it is asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from segment_assets.sandbox.platforms.kit import audiences, people
from segment_assets.sandbox.platforms.tiktok import envelope, segments
from segment_assets.sandbox.platforms.tiktok_file import changes, files

if TYPE_CHECKING:
    import sqlite3

    from segment_assets.sandbox.platforms.kit.exchange import Answer
    from segment_assets.sandbox.platforms.tiktok.visit import Visit

_FIRST_ID = 7_138_000_000_000_000_003
"""Above 2**53 and odd, so that a caller who makes a float of an id reaches another list."""
_AUDIENCES_PER_ADVERTISER = 400
_FILES_PER_AUDIENCE = 500
_LONGEST_NAME = 128
_MOST_OF_A_PAGE, _MOST_IDS, _LONGEST_HISTORY = 100, 100, 100
_ACTIONS = {"APPEND", "REMOVE", "REPLACE"}
_SUB_TYPES = {"NORMAL", "REACH_FREQUENCY"}
_LONGEST_RETENTION = 365
_SHOWN_FROM = 1_000


def create(visit: Visit) -> Answer:
    """A list of files, which are worked through later. Names may repeat: a second call makes a second list."""
    values = visit.body()
    advertiser = visit.reach(values.get("advertiser_id"))
    name, kind = values.get("custom_audience_name"), values.get("calculate_type")
    if not isinstance(name, str) or not name.strip() or len(name) > _LONGEST_NAME:
        envelope.invalid(f"custom_audience_name: 1 to {_LONGEST_NAME} characters are required")
    _judge_use(values)
    retention = values.get("retention_in_days")
    if retention is not None and (not isinstance(retention, int) or not 1 <= retention <= _LONGEST_RETENTION):
        envelope.invalid(f"retention_in_days: must be from 1 to {_LONGEST_RETENTION}")
    paths = _paths(visit, advertiser, values.get("file_paths"), kind)
    if len(audiences.of_account(visit.db, visit.platform, advertiser)) >= _AUDIENCES_PER_ADVERTISER:
        envelope.invalid("the advertiser has as many audiences as there can be")
    if len(paths) > visit.switch("files_per_audience", _FILES_PER_AUDIENCE):
        envelope.invalid("file_paths: the audience would have too many files")
    detail: dict[str, Any] = {"calculate_type": kind, "error_msg": "", "history": [], "files": len(paths)}
    number = audiences.create(visit.db, visit.platform, advertiser, name=name, detail=detail, now=visit.now)
    visit.audience = str(_FIRST_ID + 10 * number)
    audiences.set_id(visit.db, number, visit.audience)
    changes.ask(visit, own(visit, advertiser, visit.audience), "CREATE", paths)
    return envelope.done({"custom_audience_id": visit.audience})


def update(visit: Visit) -> Answer:
    """A change by files, or another name."""
    values = visit.body()
    advertiser = visit.reach(values.get("advertiser_id"))
    row = own(visit, advertiser, values.get("custom_audience_id"))
    name, paths, action = values.get("custom_audience_name"), values.get("file_paths"), values.get("action", "REPLACE")
    if name is not None and (not isinstance(name, str) or not 0 < len(name) <= _LONGEST_NAME):
        envelope.invalid(f"custom_audience_name: 1 to {_LONGEST_NAME} characters are required")
    if name is None and paths is None:
        envelope.invalid("custom_audience_name or file_paths is required")
    if action not in _ACTIONS:
        envelope.invalid(f"action: must be one of {', '.join(sorted(_ACTIONS))}")
    _judge_use(values)
    if name is not None:
        audiences.update(visit.db, row, {}, name=name)
    if paths is not None:
        _take_files(visit, row, action, _paths(visit, advertiser, paths, audiences.detail(row)["calculate_type"]))
    return envelope.done()


def delete(visit: Visit) -> Answer:
    """Lists go, with everybody in them. None goes where one is not there."""
    values = visit.body()
    advertiser = visit.reach(values.get("advertiser_id"))
    wanted = values.get("custom_audience_ids")
    if not isinstance(wanted, list) or not 1 <= len(wanted) <= _MOST_IDS:
        envelope.invalid(f"custom_audience_ids: 1 to {_MOST_IDS} are required")
    for row in [own(visit, advertiser, one) for one in wanted]:
        changes.forget(visit.db, row)
        people.clear(visit.db, row["number"])
        audiences.delete(visit.db, row)
    return envelope.done()


def listed(visit: Visit) -> Answer:
    """One page of the advertiser's lists."""
    query = visit.call.query
    advertiser = visit.reach(query.get("advertiser_id"))
    page = segments.whole(query.get("page"), 1, 10**6)
    size = segments.whole(query.get("page_size"), 10, visit.switch("most_of_a_page", _MOST_OF_A_PAGE))
    asked = segments.asked_ids(query.get("custom_audience_ids"))
    rows = audiences.of_account(visit.db, visit.platform, advertiser)
    rows = [row for row in rows if asked is None or row["id"] in asked]
    info = {"page": page, "page_size": size, "total_number": len(rows), "total_page": -(-len(rows) // size)}
    some = rows[(page - 1) * size : page * size]
    return envelope.done({"list": [_details(visit.db, row) for row in some], "page_info": info})


def got(visit: Visit) -> Answer:
    """Some lists in detail, each with its newest changes. Those that are not there are left out."""
    query = visit.call.query
    advertiser = visit.reach(query.get("advertiser_id"))
    asked = segments.asked_ids(query.get("custom_audience_ids"))
    if asked is None or not 1 <= len(asked) <= _MOST_IDS:
        envelope.invalid(f"custom_audience_ids: a JSON list of 1 to {_MOST_IDS} is required")
    most = segments.whole(query.get("history_size"), 5, _LONGEST_HISTORY)
    rows = [row for row in audiences.of_account(visit.db, visit.platform, advertiser) if row["id"] in asked]
    return envelope.done(
        {
            "list": [
                {
                    "audience_details": _details(visit.db, row),
                    "audience_history": list(reversed(audiences.detail(row)["history"]))[:most],
                }
                for row in rows
            ]
        }
    )


def own(visit: Visit, advertiser: str, audience: object) -> sqlite3.Row:
    """A list of the advertiser. Refuses (40007) any other."""
    row = audiences.find(visit.db, audience, visit.platform) if isinstance(audience, str) else None
    if row is None or row["account"] != advertiser:
        envelope.refuse(envelope.GONE, "The audience does not exist")
    visit.audience = row["id"]
    return row


def _paths(visit: Visit, advertiser: str, told: object, kind: object) -> list[str]:
    found = files.named(visit, advertiser, told)
    if any(file["calculate_type"] != kind for file in found):
        envelope.invalid("calculate_type: is not that of the files")
    return [file["path"] for file in found]


def _take_files(visit: Visit, row: sqlite3.Row, action: str, paths: list[str]) -> None:
    files = audiences.detail(row)["files"] + len(paths)
    if files > visit.switch("files_per_audience", _FILES_PER_AUDIENCE):
        envelope.invalid("file_paths: the audience would have too many files")
    audiences.update(visit.db, row, {"files": files})
    changes.ask(visit, own(visit, row["account"], row["id"]), action, paths)


def _judge_use(values: dict[str, Any]) -> None:
    if values.get("audience_sub_type", "NORMAL") not in _SUB_TYPES:
        envelope.invalid(f"audience_sub_type: must be one of {', '.join(sorted(_SUB_TYPES))}")
    if not isinstance(values.get("audience_enhancement", False), bool):
        envelope.invalid("audience_enhancement: must be true or false")


def _details(db: sqlite3.Connection, row: sqlite3.Row) -> dict[str, Any]:
    detail, is_valid = audiences.detail(row), changes.state(db, row) == "valid"
    return {
        "audience_id": row["id"],
        "name": row["name"],
        "audience_type": "Customer File Audience",
        "calculate_type": detail["calculate_type"],
        "cover_num": row["people"] if is_valid and row["people"] >= _SHOWN_FROM else 0,
        "is_valid": is_valid,
        "is_expiring": False,
        "is_creator": True,
        "shared": False,
        "msg": "",
        "error_msg": detail["error_msg"],
        "create_time": changes.shown_time(row["created"]),
    }
