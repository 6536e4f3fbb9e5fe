"""A seeded world: two accounts that share people, with a hidden truth, growing week by week.

Belongs here: account A (customers, conversions, opt-outs, landing files), account B (impressions) and the truth that
nobody but tests and the sandbox's platforms may read. Not here: anything of the product; the world has its own idea of
what an e-mail's digest is, so that it can disagree with ours.

Files below a world's root:
    world.json                                         facts, written last
    accounts/a/customers, accounts/a/opt_outs          part-00000.parquet …
    accounts/a/conversions, accounts/b/impressions     week=2026-10-05/part-00000.parquet …
    truth/people, truth/records                        who people are; how each customer record was spelt
    truth/outcomes                                     week=…/: frequencies and potential outcomes of every customer
    landing/segments/<segment>/<file>                  lists that arrived for segments

One process at a time may write a world; readers may read it while a week is added.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from segment_assets.contracts import PermanentError
from segment_assets.sandbox.world.facts import CHUNK_PEOPLE, WorldFacts, read_facts
from segment_assets.sandbox.world.headers import NEWSLETTER_FILES, NEWSLETTER_HEADERS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

__all__ = ["NEWSLETTER_FILES", "NEWSLETTER_HEADERS", "WorldFacts", "advance", "create", "read_facts"]


def create(
    root: Path,
    *,
    seed: int,
    people: int,
    weeks: int = 2,
    progress: Callable[[str], None] | None = None,
    chunk_people: int = CHUNK_PEOPLE,
) -> WorldFacts:
    """Write a world of `people` persons in account A below `root`, unless that very world is there already.

    Account B has half as many viewers who are strangers to account A. Memory and the bytes of the files depend on
    `chunk_people`; equal arguments give equal bytes. A finished world that was advanced is returned as it is.

    Raises:
        PermanentError: another world is there, or an argument is out of range.
    """
    if seed < 0 or people < 1 or weeks < 1 or chunk_people < 1:
        raise PermanentError("the world needs seed >= 0, people >= 1, weeks >= 1 and chunk_people >= 1; correct them")
    found = read_facts(root)
    if found is not None:
        if (found.seed, found.people, found.chunk_people) != (seed, people, chunk_people):
            raise PermanentError(
                f"{root} holds a world of seed {found.seed} and {found.people} people, not of {seed} and {people}; "
                "run `make clean` to begin anew, or ask for the world that is there"
            )
        return found
    from segment_assets.sandbox.world.build import build

    wanted = WorldFacts(seed, people, [], {}, chunk_people)
    return build(root, wanted, weeks, progress or _silent)


def advance(root: Path, *, audiences: Mapping[str, Iterable[str]]) -> WorldFacts:
    """Add the next reporting week, in which the members of `audiences` are shown more ads.

    `audiences` maps a name to hex SHA-256 digests of e-mails (plain, or with Gmail's dots folded) or of phone numbers
    (international digits, with or without plus). They reach the people whose platform account has that identifier.
    Equal worlds and equal audiences (in any order) give equal bytes. Memory grows with the audiences (32 bytes a
    digest and some), not with people.

    Raises:
        PermanentError: no finished world is there, or a member is not a hex SHA-256.
    """
    facts = read_facts(root)
    if facts is None:
        raise PermanentError(f"{root} holds no finished world; create one first")
    from segment_assets.sandbox.world.build import play_next_week

    return play_next_week(root, facts, audiences)


def _silent(_: str) -> None:
    return None
