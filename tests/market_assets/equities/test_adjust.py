"""Adjustment for splits and dividends (equities.md 6), by hand and against real recordings."""

from datetime import date

import polars as pl
import pytest

from market_assets.equities.settings import EquitiesSettings
from market_assets.equities.transforms import adjust, scores
from tests.market_assets.equities.frames import (
    NO_ACTIONS,
    SEEN,
    acted,
    dividend,
    lean_factors,
    raw,
    real_bars,
    real_dividends,
    real_splits,
    sessions,
    split,
    universe,
)

CALENDAR = sessions()
DAYS = [date(2020, 1, 2), date(2020, 1, 3), date(2020, 1, 6), date(2020, 1, 7), date(2020, 1, 8)]
BARS = raw("A", DAYS, [100.0, 102.0, 104.0, 53.0, 54.0])
ACTIONS = acted(BARS, split("A", DAYS[3], 2.0), dividend("A", DAYS[4], 0.53))
TODAY = date(2021, 4, 1)


def adjusted(bars, actions, as_of=TODAY, asset_class="stock"):
    symbols = universe(*bars["symbol"].unique().sort(), asset_class=asset_class)
    return adjust.adjusted(scores.score(bars, actions, symbols, CALENDAR, EquitiesSettings()), actions, as_of)


def test_golden_adjustment():
    """The specification's five sessions: a 2-for-1 and a dividend of 1 % of the close before it."""
    got = adjusted(BARS, ACTIONS)
    assert got["close_split"].to_list() == pytest.approx([50, 51, 52, 53, 54])
    assert got["close_total"].to_list() == pytest.approx([49.5, 50.49, 51.48, 52.47, 54])
    assert got["volume_split"].to_list() == [2e6, 2e6, 2e6, 1e6, 1e6]
    assert got["n_actions_applied"].to_list() == [2, 2, 2, 1, 0]
    assert got["actions_as_of"].unique().to_list() == [SEEN]
    assert (got["split_factor"][-1], got["total_factor"][-1]) == (1.0, 1.0)


def test_an_announced_split_is_not_applied():
    """Actions after the as-of date are left out, of the factors and of what was known."""
    before = adjusted(BARS, ACTIONS, as_of=DAYS[2])
    assert before["close_split"].to_list() == [100.0, 102.0, 104.0, 53.0, 54.0]
    assert before["actions_as_of"].null_count() == 5
    between = adjusted(BARS, ACTIONS, as_of=DAYS[3])
    assert between["close_total"].to_list() == [50.0, 51.0, 52.0, 53.0, 54.0]


def test_traded_value_is_kept():
    """close_split x volume_split = close x volume to 1e-9, whatever the ratio."""
    got = adjusted(BARS, acted(BARS, split("A", DAYS[1], 7.0), split("A", DAYS[3], 1.0027)))
    value = got["close_split"] * got["volume_split"]
    assert (value / (BARS["close"] * BARS["volume"]) - 1).abs().max() < 1e-9


def test_actions_of_one_day_and_of_another_symbol():
    """Split and dividend of one ex date both apply; a symbol without actions keeps its prices."""
    other = raw("B", DAYS, [1.0] * 5)
    both = pl.concat([BARS, other])
    got = adjusted(both, acted(both, split("A", DAYS[3], 2.0), dividend("A", DAYS[3], 1.04)))
    assert got.filter(pl.col("symbol") == "A")["total_factor"].to_list() == pytest.approx([0.495] * 3 + [1, 1])
    assert got.filter(pl.col("symbol") == "B")["total_factor"].to_list() == [1.0] * 5


def test_an_unknown_factor_counts_as_one_and_is_reported():
    """A dividend whose previous close is not stored changes nothing and is listed."""
    actions = acted(BARS, dividend("A", DAYS[0], 0.5), split("A", DAYS[3], 2.0))
    assert adjusted(BARS, actions)["total_factor"].to_list() == [0.5] * 3 + [1.0] * 2
    assert adjust.unknown_factors(actions, TODAY).rows() == [("A", DAYS[0], "cash_dividend")]
    assert adjust.unknown_factors(actions, date(2020, 1, 1)).is_empty()


def test_an_index_stays_without_volume():
    """Null volume is null after adjustment."""
    got = adjusted(raw("VIX", DAYS, [12.0] * 5, volume=None), NO_ACTIONS, asset_class="index")
    assert got["volume_split"].null_count() == 5


@pytest.mark.parametrize(
    ("mode", "close", "volume"),
    [
        ("none", [100, 102, 104, 53, 54], [1e6] * 5),
        ("split", [50, 51, 52, 53, 54], [2e6, 2e6, 2e6, 1e6, 1e6]),
        ("total", [49.5, 50.49, 51.48, 52.47, 54], [2e6, 2e6, 2e6, 1e6, 1e6]),
    ],
)
def test_adjustment_at_read(mode, close, volume):
    """The same factors at read time: same columns, same order of rows, prices and volumes adjusted."""
    disordered = BARS.with_columns(vwap_vendor=pl.col("close")).sample(5, shuffle=True, seed=1)
    got = adjust.adjust_at_read(disordered, ACTIONS, mode, TODAY)
    assert got.columns == disordered.columns
    assert got["session_date"].to_list() == disordered["session_date"].to_list()
    ordered = got.sort("session_date")
    for name in ("open", "high", "low", "close", "vwap_vendor"):
        assert ordered[name].to_list() == pytest.approx(close)
    assert ordered["volume"].to_list() == volume


def test_adjustment_at_read_is_as_of():
    """Read as of the third session: the split of the fourth is not applied."""
    assert adjust.adjust_at_read(BARS, ACTIONS, "total", DAYS[2]).equals(BARS)


def test_adjustment_at_read_of_a_few_columns():
    """A read that asked for session and close alone gets these two."""
    few = BARS.select("symbol", "session_date", "close")
    assert adjust.adjust_at_read(few, ACTIONS, "split", TODAY)["close"].to_list() == [50, 51, 52, 53, 54]


def test_gaps_survive_adjustment_at_read():
    """Scored bars keep open / prev_close_ref - 1 = gap_ratio and volume against its median."""
    bars = scores.score(BARS, ACTIONS, universe("A"), CALENDAR, EquitiesSettings())
    got = adjust.adjust_at_read(bars, ACTIONS, "split", TODAY)
    assert (got["open"] / got["prev_close_ref"] - 1).to_list()[1:] == pytest.approx(bars["gap_ratio"].to_list()[1:])


def test_apple_on_todays_shares(shared_data):
    """40.90 on 2005-04-01 is 1.4607 after 7-for-1 and 4-for-1; 499.23 on 2020-08-28 is 124.8075."""
    bars = real_bars(shared_data, "AAPL")
    got = adjusted(bars, acted(bars, *real_splits(shared_data, "AAPL")))
    close = dict(got.select("session_date", "close_split").iter_rows())
    assert close[date(2005, 4, 1)] == pytest.approx(1.4607, abs=5e-5)
    assert close[date(2020, 8, 28)] == pytest.approx(124.8075)
    assert close[date(2020, 8, 31)] == 129.04


@pytest.mark.parametrize("symbol", ["AAPL", "BAC", "EEM", "IBM"])
def test_factors_of_the_factor_file(shared_data, symbol):
    """Our products over single actions are Lean's cumulated factors at every session, to its rounding."""
    bars = real_bars(shared_data, symbol).filter(pl.col("session_date") > date(2003, 4, 11))
    actions = acted(bars, *real_splits(shared_data, symbol), *real_dividends(shared_data, symbol, bars))
    got = adjusted(bars, actions).join_asof(
        lean_factors(shared_data, symbol).sort("last_date").with_columns(pl.col("last_date").set_sorted()),
        left_on="session_date", right_on="last_date", strategy="forward",
    )  # fmt: skip
    assert (got["split_factor"] / got["split_factor_right"] - 1).abs().max() < 2e-5
    assert (got["total_factor"] / (got["price_factor"] * got["split_factor_right"]) - 1).abs().max() < 5e-5


def test_yahoos_adjusted_close_as_of_its_recording(shared_data):
    """Yahoo's AAPL recording knows the splits and dividends up to autumn 2017: as of then we agree with it."""
    bars = real_bars(shared_data, "AAPL")
    actions = acted(bars, *real_splits(shared_data, "AAPL"), *real_dividends(shared_data, "AAPL", bars))
    yahoo = pl.read_csv(shared_data / "equities/yahoo_daily/AAPL.csv.gz", try_parse_dates=True)
    both = adjusted(bars, actions, as_of=date(2017, 10, 2)).join(yahoo, left_on="session_date", right_on="Date")
    assert both.height == 3270
    # vendors round and time the close differently; the median is free of their single disagreements
    assert (both["close_total"] / both["Adj Close"] - 1).abs().median() < 0.001
