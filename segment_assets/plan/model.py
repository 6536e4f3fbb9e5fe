"""The plan as a whole.

Belongs here: its shape, and what other rooms ask it. Not here: the shapes of its parts, what has to fit (`rules`).
"""

from collections.abc import Mapping

import pydantic

from segment_assets.contracts.persons import is_one_person
from segment_assets.plan.activations import Account, Activation
from segment_assets.plan.names import fill
from segment_assets.plan.rules import problems
from segment_assets.plan.segments import Experiment, Segment
from segment_assets.plan.sending import Sending
from segment_assets.plan.uncertain import UncertainQuery
from segment_assets.plan.vocabulary import Person, SegmentName, Share, Strict


class Engine(Strict):
    """Where identifiers are digested: in the run's own process up to so many rows of a segment, on Spark beyond."""

    in_process_up_to_rows: int = pydantic.Field(default=5_000_000, ge=0)


class Plan(Strict):
    """Everything that may leave. `accounts` and `segments` are named; `activations` put them together.

    `naming` is the template for the names of audiences that have none of their own: {tenant}, {segment}, {account} (the
    plan's name of it), {purpose}, {use}. `opt_out_deadline_hours` is from a person's request to the platform's word
    that they are out, on every account. `max_opt_out_drop` is the share of account A's opt-outs, and of those whom they
    name, that may be gone since the suppressions were last made of them; above it nobody is let go. `uncertain_queries`
    are the clean room's queries, by name, that run although AWS's documentation does not settle whether they may.
    """

    tenant: str = pydantic.Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,31}$")
    author: Person
    naming: str = "{tenant} {segment}"
    opt_out_deadline_hours: float = pydantic.Field(default=24.0, gt=0)
    max_opt_out_drop: Share = 0.1
    engine: Engine = Engine()
    uncertain_queries: Mapping[str, UncertainQuery] = pydantic.Field(default_factory=dict)
    experiments: Mapping[str, Experiment] = pydantic.Field(default_factory=dict)
    segments: Mapping[SegmentName, Segment]
    accounts: Mapping[str, Account]
    activations: tuple[Activation, ...]

    @pydantic.field_validator("naming")
    @classmethod
    def _can_be_filled_in(cls, naming: str) -> str:
        fill(naming, dict.fromkeys(("tenant", *_NAMED_AFTER), ""))
        return naming

    @pydantic.model_validator(mode="after")
    def _is_allowed(self) -> "Plan":
        said = problems(self)
        if said:
            raise ValueError("\n".join(said))
        return self

    def activations_of(self, account: str) -> dict[str, Activation]:
        """Segment -> permission, for one account of the plan."""
        return {a.segment: a for a in self.activations if a.account == account}

    def audience_name(self, activation: Activation) -> str:
        """What the audience of an activation is called on its platform."""
        words = {"tenant": self.tenant, **{name: str(getattr(activation, name)) for name in _NAMED_AFTER}}
        return activation.audience_name or fill(self.naming, words)

    def is_author(self, person: str) -> bool:
        """Whether somebody is the plan's author, who cannot vouch for the plan."""
        return is_one_person(person, self.author)

    def sending(self, activation: Activation) -> tuple[Sending, ...]:
        """All rules of sending for an activation: those of its account, and its own."""
        rules = (self.accounts[activation.account].sending, activation.sending)
        return tuple(rule for rule in rules if rule is not None)


_NAMED_AFTER = ("segment", "account", "purpose", "use")
