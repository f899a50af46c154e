"""Closed candles on their way to the graph."""

from datetime import UTC, datetime

import polars as pl
import pytest

from resources.segments import Segments
from resources.stream.candle import MINUTE
from resources.stream.landing import Landing, LandingFailed
from tests.resources.stream.scripted_venue import START, candle


def test_a_flush_makes_one_file_a_day(landing: Landing, segments: Segments) -> None:
    """Candles on both sides of midnight lie under their own days, each in one file, in the table's columns."""
    midnight = datetime(2026, 11, 20, tzinfo=UTC)
    for ts in (midnight, midnight - MINUTE, midnight + MINUTE):
        for symbol in ("BTCUSDT", "ETHUSDT"):
            landing.add(candle(symbol, ts))
    assert landing.flush() == 6
    assert sorted(str(file.parent.relative_to(segments.root)) for file in segments.root.rglob("*.parquet")) == [
        "venue/2026-11-19",
        "venue/2026-11-20",
    ]
    stored = segments.read("venue")
    assert stored.schema == segments.schema
    assert stored["ts"].n_unique() == 3
    assert stored["timeframe"].unique().to_list() == ["1m"]
    assert (
        stored.filter(pl.col("ts") == midnight, pl.col("symbol") == "ETHUSDT")["close"].item()
        == candle("ETHUSDT", midnight).close
    )


def test_nothing_is_stored_twice(landing: Landing, segments: Segments) -> None:
    """What was stored waits no more: a second flush stores nothing."""
    landing.add(candle("BTCUSDT", START))
    assert (landing.flush(), landing.flush(), len(landing)) == (1, 0, 0)


def test_what_cannot_be_stored_stays(landing: Landing, segments: Segments) -> None:
    """A day that cannot be written stays in memory, those written before it do not, and the error says what to do."""
    (segments.root / "venue").mkdir(parents=True)
    blocked = segments.root / "venue" / "2026-11-20"
    blocked.write_text("in the way")
    landing.add(candle("BTCUSDT", START))
    landing.add(candle("BTCUSDT", datetime(2026, 11, 19, 23, 59, tzinfo=UTC)))
    with pytest.raises(LandingFailed, match=r"candles wait in memory, of at most 10000.*Free or repair the disk"):
        landing.flush()
    assert len(landing) == 1
    assert landing.oldest_at == START + MINUTE
    blocked.unlink()
    assert landing.flush() == 1
    assert landing.oldest_at is None


def test_memory_is_bounded(segments: Segments) -> None:
    """Beyond the bound the candle that waits longest goes, and is counted."""
    landing = Landing(segments, "venue", most=2)
    for n in range(5):
        landing.add(candle("BTCUSDT", START + n * MINUTE))
    assert (len(landing), landing.dropped) == (2, 3)
    landing.flush()
    assert segments.read("venue")["ts"].to_list() == [START + 3 * MINUTE, START + 4 * MINUTE]
