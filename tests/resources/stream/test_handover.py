"""Whether a stream is live: what a schedule leaves to it."""

from datetime import UTC, datetime, timedelta

import pytest

from market_assets.settings import load, settings
from resources.crypto_fetch import klines_landing
from resources.stream.candle import MINUTE
from resources.stream.handover import is_live
from resources.stream.landing import Landing
from tests.resources.stream.scripted_venue import candle

NOW = datetime(2026, 11, 20, 12, 0, 20, tzinfo=UTC)
LAST = datetime(2026, 11, 20, 11, 59, tzinfo=UTC)
SYMBOLS = settings().crypto.symbols


def hand_over(*symbols: str, ts: datetime = LAST) -> None:
    """As the collector does it."""
    landing = Landing(klines_landing(load()), "binance_usdm", most=100)
    for symbol in symbols:
        landing.add(candle(symbol, ts, "binance_stream"))
    landing.flush()


def test_a_stream_is_live_while_every_symbol_is_fresh() -> None:
    """Two and a half minutes after the close of any symbol's newest candle it is live no more."""
    assert not is_live(load(), "crypto", NOW)
    hand_over(*SYMBOLS[1:])
    assert not is_live(load(), "crypto", NOW)
    hand_over(SYMBOLS[0])
    assert is_live(load(), "crypto", NOW)
    close = LAST + MINUTE
    assert is_live(load(), "crypto", close + timedelta(seconds=149))
    assert not is_live(load(), "crypto", close + timedelta(seconds=150))


def test_a_stream_stays_live_over_midnight() -> None:
    """In the first minutes of a day yesterday's last candle still counts."""
    midnight = datetime(2026, 11, 21, tzinfo=UTC)
    hand_over(*SYMBOLS, ts=midnight - MINUTE)
    assert is_live(load(), "crypto", midnight + timedelta(seconds=30))


def test_symbols_that_are_not_listed_do_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """A symbol that was renamed away is not waited for."""
    monkeypatch.setenv("MARKET_ASSETS_CRYPTO__SYMBOLS", '["BTCUSDT", "MATICUSDT"]')
    hand_over("BTCUSDT")
    assert is_live(load(), "crypto", NOW)
