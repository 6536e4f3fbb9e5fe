"""Terms and audiences themselves: made, shown, given another life, listed by the DSP.

Source: the OpenAPI (lengths, the numbers of audiences), the guide (an audience whose life is 0 serves nobody; sizes),
audience discovery (an account's profile in a header, a broad match of names, pages).
Our readings: names need not be unique; every audience is in the DSP's list at once; half of the people are matched, 36
hours after the last change; a broad match of a name is one that holds the words, whatever their case.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from segment_assets.sandbox.platforms.amc import errors
from segment_assets.sandbox.platforms.amc.visit import ADVERTISER, CONNECTION, PLATFORM, PROFILE, Visit, checked
from segment_assets.sandbox.platforms.kit import audiences, settings
from segment_assets.sandbox.platforms.kit.exchange import Answer

if TYPE_CHECKING:
    import sqlite3

TYPE = "application/vnd.amcaudiences.v1+json"
CONNECTIONS_TYPE = "application/vnd.amcaudiencesconnections.v1+json"
REFLECTED = 36 * 3_600.0
LONGEST_LIFE = 34_300_800
_NAME, _COUNTRY = re.compile(r"[A-Za-z0-9 _-]{10,128}"), re.compile(r"[A-Z]{2}")
_LONGEST_DESCRIPTION, _MOST_OF_A_PAGE = 1_000, 250
_FIRST_NUMBER = 413_642_381_039_213_000
_MATCHED = 0.5
_AGREEMENT = {"agreementToken": "sandbox-agreement", "agreementContent": "Terms of the sandbox"}


def terms(visit: Visit) -> Answer:
    """Whether they are accepted, and their text."""
    return Answer(200, {"hasAccepted": visit.switch("terms_accepted", default=True), **_AGREEMENT})


def accept_terms(visit: Visit) -> Answer:
    """The agreement that was shown has to be named."""
    wanted = visit.body(CONNECTIONS_TYPE, ("agreementToken", "hasAccepted"))
    if wanted["agreementToken"] != _AGREEMENT["agreementToken"] or not isinstance(wanted["hasAccepted"], bool):
        errors.refuse(400, "The agreement is not the one that was shown")
    settings.write(visit.db, PLATFORM, "terms_accepted", wanted["hasAccepted"])
    return Answer(204, None)


def create(visit: Visit) -> Answer:
    """201 with the number of the audience."""
    wanted = visit.body(TYPE, ("name", "description", "targetResource", "metadata"), ("countryCode",))
    target = wanted["targetResource"]
    if target not in ({"connectionId": CONNECTION}, {"advertiserId": int(ADVERTISER)}):
        errors.refuse(400, "The target resource is not one that the login reaches")
    if "connectionId" in target:
        visit.check_terms()
    name, country = wanted["name"], wanted.get("countryCode")
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        errors.refuse(400, "The name has not its form")
    if not isinstance(wanted["description"], str) or len(wanted["description"]) > _LONGEST_DESCRIPTION:
        errors.refuse(400, "The description has not its length")
    if country is not None and not _COUNTRY.fullmatch(str(country)):
        errors.refuse(400, "countryCode is no code of two letters")
    metadata = checked(wanted["metadata"], ("externalAudienceId",), ("ttl",))
    detail = {
        "external": metadata["externalAudienceId"],
        "ttl": _life(metadata.get("ttl", LONGEST_LIFE)),
        "country": country,
        "description": wanted["description"],
        "target": target,
    }
    number = audiences.create(visit.db, PLATFORM, ADVERTISER, name=name, detail=detail, now=visit.now)
    visit.account, visit.audience = ADVERTISER, str(_FIRST_NUMBER + number)
    audiences.set_id(visit.db, number, visit.audience)
    return Answer(201, {"audienceId": int(visit.audience), "externalAudienceId": metadata["externalAudienceId"]})


def show(visit: Visit) -> Answer:
    """All that is known of an audience."""
    return Answer(200, _shown(_named(visit), visit.now))


def update(visit: Visit) -> Answer:
    """Another description or life. With a life of 0 it serves nobody, and its people are there still."""
    row = _named(visit)
    wanted = visit.body(TYPE, (), ("description", "metadata"))
    metadata = checked(wanted.get("metadata", {}), (), ("ttl", "audienceFees"))
    changes = {"ttl": _life(metadata["ttl"])} if "ttl" in metadata else {}
    audiences.update(visit.db, row, changes | {k: wanted[k] for k in ("description",) if k in wanted})
    shown = _shown(_named(visit), visit.now)
    # An update tells neither sizes nor country.
    shown.pop("countryCode", None)
    shown["metadata"].pop("audienceSize")
    return Answer(200, shown)


def every(visit: Visit) -> Answer:
    """A page of the audiences that the DSP has of an advertiser."""
    query = visit.call.query
    if visit.call.headers.get("amazon-advertising-api-scope") != PROFILE or query.get("advertiserId") != ADVERTISER:
        errors.refuse(403, "The profile has no access to the advertiser")
    limit, after = query.get("maxResults", "10"), query.get("nextToken", "0")
    if not limit.isdecimal() or not 0 < int(limit) <= _MOST_OF_A_PAGE or not after.isdecimal():
        errors.refuse(400, f"maxResults is from 1 to {_MOST_OF_A_PAGE}, nextToken as it was given")
    wanted = visit.body("application/json", (), ("adType", "countries", "filters"))
    if wanted.get("adType") != "DSP":
        errors.refuse(400, "The sandbox has the audiences of the DSP only")
    rows = audiences.of_account(visit.db, PLATFORM, ADVERTISER)
    for one in wanted.get("filters", ()):
        fields = checked(one, ("field", "values"), ("operator",))
        if fields["field"] != "audienceName" or fields.get("operator", "EQ") != "EQ":
            errors.refuse(400, "The sandbox filters by equal names only")
        words = [str(word).casefold() for word in fields["values"]]
        rows = [row for row in rows if any(word in row["name"].casefold() for word in words)]
    page = rows[int(after) : int(after) + int(limit)]
    more = {"nextToken": str(int(after) + len(page))} if int(after) + len(page) < len(rows) else {}
    return Answer(200, {"audiences": [_in_list(row) for row in page], "matchCount": len(rows), **more})


def _life(told: object) -> int:
    if isinstance(told, bool) or not isinstance(told, int) or not 0 <= told <= LONGEST_LIFE:
        errors.refuse(400, f"ttl is from 0 to {LONGEST_LIFE} seconds")
    return told


def _named(visit: Visit) -> sqlite3.Row:
    row = visit.audience_of(visit.call.path["audience"])
    if row is None:
        errors.refuse(404, "The audience is not there")
    visit.account, visit.audience = row["account"], row["id"]
    return row


def _shown(row: sqlite3.Row, now: float) -> dict[str, Any]:
    detail = audiences.detail(row)
    sizes = {
        "receivedRecordSize": row["people"],
        "idResolutionCount": matched(row, now),
        "dspAudienceSize": matched(row, now) if detail["ttl"] else 0,
    }
    told = {
        "audienceId": int(row["id"]),
        "advertiserId": int(row["account"]),
        "name": row["name"],
        "description": detail["description"],
        "countryCode": detail["country"],
        "metadata": {"externalAudienceId": detail["external"], "ttl": detail["ttl"], "audienceSize": sizes},
    }
    return {name: one for name, one in told.items() if one is not None}


def matched(row: sqlite3.Row, now: float) -> int:
    """People that Amazon knows somebody for."""
    return int(row["people"] * _MATCHED) if now >= row["content_updated"] + REFLECTED else 0


def _in_list(row: sqlite3.Row) -> dict[str, Any]:
    return {
        "audienceId": row["id"],
        "audienceName": row["name"],
        "description": audiences.detail(row)["description"],
        "category": "Advertiser audiences",
        "status": "Active",
        "forecasts": {"inventoryForecasts": {}},
    }
