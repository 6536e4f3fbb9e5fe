"""A query of the clean room that runs although nobody can say beforehand whether AWS will take it.

Belongs here: who allowed that, and why. Not here: verdicts (`privacy`), and keeping to it (the rooms).
"""

from __future__ import annotations

from typing import Annotated

import pydantic

from segment_assets.plan.vocabulary import Person, Strict

Why = Annotated[str, pydantic.StringConstraints(strip_whitespace=True, min_length=10, max_length=500)]


class UncertainQuery(Strict):
    """Somebody else than the plan's author takes the query's `uncertain` verdict upon them, for a reason."""

    allowed_by: Person
    reason: Why
