"""Overlays bar by bar: the values of the batch overlays, states that survive, rows that could be stored."""

import json
from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest

from market_assets.core.incremental import StateMismatch
from market_assets.crypto.schemas import CryptoOverlays
from market_assets.crypto.settings import CryptoSettings
from market_assets.crypto.transforms.incremental import Liquidity, LiveOverlays, OrderFlow, Regime
from market_assets.crypto.transforms.overlays import REGISTRY, liquidity, order_flow, overlays, regime
from resources.overlay_meter import ProcessMeter
from tests.market_assets.core.golden_series import golden_series
from tests.market_assets.core.incremental.replay import bars_of, random_bars
from tests.market_assets.crypto.transforms.overlays.surroundings import given_with, stored_random

CRYPTO = CryptoSettings()
END = datetime(2026, 10, 6, tzinfo=UTC)
HOUR = timedelta(hours=1)


def made(name):
    """The incremental form of an overlay."""
    return {
        "liquidity": lambda: Liquidity(CRYPTO.liquidity.model_dump(mode="json")),
        "order_flow": OrderFlow,
        "regime": lambda: Regime("1h", CRYPTO.regime.model_dump(mode="json")),
    }[name]()


BATCH = {"liquidity": liquidity, "order_flow": order_flow, "regime": regime}


def assert_rows(found, expected):
    """Numbers to 1e-9 max(1, |batch|), also those in lists; everything else is equal."""
    for i, (got, wanted) in enumerate(zip(found, expected, strict=True)):
        for name, value in wanted.items():
            ours = list(got[name]) if isinstance(got[name], tuple) else got[name]
            if isinstance(value, float | list | tuple):
                assert ours == pytest.approx(list(value) if isinstance(value, tuple) else value, rel=1e-9, abs=1e-9), (
                    i,
                    name,
                )
            else:
                assert ours == value, (i, name)


@pytest.mark.parametrize("name", BATCH)
def test_bar_by_bar_it_is_the_batch_overlay(name):
    """3 000 bars with flat stretches, jumps and bars without volume: every value at every bar."""
    bars = random_bars(3000)
    one = made(name)
    found = [dict(zip(one.columns, one.update(bar), strict=True)) for bar in bars_of(bars)]
    assert_rows(found, BATCH[name].compute(bars, given_with()).to_dicts())


@pytest.mark.parametrize("name", ["liquidity", "regime"])
@pytest.mark.parametrize("n", [0, 1, 13, 51, 320, 700])
def test_absorbed_bars_are_as_good_as_updates(name, n):
    """From a frame at once, or one by one: the same values ever after."""
    bars = random_bars(n + 5)
    absorbed, updated = made(name), made(name)
    absorbed.absorb(bars[:n])
    for bar in bars_of(bars[:n]):
        updated.update(bar)
    for bar in bars_of(bars[n:]):
        rows = ([dict(zip(one.columns, one.update(bar), strict=True))] for one in (absorbed, updated))
        assert_rows(*rows)


@pytest.mark.parametrize("name", BATCH)
def test_a_peek_keeps_nothing_and_a_state_everything(name):
    """A forming bar leaves no trace; what comes back from JSON goes on as if it had never stopped."""
    bars = bars_of(golden_series(330))
    plain, other = made(name), made(name)
    for bar in bars[:-1]:
        plain.update(bar)
        other.peek(bar._replace(close=bar.close * 2, high=bar.high * 2))
        other.update(bar)
    restored = type(other).from_state(json.loads(json.dumps(other.to_state())))
    assert restored.peek(bars[-1]) == plain.peek(bars[-1]) == restored.update(bars[-1]) == plain.update(bars[-1])


def test_a_bar_without_what_takers_bought_is_refused():
    """An order flow of unknown trades is not 0."""
    bar = bars_of(golden_series(1))[0]
    for one in (made("order_flow"), made("liquidity"), made("regime")):
        with pytest.raises(ValueError, match="carries volume and taker_buy_base"):
            one.update(bar._replace(taker_buy_base=None))


@pytest.fixture(scope="module")
def day():
    """The look-back and a day of hourly bars, and that day's overlays."""
    bars = stored_random("BTCUSDT", "1h", 624, END, 5)
    alone = CRYPTO.model_copy(
        update={
            "overlays": CRYPTO.overlays.model_copy(
                update={"enabled": tuple(one for one in REGISTRY if one not in ("base", "alignment"))}
            )
        }
    )
    return bars, overlays(bars, [date(2026, 10, 5)], alone, meter=ProcessMeter()).overlays


def test_live_rows_are_those_of_the_day(day):
    """Seeded with the look-back, the bars of a day give the rows of its batch run, and these may be stored."""
    bars, expected = day
    live = LiveOverlays("BTCUSDT", "1h", CRYPTO)
    live.seed(bars[:600])
    rows = [live.update(bar) for bar in bars_of(bars[600:])]
    assert_rows(rows, expected.to_dicts())
    contract = CryptoOverlays.contract()
    assert contract.validate(pl.DataFrame(rows, schema=contract.schema)).height == 24


def test_history_counts_what_was_seeded():
    """Not warm until the look-back is full, and never more than it."""
    bars = stored_random("BTCUSDT", "1h", 8, END, 5)
    live = LiveOverlays("BTCUSDT", "1h", CryptoSettings(overlays={"lookback_bars": 5}))
    live.seed(bars[:3])
    rows = [live.update(bar) for bar in bars_of(bars[3:])]
    assert [(row["n_history"], row["is_warm"]) for row in rows] == [(3, False), (4, False)] + [(5, True)] * 3


def test_a_forming_bar_leaves_the_history_alone(day):
    """Peeked at, then closed: the same row, but for what the bar was built from; a late bar gives none."""
    bars, _ = day
    live = LiveOverlays("BTCUSDT", "1h", CRYPTO)
    live.seed(bars[:600])
    bar = bars_of(bars[600:601])[0]
    forming = live.peek(bar)
    closed = live.update(bar)
    assert forming | {"complete": True} == closed
    assert closed["available_at"] == bar.ts + HOUR
    assert (live.update(bar), live.peek(bar), live.late_bars) == (None, None, 1)


def test_a_state_goes_on_where_it_stopped(day):
    """Through JSON, in the middle of a day: the same rows; under other settings it is refused."""
    bars, _ = day
    live = LiveOverlays("BTCUSDT", "1h", CRYPTO)
    live.seed(bars[:610])
    state = json.loads(json.dumps(live.to_state()))
    restored = LiveOverlays.from_state(state, CRYPTO)
    for bar in bars_of(bars[610:]):
        assert restored.update(bar) == live.update(bar)
    with pytest.raises(StateMismatch, match="rebuild it from stored bars"):
        LiveOverlays.from_state(state, CryptoSettings(regime={"trend_min": 0.5}))


def test_what_is_disabled_is_none(day):
    """A disabled overlay's columns are there, without values; the base always has some."""
    bars, _ = day
    live = LiveOverlays("BTCUSDT", "1h", CryptoSettings(overlays={"enabled": ["order_flow"]}))
    live.seed(bars[:600])
    row = live.update(bars_of(bars[600:601])[0])
    assert list(row) == list(CryptoOverlays.contract().columns)
    silent = [name for one in REGISTRY if one not in ("base", "order_flow") for name in REGISTRY[one].columns]
    assert {row[name] for name in silent} == {None}
    assert None not in {row[name] for one in ("base", "order_flow") for name in REGISTRY[one].columns}
