"""Alignment: which bar of each timeframe speaks, what it says, and how the voices are counted."""

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest
import talib

from market_assets.crypto.schemas import ALIGNED, CryptoOverlays
from market_assets.crypto.transforms.overlays import alignment
from tests.market_assets.core.incremental.replay import random_bars
from tests.market_assets.crypto.transforms.overlays.surroundings import given_with, timed

#: end of the base bar of 10:00 to 10:15
QUARTER_PAST = datetime(2026, 10, 5, 10, 15, tzinfo=UTC)
#: last end of a bar of each timeframe at or before 10:15
ENDS = {"5m": QUARTER_PAST, "15m": QUARTER_PAST, "1h": datetime(2026, 10, 5, 10, tzinfo=UTC),
        "4h": datetime(2026, 10, 5, 8, tzinfo=UTC)}  # fmt: skip
STEP = {"5m": timedelta(minutes=5), "15m": timedelta(minutes=15), "1h": timedelta(hours=1), "4h": timedelta(hours=4)}


def drift(per_bar, n=60, volume=None):
    """`n` bars whose close moves by the same amount each."""
    close = 500.0 + per_bar * np.arange(n)
    return pl.DataFrame({"close": close, "volume": volume or [1.0] * n}).with_columns(
        open="close", high="close", low="close"
    )


def frames_of(**bars):
    """Bars of each timeframe, the last one ending where ENDS says."""
    return {name: timed(rows, name, ENDS[name]) for name, rows in bars.items()}


def base_row(frames, **settings):
    """The alignment columns of the 15m bar of 10:00."""
    return alignment.compute(frames["15m"], given_with("15m", frames, **settings)).row(-1, named=True)


def four(*per_bar, n=60):
    """All four timeframes, drifting so."""
    return frames_of(**{name: drift(step, n) for name, step in zip(ALIGNED, per_bar, strict=True)})


@pytest.mark.parametrize(
    ("drifts", "score", "direction", "mode"),
    [
        ((1, 1, 1, 1), 1.0, 1, "SWING"),
        ((-1, -1, -1, -1), 1.0, -1, "SWING"),
        ((1, 1, 1, -1), 0.75, 1, "INTRADAY"),
        ((1, -1, -1, -1), 0.75, -1, "INTRADAY"),
        ((1, -1, 1, -1), 0.5, 0, "INTRADAY"),
        ((0, 0, 1, 0), 0.25, 1, "INTRADAY"),
        ((0, 0, 0, 0), 0.0, 0, "INTRADAY"),
    ],
)
def test_the_larger_side_over_all(drifts, score, direction, mode):
    """Four bullish timeframes score 1.0; three of four are 0.75, which is not yet a swing; a tie has no direction."""
    row = base_row(four(*drifts))
    assert (row["align_score"], row["align_dir"], row["align_mode"], row["align_n"]) == (score, direction, mode, 4)
    assert [row[f"align_{name}_trend"] for name in ALIGNED] == list(drifts)


def test_the_bar_that_closed_speaks_not_the_one_that_forms():
    """At 10:15 the 4h bar is that of 04:00 to 08:00: what comes after it changes nothing, what is in it does."""
    quiet = four(1, 1, 1, 1)
    after = timed(drift(0, 1).with_columns(close=pl.lit(1.0), volume=pl.lit(1e6)), "4h", ENDS["4h"] + STEP["4h"])
    forming = quiet | {"4h": pl.concat([quiet["4h"], after])}
    assert base_row(forming) == base_row(quiet)
    fallen = quiet["4h"].with_columns(close=pl.when(pl.col("ts") == quiet["4h"]["ts"][-1]).then(1.0).otherwise("close"))
    assert base_row(quiet | {"4h": fallen})["align_4h_trend"] == -1
    assert quiet["4h"]["ts"][-1] == datetime(2026, 10, 5, 4, tzinfo=UTC)


def test_a_bar_that_closes_with_the_base_bar_speaks():
    """The 15m and the 1h bar that end at 10:00 are both of the 15m row that ends then."""
    frames = four(1, 1, -1, 1)
    row = alignment.compute(frames["15m"], given_with("15m", frames)).row(-2, named=True)
    assert (row["align_15m_trend"], row["align_1h_trend"]) == (1, -1)
    fallen = frames["1h"].with_columns(close=pl.when(pl.col("ts") < frames["1h"]["ts"][-1]).then(10.0).otherwise(1e5))
    row = alignment.compute(frames["15m"], given_with("15m", frames | {"1h": fallen})).row(-2, named=True)
    assert row["align_1h_trend"] == 1


def test_a_timeframe_speaks_from_its_fiftieth_bar():
    """With 49 bars it is not counted; with 50 it is."""
    frames = four(1, 1, 1, 1)
    row = base_row(frames | {"4h": frames["4h"][-49:]})
    assert (row["align_n"], row["align_score"], row["align_4h_trend"], row["align_4h_strength"]) == (3, 1.0, None, None)
    assert base_row(frames | {"4h": frames["4h"][-50:]})["align_n"] == 4


def test_two_timeframes_are_too_few():
    """No summary; what each of the two says stands."""
    frames = four(1, 1, 1, 1)
    row = base_row({"5m": frames["5m"][:10], "15m": frames["15m"], "1h": frames["1h"]})
    assert (row["align_score"], row["align_dir"], row["align_mode"], row["align_n"]) == (None, None, None, 2)
    assert (row["align_5m_trend"], row["align_15m_trend"], row["align_4h_volume"]) == (None, 1, None)


def test_strength_is_that_of_the_relative_strength_index():
    """Against TA-Lib, at every bar of a random walk: STRONG above 60, WEAK below 40."""
    bars = timed(random_bars(400), "15m", QUARTER_PAST)
    rsi = talib.RSI(bars["close"].to_numpy(), 14)[49:]
    expected = np.where(rsi > 60, "STRONG", np.where(rsi < 40, "WEAK", "NEUTRAL")).tolist()
    found = alignment.compute(bars, given_with("15m", {"15m": bars}))["align_15m_strength"]
    assert found.to_list() == [None] * 49 + expected
    assert set(expected) == {"STRONG", "WEAK", "NEUTRAL"}


@pytest.mark.parametrize(("last", "rises"), [(1.1, True), (1.0, False), (0.9, False)])
def test_volume_rises_where_the_last_five_exceed_the_last_twenty(last, rises):
    """A constant volume does not rise, whatever the rounding of its means."""
    frames = frames_of(**{name: drift(1, volume=[0.1] * 59 + [0.1 * last]) for name in ALIGNED})
    assert base_row(frames)["align_1h_volume"] is rises


@pytest.mark.parametrize("n", [0, 1, 50])
def test_columns_are_those_of_the_contract(n):
    """Names and types as stored, one row for each bar, however few there are, and without any other timeframe."""
    found = alignment.compute(four(1, 1, 1, 1)["1h"][:n], given_with("1h"))
    schema = CryptoOverlays.contract().schema
    assert found.schema == {name: schema[name] for name in alignment.COLUMNS}
    assert found.height == n
    assert found["align_n"].to_list() == [0] * n


def test_later_bars_change_nothing():
    """Bars of any timeframe that close after a row's own close leave it as it is, to the last bit."""
    frames = frames_of(**{name: random_bars(120, seed) for seed, name in enumerate(ALIGNED)})
    whole = alignment.compute(frames["15m"], given_with("15m", frames))
    for cut in (60, 101, 119):
        close = frames["15m"]["ts"][cut - 1] + STEP["15m"]
        known = {name: bars.filter(pl.col("ts") + STEP[name] <= close) for name, bars in frames.items()}
        assert alignment.compute(known["15m"], given_with("15m", known)).equals(whole[:cut])
