"""What is declared of a platform's match keys: its routes, what each takes, and the settings where facts are uncertain.

Belongs here: the shapes, and what follows from them. Not here: any platform.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from segment_assets.contracts import MatchKey, PermanentError, Sent

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    Groups = tuple[tuple[MatchKey, ...], ...]


@dataclasses.dataclass(frozen=True, slots=True)
class Setting:
    """A rule on which a platform's texts disagree or are silent.

    `choices` maps each choice to the keys that it sends otherwise; the first is the default. `why` names the texts.
    Of `segment-assets hash` and not of a plan: connectors send the default. An audience must never mix two forms, since
    who leaves has to be named by the digest that was sent, and a connector knows one form of a key.
    """

    choices: Mapping[str, Mapping[MatchKey, Sent]]
    why: str

    @property
    def default(self) -> str:
        """The first choice."""
        return next(iter(self.choices))


@dataclasses.dataclass(frozen=True, slots=True)
class Route:
    """One way into a platform: an API, or a file.

    `match_keys` are sent, in the order of the wire. `groups`: a person can be matched when every key of at least one
    group is known. `identifying`: keys of which any single one makes the platform add or remove a person.
    `supporting`: keys that help where a group is complete, and are of no use alone. `also_taken`: keys that the
    platform takes and our connector does not send. `notes` say what the declaration cannot.
    """

    match_keys: Mapping[MatchKey, Sent]
    groups: Groups
    identifying: tuple[MatchKey, ...]
    source: str
    supporting: tuple[MatchKey, ...] = ()
    also_taken: Mapping[MatchKey, Sent] = dataclasses.field(default_factory=dict)
    settings: Mapping[str, Setting] = dataclasses.field(default_factory=dict)
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


def alone(*keys: MatchKey) -> Groups:
    """Groups of one key each."""
    return tuple((key,) for key in keys)
