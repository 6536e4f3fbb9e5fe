"""Clean Rooms analysis rules: read, judge, explain, enforce.

Belongs here: what a member of a collaboration may ask (judge) and how small groups are withheld (enforce). Pure.
Not here: running a query or storing its result (`resources.clean_room`), the queries themselves (`queries`).

>>> from segment_assets.privacy import Collaboration, enforce, judge
>>> verdict = judge(sql, Collaboration.parse(document), runner="111122223333")
>>> runnable = enforce(verdict) if verdict.accepted else None

All four rules are judged: AGGREGATION, LIST, CUSTOM with its controls, ID mapping tables. What AWS's documentation does
not settle is `uncertain`, never waved through; what AWS runs and this machine does not is a limit of the verdict.
docs/clean_room_rules.md has the whole list.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from segment_assets.privacy.collaboration import Collaboration as Collaboration
    from segment_assets.privacy.enforcement import RunnableQuery as RunnableQuery
    from segment_assets.privacy.enforcement import enforce as enforce
    from segment_assets.privacy.judging import judge as judge
    from segment_assets.privacy.redaction import redact as redact
    from segment_assets.privacy.refusals import Refusal as Refusal
    from segment_assets.privacy.verdicts import Reason as Reason
    from segment_assets.privacy.verdicts import RuleKind as RuleKind
    from segment_assets.privacy.verdicts import Threshold as Threshold
    from segment_assets.privacy.verdicts import Verdict as Verdict

# sqlglot and pydantic are loaded on first use, so that importing the package stays cheap.
_HOMES = {
    "Collaboration": "collaboration",
    "RunnableQuery": "enforcement",
    "enforce": "enforcement",
    "judge": "judging",
    "redact": "redaction",
    "Reason": "verdicts",
    "Refusal": "refusals",
    "RuleKind": "verdicts",
    "Threshold": "verdicts",
    "Verdict": "verdicts",
}

__all__ = [  # noqa: PLE0604 - the names are resolved by __getattr__
    *_HOMES,
]


def __getattr__(name: str) -> Any:
    """The public name, from the module where it lives."""
    if name not in _HOMES:
        raise AttributeError(f"segment_assets.privacy has no {name}")
    return getattr(importlib.import_module(f"segment_assets.privacy.{_HOMES[name]}"), name)
