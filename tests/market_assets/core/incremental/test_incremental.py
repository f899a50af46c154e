"""Every incremental indicator gives what its batch form gives, peeks without touching, and survives being stored."""

import json

import numpy as np
import polars as pl
import pytest

from market_assets.core import indicators, trends
from market_assets.core.incremental import (
    Atr,
    Bar,
    Bollinger,
    Chandelier,
    Ema,
    Indicator,
    Macd,
    Momentum,
    RealizedVol,
    RelativeVolume,
    Roc,
    Rsi,
    Sma,
    Supertrend,
    VolumeMa,
    Vwap,
)
from tests.market_assets.core.golden_series import golden_series
from tests.market_assets.core.incremental.replay import assert_same, bars_of, random_bars

CLOSE, HIGH, LOW, VOLUME = (pl.col(name) for name in ("close", "high", "low", "volume"))


def vwap() -> pl.Expr:
    """The definition, by UTC day, of bars that all have a volume."""
    price = (HIGH + LOW + CLOSE) / 3
    traded = VOLUME.cum_sum().over(pl.col("ts").dt.date())
    return pl.when(traded > 0).then((price * VOLUME).cum_sum().over(pl.col("ts").dt.date()) / traded)


#: incremental form -> batch form of each of its columns
FORMS: list[tuple[Indicator, tuple[pl.Expr, ...]]] = [
    (Sma(50), (indicators.sma(CLOSE, 50),)),
    (Ema(9), (indicators.ema(CLOSE, 9),)),
    (Ema(200), (indicators.ema(CLOSE, 200),)),
    (Atr(14), (indicators.atr(HIGH, LOW, CLOSE, 14),)),
    (Rsi(14), (indicators.rsi(CLOSE, 14),)),
    (Macd(), indicators.macd(CLOSE)),
    (Bollinger(), indicators.bollinger(CLOSE)),
    (Vwap(), (vwap(),)),
    (VolumeMa(), (indicators.sma(VOLUME, 20),)),
    (RelativeVolume(), (indicators.relative_volume(VOLUME, 20),)),
    (Momentum(), (indicators.momentum(CLOSE, 10),)),
    (Roc(24), (indicators.roc(CLOSE, 24),)),
    (RealizedVol(), (indicators.realized_vol(CLOSE, 20),)),
]
TRENDS: list[Indicator] = [Supertrend(), Chandelier()]
EVERY = [form for form, _ in FORMS] + TRENDS


def named(indicator: Indicator) -> str:
    return "_".join([type(indicator).__name__, *(str(value) for value in indicator.parameters.values())])


def fresh(indicator: Indicator) -> Indicator:
    return type(indicator)(**indicator.parameters)


def in_batch(indicator: Indicator, frame: pl.DataFrame) -> pl.DataFrame:
    """Values of the batch form, by column."""
    high, low, close = (frame[name].to_numpy() for name in ("high", "low", "close"))
    if isinstance(indicator, Supertrend):
        found = trends.supertrend(high, low, close, **indicator.parameters)
        columns = found.line, np.where(found.direction == 0, np.nan, found.direction), found.upper, found.lower
        return pl.DataFrame(dict(zip(indicator.columns, columns, strict=False)), nan_to_null=True)
    if isinstance(indicator, Chandelier):
        columns = trends.chandelier(high, low, close, **indicator.parameters)
        direction = np.where(np.isnan(columns.long), np.nan, columns.direction)
        columns = (*columns[:4], direction, *columns[5:])
        return pl.DataFrame(dict(zip(indicator.columns, columns, strict=False)), nan_to_null=True)
    expressions = dict(zip(indicator.columns, next(batch for form, batch in FORMS if form is indicator), strict=True))
    return frame.select(**expressions)


@pytest.fixture(scope="module")
def series() -> pl.DataFrame:
    return random_bars(3000)


@pytest.mark.parametrize("indicator", EVERY, ids=named)
def test_one_bar_at_a_time_gives_the_batch_values(indicator, series):
    """Over 3,000 bars every value is the batch form's to 1e-9, and unknown exactly where that is."""
    batch = in_batch(indicator, series)
    one = fresh(indicator)
    assert_same([one.update(bar)[: batch.width] for bar in bars_of(series)], batch)


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("form", [Supertrend, Chandelier])
def test_a_close_on_a_level_is_decided_alike(form, seed):
    """Whole prices, two bars and one range: every level is exact, closes often lie on one, and both forms agree."""
    close = 50.0 + np.cumsum(np.random.default_rng(seed).integers(-1, 2, 40))
    frame = random_bars(40).with_columns(high=close, low=close, close=close)
    one = form(n=2, k=1.0)
    batch = in_batch(one, frame)
    assert_same([one.update(bar)[: batch.width] for bar in bars_of(frame)], batch)


@pytest.mark.parametrize("indicator", EVERY, ids=named)
def test_older_history_is_forgotten(indicator):
    """With 600 bars of history that the batch form has not seen, they agree again after 2,500 bars."""
    whole = random_bars(3200, seed=11)
    batch = in_batch(indicator, whole[600:])
    one = fresh(indicator)
    values = [one.update(bar)[: batch.width] for bar in bars_of(whole)]
    assert_same(values[600:], batch, after=2500)


@pytest.mark.parametrize("indicator", EVERY, ids=named)
def test_a_peek_shows_what_an_update_would_and_keeps_nothing(indicator):
    """Forming bars are looked at, three a bar: the values are those of an update, and the state stays as it was."""
    one, untouched = fresh(indicator), fresh(indicator)
    for bar in bars_of(random_bars(400, seed=3)):
        before = one.to_state()
        one.peek(bar._replace(high=bar.high * 1.2, close=bar.high * 1.1))
        one.peek(bar._replace(low=bar.low * 0.8, close=bar.low * 0.9, volume=1e6))
        peeked = one.peek(bar)
        assert one.to_state() == before
        assert peeked == one.update(bar) == untouched.update(bar)


@pytest.mark.parametrize("indicator", EVERY, ids=named)
def test_a_stored_state_goes_on_where_it_stopped(indicator):
    """After every bar of the warm-up and beyond, the state survives JSON, and the copy gives the same values."""
    kept, handed_on = fresh(indicator), fresh(indicator)
    for i, bar in enumerate(bars_of(random_bars(320, seed=5))):
        assert handed_on.update(bar) == kept.update(bar), i
        handed_on = type(indicator).from_state(json.loads(json.dumps(handed_on.to_state(), allow_nan=False)))
    assert handed_on.parameters == indicator.parameters
    assert None not in kept.update(bar)


def plain(value: object) -> bool:
    """Whether MessagePack knows the type itself."""
    if isinstance(value, dict):
        return all(type(key) is str and plain(item) for key, item in value.items())
    return all(map(plain, value)) if isinstance(value, list) else type(value) in {int, float, bool, str, type(None)}


@pytest.mark.parametrize("indicator", EVERY, ids=named)
def test_a_state_is_made_of_plain_things(indicator):
    """Dicts, lists and scalars of Python itself: nothing of NumPy, no tuple, no instant."""
    one = fresh(indicator)
    for bar in bars_of(random_bars(40)):
        one.update(bar)
    assert plain(one.to_state())


@pytest.mark.parametrize("indicator", [VolumeMa(3), RelativeVolume(3)], ids=named)
def test_an_unknown_volume_makes_its_window_unknown(indicator):
    """Null as long as it is in the window, as in the batch form; then known again."""
    bars = bars_of(golden_series(12))
    bars[5] = bars[5]._replace(volume=None)
    values = [indicator.update(bar)[0] for bar in bars]
    lag = isinstance(indicator, RelativeVolume)
    unknown = {0, 1, *([2] if lag else []), 5, 6, 7, *([8] if lag else [])}
    assert {i for i, value in enumerate(values) if value is None} == unknown


@pytest.mark.parametrize(
    ("i", "expected"), [(14, 106.718), (19, 108.668), (25, 107.65), (33, 106.632), (50, 91.713), (100, 105.949),
                        (199, 93.545), (250, 101.711), (299, 117.911)],
)  # fmt: skip
def test_vwap_of_the_golden_series(i, expected):
    """The printed values of G, anchored at 00:00 UTC."""
    one = Vwap()
    values = [one.update(bar)[0] for bar in bars_of(golden_series(300))]
    assert values[i] == pytest.approx(expected, rel=1e-5)


def hour(day: int, hours: int, price: float, volume: float | None) -> Bar:
    start = golden_series(1)["ts"][0].replace(month=3, day=day, hour=hours)
    return Bar(start, price, price, price, price, volume)


def test_vwap_of_a_session_that_begins_in_the_evening_of_another_zone():
    """17:00 in New York is 22:00 UTC in winter and 21:00 from 10 March 2024 on: the sum starts there anew."""
    one = Vwap(zone="America/New_York", hour=17)
    assert [one.update(hour(7, at, price, 1.0)) for at, price in ((20, 10.0), (21, 20.0), (22, 90.0))] == [
        (10.0,), (15.0,), (90.0,),
    ]  # fmt: skip
    assert [one.update(hour(12, at, price, 1.0)) for at, price in ((20, 10.0), (21, 90.0))] == [(10.0,), (90.0,)]


def test_vwap_without_trades_is_unknown():
    """Null while nothing was traded since the anchor and where the volume is unknown, which adds nothing."""
    one = Vwap()
    given = [(1, 10.0, 0.0), (2, 10.0, 2.0), (3, 99.0, None), (4, 40.0, 1.0)]
    assert [one.update(hour(7, *each))[0] for each in given] == [None, 10.0, None, 20.0]


def test_rsi_of_a_flat_series_is_50():
    """Thirty equal closes neither gain nor lose."""
    one = Rsi()
    values = [one.update(bar._replace(close=7.0))[0] for bar in bars_of(golden_series(30))]
    assert values == [None] * 14 + [50.0] * 16


def test_rings_do_not_drift():
    """A window that held a huge value is exact again as soon as it has left: sums are not kept by adding."""
    one = Sma(3)
    bars = bars_of(golden_series(8))
    closes = [1.0, 1e17, 1.0, 1.0, 1.0, 1.1, 1.2, 1.3]
    values = [one.update(bar._replace(close=close))[0] for bar, close in zip(bars, closes, strict=True)]
    assert values[4:] == [1.0, pytest.approx(3.1 / 3, abs=1e-15), pytest.approx(1.1), pytest.approx(1.2)]


def test_a_flat_supertrend_has_no_strength():
    """Without a range the distance from the line in ranges is unknown, not infinite."""
    one = Supertrend()
    flat = [bar._replace(open=7.0, high=7.0, low=7.0, close=7.0) for bar in bars_of(golden_series(30))]
    values = [dict(zip(one.columns, one.update(bar), strict=True)) for bar in flat][-1]
    assert values["st_strength"] is None
    assert (values["st_line"], values["st_consistency"], values["st_is_warm"]) == (7.0, 1.0, False)
