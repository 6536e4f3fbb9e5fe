"""Privacy and access budgets: what is left of them, in the shape of the API's PrivacyBudget.

Belongs here: reading what is left and whether a query fits. Not here: AWS's noise, which is not public.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Self

from pydantic import ConfigDict, Field, model_validator

from segment_assets.privacy.rules import Shape

if TYPE_CHECKING:
    from collections import Counter

DpAggregate = Literal["AVG", "COUNT", "COUNT_DISTINCT", "SUM", "STDDEV"]


class _Open(Shape):
    """A response of the API: what we do not read may be there."""

    model_config = ConfigDict(extra="ignore")


class _Left(_Open):
    type: DpAggregate
    remaining_count: int = Field(ge=0)
    max_count: int | None = Field(default=None, ge=0)


class _DifferentialPrivacy(_Open):
    aggregations: list[_Left] = Field(default=[])
    epsilon: int | None = Field(default=None, ge=1, le=20)
    users_noise_per_query: int | None = Field(default=None, ge=10, le=100)


class _Access(_Open):
    aggregate_remaining_budget: int = Field(ge=0)


class Budget(Shape):
    """PrivacyBudget: what is left for queries on tables with differential privacy, or of an access budget."""

    differential_privacy: _DifferentialPrivacy | None = None
    access_budget: _Access | None = None

    @model_validator(mode="before")
    @classmethod
    def _unwrapped(cls, given: object) -> object:
        """The inner object of the union by itself is understood too; its fields tell which one it is."""
        if isinstance(given, dict) and {"aggregations", "epsilon"} & given.keys():
            return {"differentialPrivacy": given}
        if isinstance(given, dict) and "aggregateRemainingBudget" in given:
            return {"accessBudget": given}
        return given

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.differential_privacy is None and self.access_budget is None:
            raise ValueError("a budget is differentialPrivacy or accessBudget")
        return self

    @property
    def spent(self) -> bool:
        """Whether the access budget is used up."""
        return self.access_budget is not None and self.access_budget.aggregate_remaining_budget == 0

    def lacking(self, wanted: Counter[str]) -> str | None:
        """The first kind of aggregate that does not fit into what is left; None when each fits or nothing is known.

        The budget is one for all kinds, and each count says how often *only* that kind could still be asked. So
        several kinds fit when their shares of what is left add up to one at most.
        """
        if self.differential_privacy is None or not self.differential_privacy.aggregations:
            return None
        left = {entry.type: entry.remaining_count for entry in self.differential_privacy.aggregations}
        share = 0.0
        for kind, count in wanted.items():
            if kind not in left:
                continue
            if count > left[kind]:
                return kind
            share += count / left[kind]
            if share > 1:
                return kind
        return None
