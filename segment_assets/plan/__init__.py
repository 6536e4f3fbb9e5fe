"""The plan is the permission: what may be activated, where, for what, and on whose word.

Belongs here: the shape of plan.yaml and its refusal at load, with the line that is wrong.
Not here: what is done with it. Nothing may leave that this file does not name.
"""

from segment_assets.plan.activations import Account, Activation
from segment_assets.plan.loading import default_plan, load_plan
from segment_assets.plan.model import Engine, Plan
from segment_assets.plan.segments import AudienceGuards, CleanRoomSegment, Experiment, LandingSegment, Segment
from segment_assets.plan.sending import Sending
from segment_assets.plan.vocabulary import ConsentSource, Minors, PlanError, Provenance, Sensitive, Use

__all__ = [
    "Account",
    "Activation",
    "AudienceGuards",
    "CleanRoomSegment",
    "ConsentSource",
    "Engine",
    "Experiment",
    "LandingSegment",
    "Minors",
    "Plan",
    "PlanError",
    "Provenance",
    "Segment",
    "Sending",
    "Sensitive",
    "Use",
    "default_plan",
    "load_plan",
]
