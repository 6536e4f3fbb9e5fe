"""Salesforce through AppFlow: one record per person and segment, in an object of its own.

Belongs here: the object that is written. Not here: flows, files and runs (`appflow`), limits (`appflow_contract`).
Source: botocore 1.44.5 (SalesforceDestinationProperties), Amazon AppFlow's user guide. As of autumn 2026.

What has to be there: an object Segment_Member__c with the fields Member_Key__c (text, external id, unique), Segment__c,
Email_SHA256__c (texts) and Is_Member__c (checkbox). A person who leaves gets Is_Member__c = false: AppFlow deletes by
Salesforce's own record ids, which we do not have (inferred). Contacts are not written, since an upsert makes a contact
of everybody whom Salesforce does not know.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from segment_assets.contracts import MatchKey, PermanentError
from segment_assets.destinations.appflow import DEFAULT_PREFIX, SETTINGS, AppFlowAudiences, Crm
from segment_assets.destinations.appflow_contract import contract
from segment_assets.destinations.settings import known_settings

if TYPE_CHECKING:
    from collections.abc import Mapping

_COLUMNS = {
    "member_key": "Member_Key__c",
    "segment": "Segment__c",
    "person": "Email_SHA256__c",
    "is_member": "Is_Member__c",
}
CONTRACT = contract("salesforce", _COLUMNS["person"])

_OBJECT = "Segment_Member__c"
# The first chooses by itself: fewer than 1,000 records go by REST.
_TRANSFERS = ("AUTOMATIC", "BULKV2", "REST_SYNC")


def connect(account: str, settings: Mapping[str, str], statements: Mapping[str, str]) -> AppFlowAudiences:
    """One connector profile of the plan; its settings are `bucket`, `prefix`, `object` and `transfer`."""
    del statements
    given = known_settings("salesforce", settings, (*SETTINGS, "object", "transfer"))
    transfer = given.get("transfer", _TRANSFERS[0])
    if transfer not in _TRANSFERS:
        raise PermanentError(f"salesforce: transfer {transfer!r} is not one of {', '.join(_TRANSFERS)}")
    properties = {
        "object": given.get("object", _OBJECT),
        "idFieldNames": [_COLUMNS["member_key"]],
        "writeOperationType": "UPSERT",
        "dataTransferApi": transfer,
    }
    crm = Crm("Salesforce", properties, _COLUMNS, MatchKey.EMAIL)
    return AppFlowAudiences(account, given.get("bucket", ""), crm, CONTRACT, given.get("prefix", DEFAULT_PREFIX))
