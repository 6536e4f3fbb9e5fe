"""The regions of Amazon Ads: an advertiser is known at the address of its own region only.

Belongs here: addresses, and which marketplaces are where. Not here: the addresses that give tokens, which stand in an
account's secret. Source: advertising.amazon.com (API overview), as of autumn 2026.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from segment_assets.contracts import PermanentError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from segment_assets.contracts import Contract

ADDRESSES: Mapping[str, str] = {
    "na": "https://advertising-api.amazon.com",
    "eu": "https://advertising-api-eu.amazon.com",
    "fe": "https://advertising-api-fe.amazon.com",
}
_COUNTRIES = {
    "na": "BR CA MX US",
    "eu": "AE BE DE EG ES FR GB IE IN IT NL PL SA SE TR ZA",
    "fe": "AU JP SG",
}
_REGIONS = {country: region for region, countries in _COUNTRIES.items() for country in countries.split()}


def in_region(contract: Contract, settings: Mapping[str, str]) -> Contract:
    """The contract at the address of an account's `region` (na, eu, fe), without that of its `country`'s.

    North America where neither tells. Raises PermanentError for a region that there is not.
    """
    region = settings.get("region") or _REGIONS.get(settings.get("country", "").upper(), "na")
    if region not in ADDRESSES:
        raise PermanentError(
            f"{contract.platform}: region is not one of {', '.join(ADDRESSES)}; correct it in the plan"
        )
    return dataclasses.replace(contract, endpoint=ADDRESSES[region])
