"""Execution filters on quotes worked by hand."""

from datetime import UTC, datetime, timedelta

import pytest

from market_assets.bars.settings import FilterSettings
from market_assets.bars.transforms.filters import ExecutionFilters
from market_assets.bars.transforms.signals.scoring import NOTES

T0 = datetime(2026, 10, 5, 12, tzinfo=UTC)


class Market:
    """Filters with a hand on the clock: one quote a second around 100 unless told."""

    def __init__(self, **settings):
        self.now = T0
        self.filters = ExecutionFilters(FilterSettings(**settings), lambda: self.now)

    def quote(self, spread=0.002, *, after=1.0, price=100.0, latency_ms=50.0, sigma=0.0):
        """A quote so many seconds after the last one; `spread` None for none."""
        self.now += timedelta(seconds=after)
        bid, ask = (None, None) if spread is None else (price - spread / 2, price + spread / 2)
        self.filters.observe(self.now, bid, ask, price, latency_ms, sigma)
        return self

    def reasons(self, lots=1.0):
        """What speaks against so many lots now."""
        return self.filters.reasons(lots)


def seen(spreads, **settings):
    """A market that has quoted these spreads."""
    market = Market(**settings)
    for spread in spreads:
        market.quote(spread)
    return market


def test_a_spread_above_the_sixtieth_percentile_is_wide():
    """Of 1..100 thousandths the 60th is 0.060 (nearest rank): equal to it passes, above does not."""
    hundred = [n / 1000 for n in range(1, 101)]
    lax = {"max_slippage_bps": 1000.0}
    assert seen([*hundred, 0.060], **lax).reasons() == []
    assert seen([*hundred, 0.0601], **lax).reasons() == ["spread_wide"]
    # the window moves: 100 wide ones later nothing of these is left
    assert seen([*hundred, *[0.2] * 100, 0.2], **lax).reasons() == []


def test_twenty_spreads_must_have_been_seen():
    """Of fewer nothing is judged; the newest is not one of those it is compared with."""
    lax = {"max_slippage_bps": 1000.0}
    assert seen([0.002] * 19 + [0.05], **lax).reasons() == []
    assert seen([0.002] * 20 + [0.05], **lax).reasons() == ["spread_wide"]


def test_equal_spreads_are_equal_at_any_price():
    """1.24993 - 1.2499 is less than 1.25022 - 1.25019 in its last bits, but not as a spread."""
    market, bids = Market(), [1.2499] * 20 + [1.25019]
    asks = [1.24993] * 20 + [1.25022]
    assert asks[-1] - bids[-1] > asks[0] - bids[0]
    for bid, ask in zip(bids, asks, strict=True):
        market.filters.observe(market.now - timedelta(minutes=1), bid, ask, bid, 50.0, 0.0)
    assert market.reasons() == []


@pytest.mark.parametrize(
    ("spread", "price", "sigma", "lots", "bps"),
    [
        # half of 1 bp, and 0.1 a lot
        (0.01, 100.0, 0.0, 1.0, 0.6),
        (0.01, 100.0, 0.01, 1.0, 0.9),
        (6.0, 60000.0, 0.0005, 2.0, 0.715),
        (0.00011, 1.1, 0.0, 0.0, 0.5),
    ],
)
def test_slippage_is_in_basis_points_of_price(spread, price, sigma, lots, bps):
    """0.5 x spread in bps, 30 bps a unit of volatility, 0.1 bps a lot; a coin at 60000 as a currency at 1.1."""
    market = Market().quote(spread, price=price, sigma=sigma)
    assert market.filters.slippage_bps(lots) == pytest.approx(bps)


def test_too_much_slippage_rejects():
    """2 bps are allowed: with a spread of 1 bp that is 15 lots."""
    market = Market().quote(0.01)
    assert market.reasons(lots=14.9) == []
    assert market.reasons(lots=15.1) == ["slippage_high"]


def test_three_slow_answers_running_pause_for_a_minute():
    """500 ms three times, as measured: from the third on, for 60 seconds."""
    market = Market().quote(latency_ms=500.0).quote(latency_ms=500.0)
    assert market.reasons() == []
    market.quote(latency_ms=500.0)
    assert market.reasons() == ["source_slow"]
    market.quote(after=59.9)
    assert market.reasons() == ["source_slow"]
    market.quote(after=0.1)
    assert market.reasons() == []


def test_a_fast_answer_between_ends_the_run():
    """Two, a fast one, two: no pause. 400 ms are not slow, and what was not measured is neither."""
    market = Market()
    for latency in (500.0, 500.0, 50.0, 500.0, 500.0, 400.0, None):
        market.quote(latency_ms=latency)
    assert market.reasons() == []
    for latency in (500.0, None, 500.0, None, 500.0):
        market.quote(latency_ms=latency)
    assert market.reasons() == ["source_slow"]


def test_more_than_twenty_quotes_in_ten_seconds_are_too_many():
    """Twenty pass; one more does not; ten seconds later they are forgotten."""
    market = Market()
    for _ in range(20):
        market.quote(after=0.0)
    assert market.reasons() == []
    market.quote(after=0.0)
    assert market.reasons() == ["tape_fast"]
    market.now += timedelta(seconds=9.9)
    assert market.reasons() == ["tape_fast"]
    market.now += timedelta(seconds=0.1)
    assert market.reasons() == []


@pytest.mark.parametrize(("bid", "ask"), [(None, 100.0), (100.0, None), (100.1, 100.0), (0.0, 100.0)])
def test_without_a_quote_spread_and_slippage_are_not_judged(bid, ask):
    """It is told and does not reject; nothing stands in for a side that is absent or impossible."""
    market = seen([0.002] * 25)
    market.filters.observe(market.now, bid, ask, 100.0, 50.0, 0.001)
    assert market.reasons(lots=1e6) == ["no_quote"]
    assert NOTES.issuperset(market.reasons())
    assert market.filters.slippage_bps(1.0) is None


def test_nothing_observed_is_nothing_judged():
    """A fresh process has no quote."""
    assert Market().reasons() == ["no_quote"]


def test_without_volatility_slippage_is_not_judged():
    """Told as a note; a wide spread still rejects."""
    assert Market().quote(sigma=None).reasons(lots=1e6) == ["no_sigma"]
    wide = seen([0.002] * 20).quote(0.05, sigma=None)
    assert wide.reasons() == ["spread_wide", "no_sigma"]
    assert "no_sigma" in NOTES


def test_a_slow_source_pauses_without_a_quote_too():
    """Latency and speed of the tape need no bid."""
    market = Market()
    for _ in range(3):
        market.quote(None, latency_ms=900.0)
    assert market.reasons() == ["no_quote", "source_slow"]
