"""The backtest lab: what each strategy orders, and what comes of it (crypto.md 13)."""

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest
import talib
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from market_assets.core.errors import InvalidRequest, UnknownName
from market_assets.core.settings import MetricsSettings
from market_assets.crypto.settings import MINUTES, CryptoSettings, PaperSettings
from market_assets.crypto.transforms.backtest import backtest
from market_assets.crypto.transforms.paper.fills import Costs
from market_assets.crypto.transforms.strategies import STRATEGIES
from tests.market_assets.core.golden_series import golden_series
from tests.market_assets.crypto.transforms.paper.desk import signal, signals

CRYPTO = CryptoSettings()
FREE, COSTS = Costs(0.0, 0.0), Costs.of(PaperSettings())
T0 = datetime(2026, 10, 5, tzinfo=UTC)
HOUR = timedelta(hours=1)
few = settings(max_examples=15, deadline=None)
G = golden_series(300).with_columns(pl.col("ts").dt.cast_time_unit("us"))


def lab(strategy, frames, costs=FREE, min_obs=1, **more):
    """A backtest; a single frame is of one hour."""
    frames = frames if isinstance(frames, dict) else {"1h": frames}
    return backtest(strategy, frames, costs=costs, crypto=CRYPTO, metrics=MetricsSettings(min_obs=min_obs), **more)


def candles(rows, timeframe="1h"):
    """Candles of (open, high, low, close), from the first hour on."""
    frame = pl.DataFrame(rows, schema=["open", "high", "low", "close"], orient="row").cast(pl.Float64)
    every = timedelta(minutes=MINUTES[timeframe])
    return frame.with_columns(ts=pl.lit(T0).dt.cast_time_unit("us") + pl.int_range(pl.len()) * every)


def walk(seed, n, timeframe, mirrored=False):
    """A random walk around 100, or the same upside down."""
    rng = np.random.default_rng(seed)
    close = 100 + np.cumsum(rng.normal(0, 0.05, n))
    open_ = np.concatenate([[100.0], close[:-1]])
    over, under = np.abs(rng.normal(0, 0.05, (2, n)))
    high, low = np.maximum(open_, close) + over, np.minimum(open_, close) - under
    columns = [200 - one for one in (open_, low, high, close)] if mirrored else [open_, high, low, close]
    return candles(np.column_stack(columns).tolist(), timeframe)


def entries(found):
    """(entry, side) of every trade."""
    return list(found.trades.select("entry_ts", "side").iter_rows())


def crossings(difference, since=0):
    """(next candle, side) wherever a difference changes sign, computed without our code."""
    return [
        (G["ts"][i + 1], "long" if difference[i] > 0 else "short")
        for i in range(max(since, 1), len(difference) - 1)
        if difference[i - 1] * difference[i] < 0
    ]


def macd_histogram(close):
    """TA-Lib's, which agrees with ours once its other seed is forgotten."""
    return talib.MACD(close, 12, 26, 9)[2]


@pytest.mark.parametrize(
    ("strategy", "difference", "since"),
    [
        ("sma_cross", lambda c: talib.SMA(c, 20) - talib.SMA(c, 50), 0),
        ("ema_cross", lambda c: talib.EMA(c, 10) - talib.EMA(c, 21), 0),
        ("macd", macd_histogram, 200),
    ],
)
def test_a_cross_is_filled_at_the_next_open(strategy, difference, since):
    """Wherever TA-Lib's lines cross on G, the side changes at the open after that close."""
    expected = crossings(difference(G["close"].to_numpy()), since)
    found = entries(lab(strategy, G))
    assert len(expected) >= 3
    assert [one for one in found if one[0] > G["ts"][since]] == expected


def test_rsi_buys_what_is_oversold():
    """Long at the open after TA-Lib's RSI fell below 30, short after it rose above 70; between them nothing changes."""
    value = talib.RSI(G["close"].to_numpy(), 14)
    expected, held = [], None
    for i in range(len(value) - 1):
        side = "long" if value[i] < 30 else "short" if value[i] > 70 else held
        if side != held:
            expected.append((G["ts"][i + 1], side))
            held = side
    assert len(expected) >= 5
    assert entries(lab("rsi", G)) == expected


#: 50 quiet candles, the mean of 20 a little below that of 50
LEVEL = [(100.1,) * 4] * 10 + [(100.0,) * 4] * 40


def test_a_reversal_by_hand():
    """All of 10,000 bought at the open after the cross, sold and sold short at the open after the next one."""
    up, down = (100, 110, 100, 110), (110, 110, 60, 60)
    found = lab("sma_cross", candles([*LEVEL, up, (110,) * 4, down, (60,) * 4, *[(60,) * 4] * 10]), COSTS)
    long, short = found.trades.to_dicts()
    bought, sold = 110 * 1.0005, 60 * 0.9995
    units = 10_000 / bought
    assert (long["entry_ts"], long["entry_price"]) == (T0 + 51 * HOUR, pytest.approx(bought))
    assert (long["exit_ts"], long["exit_price"], long["exit_reason"]) == (
        T0 + 53 * HOUR, pytest.approx(sold), "opposite_signal",
    )  # fmt: skip
    assert long["pnl"] == pytest.approx(units * (sold * 0.999 - bought * 1.001))
    assert (short["side"], short["entry_ts"], short["status"]) == ("short", T0 + 53 * HOUR, "open")
    after = 10_000 + long["pnl"]
    assert short["qty"] == pytest.approx(after / sold)
    # marked at 60: the slippage and the commission of the entry are lost already
    assert found.equity["equity"][-1] == pytest.approx(after - short["qty"] * (60 - sold) - after * 0.001)


def test_the_curve_starts_before_the_first_trade_and_is_measured_by_day():
    """64 hourly candles end on three days: three observations, one closed trade, drawdown from the start equity."""
    found = lab("sma_cross", candles([*LEVEL, (100, 110, 100, 110), (110,) * 4, (110, 110, 55, 55), *[(55,) * 4] * 11]))
    assert found.equity["at"][0] == T0 + HOUR
    assert (found.metrics.n_obs, found.metrics.n_trades) == (3, 1)
    assert found.metrics.max_drawdown_ratio == pytest.approx(0.5)
    assert found.metrics.expectancy == pytest.approx(-5000.0)
    assert found.metrics.avg_holding_min == 120.0


def test_no_order_makes_no_trade():
    """A market that never moves is never entered, and has no metric."""
    found = lab("ema_cross", candles([(100.0,) * 4] * 60))
    assert found.trades.is_empty()
    assert (found.metrics.n_trades, found.metrics.sharpe, found.metrics.null_reason) == (0, None, "no closed trade")
    assert found.equity["equity"].unique().to_list() == [10_000.0]


def converging(*rows, bars, costs=FREE):
    """The convergence strategy on hourly candles; candle n closes at hour n + 1."""
    return lab("convergence", candles(bars), costs, signals=signals(*rows))


FLAT = (100.0,) * 4


def test_golden_of_the_paper_account():
    """The lab fills like the account: in at 100.05, out at 102, 104 and 106, 3.24645 a unit."""
    bars = [FLAT, (100, 102, 100, 102), (102, 104, 102, 104), (104, 106, 104, 106), FLAT]
    (row,) = converging(signal(), bars=bars, costs=COSTS).trades.to_dicts()
    assert (row["entry_price"], row["entry_ts"]) == (pytest.approx(100.05), T0 + HOUR)
    assert row["qty"] == pytest.approx(200 / 100.05)
    assert row["pnl"] == pytest.approx(3.24645 * row["qty"])
    assert (row["exit_reason"], row["exit_ts"]) == ("target", T0 + 3 * HOUR)


@pytest.mark.parametrize(
    ("later", "reason", "hour"),
    [
        (signal(hour=2, side=0, n_plus=2, n_minus=4), "opposite_signal", 2),
        (signal(hour=2, side=0, feature_confidence=0.65), "confidence_drop", 2),
        (signal(hour=2, side=0, feature_confidence=0.66), "time", 5),
        (signal(hour=2), "time", 5),
        (signal(hour=2, feature_confidence=0.62), "confidence_drop", 2),
    ],
)
def test_convergence_leaves_like_the_account(later, reason, hour):
    """By four votes against, by lost confidence, or after 240 minutes; always at an open."""
    (row,) = converging(signal(), later, bars=[FLAT] * 8).trades.to_dicts()
    assert (row["exit_reason"], row["exit_ts"]) == (reason, T0 + hour * HOUR)


def test_convergence_may_follow_itself():
    """The market still says long when the time is up: sold and bought again at that open."""
    found = converging(signal(), signal(hour=5), bars=[FLAT] * 8).trades
    assert found.select("entry_ts", "exit_reason").rows() == [(T0 + HOUR, "time"), (T0 + 5 * HOUR, None)]


def test_convergence_turns():
    """An opposite tradeable signal closes and enters at the same open; one that is not tradeable only closes."""
    found = converging(signal(), signal(hour=2, side=-1), bars=[FLAT] * 5).trades
    assert found.select("side", "entry_ts", "exit_ts").rows() == [
        ("long", T0 + HOUR, T0 + 2 * HOUR), ("short", T0 + 2 * HOUR, None),
    ]  # fmt: skip
    closed = converging(signal(), signal(hour=2, side=-1, is_tradeable=False), bars=[FLAT] * 5).trades
    assert closed["exit_reason"].to_list() == ["opposite_signal"]


def test_an_entry_beyond_its_stop_is_void_in_the_lab_too():
    """The next open is below the stop of a long."""
    assert converging(signal(), bars=[FLAT, (97.0,) * 4]).trades.is_empty()


#: 60 closed 4h candles that rise, before the first 15m candle closes
RISING = candles([(p, p + 1, p - 1, p) for p in range(50, 110)], "4h").with_columns(
    pl.col("ts") - timedelta(hours=4 * 60)
)
FALLING = RISING.with_columns(open=200 - pl.col("open"), close=200 - pl.col("close"), high=200 - pl.col("low"),
                              low=200 - pl.col("high"))  # fmt: skip


def quarter_hours(last, pivot, mirrored=False, at=25):
    """15m candles of range 1 around 100: a pivot at 20, and a close at `at` after which all stays as it is."""
    rows = [[100.0, 100.5, 99.5, 100.0] for _ in range(at + 4)]
    rows[20] = [100.0, *pivot, 100.0]
    rows[at] = [100.0, max(100.5, last), min(99.5, last), last]
    if mirrored:
        rows = [[200 - o, 200 - low, 200 - h, 200 - c] for o, h, low, c in rows]
    return candles(rows, "15m")


LOW_PIVOT, HIGH_PIVOT = (100.5, 99.0), (101.2, 99.5)


def ordered(frame, higher=RISING):
    """What the scalp makes of it."""
    return lab("scalp", {"15m": frame, "4h": higher}).trades.to_dicts()


@pytest.mark.parametrize(
    ("last", "pivot", "confidence"),
    [
        (99.25, LOW_PIVOT, 0.8), (98.8, LOW_PIVOT, 0.8), (99.4, LOW_PIVOT, None),
        (101.3, HIGH_PIVOT, 0.7), (101.5, HIGH_PIVOT, None), (101.1, HIGH_PIVOT, None),
    ],
)  # fmt: skip
@pytest.mark.parametrize("mirrored", [False, True])
def test_a_scalp_waits_for_a_pullback_or_a_break(last, pivot, confidence, mirrored):
    """Within 0.3 ranges of the low pivot 0.8, up to 0.2 ranges beyond the high one 0.7, else nothing; shorts mirror."""
    found = ordered(quarter_hours(last, pivot, mirrored), FALLING if mirrored else RISING)
    assert [row["confidence"] for row in found] == ([] if confidence is None else [confidence])
    if found:
        assert found[0]["side"] == ("short" if mirrored else "long")
        assert found[0]["entry_ts"] == T0 + 26 * timedelta(minutes=15)


def test_a_scalp_risks_one_and_a_half_percent_up_to_a_tenth():
    """The stop is 1.5 ranges (TA-Lib's) away; 1.5 % at that risk is more than a tenth of equity, so it is a tenth."""
    frame = quarter_hours(99.25, LOW_PIVOT)
    (row,) = ordered(frame)
    atr = talib.ATR(*(frame[name].to_numpy() for name in ("high", "low", "close")), 14)[25]
    assert row["qty"] * row["entry_price"] == pytest.approx(1000.0)
    wild = frame.with_columns(high=100 + 20 * (pl.col("high") - 100), low=100 + 20 * (pl.col("low") - 100),
                              close=100 + 20 * (pl.col("close") - 100))  # fmt: skip
    (row,) = ordered(wild)
    distance = 1.5 * 20 * atr
    # the signal's close is 85, filled at 100
    assert row["qty"] * row["entry_price"] == pytest.approx(10_000 * 0.015 * 85 / distance)


def test_a_pivot_is_known_two_candles_later():
    """A close at the pivot's price one candle after it is no pullback; two candles after it, it is."""
    assert ordered(quarter_hours(99.25, (100.5, 99.0), at=21)) == []
    assert len(ordered(quarter_hours(99.25, (100.5, 99.0), at=22))) == 1


def test_a_scalp_follows_the_last_closed_4h_candle():
    """After a fall one candle of a huge rise turns the direction: when it has closed, not while it is open."""
    rise = candles([(90, 1000, 90, 1000)], "4h")
    decision = timedelta(minutes=26 * 15)
    for closes_at, sides in ((decision, ["long"]), (decision + timedelta(minutes=15), [])):
        late = rise.with_columns(pl.col("ts") + closes_at - timedelta(hours=4))
        found = ordered(quarter_hours(99.25, LOW_PIVOT), pl.concat([FALLING, late]))
        assert [row["side"] for row in found] == sides


def test_what_is_missing_is_named():
    """An unknown strategy, candles or signals that were not given: each says what to load."""
    with pytest.raises(UnknownName, match="did you mean sma_cross"):
        lab("sma_croos", G)
    with pytest.raises(InvalidRequest, match="candles of 4h; was given 1h"):
        lab("scalp", G)
    with pytest.raises(InvalidRequest, match="candles of 15m; was given 4h"):
        lab("scalp", {"4h": walk(1, 60, "4h")})
    with pytest.raises(InvalidRequest, match="crypto_signals"):
        lab("convergence", G)


def market(seed, mirrored=False):
    """Random candles of every timeframe a strategy needs, those of 4h from before the others."""
    past = walk(seed + 1, 200, "4h", mirrored).with_columns(pl.col("ts") - timedelta(hours=4 * 150))
    return {"1h": walk(seed, 400, "1h", mirrored), "15m": walk(seed + 2, 600, "15m", mirrored), "4h": past}


def decided(seed, mirrored=False):
    """A random signal an hour."""
    rng = np.random.default_rng(seed)
    turn = -1 if mirrored else 1
    close = walk(seed, 400, "1h", mirrored)["close"]
    return signals(*(
        signal(hour=hour, side=turn * int(rng.choice([-1, 0, 1])), price=close[hour - 1],
               feature_confidence=float(rng.uniform(0.6, 1)))
        for hour in range(1, 380)
    ))  # fmt: skip


@few
@given(st.sampled_from(sorted(STRATEGIES)), st.integers(0, 10_000), st.integers(60, 390))
def test_later_candles_change_nothing_earlier(strategy, seed, hours):
    """Cut every frame at an hour: the curve and the trades that had ended by then are as they were."""
    whole = lab(strategy, market(seed), COSTS, signals=decided(seed))
    cut = T0 + hours * HOUR
    frames = {
        name: frame.filter(pl.col("ts") + timedelta(minutes=MINUTES[name]) <= cut)
        for name, frame in market(seed).items()
    }
    known = lab(strategy, frames, COSTS, signals=decided(seed).filter(pl.col("signal_time") <= cut))
    assert_frame_equal(whole.equity.filter(pl.col("at") <= cut), known.equity, check_exact=True)
    ended = (pl.col("status") == "closed") & (pl.col("exit_ts") < known.equity["at"][-1])
    assert_frame_equal(*(one.trades.filter(ended) for one in (whole, known)), check_exact=True)


@few
@given(st.sampled_from(sorted(STRATEGIES)), st.integers(0, 10_000))
def test_upside_down_every_strategy_does_the_opposite(strategy, seed):
    """In the mirrored market the same entries are made, on the other side: none is only ever long."""
    here = entries(lab(strategy, market(seed), signals=decided(seed)))
    there = entries(lab(strategy, market(seed, mirrored=True), signals=decided(seed, mirrored=True)))
    swap = {"long": "short", "short": "long"}
    assert [(at, swap[side]) for at, side in there] == here


@few
@given(st.sampled_from(sorted(STRATEGIES)), st.integers(0, 10_000))
def test_equity_is_what_the_trades_made(strategy, seed):
    """At the end: start equity, plus every trade's profit, plus what is open; and one position at a time."""
    found = lab(strategy, market(seed), COSTS, signals=decided(seed))
    made = found.trades["pnl"].sum() + found.trades["unrealised_pnl"].sum()
    assert found.equity["equity"][-1] == pytest.approx(10_000 + made, abs=1e-6)
    ends = found.trades["exit_ts"].to_list()[:-1]
    assert all(end <= begin for end, begin in zip(ends, found.trades["entry_ts"].to_list()[1:], strict=True))
