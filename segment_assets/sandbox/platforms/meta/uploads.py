"""The calls that change who is in an audience: users, usersreplace, usersofanyaudience.

Not here: judging rows (`payload`), session rules (`sessions`), finding people (`kit.people`).
Source: docs/destinations/meta.md 3.2 to 3.4. Our readings: `num_invalid_entries` counts the request at hand, while
`num_received` is the session's total, as Meta says; without a session we make up an id. What is said of a person beside
the identifiers (a value, Limited Data Use) is what was said last: an upload that says nothing of it leaves it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from segment_assets.sandbox.platforms.kit import audiences, people
from segment_assets.sandbox.platforms.kit.exchange import Answer
from segment_assets.sandbox.platforms.meta import errors, payload, sessions

if TYPE_CHECKING:
    from segment_assets.sandbox.platforms.meta.visit import Visit


def edit_users(visit: Visit) -> Answer:
    """Add or remove people, by the call's method."""
    audience = visit.target()
    _refuse_if_closed(visit)
    if sessions.open_replace(visit.db, visit.account, audience["id"], visit.now) is not None:
        errors.replace_refused(errors.REPLACE_UPDATE_IN_PROGRESS)
    upload = payload.read_upload(visit.values.get("payload"))
    batch = sessions.read_batch(visit.values.get("session"))
    operation = "remove" if visit.method == "DELETE" else "add"
    if operation == "add":
        _refuse_another_kind(visit, upload)
    place = _place(visit, audience["id"], operation, batch, upload)
    if not place.is_dropped:
        _apply(visit, audience["number"], operation, upload)
    return _receipt(visit, upload, batch, place, audience["id"])


def replace_users(visit: Visit) -> Answer:
    """One batch of a replace. The first one empties the audience."""
    audience = visit.target()
    _refuse_if_closed(visit)
    upload = payload.read_upload(visit.values.get("payload"))
    batch = sessions.read_batch(visit.values.get("session"))
    if batch is None:
        errors.invalid("param session is required")
    _refuse_another_kind(visit, upload)
    target = sessions.Target(visit.account, audience["id"], "replace")
    place = sessions.place_replace(visit.db, target, batch, upload, visit.now)
    if batch.number == 1:
        people.clear(visit.db, audience["number"])
    _apply(visit, audience["number"], "add", upload)
    return _receipt(visit, upload, batch, place, audience["id"])


def remove_everywhere(visit: Visit) -> Answer:
    """Remove people from every audience of the account."""
    upload = payload.read_upload(visit.values.get("payload"))
    batch = sessions.read_batch(visit.values.get("session"))
    place = _place(visit, f"act_{visit.account}", "remove", batch, upload)
    if not place.is_dropped:
        for audience in audiences.of_account(visit.db, "meta", visit.account):
            _apply(visit, audience["number"], "remove", upload)
    return _receipt(visit, upload, batch, place, None)


def _refuse_if_closed(visit: Visit) -> None:
    if audiences.detail(visit.target()).get("flagged"):
        errors.flagged()


def _refuse_another_kind(visit: Visit, upload: payload.Upload) -> None:
    """Our reading: people go with a value to an audience that was made by value, and to no other."""
    if bool(audiences.detail(visit.target()).get("is_value_based")) != ("LOOKALIKE_VALUE" in upload.schema):
        errors.invalid("LOOKALIKE_VALUE is in the schema of a value-based audience, and of no other")


def _place(
    visit: Visit, target: str, operation: str, batch: sessions.Batch | None, upload: payload.Upload
) -> sessions.Place:
    if batch is None:
        return sessions.Place(is_dropped=False, received=upload.received)
    return sessions.place(visit.db, sessions.Target(visit.account, target, operation), batch, upload, visit.now)


def _apply(visit: Visit, number: int, operation: str, upload: payload.Upload) -> None:
    if operation == "add":
        people.add(visit.db, number, payload.SHAPE, upload.columns, upload.extras)
    else:
        people.remove(visit.db, number, payload.SHAPE, upload.columns)
    visit.db.execute("UPDATE audience SET content_updated = ? WHERE number = ?", (visit.now, number))


def _receipt(
    visit: Visit, upload: payload.Upload, batch: sessions.Batch | None, place: sessions.Place, audience: str | None
) -> Answer:
    body: dict[str, Any] = {} if audience is None else {"audience_id": audience}
    body |= {
        "session_id": int(visit.now * 1000) if batch is None else batch.session,
        "num_received": place.received,
        "num_invalid_entries": 0 if place.is_dropped else upload.invalid,
        "invalid_entry_samples": {} if place.is_dropped else upload.samples,
    }
    return Answer(200, body, records=upload.received)
