"""Settings of an account in the plan, as a connector takes them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from segment_assets.contracts import PermanentError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping


def known_settings(platform: str, settings: Mapping[str, str], known: Collection[str]) -> dict[str, str]:
    """The settings, all of which the platform has. Raises PermanentError naming those that it has not.

    >>> known_settings("meta", {"api_version": "v26.0"}, ("api_version",))
    {'api_version': 'v26.0'}
    """
    unknown = sorted(set(settings) - set(known))
    if unknown:
        raise PermanentError(f"{platform}: no setting {', '.join(unknown)}; there are {', '.join(known) or 'none'}")
    return dict(settings)
