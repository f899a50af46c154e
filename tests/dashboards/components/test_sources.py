"""Vendors as a component of health."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from dashboards.components.sources import described, sources
from dashboards.services import Services
from market_assets.core import clock
from market_assets.core.settings import PolygonSettings, RateBudget
from market_assets.settings import Settings, load
from resources.http.breaker import Breaker
from resources.http.budget import Budget
from resources.http.state import VendorState, fingerprint

RATES = RateBudget(per_day=100, per_minute=5)


def told(found: Settings) -> dict:
    services = Services.of(found)
    return sources(services, services.sources.facts())


def budget(found: Settings) -> Budget:
    """The budget of a vendor that 100 requests a day are allowed at."""
    state = VendorState.of(found.home)
    return Budget.of("polygon", fingerprint("polygon", None), RATES, state, wait_s=0, now=clock.wall)


@pytest.fixture
def found(home: Path) -> Iterator[Settings]:
    """A home of which one vendor was called, at noon."""
    with clock.frozen("2026-10-06T12:00:00Z") as noon:
        VendorState.of(home).record_call("yahoo", "ok", noon)
        yield load(polygon=PolygonSettings(budget=RATES))


def test_before_the_first_call_there_is_nothing_to_judge(home: Path):
    """Idle, and no share of any budget."""
    nothing = told(load())
    assert (nothing["status"], nothing["n_open"], nothing["day_budget_left_ratio"]) == ("idle", None, None)


def test_an_open_breaker_degrades(found: Settings):
    """It is named, and counted."""
    assert told(found)["status"] == "healthy"
    breaker = Breaker("polygon", VendorState.of(found.home))
    for _ in range(5):
        breaker.failed(probe=False)
    one = told(found)
    assert (one["status"], one["n_open"], one["detail"]) == ("degraded", 1, "polygon: its breaker is open")


@pytest.mark.parametrize(("used", "status"), [(80, "healthy"), (81, "degraded"), (100, "degraded")])
def test_a_budget_below_a_fifth_degrades(found: Settings, used: int, status: str):
    """As alerts tell it; the share that is left is told of every vendor."""
    budget(found).told("day", used)
    one = told(found)
    assert one["status"] == status
    assert one["day_budget_left_ratio"] == (100 - used) / 100
    assert (f"{100 - used} of 100 requests of the day are left at polygon" in (one["detail"] or "")) == (used > 80)
    (polygon,) = [described(source) for source in Services.of(found).sources.facts() if source.name == "polygon"]
    assert (polygon["budget_left"], polygon["budget_left_ratio"]) == (100 - used, (100 - used) / 100)
