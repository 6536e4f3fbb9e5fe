"""Data sets: defined, shown, listed, deleted.

Source: the OpenAPI (fields, words), the guide "Datasets" (names; a name that is taken is an error; deleting is for
good). Our readings: that error is a bad request; a consent type or the country's column comes once.
"""

from __future__ import annotations

import collections
import re
from typing import TYPE_CHECKING, Any

from segment_assets.sandbox.platforms.amc_data import errors, rows
from segment_assets.sandbox.platforms.amc_data.visit import INSTANCE, PLATFORM, Visit, checked
from segment_assets.sandbox.platforms.kit import audiences
from segment_assets.sandbox.platforms.kit.exchange import Answer

if TYPE_CHECKING:
    import sqlite3

TYPE = "application/vnd.amcadvertiserdataset.v1+json"
_NAME, _COUNTRY = re.compile(r"(?!list$)[a-z0-9_]{1,128}"), re.compile(r"[A-Z]{2}")
_DATA_TYPES = {"DATE", "DECIMAL", "INTEGER", "LONG", "STRING", "TIMESTAMP"}
_CONSENTS = {"AMZN_AD_STORAGE", "AMZN_USER_DATA", "GPP", "TCF"}
HASHED = {"ADDRESS", "CITY", "COUNTRY_CODE", "EMAIL", "FIRST_NAME", "LAST_NAME", "PHONE", "STATE", "ZIP"}
EXTERNAL = {"EXPERIAN", "IDFA", "KANTAR", "LIVERAMP", "MAID", "MERKLE", "NEUSTAR", "REALID", "SAMBATV"}
_FLAGS = ("isCountryCode", "isMainEventTime", "isMainUserId", "isMainUserIdType", "nullable", "requiresOneWayHashing")
_MOST_COLUMNS = 100


def create(visit: Visit) -> Answer:
    """An empty data set."""
    more = ("countryCode", "customerEncryptionKeyArn", "description", "period")
    wanted = checked(visit.body(TYPE, ("dataSet",))["dataSet"], ("columns", "dataSetId"), more)
    name, country = wanted["dataSetId"], wanted.get("countryCode", "US")
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        errors.refuse(400, "The name of a data set has lower-case letters, digits and underscores")
    if not isinstance(country, str) or not _COUNTRY.fullmatch(country):
        errors.refuse(400, "countryCode is no code of two letters")
    if audiences.find(visit.db, name, PLATFORM) is not None:
        errors.refuse(400, "A data set of this name is there")
    columns = wanted["columns"]
    if not isinstance(columns, list) or not 0 < len(columns) <= _MOST_COLUMNS:
        errors.refuse(400, f"A data set has from 1 to {_MOST_COLUMNS} columns")
    _check([_column(one) for one in columns])
    number = audiences.create(visit.db, PLATFORM, INSTANCE, name=name, detail={"data_set": wanted}, now=visit.now)
    audiences.set_id(visit.db, number, name)
    visit.audience = name
    return Answer(200, {"dataSetId": name, "instanceId": INSTANCE})


def show(visit: Visit) -> Answer:
    """Its definition."""
    return Answer(200, {"dataSet": definition(visit.dataset(visit.call.path["dataset"]))})


def every(visit: Visit) -> Answer:
    """A page of the definitions."""
    page, more = visit.page([definition(row) for row in audiences.of_account(visit.db, PLATFORM, INSTANCE)])
    return Answer(200, {"dataSets": page, **more})


def delete(visit: Visit) -> Answer:
    """Gone with all of its rows."""
    row = visit.dataset(visit.call.path["dataset"])
    rows.clear(visit.db, row)
    audiences.delete(visit.db, row)
    return Answer(200, {"dataSetId": row["id"], "instanceId": INSTANCE})


def definition(row: sqlite3.Row) -> dict[str, Any]:
    """A data set as it was defined."""
    found: dict[str, Any] = audiences.detail(row)["data_set"]
    return found


def _column(told: object) -> dict[str, Any]:
    column = checked(
        told, ("columnType", "dataType", "name"), ("consentType", "description", "externalUserIdType", *_FLAGS)
    )
    if column["columnType"] not in ("DIMENSION", "METRIC") or column["dataType"] not in _DATA_TYPES:
        errors.refuse(400, "columnType or dataType is not one that there is")
    if column.get("consentType", "TCF") not in _CONSENTS:
        errors.refuse(400, "consentType is not one that there is")
    if not all(isinstance(column.get(flag, False), bool) for flag in _FLAGS) or not isinstance(column["name"], str):
        errors.refuse(400, "A flag is no truth value, or a name no text")
    identity = column.get("externalUserIdType", {"hashedPii": "EMAIL"})
    if not isinstance(identity, dict) or len(identity) != 1:
        errors.refuse(400, "A column has one kind of identity")
    if identity.get("hashedPii") not in HASHED and identity.get("externalIdentity") not in EXTERNAL:
        errors.refuse(400, "The kind of identity is not one that there is")
    return column


def _check(columns: list[dict[str, Any]]) -> None:
    names = collections.Counter(column["name"] for column in columns)
    consents = collections.Counter(column["consentType"] for column in columns if "consentType" in column)
    if max([*names.values(), *consents.values()]) > 1 or sum(bool(c.get("isCountryCode")) for c in columns) > 1:
        errors.refuse(400, "A name, a consent type or the country comes twice")
