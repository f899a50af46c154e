"""Open breakers and spent budgets, through the real state file."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from market_assets.core.settings import PolygonSettings, RateBudget
from market_assets.settings import Settings, load
from resources.alerting.findings_sources import breakers, budgets
from resources.http.breaker import Breaker
from resources.http.budget import Budget
from resources.http.state import VendorState, fingerprint

NOON = datetime(2026, 10, 6, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def of(home: Path, **sections: Any) -> Settings:
    return load(home=home, **({"vendors": "sandbox"} | sections))


def breaker(home: Path, vendor: str, at: datetime = NOON) -> Breaker:
    return Breaker(vendor, VendorState.of(home), failures=1, successes=1, now=lambda: at)


def test_a_source_that_others_stand_in_for_is_a_warning(home: Path) -> None:
    """While yahoo brings daily bars and minutes, an open polygon is told as a warning; a closed one not at all."""
    breaker(home, "polygon").failed(probe=False)
    (found,) = breakers(of(home), NOON + MINUTE)
    assert (found.subject, found.check, found.cause, found.severity) == ("source:polygon", "breaker_open", "", "WARN")
    assert found.since == NOON
    assert "yahoo" in found.said and "serves instead" in found.said
    later = breaker(home, "polygon", NOON + 2 * MINUTE)
    later.succeeded(later.admit())
    assert breakers(of(home), NOON + 3 * MINUTE) == []


def test_the_last_source_of_a_kind_is_an_error(home: Path) -> None:
    """Without any source of the chain both are errors, and what nobody can bring is named."""
    found = of(home, equities={"sources": ["polygon", "yahoo"]})
    for vendor in ("polygon", "yahoo"):
        breaker(home, vendor).failed(probe=False)
    assert {one.subject: one.severity for one in breakers(found, NOON)} == {
        "source:polygon": "ERROR",
        "source:yahoo": "ERROR",
    }
    assert "No source is left for daily bars" in breakers(found, NOON)[0].said


def test_a_source_without_its_key_stands_in_for_nobody(home: Path) -> None:
    """Live and without a key of polygon, yahoo is the only source there is."""
    breaker(home, "yahoo").failed(probe=False)
    assert [one.severity for one in breakers(of(home, vendors="live"), NOON)] == ["ERROR"]


def test_every_exchange_stands_alone_and_what_is_optional_warns(home: Path) -> None:
    """No other exchange has an exchange's funding; nothing depends on sentiment."""
    for vendor in ("bybit", "alternative_me"):
        breaker(home, vendor).failed(probe=False)
    found = of(home, funding={"exchanges": ["bybit", "okx"]}, crypto={"sentiment": {"enabled": True}})
    severities = {one.subject: one.severity for one in breakers(found, NOON)}
    assert severities == {"source:bybit": "ERROR", "source:alternative_me": "WARN"}


def test_a_breaker_is_open_since_it_first_opened(home: Path) -> None:
    """Probes that fail do not make it young again."""
    breaker(home, "bybit").failed(probe=False)
    probing = breaker(home, "bybit", NOON + 2 * MINUTE)
    probing.failed(probing.admit())
    assert breakers(of(home), NOON + 3 * MINUTE)[0].since == NOON


def test_a_vendor_that_is_not_asked_any_more_is_not_told(home: Path) -> None:
    """An exchange that was taken out of the settings has no incident."""
    breaker(home, "bybit").failed(probe=False)
    assert breakers(of(home, funding={"exchanges": ["okx"]}), NOON) == []


@pytest.mark.parametrize(("used", "severity"), [(79, None), (80, None), (81, "WARN"), (100, "ERROR")])
def test_a_budget_warns_below_a_fifth_and_is_an_error_at_nothing(home: Path, used: int, severity: str | None) -> None:
    """Of 100 requests a day: 20 left are enough, 19 warn, none are an error. The next day nothing is told."""
    rates = RateBudget(per_day=100, per_minute=5)
    found = of(home, vendors="live", polygon=PolygonSettings(budget=rates))
    budget = Budget.of("polygon", fingerprint("polygon", None), rates, VendorState.of(home), wait_s=0, now=lambda: NOON)
    budget.told("day", used)
    told = budgets(found, NOON)
    assert [(one.subject, one.check, one.severity) for one in told] == (
        [("source:polygon", "budget_low", severity)] if severity else []
    )
    assert all("2026-10-07 00:00Z" in one.said for one in told)
    assert budgets(found, NOON + timedelta(days=1)) == []


def test_a_home_that_asked_nobody_has_nothing_to_tell(home: Path) -> None:
    """Looking makes no state file."""
    assert (breakers(of(home), NOON), budgets(of(home), NOON)) == ([], [])
    assert not (home / "state").exists()
