"""Lists that come page by page, each with the address of the next one.

Belongs here: walking them to their end. Not here: what a page looks like (one file per platform).

Of an address only its query is used: whoever answers must not choose the host that our token goes to.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from segment_assets.contracts import TransientError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

# No account has so many pages: a walk this long would be a list without an end.
_MOST_PAGES = 10_000


@dataclasses.dataclass(frozen=True, slots=True)
class Page:
    """One page. `following` is the address of the next one as the platform gave it, None or empty on the last."""

    items: Sequence[Mapping[str, Any]]
    following: object


def walked(
    ask: Callable[[Mapping[str, str]], Page], first: Mapping[str, str], said: str
) -> Iterator[Mapping[str, Any]]:
    """Everything on all pages. `ask` gets the parameters of a page; `said` names the account in an error.

    Raises TransientError where the list does not come to an end: an audience that was not seen is not an audience that
    is not there.
    """
    params, asked = dict(first), set[frozenset[tuple[str, str]]]()
    for _ in range(_MOST_PAGES):
        asked.add(frozenset(params.items()))
        page = ask(params)
        yield from page.items
        if not page.following:
            return
        params = dict(parse_qsl(str(page.following).partition("?")[2]))
        if not params or frozenset(params.items()) in asked:
            break
    raise TransientError(f"{said}: the list of audiences does not come to an end; it is asked again")
