"""HubSpot through AppFlow: a property of the contact for each segment, true or false.

Belongs here: the property that is written. Not here: flows, files and runs (`appflow`), limits (`appflow_contract`).
Source: botocore 1.44.5 (CustomConnectorDestinationProperties), Amazon AppFlow's user guide. HubSpot's connector is a
custom connector of AWS's own. The name of its entity and its version are not published: they are settings, and
`aws appflow list-connector-entities` tells them.

Properties that have to be there: `email_sha256`, with unique values, and `segment_<name of the audience>` for each
segment. Of the name small Latin letters and digits are kept, the rest is `_`, and the property has 59 characters at
most; a plan in which two audiences of an account come to one property is refused. Contacts are updated, never made,
unless the plan's setting `write` says `upsert`: who is in a segment and not in HubSpot is a put failure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from segment_assets.contracts import MatchKey, PermanentError
from segment_assets.destinations.appflow import (
    DEFAULT_PREFIX,
    SETTINGS,
    AppFlowAudiences,
    Crm,
    own_field,
    write_operation,
)
from segment_assets.destinations.appflow_contract import contract
from segment_assets.destinations.settings import known_settings

if TYPE_CHECKING:
    from collections.abc import Mapping

_COLUMNS = {"person": "email_sha256", "is_member": "{field}"}
CONTRACT = contract("hubspot", _COLUMNS["person"])
field_of = own_field

_ENTITY, _VERSION = "contacts", "v3"


def connect(account: str, settings: Mapping[str, str], statements: Mapping[str, str]) -> AppFlowAudiences:
    """One connector profile of the plan; settings: `bucket`, `prefix`, `entity`, `connector_version` and `write`."""
    del statements
    given = known_settings("hubspot", settings, (*SETTINGS, "entity", "connector_version", "write"))
    version = given.get("connector_version", _VERSION)
    if not version:
        raise PermanentError("hubspot: connector_version is empty; name the version of AppFlow's connector")
    properties = {
        "entityName": given.get("entity", _ENTITY),
        "idFieldNames": [_COLUMNS["person"]],
        "writeOperationType": write_operation("hubspot", given.get("write", "update")),
    }
    crm = Crm("CustomConnector", properties, _COLUMNS, MatchKey.EMAIL, version)
    return AppFlowAudiences(account, given.get("bucket", ""), crm, CONTRACT, given.get("prefix", DEFAULT_PREFIX))
