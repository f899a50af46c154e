"""What a backfill would ask, told before anything is asked."""

import multiprocessing
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from market_assets.core import clock
from market_assets.core.partitions import key_of
from market_assets.core.settings import RateBudget
from market_assets.settings import Settings, load
from resources.http.budget import WindowUse
from resources.http.errors import BudgetExhausted
from resources.plans.bars import BackfillTooLarge, Plan, plan
from resources.vendors.alphavantage import AlphaVantage
from resources.vendors.registry import Vendors
from tests.resources.minute_sources import COIN, DAY, NOW, TODAY, Desk

MIDNIGHT = TODAY + DAY


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def planned(desk: Desk, n: int, symbol: str = COIN, last: datetime = TODAY - DAY) -> Plan:
    """The plan of the `n` days up to `last`."""
    return plan(desk.settings, desk.vendors, [key_of((last - k * DAY).date(), symbol) for k in range(n)], NOW)


def day_use(used: int, limit: int) -> WindowUse:
    return WindowUse("day", used, limit, MIDNIGHT)


def test_days_are_asked_for_together(desk: Desk) -> None:
    """20 days of a coin at 7 days a request are 3 requests; what is left today is told."""
    desk.sources["yahoo"].uses = [WindowUse("minute", 0, 60, NOW), day_use(500, 2000)]
    found = planned(desk, 20)
    (need,) = found.needs
    assert (need.source, need.n_days, need.requests, need.left_today, need.days_needed) == ("yahoo", 20, 3, 1500, 1)
    assert found.fits == ((TODAY - 20 * DAY).date(), (TODAY - DAY).date())
    found.check()
    assert str(found) == "yahoo: 20 symbol-days in 3 requests (1500 of 2000 left today, 0 min at 60 a minute), 1 day(s)"


def test_what_does_not_fit_is_refused_with_the_days_it_takes(desk: Desk) -> None:
    """29 requests of which 20 are left today: 2 days, and the newest 20 fit now."""
    desk.sources["yahoo"].most_minutes, desk.sources["yahoo"].uses = 1440, [day_use(5, 25)]
    last = TODAY - DAY
    found = planned(desk, 29)
    assert [(need.source, need.requests, need.days_needed) for need in found.needs] == [("yahoo", 29, 2)]
    with pytest.raises(BackfillTooLarge) as refused:
        found.check()
    said = str(refused.value)
    assert "yahoo needs 29 requests, 20 of 25 are left today, which takes 2 days" in said
    assert f"{(last - 19 * DAY).date()}..{last.date()} fits now" in said


def test_the_days_needed_count_the_rest_of_today(desk: Desk) -> None:
    """90 requests of which 20 go out today, then 25 a day: 1 + 70/25 = 4 days."""
    for name in ("yahoo", "alphavantage", "twelvedata"):
        desk.sources[name].enabled = False
    desk.sources["polygon"].most_minutes, desk.sources["polygon"].uses = 1440, [day_use(5, 25)]
    found = planned(desk, 90)
    assert [(need.source, need.requests, need.days_needed) for need in found.needs] == [("polygon", 90, 4)]


def test_older_than_30_days_is_another_sources(desk: Desk) -> None:
    """Yahoo keeps 30 days: of 90 it serves those that begin within them, the first with more history the rest."""
    desk.sources["alphavantage"].enabled = False
    found = planned(desk, 90)
    assert {need.source: need.n_days for need in found.needs} == {"yahoo": 29, "twelvedata": 61}


def test_days_without_a_source_are_told(desk: Desk) -> None:
    """A future is Yahoo's alone: what began more than 30 days before noon nobody has."""
    desk.calendar = "cme_index"
    found = planned(desk, 40, "XAUUSD_FUT")
    (nobody,) = found.unserved
    assert (nobody.symbol, nobody.reason, nobody.days[-1]) == (
        "XAUUSD_FUT",
        "yahoo keeps 30 days",
        (TODAY - 30 * DAY).date(),
    )
    assert "no source for XAUUSD_FUT 2026-10-" in str(found)
    found.check()


def test_no_key_and_no_entitlement_are_reasons(desk: Desk) -> None:
    """Whom a plan refused yesterday is not planned on today."""
    for name in ("alphavantage", "twelvedata"):
        desk.sources[name].enabled = False
    for name in ("yahoo", "polygon"):
        desk.answers.state.refuse(name, f"{COIN} 1m", TODAY.date(), NOW + timedelta(hours=1))
    with clock.frozen(NOW):
        (nobody,) = planned(desk, 1).unserved
    assert nobody.reason == (
        "yahoo is not entitled; alphavantage has no key; twelvedata has no key; polygon is not entitled"
    )


def test_a_source_without_a_budget_never_refuses(desk: Desk) -> None:
    """The sandbox has none: any number of days goes; a closed market asks nothing."""
    planned(desk, 29).check()
    assert str(planned(desk, 1, "EURUSD", TODAY - 6 * DAY)) == "nothing to ask"


def test_what_schedules_ask_for_is_not_refused(desk: Desk) -> None:
    """A spent budget is the chain's to fall back from: two days are no backfill, three are."""
    desk.sources["yahoo"].most_minutes, desk.sources["yahoo"].uses = 1440, [day_use(25, 25)]
    planned(desk, 2).check()
    with pytest.raises(BackfillTooLarge):
        planned(desk, 3).check()


def test_four_processes_share_what_a_plan_sees(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """25 requests a day, 10 tried by each of four processes: 25 go through, and nothing is left for a backfill."""
    monkeypatch.setenv("ALPHAVANTAGE_API_KEY", "a-key-of-the-test")
    settings = load(home=home, bars={"sources": ["alphavantage"]})
    context = multiprocessing.get_context("fork")
    spent = context.Value("i", 0)
    workers = [context.Process(target=_spend, args=(settings, spent)) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(30)
    assert [worker.exitcode for worker in workers] == [0] * 4
    assert spent.value == 25
    days = [clock.now().date() - n * DAY for n in (1, 2, 3)]
    found = plan(settings, _vendors(settings), [key_of(day, COIN) for day in days], clock.now())
    assert [(need.requests, need.left_today, need.days_needed) for need in found.needs] == [(1, 0, 2)]
    assert found.fits is None
    with pytest.raises(BackfillTooLarge, match="not even one day fits now"):
        found.check()


def _vendors(settings: Settings) -> Vendors:
    return Vendors(settings, rates={"alphavantage": RateBudget(per_day=25)})


def _spend(settings: Settings, spent: Any) -> None:
    budget = AlphaVantage.connect(settings, rates=RateBudget(per_day=25)).http.budget
    for _ in range(10):
        try:
            budget.reserve(lambda _: None)
        except BudgetExhausted:
            return
        with spent.get_lock():
            spent.value += 1
