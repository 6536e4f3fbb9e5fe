"""Zendesk through AppFlow: a field of the user for each segment, true or false.

Belongs here: the field that is written. Not here: flows, files and runs (`appflow`), limits (`appflow_contract`).
Source: botocore 1.44.5 (ZendeskDestinationProperties), Amazon AppFlow's user guide. As of autumn 2026. That users can
be the target, and how their custom fields are called in a flow (`user_fields.`), is inferred: `object` and
`field_prefix` are settings, and `aws appflow describe-connector-entity` tells them.

What has to be there: the SHA-256 of the e-mail in `external_id`, and a custom field `segment_<name of the audience>`
for each segment. Of the name small Latin letters and digits are kept, the rest is `_`, and the field has 59 characters
at most; a plan in which two audiences of an account come to one field is refused. Users are updated, never made, unless
the plan's setting `write` says `upsert`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from segment_assets.contracts import MatchKey
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

_PERSON = "external_id"
CONTRACT = contract("zendesk", _PERSON)
field_of = own_field

_OBJECT, _FIELD_PREFIX = "users", "user_fields."


def connect(account: str, settings: Mapping[str, str], statements: Mapping[str, str]) -> AppFlowAudiences:
    """One connector profile of the plan; its settings are `bucket`, `prefix`, `object`, `field_prefix` and `write`."""
    del statements
    given = known_settings("zendesk", settings, (*SETTINGS, "object", "field_prefix", "write"))
    properties = {
        "object": given.get("object", _OBJECT),
        "idFieldNames": [_PERSON],
        "writeOperationType": write_operation("zendesk", given.get("write", "update")),
    }
    columns = {"person": _PERSON, "is_member": f"{given.get('field_prefix', _FIELD_PREFIX)}{{field}}"}
    crm = Crm("Zendesk", properties, columns, MatchKey.EMAIL)
    return AppFlowAudiences(account, given.get("bucket", ""), crm, CONTRACT, given.get("prefix", DEFAULT_PREFIX))
