"""Many symbols in one step give what each has alone: of the one-symbol engine, and of the batch form."""

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from market_assets.core import trading_hours
from market_assets.core.incremental import (
    Atr,
    Bollinger,
    Ema,
    Macd,
    Momentum,
    Rsi,
    Series,
    StateMismatch,
    VolumeMa,
    Vwap,
)
from market_assets.core.incremental.bank import Bank, BarArrays
from market_assets.core.indicator_arrays import COLUMNS, live_values
from tests.market_assets.core.golden_series import AT, GOLDEN, golden_series
from tests.market_assets.core.incremental.replay import START, bars_of, random_bars

N_BARS = 3_000
PRICES = ("open", "high", "low", "close", "volume")


def arrays(frame: pl.DataFrame) -> BarArrays:
    """The bars of a frame, one after the other; a volume it does not state is NaN."""
    prices = (frame[name].cast(pl.Float64).fill_null(np.nan).to_numpy() for name in PRICES)
    return BarArrays(frame["ts"].cast(pl.Datetime("us", "UTC")).to_physical().to_numpy(), *prices)


def at(bars: BarArrays, rows: object) -> BarArrays:
    return BarArrays(*(part[rows] for part in bars))


def bank(n: int = 1) -> Bank:
    """Symbols S0, S1, ... of a market that never closes, with volume."""
    return Bank([f"S{i}" for i in range(n)], ["always"] * n, [True] * n)


def replayed(one: Bank, bars: BarArrays, first: int = 0) -> np.ndarray:
    """The values of the only symbol at each of the bars."""
    rows = np.array([0])
    found = [one.update(rows, at(bars, [i]))[0] for i in range(first, len(bars.ts))]
    return np.array(found).reshape(-1, len(COLUMNS))


def engine(frame: pl.DataFrame, vwap: Vwap) -> np.ndarray:
    """What the indicators of one symbol give, NaN for None."""
    parts = [Bollinger(), Atr(), vwap, VolumeMa(), Macd(), Momentum(10)]
    series = Series("S", [*(Ema(n) for n in (9, 20, 50, 200)), Rsi(), *parts])
    rows = [{"close": bar.close, **(series.update(bar) or {})} for bar in bars_of(frame)]
    return np.array([[row[name] for name in COLUMNS] for row in rows], dtype=np.float64)


def batch(frame: pl.DataFrame, calendar: str = "always") -> np.ndarray:
    """The array form, with the sessions of the calendar."""
    anchors = trading_hours.anchors(calendar, frame["ts"])
    turns = np.flatnonzero(anchors.diff().dt.total_seconds().fill_null(0).to_numpy())
    bars = arrays(frame)
    return np.stack(list(live_values(bars.high, bars.low, bars.close, bars.volume, turns.tolist()).values()), axis=1)


def assert_near(found: np.ndarray, expected: np.ndarray, bound: float) -> None:
    """The same unknowns, and every value to `bound` max(1, |expected|)."""
    np.testing.assert_array_equal(np.isnan(found), np.isnan(expected))
    apart = np.abs(found - expected) / np.maximum(1.0, np.abs(expected))
    assert np.nanmax(apart) <= bound, f"{COLUMNS[int(np.nanargmax(np.nanmax(apart, axis=0)))]}: {np.nanmax(apart)}"


@pytest.fixture(scope="module")
def series() -> list[pl.DataFrame]:
    """G, and two walks with silent minutes."""
    frames = [golden_series(N_BARS), random_bars(N_BARS), random_bars(N_BARS, seed=8)]
    return [frame.with_columns(pl.col("ts").cast(pl.Datetime("us", "UTC"))) for frame in frames]


@pytest.fixture(scope="module")
def mixed(series: list[pl.DataFrame]) -> list[np.ndarray]:
    """The three in one bank: every step brings some of them, in any order."""
    rng, one = np.random.default_rng(3), bank(3)
    given, found, sent = [arrays(frame) for frame in series], [[], [], []], [0, 0, 0]
    while min(sent) < N_BARS:
        rows = rng.permutation([row for row in range(3) if sent[row] < N_BARS and rng.random() < 0.9])
        step = [at(given[row], [sent[row]]) for row in rows]
        if not step:
            continue
        values = one.update(rows.astype(np.int64), BarArrays(*map(np.concatenate, zip(*step, strict=True))))
        for row, own in zip(rows, values, strict=True):
            found[row].append(own)
            sent[row] += 1
    assert one.counts.tolist() == [N_BARS] * 3
    assert one.late.tolist() == [0] * 3
    return [np.array(own) for own in found]


@pytest.mark.parametrize("row", range(3))
def test_every_symbol_has_the_values_of_the_engine_of_one(series, mixed, row):
    """To 1e-12 over 3,000 bars of G and of two walks, unknown where that is."""
    assert_near(mixed[row], engine(series[row], Vwap()), 1e-12)


@pytest.mark.parametrize("row", range(3))
def test_every_symbol_has_the_values_of_the_batch_form(series, mixed, row):
    """The same to 1e-9, from the first value on."""
    assert_near(mixed[row], batch(series[row]), 1e-9)


@pytest.mark.parametrize("row", range(3))
def test_company_changes_nothing(series, mixed, row):
    """Alone a symbol has bit for bit what it has among others."""
    np.testing.assert_array_equal(replayed(bank(), at(arrays(series[row]), slice(400))), mixed[row][:400])


def test_real_minutes_have_the_values_of_both(shared_data: Path):
    """3,000 recorded minutes of BTCUSDT: the engine's to 1e-12, the batch form's to 1e-9."""
    recorded = pl.read_csv(shared_data / "crypto" / "klines" / "binance_usdm_BTCUSDT_1m.csv.gz", n_rows=N_BARS)
    real = recorded.select(
        ts=pl.from_epoch("open_time_ms", "ms").cast(pl.Datetime("us")).dt.replace_time_zone("UTC"),
        **{name: pl.col(name).cast(pl.Float64) for name in PRICES},
    )
    found = replayed(bank(), arrays(real))
    assert_near(found, engine(real, Vwap()), 1e-12)
    assert_near(found, batch(real), 1e-9)


def test_golden_table():
    """Every value of the specification's table to the printed digits."""
    found = replayed(bank(), arrays(golden_series(300)))
    for name, values in GOLDEN.items():
        expected = [np.nan if value is None else value for value in values]
        np.testing.assert_allclose(found[list(AT), COLUMNS.index(name)], expected, rtol=1e-5, err_msg=name)


@pytest.mark.parametrize(
    ("calendar", "vwap"),
    [
        ("fx_24x5", Vwap("America/New_York", 17)),
        ("cme_index", Vwap("America/New_York", 18)),
        # no session lasts over midnight
        ("XNYS", Vwap("America/New_York", 0)),
    ],
)
def test_vwap_begins_anew_with_the_sessions_of_the_calendar(calendar, vwap):
    """Every 20 minutes of two weeks in which the clocks of New York change, with a weekend and a holiday before."""
    first, until = START.replace(year=2025, month=2, day=28), START.replace(year=2025, month=3, day=14)
    ts = trading_hours.minutes(calendar, first, until).gather_every(20)
    frame = random_bars(len(ts)).with_columns(ts=ts)
    found = replayed(Bank(["S"], [calendar], [True]), arrays(frame))
    assert_near(found, engine(frame, vwap), 1e-12)
    assert_near(found, batch(frame, calendar), 1e-9)


def test_volume_that_means_nothing_is_not_looked_at():
    """What a source states as the volume of an index gives neither VWAP nor a mean."""
    found = replayed(Bank(["S"], ["always"], [False]), arrays(golden_series(40)))
    unknown = [COLUMNS[column] for column in np.flatnonzero(np.isnan(found[-1]))]
    assert unknown == ["ema_50", "ema_200", "vwap", "volume_ma_20"]


def test_a_volume_that_is_unknown_counts_for_nothing():
    """The bar itself has no VWAP, the next one the sums without it; the mean waits until it left the window."""
    frame = golden_series(60).with_columns(volume=pl.when(pl.int_range(pl.len()) != 30).then("volume"))
    found = replayed(bank(), arrays(frame))
    assert_near(found, engine(frame, Vwap()), 1e-12)
    assert np.flatnonzero(np.isnan(found[:, COLUMNS.index("vwap")])).tolist() == [30]
    assert np.isnan(found[19:, COLUMNS.index("volume_ma_20")]).sum() == 20


def test_a_peek_shows_what_an_update_would_and_keeps_nothing():
    """Forming bars of all symbols, wild ones first: the values are those of the update, the state is as it was."""
    peeked, untouched, rows = bank(2), bank(2), np.arange(2)
    given = arrays(random_bars(260, seed=3))
    for i in range(0, 260, 2):
        step = at(given, [i, i + 1])
        before = [peeked.to_state(symbol) for symbol in peeked.symbols]
        peeked.peek(rows, step._replace(high=step.high * 1.2, close=step.close * 1.1, volume=step.volume * 9))
        found = peeked.peek(rows, step)
        assert [peeked.to_state(symbol) for symbol in peeked.symbols] == before
        np.testing.assert_array_equal(found, peeked.update(rows, step))
        np.testing.assert_array_equal(found, untouched.update(rows, step))


def test_a_late_bar_is_counted_and_left_out():
    """At or before the last instant of its own symbol: no values, no change; the others of the step are applied."""
    one, other, rows = bank(2), bank(2), np.arange(2)
    given = arrays(golden_series(30))
    for i in range(20):
        one.update(rows, at(given, [i, i]))
        other.update(rows, at(given, [i, i]))
    kept = one.to_state("S0")
    values = one.update(rows, at(given, [19, 20]))
    assert np.isnan(values[0]).all()
    np.testing.assert_array_equal(values[1], other.update(np.array([1]), at(given, [20]))[0])
    assert one.to_state("S0") == {**kept, "late": 1}
    assert np.isnan(one.peek(rows, at(given, [5, 21]))[0]).all()
    assert one.late.tolist() == [1, 0]
    assert one.counts.tolist() == [20, 21]


def test_a_step_takes_one_bar_a_symbol():
    """Two bars of one symbol in a step are refused, and none of them is applied."""
    one = bank(2)
    with pytest.raises(ValueError, match=r"one bar a symbol; rows were \[1, 1\]"):
        one.update(np.array([1, 1]), at(arrays(golden_series(2)), slice(2)))
    assert one.counts.tolist() == [0, 0]


def test_a_step_without_bars_gives_no_rows():
    """Nobody had a bar."""
    found = bank(2).update(np.empty(0, dtype=np.int64), at(arrays(golden_series(2)), slice(0)))
    assert found.shape == (0, len(COLUMNS))


def test_a_basis_break_begins_every_value_anew():
    """After a reset the values are those of a new bank, but an old bar stays late."""
    given = arrays(random_bars(600))
    one, new, rows = bank(2), bank(), np.array([1])
    for i in range(300):
        one.update(rows, at(given, [i]))
    one.reset(rows)
    assert np.isnan(one.update(rows, at(given, [299]))).all()
    found = np.concatenate([one.update(rows, at(given, [i])) for i in range(300, 600)])
    np.testing.assert_array_equal(found, replayed(new, given, first=300))
    assert np.isnan(found[198, COLUMNS.index("ema_200")])
    assert one.counts.tolist() == [0, 300]


def test_a_stored_state_goes_on_where_it_stopped():
    """At every stage of the warm-up the state survives JSON, and another bank goes on with the same bits."""
    given = arrays(
        random_bars(320, seed=5).with_columns(volume=pl.when(pl.int_range(pl.len()) % 50 != 7).then("volume"))
    )
    whole = replayed(bank(), given)
    for n in (0, 1, 14, 19, 20, 34, 199, 230, 300):
        kept = bank()
        replayed(kept, at(given, slice(n)))
        heir = bank(3)
        heir.from_state(json.loads(json.dumps(kept.to_state("S0"), allow_nan=False)))
        assert heir.to_state("S0") == kept.to_state("S0")
        np.testing.assert_array_equal(replayed(heir, given, first=n), whole[n:])


def test_a_state_of_something_else_is_refused():
    """Another symbol, another calendar, other columns: the message says what to do."""
    state = bank().to_state("S0")
    for one, changed in (
        (Bank(["T"], ["always"], [True]), {}),
        (Bank(["S0"], ["XNYS"], [True]), {}),
        (Bank(["S0"], ["always"], [False]), {}),
        (bank(), {"columns": ["close"]}),
    ):
        with pytest.raises(StateMismatch, match="Reset the symbol and update it with stored bars"):
            one.from_state(state | changed)


def test_symbols_are_different_and_each_has_a_calendar():
    """A bank of two equal names, or of a symbol without calendar, is refused."""
    for arguments in ((["S", "S"], ["always"] * 2, [True] * 2), (["S"], [], [True])):
        with pytest.raises(ValueError, match="different symbols, each with a calendar"):
            Bank(*arguments)
