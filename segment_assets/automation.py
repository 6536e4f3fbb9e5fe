"""When assets make themselves: one declarative condition, in plain words.

Belongs here: the condition and the sensor that evaluates it. Activations are not among its assets: a condition forgets
a change that comes while a run is going and never asks again after a failed run, so they have a reconciler (`sensors`).
"""

from __future__ import annotations

import dagster as dg

_C = dg.AutomationCondition
# A file that somebody drops must not keep an opt-out from anybody: suppressions are made without waiting for it, and
# once more when it was read.
_NOT_WAITED_FOR = dg.AssetSelection.assets(["audiences", "erasures"])

# An input counts when its version changed, not when it was merely made again with the same content: a demo by hand
# followed by the daemons recomputed everything while the condition looked at updates (see test_automation).
_WANTED = _C.any_deps_match(_C.data_version_changed()).with_label("an input has a new version") | (
    _C.missing().newly_true().with_label("this was never made")
)
_BY_HAND = (
    _C.newly_updated() & ~_C.all_new_updates_have_run_tags(tag_values={"dagster/from_automation_condition": "true"})
).with_label("this was made by hand")

# A version that comes after the request, while its run is waiting or going, is wanted again: the request forgets only
# what was wanted before it, and the end of our own run forgets nothing.
_WANTED_STILL = _WANTED.since((_C.newly_requested() & ~_WANTED).with_label("this was asked for") | _BY_HAND)
# A request is forgotten although its run failed. Once an hour, as the reconciler does in the end: what fails for good
# is told each time.
_FAILED = (_C.execution_failed() & _C.cron_tick_passed("0 * * * *")).with_label(
    "its last run failed, an hour has begun"
)


def _when(wanted: dg.AutomationCondition) -> dg.AutomationCondition:
    return (
        wanted
        & ~_C.any_deps_missing().ignore(_NOT_WAITED_FOR).with_label("an input was never made")
        & ~_C.any_deps_in_progress().ignore(_NOT_WAITED_FOR).with_label("an input is being made")
        & ~_C.in_progress().with_label("this is being made")
    )


ON_NEW_VERSIONS = _when(_WANTED_STILL).with_label("made when its inputs have a new version")
# Who is an audience's, and who said no: no version of these may be missed because a run failed once.
UNTIL_IT_IS_MADE = _when(_WANTED_STILL | _FAILED).with_label(
    "made when its inputs have a new version, and again while that fails"
)
