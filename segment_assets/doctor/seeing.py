"""Asking AWS how something is: what is not there and what may not be seen are answers, everything else is an error."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from segment_assets.contracts import SegmentAssetsError
from segment_assets.resources.aws.errors import translated

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

_DENIED = frozenset({"403", "AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "AuthorizationError"})


def seen(what: str, ask: Callable[[], Any], *, absent: Collection[str] = (), otherwise: Any = None) -> Any:
    """What a call tells; `otherwise` for a code of `absent`; None where the caller is not allowed to see it."""
    try:
        with translated(what):
            return ask()
    except SegmentAssetsError as refusal:
        if refusal.code in absent:
            return otherwise
        if refusal.code in _DENIED:
            return None
        raise


def there(what: str, ask: Callable[[], Any], absent: Collection[str]) -> Any:
    """What a call tells of something that has to be there, None where it is not. A denied look is an error."""
    try:
        with translated(what):
            return ask()
    except SegmentAssetsError as refusal:
        if refusal.code in absent:
            return None
        raise
