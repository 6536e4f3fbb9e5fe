"""What a plan has to fulfil as a whole: names that exist, nothing twice, and what the platforms themselves allow.

Belongs here: rules between entries, each telling the place in the file and what to change. Not here: the shape of one
entry, and rules about a single activation (`policy`).
"""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

from segment_assets import queries
from segment_assets.contracts import PermanentError
from segment_assets.destinations import connect, field_of
from segment_assets.plan.policy import broken_by

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from segment_assets.plan.activations import Activation
    from segment_assets.plan.model import Plan


def problems(plan: Plan) -> list[str]:
    """Everything that is wrong with a plan, each as `place: what to change`."""
    said = (_names_that_do_not_exist, _not_connectable, _forbidden, _claimed_twice, _allowed_alone, _drawn_alike)
    return [problem for rule in said for problem in rule(plan)]


def _not_connectable(plan: Plan) -> Iterator[str]:
    """Accounts with a number or a setting that their platform has not; every run of theirs would fail on it."""
    for name, account in plan.accounts.items():
        try:
            connect(account.destination, account.account, account.settings)
        except PermanentError as error:
            yield f"accounts.{name}: {error}"


def _drawn_alike(plan: Plan) -> Iterator[str]:
    first_with: dict[str, str] = {}
    for name, experiment in plan.experiments.items():
        first = first_with.setdefault(experiment.salt, name)
        if first != name:
            yield (
                f"experiments.{name}.salt: it is that of {first}, so both would hold out the same people; give each "
                "experiment one of its own"
            )


def _allowed_alone(plan: Plan) -> Iterator[str]:
    known = {name.partition("/")[2] for name in queries.names("clean_room")} if plan.uncertain_queries else set()
    for name, allowed in plan.uncertain_queries.items():
        if name not in known:
            yield (
                f"uncertain_queries.{name}: the clean room has no such query; take it out, or name one of "
                f"{', '.join(sorted(known))}"
            )
        if plan.is_author(allowed.allowed_by):
            yield f"uncertain_queries.{name}.allowed_by: the plan's author allows it; somebody else has to"


def _names_that_do_not_exist(plan: Plan) -> Iterator[str]:
    for kind, known in (("segment", plan.segments), ("account", plan.accounts)):
        places: dict[str, list[int]] = {}
        for place, activation in enumerate(plan.activations):
            if getattr(activation, kind) not in known:
                places.setdefault(getattr(activation, kind), []).append(place)
        # A name is mistyped where it is declared as often as where it is used, and then it is one mistake.
        for name, (first, *others) in places.items():
            more = f" (as in {len(others)} more activations)" if others else ""
            yield f"activations.{first}.{kind}: {_unknown(name, known)}{more}"
    for name, segment in plan.segments.items():
        if segment.experiment is not None and segment.experiment not in plan.experiments:
            yield f"segments.{name}.experiment: {_unknown(segment.experiment, plan.experiments)}"


def _unknown(name: str, known: Collection[str]) -> str:
    alike = difflib.get_close_matches(name, known, 1)
    hint = f" (there is {alike[0]!r})" if alike else ""
    return f"{name!r} is not in the plan; add it or correct the name{hint}"


def _complete(plan: Plan) -> Iterator[tuple[int, Activation]]:
    """Activations whose segment and account are in the plan, with their places."""
    for place, activation in enumerate(plan.activations):
        if activation.segment in plan.segments and activation.account in plan.accounts:
            yield place, activation


def _forbidden(plan: Plan) -> Iterator[str]:
    for place, activation in _complete(plan):
        yield from (f"activations.{place}: {problem}" for problem in broken_by(plan, activation))


def _claimed_twice(plan: Plan) -> Iterator[str]:
    """Pairs that are named twice, and audiences of one platform account that two segments would share."""
    pairs: set[tuple[str, ...]] = set()
    names: dict[tuple[str, ...], str] = {}
    adopted: dict[tuple[str, ...], str] = {}
    for place, activation in _complete(plan):
        account = plan.accounts[activation.account]
        where = (account.destination, account.account)
        if (*where, activation.segment) in pairs:
            yield f"activations.{place}: {activation.segment} on {activation.account} is named twice; keep one of them"
            continue
        pairs.add((*where, activation.segment))
        name = " ".join(plan.audience_name(activation).split())
        field = field_of(account.destination, name)
        if field == "":
            yield (
                f"activations.{place}: {account.destination} has a field for each audience, and {name!r} has no Latin "
                "letter and no digit to name it by; give it an audience_name that has"
            )
        first = names.setdefault((*where, field or name.casefold()), activation.segment)
        if first != activation.segment:
            yield (
                f"activations.{place}: {first} and {activation.segment} claim one audience on {activation.account}, "
                f"{field or name!r}; give one of them an audience_name of its own"
            )
        if activation.adopt is None:
            continue
        if activation.on_removal == "delete":
            yield f"activations.{place}.on_removal: an adopted audience is not ours to delete; say empty or keep"
        # An audience of several lists has the ids of all of them, one after the other.
        owners = {adopted.setdefault((*where, list_id), activation.segment) for list_id in activation.adopt.split()}
        for first in sorted(owners - {activation.segment}):
            yield (
                f"activations.{place}.adopt: {first} and {activation.segment} adopt one audience on "
                f"{activation.account}; each needs one of its own"
            )
