"""Names, columns and rows of AMC's advertiser data uploads, and the targets of its deletions.

Belongs here: what is inside of a file. Not here: where it goes (`amc_data_manifests`, `amc_data`).
Source: the AMC guides "Prepare data" (CSV with a header in UTF-8; identifiers hashed, a MAID as it is) and "Datasets"
(names), Amazon's OpenAPI "Advertiser Data Upload" 3.0 (types of columns, kinds of identity and of consent).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from segment_assets.contracts import MatchKey, PermanentError
from segment_assets.destinations.amazon_ads_people import cells, user_data
from segment_assets.destinations.limits import fitted

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from segment_assets.contracts import AudienceSpec, Contract, Member

# What Amazon calls each identifier, as a hash or as an id of somebody else's.
_HASHED = {MatchKey.EMAIL: "EMAIL", MatchKey.PHONE: "PHONE"}
_EXTERNAL = {MatchKey.MOBILE_AD_ID: "MAID"}
_CONSENT = "amzn_user_data"
# The only words that AMC takes of a consent; no word is no signal.
_TAKEN = frozenset({"GRANTED", "DENIED"})
_MEMBER, _NO_MEMBER = "1", "0"
_OF_THE_MARKER = 16


def dataset(spec: AudienceSpec, contract: Contract) -> str:
    """A name as data sets may have: lower-case letters, digits and underscores; ours begin with a letter."""
    words = re.sub(r"[^a-z0-9]+", "_", spec.name.lower()).strip("_")
    name = words if words[:1].isalpha() else f"s{words}"
    return fitted(contract, name, f"_{spec.marker[:_OF_THE_MARKER]}")


def columns(contract: Contract) -> list[dict[str, Any]]:
    """The columns of a data set, in the order of the file."""
    said: dict[str, dict[str, Any]] = {"member": {}}
    for key, sent in contract.match_keys.items():
        if key in _HASHED:
            said[sent.field] = {"externalUserIdType": {"hashedPii": _HASHED[key]}}
        elif key in _EXTERNAL:
            said[sent.field] = {"externalUserIdType": {"externalIdentity": _EXTERNAL[key]}}
        else:
            said[sent.field] = {"isCountryCode": True}
    said |= {_CONSENT: {"consentType": "AMZN_USER_DATA"}, "is_member": {}, "changed": {}}
    types = {"is_member": "INTEGER", "changed": "LONG"}
    return [
        {"name": name, "dataType": types.get(name, "STRING"), "columnType": "DIMENSION", **more}
        for name, more in said.items()
    ]


def rows(members: Sequence[Member], contract: Contract, rank: int, stated: Mapping[str, str] | None) -> str:
    """The CSV of one batch. `stated`: the plan's words on people who are added, None of people who are taken out.

    No cell has a comma or a quote in it.
    """
    is_member = _NO_MEMBER if stated is None else _MEMBER
    lines = [",".join(column["name"] for column in columns(contract))]
    for member in members:
        found = _cells(member, contract)
        told = [found.get(key, "") for key in contract.match_keys]
        said = contract.statements["removal_signal"][0] if stated is None else user_data(member, contract, stated)
        signal = said if said in _TAKEN else ""
        lines.append(",".join((member.member_id.hex(), *told, signal, is_member, str(rank))))
    return "".join(f"{line}\n" for line in lines)


def targets(member: Member, contract: Contract) -> Iterator[dict[str, Any]]:
    """The identities by which a person is deleted."""
    for key, cell in _cells(member, contract).items():
        if key in _HASHED:
            yield {"hashedIdentity": {_HASHED[key]: cell}}
        elif key in _EXTERNAL:
            yield {"externalIdentity": {"type": _EXTERNAL[key], "value": cell}}


def _cells(member: Member, contract: Contract) -> dict[MatchKey, str]:
    found = cells(member, contract)
    if not any(key in found for key in contract.identifying):
        raise PermanentError(
            "amc_data: a person of the batch has nothing that Amazon can match; nothing was sent; report this as a "
            "defect"
        )
    if MatchKey.COUNTRY in found:
        found[MatchKey.COUNTRY] = found[MatchKey.COUNTRY].upper()
    return found
