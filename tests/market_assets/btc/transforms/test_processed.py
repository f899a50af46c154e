"""Filled, tamed and shared liquidations (btc.md 3.3)."""

from datetime import datetime

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import settings as run
from hypothesis import strategies as st

from market_assets.btc.schemas import BtcProcessed
from market_assets.btc.transforms import outliers
from market_assets.btc.transforms import processed as processing
from market_assets.core.errors import InvalidRequest
from tests.market_assets.btc.transforms.hourly import (
    HOUR,
    SCALES,
    START,
    between,
    configured,
    hours,
    liquidated,
    prices,
    simulated,
)

DEFAULTS = configured()


def computed(longs, shorts=None, settings=DEFAULTS):
    raw = liquidated(longs, shorts)
    return processing.processed(prices([1.0] * raw.height), raw, settings, first=START, until=START + raw.height * HOUR)


def test_soft_compression_of_the_golden_series():
    """G-PRE-1: above the fence of the past a value is laid on (T, T + iqr]; T and iqr by hand are 223.75 and 49.5."""
    got = computed([float(i) for i in range(1, 100)] + [400.0, 1000.0, 400.0])
    assert got["long_volume"].tail(3).to_list() == pytest.approx([273.25, 276.0, 239.488581], abs=1e-6)
    assert got["long_volume"][:99].to_list() == [float(i) for i in range(1, 100)]
    assert got["is_outlier_long"].to_list() == [False] * 99 + [True] * 3
    threshold, iqr, maximum = outliers.bounds(pl.col("long_filled"), 4320, 100, 3.0)
    at = got.select(threshold.alias("t"), iqr.alias("iqr"), maximum.alias("v")).row(99)
    assert at == pytest.approx((223.75, 49.5, 400.0))


def test_few_values_have_no_outliers():
    """The 100th known value is the first that can be an outlier; unknown ones do not count."""
    ninety_nine = [1.0, 2.0, 3.0] * 33
    assert computed([*ninety_nine[:98], 1e6])["is_outlier_long"].to_list()[-1] is False
    got = computed([*[None] * 50, *ninety_nine[:98], 1e6, 1e6])
    assert got["is_outlier_long"].to_list()[-2:] == [False, True]
    assert got["long_volume"].to_list()[-2] == 1e6
    assert got["is_outlier_long"][:50].null_count() == 50
    # on the fence is within it
    assert not computed([5.0] * 150)["is_outlier_long"].any()


def test_the_outlier_window_ends():
    """A value leaves the window after outlier_window_hours rows, and its weight on the fence with it."""
    settings = configured(preprocess={"outlier_window_hours": 100})
    longs = [1000.0] * 50 + [1.0, 2.0] * 75
    got = computed([*longs, 1000.0], settings=settings)
    # the 100 rows to the last hold 1000 once: q1 = 1, q3 = 2, fence 5, the maximum maps on its end
    assert got["long_volume"][-1] == pytest.approx(6.0)
    assert computed([*longs[:98], 1000.0], settings=settings)["is_outlier_long"][-1] is False


def test_short_gaps_are_carried_forward_and_long_ones_stay():
    """G-PRE-3: at most three hours are carried; the fourth is a gap. Nothing is carried backward."""
    got = computed([5.0, None, None, None, None, 7.0])
    assert got["long_filled"].to_list() == [5.0, 5.0, 5.0, 5.0, None, 7.0]
    assert got["is_filled"].to_list() == [False, True, True, True, False, False]
    assert got["is_gap"].to_list() == [False, False, False, False, True, False]
    assert got.row(4, named=True)["long_volume"] is None


def test_leading_unknowns_stay_unknown():
    """G-PRE-4: there is no backward fill, no interpolation and no default."""
    got = computed([None, None, 3.0, None, 9.0])
    assert got["long_filled"].to_list() == [None, None, 3.0, 3.0, 9.0]
    assert got["is_gap"].to_list() == [True, True, False, False, False]
    for name in ("long_share", "net_volume", "total_volume", "net_share", "is_outlier_long", "long_volume"):
        assert got[name][:2].null_count() == 2, name


def test_no_volume_has_an_even_share():
    """G-PRE-5: both sides zero is 0.5 of 0 and no gap; only shorts is a share of 0."""
    got = computed([0.0, 0.0], [0.0, 4.0])
    assert got["long_share"].to_list() == [0.5, 0.0]
    assert got["net_share"].to_list() == [0.0, -1.0]
    assert got["is_gap"].to_list() == [False, False]


def test_zero_is_data():
    """G-PRE-6: zeros in 8 % of the hours are neither gaps nor filled."""
    longs = [0.0 if i % 25 in (3, 17) else 2.0 for i in range(500)]
    got = computed(longs, [1.0] * 500)
    assert not got["is_gap"].any()
    assert not got["is_filled"].any()
    assert got["long_volume"].to_list() == longs


def test_one_unknown_side_is_a_gap_of_the_hour():
    """The known side keeps its volume; what needs both is unknown."""
    row = computed([None, 2.0], [3.0, 6.0]).row(0, named=True)
    assert (row["is_gap"], row["short_volume"], row["long_volume"]) == (True, 3.0, None)
    assert [row[name] for name in ("long_share", "net_volume", "total_volume", "net_share")] == [None] * 4


def test_shares_by_hand():
    """long_share is of the uncompressed values, net_share of the volumes."""
    longs = [float(i) for i in range(1, 100)] + [400.0]
    row = computed(longs, [100.0] * 100).row(99, named=True)
    assert row["long_share"] == pytest.approx(400 / 500)
    assert row["net_volume"] == pytest.approx(273.25 - 100)
    assert row["total_volume"] == pytest.approx(373.25)
    assert row["net_share"] == pytest.approx(173.25 / 373.25)


def test_scale_and_compression_are_settings():
    """log1p is applied after compression; `none` compresses nothing and still tells outliers."""
    longs = [float(i) for i in range(1, 100)] + [400.0]
    logged = computed(longs, settings=configured(preprocess={"scale": "log1p"}))
    assert logged["long_volume"].to_list() == pytest.approx(np.log1p([*longs[:-1], 273.25]).tolist())
    assert logged["long_filled"].to_list() == longs
    plain = computed(longs, settings=configured(preprocess={"compression": "none"}))
    assert plain["long_volume"].to_list() == longs
    assert plain["is_outlier_long"].to_list() == [False] * 99 + [True]


def test_data_quality_settings_reach_the_values():
    """The limit of filling, the fence's multiple and the least count are what the settings say."""
    none = configured(data_quality={"interpolation_limit": 0})
    assert computed([5.0, None], settings=none)["long_filled"].to_list() == [5.0, None]
    one = configured(data_quality={"interpolation_limit": 1})
    assert computed([5.0, None, None], settings=one)["long_filled"].to_list() == [5.0, 5.0, None]
    tight = configured(data_quality={"outlier_threshold": 1.0, "min_data_points": 5})
    # of 1, 2, 3, 4, 100: q1 = 2, q3 = 4, fence 4 + 2, the maximum maps on 8
    assert computed([1.0, 2.0, 3.0, 4.0, 100.0], settings=tight)["long_volume"][-1] == pytest.approx(8.0)


def test_the_grid_is_complete():
    """An hour that no vendor had is a row of nulls, the price is never filled, and rows are first <= ts < until."""
    price = prices([1.0, 2.0, 3.0, 4.0, 5.0]).filter(pl.col("price") != 3.0)
    raw = liquidated([1.0, 2.0, 3.0, 4.0, 5.0])[[0, 4]]
    got = processing.processed(price, raw, DEFAULTS, first=START + HOUR, until=START + 6 * HOUR)
    assert got["ts"].to_list() == hours(5, START + HOUR).to_list()
    assert got["price"].to_list() == [2.0, None, 4.0, 5.0, None]
    assert got["long_filled"].to_list() == [1.0, 1.0, 1.0, 5.0, 5.0]
    assert got["is_filled"].to_list() == [True, True, True, False, True]


def test_rows_say_when_they_can_be_used_and_what_made_them():
    """available_at is the end of the hour and the publication lag; the columns are the contract's."""
    settings = configured(publication_lag_minutes=25)
    got = computed([1.0, 2.0], settings=settings)
    assert got["available_at"].to_list() == [START + HOUR * 85 / 60, START + HOUR * 145 / 60]
    assert got["feature_version"].unique().to_list() == [settings.feature_version]
    assert got.schema == BtcProcessed.contract().schema


def test_no_hour_is_asked_for():
    """Nothing up to nothing: an empty frame of the right types."""
    got = processing.processed(prices([1.0]), liquidated([1.0]), DEFAULTS, first=START, until=START)
    assert got.schema == BtcProcessed.contract().schema
    assert got.is_empty()


@pytest.mark.parametrize(
    ("first", "until"),
    [(START.replace(tzinfo=None) + HOUR, START + HOUR), (START, datetime(2021, 2, 2)), (START, START + HOUR / 2)],
)
def test_a_time_must_be_an_hour_in_utc(first, until):
    """Naive times, and times within an hour, are refused: the grid would miss every row."""
    with pytest.raises((InvalidRequest, TypeError)):
        processing.processed(prices([1.0]), liquidated([1.0]), DEFAULTS, first=first, until=until)


def test_two_rows_of_one_hour_are_refused():
    """Versions are resolved before: a second row would count twice in every window."""
    twice = pl.concat([liquidated([1.0]), liquidated([2.0])])
    with pytest.raises(pl.exceptions.ComputeError, match="1:1"):
        processing.processed(prices([1.0]), twice, DEFAULTS, first=START, until=START + HOUR)


@pytest.mark.parametrize("scale", SCALES)
@given(seed=st.integers(0, 10_000))
@run(max_examples=8, deadline=None)
def test_what_is_stored_keeps_the_contract(scale, seed):
    """Total is the sum, net the difference, shares are in range, gaps are null, no value is NaN or infinite."""
    settings = configured(preprocess={"scale": scale})
    got = processing.processed(*simulated(700, seed), settings, first=START, until=START + 700 * HOUR)
    BtcProcessed.contract().validate(got)
    known = got.filter(~pl.col("is_gap"))
    longs, shorts = known["long_volume"].to_numpy(), known["short_volume"].to_numpy()
    np.testing.assert_allclose(known["total_volume"], longs + shorts, rtol=1e-9)
    np.testing.assert_allclose(known["net_volume"], longs - shorts, rtol=1e-9, atol=1e-9)
    gaps = got.filter("is_gap")
    assert gaps.height > 0
    assert gaps["total_volume"].null_count() == gaps["net_share"].null_count() == gaps.height


@given(seed=st.integers(0, 10_000), first=st.integers(1, 690), scale=st.sampled_from(SCALES))
@run(max_examples=25, deadline=None)
def test_a_part_has_the_bits_of_the_whole(seed, first, scale):
    """G-STATE-1: any hours, computed from `look_back` hours before them, equal the full pass to the last bit."""
    settings = configured(preprocess={"scale": scale, "outlier_window_hours": 120})
    price, raw = simulated(700, seed)
    full = processing.processed(price, raw, settings, first=START, until=START + 700 * HOUR)
    since, until = START + first * HOUR, START + min(first + 24, 700) * HOUR
    looked_at = since - processing.look_back(settings) * HOUR
    part = processing.processed(
        between(price, since, until), between(raw, looked_at, until), settings, first=since, until=until
    )
    assert part.equals(between(full, since, until))


def test_the_first_row_of_a_part_looks_as_far_back_as_look_back_says():
    """The oldest row of the window may itself be carried from three hours before it."""
    settings = configured(preprocess={"outlier_window_hours": 10}, data_quality={"min_data_points": 10})
    longs = [1.0, None, None, None, *[1.0] * 8, 40.0]
    first = START + processing.look_back(settings) * HOUR
    got = processing.processed(prices([1.0] * 13), liquidated(longs), settings, first=first, until=START + 13 * HOUR)
    # ten known values, the oldest carried: the fence is 1. Of nine there would be none
    assert got["ts"].to_list() == [START + 12 * HOUR]
    assert got.row(0, named=True)["is_outlier_long"] is True


def test_look_back_is_the_window_and_what_is_carried_into_it():
    """180 days less the row itself, and three hours that may be carried into the first of them."""
    assert processing.look_back(DEFAULTS) == 4319 + 3
