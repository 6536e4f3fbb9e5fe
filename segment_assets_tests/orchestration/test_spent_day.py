"""A day whose calls are spent: whatever starts calls leaves the account alone until it opens, but for who says no."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import dagster as dg
import pytest

from segment_assets import sensors
from segment_assets.account_health import tell_of_troubles
from segment_assets.assets.activations import PAIR_TAG
from segment_assets.delivery.daily import Day
from segment_assets.plan import Plan, load_plan
from segment_assets.resources.alerts import Alerts
from segment_assets_tests import fakes
from segment_assets_tests.orchestration.accounts import GoogleAccount
from segment_assets_tests.orchestration.local_world import write_plan
from segment_assets_tests.orchestration.test_followers import ADS, AN_HOUR, Followed, on_google

if TYPE_CHECKING:
    from pathlib import Path

SHARES, ALONE = "ads_two", "ads_three"
DAY = 86_400.0


def three_accounts(document: dict[str, Any]) -> None:
    """Two of one Cloud project, and one of which the plan does not say whose quota it uses."""
    on_google(document)
    ads = document["accounts"][ADS]
    document["accounts"][ALONE] = ads | {"account": "3"}
    ads["settings"] = {"quota_project": "lumen-ads-1"}
    document["accounts"][SHARES] = ads | {"account": "2"}
    mine = list(document["activations"])
    document["activations"] += [pair | {"account": name} for pair in mine for name in (SHARES, ALONE)]


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> Plan:
    return load_plan(write_plan(tmp_path_factory.mktemp("plan") / "plan.yaml", three_accounts))


class Watched(Followed):
    def spends(self, calls: int, *, for_opt_outs: bool = False) -> None:
        """Calls of a run of the first account."""
        day = Day(self.lake, "google/shared/lumen-ads-1", 100_000, clock=lambda: self.now)
        for _ in range(calls):
            day.take(for_opt_out=for_opt_outs)

    def asked_for(self) -> set[str]:
        """Accounts with a run that the reconciler requests."""
        result = sensors.reconcile(self.instance, self.asked, self.plan, self.lake, now=lambda: self.now)
        self.asked = result.cursor
        return {request.tags[PAIR_TAG].partition("/")[0] for request in result.run_requests}


@pytest.fixture
def house(instance: dg.DagsterInstance, plan: Plan, tmp_path: Path) -> Watched:
    made = Watched(plan, tmp_path, instance, {ADS: GoogleAccount("1234567890")})
    made.cursor = {}
    return made


def test_accounts_that_share_a_spent_day_are_held_back_together_until_it_opens(house: Watched) -> None:
    house.wants("summer", "ann", "ben")
    house.spends(90_000)
    assert house.asked_for() == {ALONE}
    house.now += DAY - AN_HOUR
    assert house.asked_for() <= {ALONE}
    house.now += 2 * AN_HOUR
    assert {ADS, SHARES} <= house.asked_for()


def test_who_says_no_is_taken_out_while_the_day_is_spent_for_everybody_else(house: Watched) -> None:
    house.sends("summer")
    house.google.works()
    house.tick()
    house.spends(90_000)
    assert ADS not in house.asked_for()
    fakes.publish_suppressions(house.lake, [("email_gmail_folded", fakes.digest("summer-ann@example.com"))])
    assert ADS in house.asked_for()


def test_not_even_a_no_starts_a_run_when_its_own_part_is_spent(house: Watched) -> None:
    house.sends("summer")
    house.google.works()
    house.tick()
    house.spends(90_000)
    house.spends(10_000, for_opt_outs=True)
    fakes.publish_suppressions(house.lake, [("email_gmail_folded", fakes.digest("summer-ann@example.com"))])
    assert ADS not in house.asked_for()


def test_jobs_are_asked_about_when_the_day_opens(house: Watched) -> None:
    house.sends("summer")
    house.google.works()
    house.spends(90_000)
    (told,) = house.tick()["told"]
    assert told.startswith(f"{ADS} has had its calls of 24 hours; it is called again from ")
    assert house.google.asked("status") == []
    house.now += DAY + AN_HOUR
    house.tick()
    assert house.google.asked("status") != []


def test_a_spent_day_is_told_and_alerts_nobody(house: Watched) -> None:
    house.spends(90_000)
    alerts = Alerts(house.folder / "alerts")
    told = tell_of_troubles(house.plan, house.lake, alerts, {}, now=lambda: house.now)
    assert sorted(said.partition(" ")[0] for said in told["held"]) == sorted([ADS, SHARES])
    assert not (house.folder / "alerts").exists()
