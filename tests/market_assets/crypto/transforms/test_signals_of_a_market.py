"""Decisions on a whole market: candles become overlays, overlays signals (crypto.md 16: only ever long)."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from market_assets.crypto.schemas import CryptoSignals
from market_assets.crypto.settings import MINUTES, CryptoSettings
from market_assets.crypto.transforms.overlays import Cost, overlays
from market_assets.crypto.transforms.signals import signals
from tests.market_assets.crypto.transforms.overlays.surroundings import stored

CRYPTO = CryptoSettings()
END = datetime(2026, 10, 6, tzinfo=UTC)
FRAMES = ("5m", "15m", "1h", "4h")


class NoMeter:
    """Measures nothing."""

    @contextmanager
    def measure(self) -> Iterator[Cost]:
        """A cost of zero."""
        yield Cost(END)


def candles(timeframe, slope, side):
    """Candles whose price moves `slope` an hour and swings a little; takers are mostly of that side.

    It went the other way until 20 days before the end, so that the supertrend has turned once.
    """
    minutes = MINUTES[timeframe]
    hours = (np.arange(-700, 1) * minutes) / 60.0
    turn = -20 * 24.0
    price = 2000 + side * slope * np.abs(hours - turn) + 0.4 * np.sin(hours / 1.7)
    open_, close = price[:-1], price[1:]
    bars = pl.DataFrame(
        {
            "open": open_,
            "high": np.maximum(open_, close) + 0.1,
            "low": np.minimum(open_, close) - 0.1,
            "close": close,
            "volume": 100 + 5 * np.sin(hours[1:] / 3),
        }
    ).with_columns(taker_buy_base=pl.col("volume") * (0.5 + 0.1 * side))
    return stored(bars, "BTCUSDT", timeframe, END)


def actions(slope, side):
    """The last day's signals."""
    bars = pl.concat([candles(timeframe, slope, side) for timeframe in FRAMES])
    computed = overlays(bars, [END.date() - timedelta(days=1)], CRYPTO, meter=NoMeter())
    return CryptoSignals.contract().validate(signals(computed.overlays, bars, CRYPTO, "abc"))


@pytest.mark.parametrize(("side", "action"), [(-1, "ENTER_SHORT"), (1, "ENTER_LONG")])
def test_a_steady_market_is_entered_on_its_side(side, action):
    """A market that falls for twenty days is sold short, every hour of the last; one that rises is bought."""
    found = actions(0.3, side)
    assert found.height == 24
    assert set(found["action"]) == {action}
    assert set(found["vote_supertrend"]) == set(found["vote_alignment"]) == set(found["vote_flow"]) == {side}
    assert (side * (found["price"] - found["stop_price"]) > 0).all()
