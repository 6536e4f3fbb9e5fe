"""What is declared of a platform's match keys: its routes, what each takes, and the readings where facts are uncertain.

Belongs here: the shapes, and what follows from them. Not here: any platform.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from segment_assets.contracts import Encoding, MatchKey, PermanentError, Reading, Sent

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    Groups = tuple[tuple[MatchKey, ...], ...]


@dataclasses.dataclass(frozen=True, slots=True)
class Route:
    """One way into a platform: an API, or a file.

    `match_keys` are sent, in the order of the wire. `groups`: a person can be matched when every key of at least one
    group is known. `identifying`: keys of which any single one makes the platform add or remove a person.
    `supporting`: keys that help where a group is complete, and are of no use alone. `also_taken`: keys that the
    platform takes and our connector does not send. `settings` are readings, by the name of the setting that chooses.
    `notes` say what the declaration cannot.
    """

    match_keys: Mapping[MatchKey, Sent]
    groups: Groups
    identifying: tuple[MatchKey, ...]
    source: str
    supporting: tuple[MatchKey, ...] = ()
    also_taken: Mapping[MatchKey, Sent] = dataclasses.field(default_factory=dict)
    settings: Mapping[str, Reading] = dataclasses.field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def sent(self, settings: Mapping[str, str] | None = None) -> dict[MatchKey, Sent]:
        """Every key that the platform takes, as these settings (default: the declared ones) have it.

        Raises PermanentError for a setting or choice that the route has not.
        """
        keys = {**self.match_keys, **self.also_taken}
        for name, choice in (settings or {}).items():
            setting = self.settings.get(name)
            if setting is None:
                known = ", ".join(self.settings) or "none"
                raise PermanentError(f"there is no such setting on this route; known: {known}")
            if choice not in setting.choices:
                raise PermanentError(f"setting {name} has no such choice; known: {', '.join(setting.choices)}")
            keys |= setting.choices[choice]
        return keys

    def readings(self, *keys: MatchKey) -> dict[str, Reading]:
        """Those that an account can choose among where a connector sends these keys (default: the route's own).

        Each choice is whole. Without those that take another digest than the default: hashed audiences hold SHA-256.
        """
        whole = {name: self._whole(setting) for name, setting in self.settings.items()}
        sent = keys or tuple(self.match_keys)
        return {name: reading for name, reading in whole.items() if _is_settable(reading, sent)}

    def _whole(self, setting: Reading) -> Reading:
        keys = {key for choice in setting.choices.values() for key in choice}
        known = {key: sent for key, sent in self.sent().items() if key in keys}
        return Reading({name: {**known, **choice} for name, choice in setting.choices.items()}, setting.why)

    def useful(self, known: Collection[MatchKey]) -> tuple[MatchKey, ...]:
        """Of the keys known of a person those worth sending, in the order of the wire; none where none can match."""
        complete = [group for group in self.groups if all(key in known for key in group)]
        keep = {key for group in complete for key in group}
        if complete:
            keep |= {key for key in self.supporting if key in known}
        return tuple(key for key in self.match_keys if key in keep)


@dataclasses.dataclass(frozen=True, slots=True)
class Platform:
    """A platform by its name in the registry. The first route is the one that is meant where none is named."""

    name: str
    routes: Mapping[str, Route]

    @property
    def default_variant(self) -> str:
        """The first route."""
        return next(iter(self.routes))


def _is_settable(reading: Reading, keys: Collection[MatchKey]) -> bool:
    encodings: dict[MatchKey, set[Encoding]] = {}
    for choice in reading.choices.values():
        for key, sent in choice.items():
            encodings.setdefault(key, set()).add(sent.encoding)
    return all(key in keys and len(found) == 1 for key, found in encodings.items())


def alone(*keys: MatchKey) -> Groups:
    """Groups of one key each."""
    return tuple((key,) for key in keys)
