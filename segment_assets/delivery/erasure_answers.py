"""What a platform answered about each record that it was asked to forget.

Belongs here: reading the log of one delivery of erasures. Not here: what then stands (`erasing`), reading an answer
itself (`destinations`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa

    from segment_assets.delivery.ledger import DeliveryLog


def answers(log: DeliveryLog, changes: pa.Table) -> list[dict[str, object]]:
    """What the answers say of each record: standing and code. Records of a batch that was never sent are left out.

    Where a batch has evidence for some of its records only, nobody tells for which: it is unproven of all of them.
    """
    standings = log.batch_standings()
    codes = {(e.body["phase"], e.body["batch"]): str(e.body["code"]) for e in log.answered("refused")}
    named: dict[tuple[str, int, str], str] = {}
    given_up, unproven = set(), set()
    for entry in log.final_answers():
        batch = (entry.body["phase"], entry.body["batch"])
        named |= {(*batch, member): code for member, code in entry.body["rejected_members"].items()}
        given_up |= {(*batch, place) for place in entry.body.get("given_up", ())}
        unproven |= {batch} if entry.body["unproven"] else set()
    found, places = [], dict[tuple[str, int], int]()
    for row in changes.select(["phase", "batch", "member_id", "record_id"]).to_pylist():
        batch = (row["phase"], row["batch"])
        place = places[batch] = places.get(batch, -1) + 1
        said, code = standings.get(batch, ""), codes.get(batch, "")
        if (*batch, row["member_id"].hex()) in named:
            said, code = "refused", named[(*batch, row["member_id"].hex())]
        elif (*batch, place) in given_up:
            said = "in_doubt"
        elif said == "acknowledged" and batch in unproven:
            said = "unproven"
        if said:
            names = {"member_id": row["member_id"], "record_id": row["record_id"]}
            found.append({**names, "standing": said, "code": code if said == "refused" else None})
    return found
