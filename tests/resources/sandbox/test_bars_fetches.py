"""The bars domain's own clients against the sandbox: the chain as a whole, each source failing in its own way."""

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from market_assets.bars.schemas import BarsReconciliation
from market_assets.settings import Settings, load
from resources.bars_compare import compare
from resources.bars_fetch import BARS, BarsFetch
from resources.http.breaker import Breaker
from resources.http.errors import AllSourcesFailed
from resources.http.state import VendorState
from resources.partition_fetch import FetchedPartitions
from resources.stores import open_store
from resources.vendors.registry import Vendors
from tests.resources.sandbox.bar_host import NOW, BarHost
from tests.resources.vendor_host import StillTime

#: a Sunday
COIN, EURO, INDEX = "2026-10-04|BTCUSD", "2026-10-02|EURUSD", "2026-10-02|NAS100"


def settings_of(bars: BarHost, home: Path) -> Settings:
    return load(home=home, vendors="sandbox", sandbox_url=str(bars.http.base_url).rstrip("/"))


def bring(bars: BarHost, home: Path, key: str) -> FetchedPartitions:
    """What a run brings of one partition."""
    settings = settings_of(bars, home)
    vendors = Vendors(settings, timing=StillTime(NOW).timing)
    try:
        fetch = BarsFetch(settings, vendors, open_store(settings), NOW)
        return fetch.minutes(fetch.units([key])[0])
    finally:
        vendors.close()


def day(bars: BarHost, home: Path, key: str) -> tuple[pl.DataFrame, dict[str, Any]]:
    brought = bring(bars, home, key)
    return BARS.validate(brought.frames[key]), dict(brought.metadata[key])


@pytest.mark.parametrize(("key", "n"), [(COIN, 1440), (EURO, 21 * 60), (INDEX, 390)])
def test_a_whole_day_comes_from_the_first_choice(bars: BarHost, tmp_path: Path, key: str, n: int) -> None:
    """A coin round the clock, a currency until Friday 17:00 in New York, an index of a session: each by one request."""
    frame, told = day(bars, tmp_path, key)
    assert frame["source"].unique().to_list() == ["yahoo-sandbox"]
    assert (frame.height + told["missing_slots"], told["expected_rows"], told["requests"]) == (n, n, 1)
    assert frame.height > 0.9 * n
    assert told["complete"] and told["batch_quality"] > 0.95
    assert frame["volume"].null_count() == (0 if key == COIN else frame.height)


def test_each_source_fails_in_its_own_way_and_the_last_one_serves(bars: BarHost, tmp_path: Path) -> None:
    """Yahoo's 429 is text, Alpha Vantage says premium with 200, Twelve Data is out of credits: Polygon at level 3.

    The premium text is no failure of the source: its breaker stays closed, and it is not asked again.
    """
    bars.fault("yahoo:429", "alphavantage:premium", "twelvedata:429")
    frame, told = day(bars, tmp_path, COIN)
    assert [step["outcome"] for step in told["fallback_steps"]] == ["quota", "not_entitled", "quota", "ok"]
    assert frame.select("source", "fallback_level").unique().rows() == [("polygon-sandbox", 3)]
    state = VendorState.of(settings_of(bars, tmp_path).home)
    assert Breaker("alphavantage", state).status().state == "closed"
    asked = state.call_stats("alphavantage").total_calls
    assert asked == 1
    day(bars, tmp_path, COIN)
    assert state.call_stats("alphavantage").total_calls == asked


def test_holes_are_filled_by_a_source_that_agrees(bars: BarHost, tmp_path: Path) -> None:
    """Every tenth minute of yahoo's is missing, which leaves too few; the next source has them."""
    bars.fault("yahoo:missing_rows", "yahoo:clip")
    frame, told = day(bars, tmp_path, COIN)
    assert [step["outcome"] for step in told["fallback_steps"]] == ["partial", "ok"]
    assert frame["source"].unique().sort().to_list() == ["alphavantage-sandbox", "yahoo-sandbox"]
    assert told["missing_slots"] == 0


def test_nobody_serves(bars: BarHost, tmp_path: Path) -> None:
    """All of them down: the error names each."""
    bars.fault(*(f"{vendor}:503" for vendor in ("yahoo", "alphavantage", "twelvedata", "polygon")))
    with pytest.raises(AllSourcesFailed) as failed:
        bring(bars, tmp_path, COIN)
    assert [error.vendor for error in failed.value.failures] == ["yahoo", "alphavantage", "twelvedata", "polygon"]


def test_a_second_source_is_compared(bars: BarHost, tmp_path: Path) -> None:
    """Both sources of the sandbox tell the same market; one that is 2 % off is found out."""
    frame, _ = day(bars, tmp_path, COIN)
    settings = settings_of(bars, tmp_path)
    found = []
    for faults in ((), ("alphavantage:off_by",)):
        bars.fault(*faults)
        vendors = Vendors(settings, timing=StillTime(NOW).timing)
        found.append(BarsReconciliation.contract().validate(compare(settings, vendors, frame, [COIN], NOW)))
        vendors.close()
    assert pl.concat(found).select("source", "other_source", "status").rows() == [
        ("yahoo-sandbox", "alphavantage-sandbox", "ok"),
        ("yahoo-sandbox", "alphavantage-sandbox", "error"),
    ]
