"""A day's indicators come from exactly so many bars before it, whatever else was loaded or asked for."""

from datetime import UTC, date, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from market_assets.bars.schemas import VALUES, BarsIndicators, BarsMinute
from market_assets.bars.settings import BarsSettings
from market_assets.bars.transforms.indicators import indicators
from market_assets.core import trading_hours
from market_assets.core.incremental.bank import Bank, BarArrays
from tests.market_assets.core.golden_series import AT, GOLDEN, golden_series
from tests.market_assets.core.incremental.replay import random_bars

FIRST = datetime(2026, 3, 2, tzinfo=UTC)
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
#: few, so that a test needs no more than a few days of bars
SETTINGS = BarsSettings.model_validate({"indicators": {"warm_bars": 700}})


def minute_bars(symbol: str = "BTCUSD", n: int = 4_000, first: datetime = FIRST, seed: int = 1) -> pl.DataFrame:
    """The first `n` minutes of the symbol's calendar (BarsMinute), a random walk."""
    row = SETTINGS.instrument(symbol)
    ts = trading_hours.minutes(row.calendar, first, first + 12 * DAY).head(n)
    frame = (
        random_bars(n, seed)
        .drop("taker_buy_base")
        .with_columns(
            ts=ts,
            symbol=pl.lit(symbol),
            timeframe=pl.lit("1m"),
            volume=pl.col("volume") if row.measures_volume else pl.lit(None, dtype=pl.Float64),
            source=pl.lit("yahoo"),
            ingested_at=ts + 2 * MINUTE,
            trade_count=pl.lit(None, dtype=pl.Int64),
            instrument_kind=pl.lit(row.kind),
            fallback_level=pl.lit(0, dtype=pl.Int8),
            origin=pl.lit("rest"),
            basis_break=pl.lit(False),
            quality_score=pl.lit(1.0),
            issues=pl.Series([[]] * n, dtype=pl.List(pl.String)),
        )
    )
    return BarsMinute.contract().conform(frame)


def days(n: int, first: datetime = FIRST) -> list[date]:
    """The days from the first one on."""
    return [(first + i * DAY).date() for i in range(n)]


def one_by_one(bars: pl.DataFrame, has_volume: bool = True) -> np.ndarray:
    """The live bank's values of bars of a market that never closes."""
    bank = Bank(["S"], ["always"], [has_volume])
    columns = [bars["ts"].to_physical().to_numpy()]
    columns += [bars[name].fill_null(np.nan).to_numpy() for name in ("open", "high", "low", "close", "volume")]
    return np.array(
        [
            bank.update(np.array([0]), BarArrays(*(column[i : i + 1] for column in columns)))[0]
            for i in range(bars.height)
        ]
    )


def assert_values(rows: pl.DataFrame, expected: np.ndarray) -> None:
    """The same values to 1e-9 max(1, |expected|), null where NaN."""
    found = np.stack([rows[name].fill_null(np.nan).to_numpy() for name in VALUES], axis=1)
    np.testing.assert_array_equal(np.isnan(found), np.isnan(expected))
    assert np.nanmax(np.abs(found - expected) / np.maximum(1.0, np.abs(expected))) <= 1e-9


@pytest.fixture(scope="module")
def bars() -> pl.DataFrame:
    """Two days and more of bitcoin and euro minutes."""
    return pl.concat([minute_bars(), minute_bars("EURUSD", seed=2)])


@pytest.fixture(scope="module")
def rows(bars: pl.DataFrame) -> pl.DataFrame:
    """Their indicators of three days."""
    return indicators(bars, days(3), SETTINGS)


def test_every_bar_of_the_days_has_a_row(bars, rows):
    """Both symbols, in order, as the table declares them; no other day."""
    expected = bars.filter(pl.col("ts") < FIRST + 3 * DAY).sort("symbol", "ts")
    assert_frame_equal(rows.select("symbol", "ts", "close"), expected.select("symbol", "ts", "close"))
    assert rows.schema == BarsIndicators.contract().schema
    assert not any(rows.select(pl.col(pl.Float64).is_nan().any()).row(0))


def test_the_golden_table_is_stored():
    """The bars of G as minutes of bitcoin; its sessions are days there, so VWAP is another."""
    golden = golden_series(300)
    prices = [golden[name] for name in ("open", "high", "low", "close", "volume")]
    found = indicators(minute_bars(n=300).with_columns(*prices), days(1), SETTINGS)
    for name in set(GOLDEN) - {"vwap"}:
        expected = np.array(GOLDEN[name], dtype=np.float64)
        np.testing.assert_allclose(
            found[name].fill_null(np.nan).to_numpy()[list(AT)], expected, rtol=1e-5, err_msg=name
        )


@pytest.mark.parametrize("symbol", ["BTCUSD", "EURUSD"])
def test_a_day_is_made_from_so_many_bars_before_it(bars, rows, symbol):
    """The live bank, fed with exactly 700 bars before the third day, gives its rows; VWAP of euros is null."""
    own = bars.filter(symbol=symbol)
    start = own["ts"].search_sorted(FIRST + 2 * DAY)
    end = own["ts"].search_sorted(FIRST + 3 * DAY)
    expected = one_by_one(own[start - 700 : end], has_volume=symbol == "BTCUSD")[700:]
    found = rows.filter(pl.col("symbol") == symbol, pl.col("ts") >= FIRST + 2 * DAY)
    assert_values(found, expected)
    assert found["bars_in_segment"].to_list() == list(range(701, 701 + end - start))
    assert found["is_warm"].all()


def test_a_run_of_one_day_is_that_of_a_range(bars, rows):
    """Each day alone, and all at once in another order: the same bits."""
    alone = [indicators(bars, [day], SETTINGS) for day in days(3)]
    assert_frame_equal(pl.concat(alone).sort("symbol", "ts"), rows, check_exact=True)
    assert_frame_equal(indicators(bars.reverse(), days(3)[::-1], SETTINGS), rows, check_exact=True)


def test_more_history_changes_nothing(bars, rows):
    """The 700 bars before the day, and all there are: the same bits."""
    last = FIRST + 2 * DAY
    least = bars.filter(pl.col("ts") >= last - 700 * MINUTE)
    expected = rows.filter(pl.col("ts") >= last)
    assert_frame_equal(indicators(least, days(3)[2:], SETTINGS), expected, check_exact=True)


@given(n=st.integers(1, 3_999))
@settings(max_examples=8, deadline=None)
def test_later_bars_change_nothing(bars, rows, n):
    """What was stored of a bar is what is stored when it was the last one."""
    own = bars.filter(symbol="BTCUSD").head(n)
    last = own["ts"][-1]
    found = indicators(own, [last.date()], SETTINGS)
    expected = rows.filter(pl.col("symbol") == "BTCUSD", pl.col("ts") <= last, pl.col("ts").dt.date() == last.date())
    assert_frame_equal(found, expected, check_exact=True)


def test_a_change_of_kind_begins_every_value_anew():
    """An index, its future for a while, the index again: three warm-ups, and volume where there is some."""
    first = datetime(2026, 3, 2, 14, 30, tzinfo=UTC)
    index = minute_bars("NAS100", 390, first)
    kinds = ["index"] * 100 + ["future"] * 250 + ["index"] * 40
    bars = index.with_columns(instrument_kind=pl.Series(kinds), volume=pl.lit(3.0))
    found = indicators(bars, [first.date()], SETTINGS)
    assert found["bars_in_segment"].to_list() == [*range(1, 101), *range(1, 251), *range(1, 41)]
    assert found["ema_20"].is_null().arg_true().to_list() == [*range(19), *range(100, 119), *range(350, 369)]
    assert found["ema_200"].is_not_null().arg_true().to_list() == list(range(299, 350))
    assert found["vwap"].is_not_null().arg_true().to_list() == list(range(100, 350))
    assert found["volume_ma_20"].is_not_null().arg_true().to_list() == list(range(119, 350))
    future = bars[100:350].with_columns(symbol=pl.lit("NAS100_FUT"))
    alone = indicators(future, [first.date()], SETTINGS)
    # the future's own calendar has another session, which begins before these bars as well
    assert_frame_equal(found[100:350].select(VALUES), alone.select(VALUES), check_exact=True)


def test_fifty_bars_are_too_few_for_a_slow_mean():
    """50 bars: no ema_200, an ema_50 on the last one, and not warm."""
    found = indicators(minute_bars(n=50), days(1), SETTINGS)
    assert found["ema_200"].null_count() == 50
    assert found["ema_50"].is_not_null().arg_true().to_list() == [49]
    assert not found["is_warm"].any()


def test_vwap_begins_with_the_session():
    """Gold's future from 20:00 UTC: over at 22:00 (17:00 in New York), open again at 23:00, where VWAP begins anew."""
    first = datetime(2026, 3, 4, 20, tzinfo=UTC)
    bars = minute_bars("XAUUSD_FUT", 200, first).with_columns(volume=pl.lit(1.0))
    found = indicators(bars, [first.date()], SETTINGS)
    price = bars.select((pl.col("high") + pl.col("low") + pl.col("close")) / 3).to_series().to_numpy()
    assert found["ts"][120] == datetime(2026, 3, 4, 23, tzinfo=UTC)
    assert found["vwap"][119] == pytest.approx(price[:120].mean())
    assert found["vwap"][120] == pytest.approx(price[120])
    assert found["vwap"][179] == pytest.approx(price[120:180].mean())
    # the close of the market is no gap
    assert found["bars_since_gap"].null_count() == 180


def test_bars_are_counted_since_a_missing_minute():
    """Minute 30 is missing: null before, 1 with the next bar; a gap before the cut is not known any more."""
    whole = minute_bars(n=3_000)
    bars = pl.concat([whole[:30], whole[31:]])
    found = indicators(bars, days(2), SETTINGS)
    assert found["bars_since_gap"].to_list() == [None] * 30 + list(range(1, 1_410)) + [None] * 1_440
    # 700 bars before the day are those from minute 740 on
    near = pl.concat([whole[:900], whole[901:]])
    assert indicators(near, days(2)[1:], SETTINGS)["bars_since_gap"].to_list() == list(range(540, 540 + 1_440))


def test_available_when_the_source_serves_it():
    """A minute after its start, and the delay of its source: 130 s of Twelve Data, none of Yahoo; marked ones alike."""
    sources = ["yahoo", "twelvedata", "twelvedata-sandbox"]
    bars = minute_bars(n=3).with_columns(source=pl.Series(sources))
    found = indicators(bars, days(1), SETTINGS)
    after = [(at - ts).total_seconds() for at, ts in found.select("available_at", "ts").iter_rows()]
    assert after == [60.0, 190.0, 190.0]


def test_nothing_gives_nothing(bars):
    """No bars at all, and a day without any: no rows, with every column."""
    for found in (indicators(bars.clear(), days(1), SETTINGS), indicators(bars, [date(2026, 1, 1)], SETTINGS)):
        assert found.is_empty()
        assert found.schema == BarsIndicators.contract().schema
