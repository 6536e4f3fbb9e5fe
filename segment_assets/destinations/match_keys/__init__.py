"""Which match keys each platform takes, in which normal form and encoding: declared once, for all platforms.

Belongs here: the declarations, also of platforms whose connector comes later, and the reading of one value as a
platform wants it. Not here: wire formats and pacing; a connector's contract takes its keys from here.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from segment_assets.contracts import PermanentError
from segment_assets.destinations.match_keys import advertising, social
from segment_assets.destinations.match_keys.model import Platform, Route

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["PLATFORMS", "Platform", "Route", "route"]

PLATFORMS: Mapping[str, Platform] = MappingProxyType(
    {
        platform.name: platform
        for platform in (
            social.META,
            advertising.GOOGLE,
            advertising.AMAZON,
            social.TIKTOK,
            social.SNAPCHAT,
            social.PINTEREST,
            social.LINKEDIN,
            advertising.MICROSOFT_ADS,
            advertising.THE_TRADE_DESK,
            social.X_ADS,
            social.REDDIT,
            advertising.CRITEO,
            advertising.YAHOO_DSP,
            advertising.LIVERAMP,
        )
    }
)


def route(destination: str, variant: str | None = None) -> Route:
    """A platform's route, its default one without `variant`. Raises PermanentError for a name that is not known."""
    platform = PLATFORMS.get(destination)
    if platform is None:
        raise PermanentError(f"there is no such destination; known: {', '.join(PLATFORMS)}")
    found = platform.routes.get(variant or platform.default_variant)
    if found is None:
        raise PermanentError(f"{destination} has no such variant; known: {', '.join(platform.routes)}")
    return found
