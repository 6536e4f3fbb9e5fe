"""Whether 95 % intervals hold the truth 95 times in 100, where the truth is known: the world's potential outcomes.

`python -m segment_assets_tests.benchmarks.bench_truth --seeds 4000`; the last line is one JSON object, and the exit
code is 1 when an estimate covers too rarely or too often, or a method that is known to mislead does not.

Every person of the sandbox's world has two outcomes per week, with and without the audience (`sandbox.world.outcomes`).
Each seed plays a new week, draws new arms and asks the functions of `measurement`. Those named audience_incrementality
fill that table, hold_outs adds an interval to a share of it; the others are named after the tables that they fill. The
shares of new_to_brand and path_to_conversion are written in SQL there, which a test holds to the function asked here.
People come one by one, so no interval is widened for clusters; `effect_of_households` is the other end, where all of a
cluster are in one arm and always do the same. The family-wise test: every coverage lies within 93.5 and 97 %;
`family_wise_error` is the probability that an honest set of estimates (each covering exactly 95 %) fails it by chance,
by Bonferroni over the estimates.
"""

# ruff: noqa: T201 -- a command line, whose output is its result
from __future__ import annotations

import argparse
import collections
import functools
import json
import math
import statistics
import sys
import time
from typing import Any

import numpy as np
import pyarrow as pa

from segment_assets import queries
from segment_assets.measurement.conversion_time import Aged, converted_by
from segment_assets.measurement.covariates import Sums, variance_kept
from segment_assets.measurement.geo import Region, geo_lift
from segment_assets.measurement.intervals import Interval, Proportion, newcombe, wilson
from segment_assets.measurement.lift import Bounds, cost_per_incremental_customer, incremental_revenue, iroas, lift
from segment_assets.measurement.reach import fit_reach_curve
from segment_assets.sandbox.world import outcomes, people
from segment_assets.sandbox.world.randomness import Turn

PEOPLE, HELD_OUT = 8_000, 0.10
LOWEST, HIGHEST = 0.935, 0.97
# A misleading interval holds the truth at most this often.
MISLEADING = 0.5
SPEND_EUR = 2_000.0
_MEDIAN_EUR, _SIGMA = 45.0, 0.9
_DAYS = 7


class Tally:
    """How often each interval held the truth, and how far off the values were on average."""

    def __init__(self) -> None:
        self.held: collections.Counter[str] = collections.Counter()
        self.asked: collections.Counter[str] = collections.Counter()
        self.off: collections.defaultdict[str, list[float]] = collections.defaultdict(list)

    def add(self, name: str, interval: Any, truth: float) -> None:
        self.held[name] += interval.holds(truth)
        self.asked[name] += 1
        self.off[name].append(interval.value - truth)

    def coverage(self, name: str) -> float:
        return self.held[name] / self.asked[name]

    def bias(self, name: str) -> float:
        return statistics.fmean(self.off[name])


def incrementality(seed: int, known: Any, tally: Tally, wrong: Tally) -> float:
    """A week of the world with a hold-out. Returns the share of variance that the earlier week leaves."""
    rng = np.random.default_rng([seed, 1])
    week, before = (outcomes.make_week(Turn(seed, 0, number), known, {}) for number in (2, 1))
    size = len(week.y0)
    # Customers differ in what they spend, so the week before tells something about this one.
    basket = np.exp(rng.normal(math.log(_MEDIAN_EUR), _SIGMA, size))
    revenue0, revenue1, earlier = basket * week.y0, basket * week.y1, basket * before.y0
    held = rng.random(size) < HELD_OUT
    converted = np.where(held, week.y0, week.y1)
    revenue = np.where(held, revenue0, revenue1)
    treatment, control = (Proportion(int(converted[arm].sum()), int(arm.sum())) for arm in (~held, held))
    found = lift(treatment, control)
    truth = float((week.y1.astype(float) - week.y0).mean())
    tally.add("audience_incrementality.effect", found.effect, truth)
    tally.add("audience_incrementality.incremental_customers", found.incremental, truth * treatment.trials)
    assert found.relative is not None
    tally.add("audience_incrementality.relative_lift", found.relative, float(week.y1.mean() / week.y0.mean() - 1))
    ours, theirs = (_sums(revenue[arm], earlier[arm]) for arm in (~held, held))
    extra = float((revenue1 - revenue0).mean())
    gained = incremental_revenue(ours, theirs)
    tally.add("audience_incrementality.incremental_revenue", gained, extra * ours.people)
    returned = iroas(gained, SPEND_EUR)
    assert returned is not None
    tally.add("audience_incrementality.iroas", returned, extra * ours.people / SPEND_EUR)
    cost = cost_per_incremental_customer(found.incremental, SPEND_EUR)
    tally.add("audience_incrementality.cost_per_incremental_customer", _Ends(cost), SPEND_EUR / (truth * ours.people))
    tally.add("hold_outs.held_out_share", wilson(Proportion(int(held.sum()), size)), HELD_OUT)
    _mislead(week, known, wrong)
    return variance_kept(ours, theirs)


class _Ends:
    """Bounds as an interval: an end that does not exist is as far away as can be."""

    def __init__(self, found: Bounds) -> None:
        self.value = math.nan if found.value is None else found.value
        self._low = -math.inf if found.low is None else found.low
        self._high = math.inf if found.high is None else found.high

    def holds(self, truth: float) -> bool:
        return self._low <= truth <= self._high


def households(seed: int, tally: Tally) -> None:
    """One to four people each, who are in one arm and convert together."""
    rng = np.random.default_rng([seed, 5])
    size = rng.integers(1, 5, 3_000)
    held, draws = rng.random(len(size)) < 0.5, rng.random(len(size))
    converted = draws < np.where(held, 0.10, 0.13)
    effect = float((size**2).sum() / size.sum())
    treatment, control = (Proportion(int(size[arm & converted].sum()), int(size[arm].sum())) for arm in (~held, held))
    found = lift(treatment, control, design_effect=effect)
    tally.add("audience_incrementality.effect_of_households", found.effect, 0.03)
    assert found.relative is not None
    tally.add("audience_incrementality.relative_lift_of_households", found.relative, 0.3)


def shares(seed: int, tally: Tally) -> None:
    """Shares of people that tables tell: how many groups of buyers were new, which countries stand out."""
    rng = np.random.default_rng([seed, 6])
    buyers, shown = int(rng.integers(150, 3_000)), int(rng.integers(2_000, 50_000))
    tally.add("new_to_brand.new_share", wilson(Proportion(int(rng.binomial(buyers, 0.35)), buyers)), 0.35)
    tally.add("path_to_conversion.conversion_rate", wilson(Proportion(int(rng.binomial(shown, 0.02)), shown)), 0.02)
    base = np.array([0.45, 0.30, 0.15, 0.10])
    true = np.array([0.40, 0.25, 0.20, 0.15])
    matched = rng.multinomial(2_000, true)
    found = index_of(base, matched)
    tally.add("audience_profile_index.affinity_index", found[3], 100 * true[3] / base[3])


@functools.cache
def _index_query() -> tuple[Any, str]:
    """The table's own last SELECT, over its shares, for DuckDB."""
    import duckdb
    import sqlglot

    select = sqlglot.parse_one(queries.read("planning/audience_profile_index"), read="trino")
    select.set("with_", None)
    return duckdb.connect(), select.sql("duckdb").replace("$reporting_week", "NULL")


def index_of(base: Any, matched: Any) -> list[Interval]:
    """Affinity index of each value, given its share of the base and its matched converters."""
    db, text = _index_query()
    names, people = [str(place) for place in range(len(base))], [1] * len(base)
    columns = [names, people, matched, base, matched / matched.sum()]
    named = ("attribute_value", "base_people", "matched_converters", "base_share", "matched_share")
    db.register("shares", pa.table(dict(zip(named, columns, strict=True))))
    told = db.sql(text).order("attribute_value").project("affinity_index, index_low, index_high")
    return [Interval(*row) for row in told.fetchall()]


def _mislead(week: outcomes.Week, known: Any, wrong: Tally) -> None:
    """Comparisons that people make without a hold-out: the campaign went to the half that buys more anyway."""
    likely = known["base_probability"].to_numpy()
    targeted = likely > np.median(likely)
    caused = float((week.y1[targeted].astype(float) - week.y0[targeted]).mean())
    theirs = Proportion(int(week.y1[targeted].sum()), int(targeted.sum()))
    others = Proportion(int(week.y0[~targeted].sum()), int((~targeted).sum()))
    wrong.add("targeted_minus_untargeted", newcombe(theirs, others), caused)
    # Last touch gives every conversion after an ad to the ad, also those that would have come without it.
    shown = targeted & (week.frequency1 > 0)
    credit = wilson(Proportion(int(week.y1[shown].sum()), int(shown.sum())))
    wrong.add("last_touch_credit_as_effect", credit, float((week.y1[shown].astype(float) - week.y0[shown]).mean()))


def _sums(y: Any, x: Any) -> Sums:
    return Sums(len(y), *(float(v.sum()) for v in (y, y * y, x, x * x, x * y)))


def reach_forecast(seed: int, tally: Tally) -> None:
    """A week whose days differ by more than chance, and the reach expected of twice its impressions."""
    rng = np.random.default_rng([seed, 2])
    impressions = np.cumsum(3e5 * np.exp(rng.normal(0, 0.2, _DAYS)))
    expected = np.diff(900_000 * impressions / (impressions + 1.4e6), prepend=0.0)
    new = rng.poisson(expected * np.exp(rng.normal(0, 0.1, _DAYS)))
    twice = 2 * float(impressions[-1])
    curve = fit_reach_curve(impressions.tolist(), np.cumsum(new).tolist())
    tally.add("reach_forecast.reach", curve.at(twice), 900_000 * twice / (twice + 1.4e6))


def time_to_conversion(seed: int, tally: Tally, wrong: Tally) -> None:
    """People first reached on different days of four weeks; a third of them would ever convert."""
    rng = np.random.default_rng([seed, 3])
    size = 1_500
    waits = np.where(rng.random(size) < 0.35, np.ceil(rng.exponential(8.0, size)), np.inf)
    observed = rng.integers(1, 29, size).astype(float)
    converted, age = waits <= observed, np.minimum(waits, observed)
    came, left = (np.bincount(age[who].astype(int), minlength=29) for who in (converted, ~converted))
    rows = [Aged(day, int(came[day]), int(left[day])) for day in range(1, 29)]
    by_then = [step.converted for step in converted_by(rows) if step.age <= 14]
    tally.add("time_to_conversion.converted_by_day_14", by_then[-1], 0.35 * (1 - math.exp(-14 / 8)))
    naive = wilson(Proportion(int((converted & (age <= 14)).sum()), size))
    wrong.add("converted_by_day_14_without_censoring", naive, 0.35 * (1 - math.exp(-14 / 8)))


def lift_geo(seed: int, tally: Tally) -> None:
    """Ten regions of unequal size; five, drawn anew, see a campaign that adds 12 %."""
    rng = np.random.default_rng([seed, 4])
    before = np.exp(rng.normal(8, 1, 10))
    growth = np.exp(0.05 + rng.normal(0, 0.03, 10))
    treated = rng.permuted([True] * 5 + [False] * 5)
    regions = [
        Region(float(b), float(b * g * (1.12 if t else 1.0)), bool(t))
        for b, g, t in zip(before, growth, treated, strict=True)
    ]
    found = geo_lift(regions)
    tally.add("geo_lift.relative_lift", found.relative, 0.12)
    during = sum(region.during for region in regions if region.treated)
    tally.add("geo_lift.incremental", found.incremental, during * (1 - 1 / 1.12))


def measured(seeds: int) -> dict[str, Any]:
    """Everything for so many seeds, as the last line says it."""
    known = people.make_people(7, people.spans(PEOPLE, PEOPLE)[0])
    known = known.filter(known["is_customer"])
    tally, wrong, kept = Tally(), Tally(), []
    for seed in range(seeds):
        kept.append(incrementality(seed, known, tally, wrong))
        reach_forecast(seed, tally)
        time_to_conversion(seed, tally, wrong)
        lift_geo(seed, tally)
        households(seed, tally)
        shares(seed, tally)
    coverage = {name: round(tally.coverage(name), 4) for name in sorted(tally.asked)}
    misleading = {
        name: {"coverage": round(wrong.coverage(name), 4), "bias": round(wrong.bias(name), 4)} for name in wrong.asked
    }
    error = math.sqrt(0.95 * 0.05 / seeds)
    normal = statistics.NormalDist()
    each = normal.cdf((LOWEST - 0.95) / error) + 1 - normal.cdf((HIGHEST - 0.95) / error)
    return {
        "coverage": coverage,
        "seeds": seeds,
        "within": [LOWEST, HIGHEST],
        "family_wise_error": min(1.0, each * len(coverage)),
        "misleading": misleading,
        "variance_kept_by_covariate": round(statistics.fmean(kept), 4),
    }


def failures(result: dict[str, Any]) -> list[str]:
    """What does not keep its promise."""
    wide = [name for name, share in result["coverage"].items() if not LOWEST <= share <= HIGHEST]
    return wide + [name for name, said in result["misleading"].items() if said["coverage"] > MISLEADING]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=4_000)
    options = parser.parse_args()
    begun = time.perf_counter()
    result = measured(options.seeds)
    print(f"{options.seeds:,} seeds, {PEOPLE:,} people, {HELD_OUT:.0%} held out, {time.perf_counter() - begun:.0f} s")
    for name, share in result["coverage"].items():
        print(f"{name:50} {share:8.2%}")
    for name, said in result["misleading"].items():
        print(f"{name:50} {said['coverage']:8.2%}  off by {said['bias']:+.4f} (known to mislead)")
    broken = failures(result)
    if broken:
        print(f"not as promised: {', '.join(broken)}", file=sys.stderr)
    print(json.dumps(result))
    sys.exit(1 if broken else 0)


if __name__ == "__main__":
    main()
