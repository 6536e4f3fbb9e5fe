"""When assets make themselves: one declarative condition, in plain words.

Belongs here: the condition and the sensor that evaluates it. Activations are not among its assets: a condition forgets
a change that comes while a run is going and never asks again after a failed run, so they have a reconciler (`sensors`).
"""

from __future__ import annotations

import dagster as dg

_C = dg.AutomationCondition

# An input counts when its version changed, not when it was merely made again with the same content: a demo by hand
# followed by the daemons recomputed everything while the condition looked at updates (see test_automation).
ON_NEW_VERSIONS = (
    (
        _C.any_deps_match(_C.data_version_changed()).with_label("an input has a new version")
        | _C.missing().newly_true().with_label("this was never made")
    ).since(_C.newly_requested() | _C.newly_updated())
    & ~_C.any_deps_missing().with_label("an input was never made")
    & ~_C.any_deps_in_progress().with_label("an input is being made")
    & ~_C.in_progress().with_label("this is being made")
).with_label("made when its inputs have a new version")
