"""Marketo through AppFlow: one record per person and segment, in a custom object.

Belongs here: the object that is written. Not here: flows, files and runs (`appflow`), limits (`appflow_contract`).
Source: botocore 1.44.5 (MarketoDestinationProperties, which names no id field), Amazon AppFlow's user guide (500 MB a
run). That a custom object can be the target, and is found by its own dedupe field, is inferred: try it with a small
segment first. Leads are not written: Marketo finds them by the raw e-mail, which does not leave.

What has to be there: a custom object segmentMember_c with the fields memberKey (its dedupe field), segment, emailSha256
and isMember. A person who leaves gets isMember = false.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from segment_assets.contracts import MatchKey
from segment_assets.destinations.appflow import DEFAULT_PREFIX, SETTINGS, AppFlowAudiences, Crm
from segment_assets.destinations.appflow_contract import contract
from segment_assets.destinations.settings import known_settings

if TYPE_CHECKING:
    from collections.abc import Mapping

_COLUMNS = {"member_key": "memberKey", "segment": "segment", "person": "emailSha256", "is_member": "isMember"}
CONTRACT = contract("marketo", _COLUMNS["person"], run_bytes=500_000_000)

_OBJECT = "segmentMember_c"


def connect(account: str, settings: Mapping[str, str], statements: Mapping[str, str]) -> AppFlowAudiences:
    """One connector profile of the plan; its settings are `bucket`, `prefix` and `object`."""
    del statements
    given = known_settings("marketo", settings, (*SETTINGS, "object"))
    crm = Crm("Marketo", {"object": given.get("object", _OBJECT)}, _COLUMNS, MatchKey.EMAIL)
    return AppFlowAudiences(account, given.get("bucket", ""), crm, CONTRACT, given.get("prefix", DEFAULT_PREFIX))
