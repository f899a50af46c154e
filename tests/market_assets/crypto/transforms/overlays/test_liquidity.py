"""Liquidity zones: the golden row, a profile by hand, and a plain retelling of the definition."""

import polars as pl
import pytest

from market_assets.crypto.schemas import CryptoOverlays
from market_assets.crypto.transforms.overlays import liquidity
from tests.market_assets.core.golden_series import golden_series
from tests.market_assets.core.incremental.replay import random_bars
from tests.market_assets.crypto.transforms.overlays.surroundings import given_with


def bars_of(*rows):
    """(high, low, close, volume) of each bar, hourly."""
    times = golden_series(len(rows))["ts"]
    return pl.DataFrame(rows, schema=["high", "low", "close", "volume"], orient="row").with_columns(ts=times)


def retold(bars, i):
    """(price, strength) of each zone at row `i`, and the concentration, bin by bin and bar by bar."""
    window = bars[i - 99 : i + 1].to_dicts()
    lo, hi = min(bar["low"] for bar in window), max(bar["high"] for bar in window)
    bottom, width = lo - 0.05 * (hi - lo), 1.1 * (hi - lo) / 50
    bins = [0.0] * 50
    for age, bar in enumerate(reversed(window)):
        low, high, close = bar["low"], bar["high"], bar["close"]
        shares = []
        for k in range(50):
            floor = bottom + k * width
            overlap = max(0.0, min(high, floor + width) - max(low, floor))
            share = overlap / (high - low) if high > low else float(floor <= low < floor + width)
            position = (close - low) / (high - low) if high > low else 0.5
            centre = floor + width / 2
            leans = (position > 0.6 and centre > close) or (position < 0.4 and centre < close)
            shares.append(share * (1.3 if leans else 1.0))
        for k in range(50):
            bins[k] += shares[k] / sum(shares) * bar["volume"] * (0.7 + (0.45 if age < 50 else 0.0))
    kernel = {-2: 0.1, -1: 0.2, 0: 0.4, 1: 0.2, 2: 0.1}
    smooth = []
    for k in range(50):
        inside = {step: weight for step, weight in kernel.items() if 0 <= k + step < 50}
        smooth.append(sum(weight * bins[k + step] for step, weight in inside.items()) / sum(inside.values()))
    ordered = sorted(smooth)
    threshold = ordered[46] + 0.55 * (ordered[47] - ordered[46])  # 0.95 x 49 = 46.55
    mean, close = sum(smooth) / 50, window[-1]["close"]
    zones = []
    for value, k in sorted((-smooth[k], k) for k in range(50) if smooth[k] > threshold):
        price = bottom + (k + 0.5) * width
        if all(abs(price - kept) >= 0.005 * close for kept, _ in zones):
            zones.append((price, -value / mean))
    return zones, max(smooth) / mean


def test_golden_row():
    """Zones, distances and strengths of the series G at i = 299, as printed."""
    row = liquidity.compute(golden_series(300), given_with()).row(299, named=True)
    assert row["zone_supports"] == pytest.approx([96.876, 111.026, 96.1685], rel=1e-5)
    assert row["zone_resistances"] == []
    assert row["zone_near_price"] == row["zone_support_near"] == pytest.approx(111.026, rel=1e-5)
    assert row["zone_near_dist_pct"] == pytest.approx(-2.47154, rel=1e-5)
    assert row["zone_near_strength"] == pytest.approx(1.83406, rel=1e-5)
    assert row["zone_concentration"] == pytest.approx(2.00543, rel=1e-5)
    assert row["zone_side"] == 1
    assert row["zone_resistance_near"] is None


def test_a_profile_by_hand():
    """Two bars over four bins of width 1 from 10: the second, closing high, leans to the bin above its close.

    First bar 4 units, 1 a bin, times 0.7; second bar 4.6 units over two bins as 1 : 1.3, times 0.7 + 0.45.
    Bins 0.7, 0.7, 3.0, 3.69: the median is 1.85, the mean 2.0225.
    """
    small = {"window": 2, "recent": 1, "bins": 4, "pad_share": 0.0, "kernel": (1.0,), "threshold_quantile": 0.5}
    bars = bars_of((14.0, 10.0, 12.0, 4.0), (14.0, 12.0, 13.4, 4.6))
    row = liquidity.compute(bars, given_with(liquidity=small)).row(1, named=True)
    assert row["zone_supports"] == pytest.approx([12.5])
    assert row["zone_resistances"] == pytest.approx([13.5])
    assert row["zone_near_price"] == row["zone_resistance_near"] == pytest.approx(13.5)
    assert row["zone_side"] == -1
    assert row["zone_near_dist_pct"] == pytest.approx(100 * 0.1 / 13.4)
    assert row["zone_near_strength"] == row["zone_concentration"] == pytest.approx(3.69 / 2.0225)


@pytest.mark.parametrize(
    ("close", "supports", "resistances", "near", "side"),
    [
        (13.0, [10.5, 11.5], [], 11.5, 1),
        (11.0, [10.5], [11.5], 10.5, 1),
        (10.5, [], [11.5], 10.5, 0),
        (10.0, [], [10.5, 11.5], 10.5, -1),
    ],
)
def test_ties_go_to_the_lower_price(close, supports, resistances, near, side):
    """Two zones of equal strength at 10.5 and 11.5; a zone at the close is on neither side of it."""
    small = {"window": 3, "recent": 3, "bins": 4, "pad_share": 0.0, "kernel": (1.0,), "threshold_quantile": 0.5}
    bars = bars_of((11.5, 11.5, 11.5, 4.0), (10.5, 10.5, 10.5, 4.0), (14.0, 10.0, close, 0.0))
    row = liquidity.compute(bars, given_with(liquidity=small)).row(2, named=True)
    assert (row["zone_supports"], row["zone_resistances"]) == (supports, resistances)
    assert (row["zone_near_price"], row["zone_side"]) == (near, side)


def test_a_zone_too_near_to_a_stronger_one_is_none():
    """The same two zones 1 apart, where zones must be 8 % of 13.4 apart: the stronger one stays."""
    small = {"window": 2, "recent": 1, "bins": 4, "pad_share": 0.0, "kernel": (1.0,), "threshold_quantile": 0.5}
    bars = bars_of((14.0, 10.0, 12.0, 4.0), (14.0, 12.0, 13.4, 4.6))
    row = liquidity.compute(bars, given_with(liquidity=small | {"min_distance_pct": 8.0})).row(1, named=True)
    assert (row["zone_supports"], row["zone_resistances"]) == ([], pytest.approx([13.5]))


@pytest.mark.parametrize("bars", [golden_series(700), random_bars(900, 3)], ids=["golden", "random"])
def test_zones_are_those_of_the_definition_told_plainly(bars):
    """Bar by bar and bin by bin, at many rows: the same zones in the same order, the same concentration."""
    found = liquidity.compute(bars, given_with())
    compared = 0
    for i in range(99, bars.height, 19):
        row = found.row(i, named=True)
        if row["zone_concentration"] is None:
            continue
        zones, concentration = retold(bars, i)
        close = bars["close"][i]
        assert row["zone_supports"] == pytest.approx([price for price, _ in zones if price < close], rel=1e-9)
        assert row["zone_resistances"] == pytest.approx([price for price, _ in zones if price > close], rel=1e-9)
        assert row["zone_concentration"] == pytest.approx(concentration, rel=1e-9)
        near, strength = min(zones, key=lambda zone: (abs(zone[0] - close), zone[0]))
        assert row["zone_near_price"] == pytest.approx(near, rel=1e-9)
        assert row["zone_near_strength"] == pytest.approx(strength, rel=1e-9)
        compared += 1
    assert compared > 20


def test_supports_are_below_and_resistances_above():
    """At every row; the nearest of each is in its list, and the nearest of all is one of the two."""
    bars = pl.concat([golden_series(500).drop("symbol").select(random_bars(1).columns), random_bars(900)])
    found = liquidity.compute(bars, given_with()).with_columns(close=bars["close"]).drop_nulls("zone_near_price")
    assert found.height > 800
    for row in found.iter_rows(named=True):
        below, above = row["zone_supports"], row["zone_resistances"]
        assert all(price < row["close"] for price in below)
        assert all(price > row["close"] for price in above)
        assert row["zone_support_near"] == max(below, default=None)
        assert row["zone_resistance_near"] == min(above, default=None)
        assert row["zone_near_price"] in {*below, *above}
        assert row["zone_side"] == (1 if row["zone_near_price"] < row["close"] else -1)


def test_unknown_with_fewer_than_100_bars():
    """Null up to row 98, a profile from row 99 on."""
    found = liquidity.compute(golden_series(101), given_with())
    assert found[:99].null_count().row(0) == (99,) * len(liquidity.COLUMNS)
    assert found["zone_concentration"][99:].null_count() == 0


@pytest.mark.parametrize("n", [0, 1, 99, 100, 300])
def test_columns_are_those_of_the_contract(n):
    """Names and types as stored, one row for each bar, however few there are."""
    found = liquidity.compute(golden_series(300)[:n], given_with())
    schema = CryptoOverlays.contract().schema
    assert found.schema == {name: schema[name] for name in liquidity.COLUMNS}
    assert found.height == n


def test_one_price_has_no_profile():
    """100 bars at one price: null. The bar that leaves it has one again, and the zones of the others are untouched."""
    flat = bars_of(*[(5.0, 5.0, 5.0, 2.0)] * 100, (6.0, 5.0, 6.0, 2.0))
    found = liquidity.compute(flat, given_with())
    assert found[99].null_count().row(0) == (1,) * len(liquidity.COLUMNS)
    assert liquidity.compute(flat[:100], given_with()).equals(found[:100])
    # almost all volume is in the bin of 5, and smoothed over two on each side
    assert found["zone_near_price"][100] == pytest.approx(5.0, abs=0.06)


def test_bars_without_volume_have_no_zones():
    """Measured nothing: empty lists; a share of nothing is unknown."""
    row = liquidity.compute(bars_of(*[(6.0, 5.0, 5.5, 0.0)] * 100), given_with()).row(99, named=True)
    assert (row.pop("zone_supports"), row.pop("zone_resistances")) == ([], [])
    assert set(row.values()) == {None}


def test_no_zone_lies_at_or_below_zero():
    """A hundredfold rise makes the grid reach below zero; the volume down there is at prices above it."""
    bars = bars_of(*[(0.011, 0.01, 0.0105, 1000.0)] * 99, (10.0, 0.01, 9.0, 1.0))
    row = liquidity.compute(bars, given_with()).row(99, named=True)
    assert row["zone_supports"] and min(row["zone_supports"]) > 0


def test_rows_before_the_first_are_not_computed():
    """Null before `first`; from it on what they are without it."""
    bars = golden_series(300)
    found, whole = (liquidity.compute(bars, given_with(**kept)) for kept in ({"first": bars["ts"][250]}, {}))
    assert found[:250].null_count().row(0) == (250,) * len(liquidity.COLUMNS)
    assert found[250:].equals(whole[250:])


def test_later_bars_change_nothing():
    """Cut at any of these rows, what remains is the same to the last bit."""
    bars = random_bars(420, 3)
    whole = liquidity.compute(bars, given_with())
    for cut in (100, 101, 257, 388, 419):
        assert liquidity.compute(bars[:cut], given_with()).equals(whole[:cut])


def test_no_bin_is_left_with_rounding():
    """A dense bar far from an edge leaves no volume elsewhere: strength is that of its own bins alone."""
    bars = bars_of(*[(100.0, 99.999999, 100.0, 1e9)] * 99, (200.0, 50.0, 120.0, 0.0))
    row = liquidity.compute(bars, given_with()).row(99, named=True)
    # one bin has all: smoothed it is 0.4 of it, and the mean is a fiftieth of it
    assert row["zone_concentration"] == pytest.approx(0.4 * 50, rel=1e-9)
    assert row["zone_supports"][0] == pytest.approx(100.0, abs=1.65)
