"""The gaps of a funding home: days of the window that nobody asked for yet."""

from datetime import timedelta
from typing import Any

import pytest

from market_assets.funding.gaps import never_stored, typed_gaps
from market_assets.funding.schemas import FundingContracts, FundingRates
from market_assets.settings import settings
from resources.stores import open_store
from tests.market_assets.funding.transforms.histories import LONG_AGO, T0, at, contracts, looked

NOW = at(30 * 24 + 12)
RATES, CONTRACTS = FundingRates.contract(), FundingContracts.contract()
#: the window: T0's day is the first of the thirty before today
DAYS = [f"{T0 + timedelta(days=n):%Y-%m-%d}" for n in range(30)]
#: looks at the listing, one before and one after the day that is not stored
LOOKS = (0, 720)
DAY = DAYS[10]


def listed(name: str, interval: float | None, **stated: Any) -> list[dict[str, Any]]:
    """A contract of gate, seen at every look."""
    return looked(name, **({"hours": LOOKS, "listed_at": LONG_AGO, "interval_hours": interval} | stated))


def store(*rows: dict[str, Any], without: tuple[str, ...] = (DAY,)) -> None:
    """Contracts, and every day of the window but for some."""
    home = open_store(settings())
    home.write(CONTRACTS, "gate", contracts(*rows))
    for day in DAYS:
        if day not in without:
            home.write(RATES, f"{day}|gate", RATES.empty())


def found() -> list[tuple[str, str, int, str]]:
    gaps = typed_gaps(open_store(settings()), settings(), NOW)
    return gaps.select("partition", "name", "n_missing", "kind").rows()


def test_a_day_never_stored_lacks_what_its_contracts_settle() -> None:
    """Every eight hours and every hour are 3 and 24; of unknown interval and of one listed later nothing is known."""
    later = listed("E", 8.0, hours=LOOKS[1:], listed_at=at(400))
    store(*listed("A", 8.0), *listed("B", 1.0), *listed("C", None), *later)
    assert found() == [(f"{DAY}|gate", "gate", 27, "ours")]


def test_a_day_of_which_nothing_is_known_to_be_due_is_asked_for() -> None:
    """Some exchanges do not say since when they list."""
    store(*listed("E", 8.0, hours=LOOKS[1:], listed_at=at(400)))
    assert found() == [(f"{DAY}|gate", "gate", 1, "ours")]


def test_a_window_stored_whole_lacks_nothing() -> None:
    """A known empty day is stored; the running one is not part of the window."""
    store(*listed("A", 8.0), without=())
    assert found() == []


def test_the_window_does_not_reach_before_the_first_day_that_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is older is not asked for by itself."""
    store(*listed("A", 8.0), without=(DAYS[3], DAY))
    monkeypatch.setenv("MARKET_ASSETS_FUNDING__START_DATE", DAYS[4])
    settings.cache_clear()
    assert never_stored(open_store(settings()), settings(), NOW) == [f"{DAY}|gate"]


def test_an_exchange_without_known_contracts_is_not_asked() -> None:
    """Its listing comes first."""
    assert found() == []
