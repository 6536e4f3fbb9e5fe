"""The audiences of an advertiser on TikTok, of whatever sort: walked, and counted where TikTok makes no more.

Belongs here: what streamed audiences (`tiktok`) and customer files (`tiktok_file`) have in common. Not here: making
audiences, reading single answers (`tiktok_answers`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from segment_assets.contracts import Counted, Request, TransientError
from segment_assets.destinations.tiktok_answers import accepted, audience_list

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from segment_assets.contracts import Contract, Transport

_LIST = "/open_api/v1.3/dmp/custom_audience/list/"
_PAGE = 100
# So many times what an advertiser can have: a list without an end, and no long one.
_FAR_BEYOND = 25


def audiences(transport: Transport, advertiser: str, contract: Contract) -> Iterator[Mapping[str, Any]]:
    """Every audience of an advertiser, page by page.

    Raises TransientError for a list without an end, since what was not seen in it may still be there.
    """
    limit = contract.limit(Counted.AUDIENCES)
    pages = _FAR_BEYOND * -(-limit.most // _PAGE) if limit else _FAR_BEYOND
    for page in range(1, pages + 1):
        params = {"advertiser_id": advertiser, "page": str(page), "page_size": str(_PAGE)}
        body = accepted(transport.send(Request("GET", _LIST, params=params)), advertiser)
        found, last = audience_list(body, advertiser)
        yield from found
        if not found or page >= last:
            return
    raise TransientError(
        f"{contract.platform} account {advertiser}: the list of audiences has no end; it is asked again"
    )
