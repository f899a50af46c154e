"""The gaps of a crypto home: which days are looked at, and what is known of them."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from market_assets.core import clock
from market_assets.core.gaps import FOUND
from market_assets.crypto.gaps import typed_gaps
from market_assets.crypto.schemas import CryptoKlines
from market_assets.settings import settings
from resources.crypto_listings import SEEN, listings_of
from resources.fetch_log import FetchLog
from resources.stores import open_store
from tests.market_assets.crypto.transforms import minute_frames

#: noon: yesterday is settled
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
KLINES = CryptoKlines.contract()
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
WHOLE = minute_frames.klines(NOW, 1440)
BTC, ETH = "BTCUSDT", "ETHUSDT"


def store(day: int, *symbols: str, n: int = 1440) -> None:
    """The first `n` minutes of a day of November, asked for two days later."""
    start = datetime(2026, 11, day, tzinfo=UTC)
    for symbol in symbols:
        rows = WHOLE.head(n).with_columns(pl.lit(symbol).alias("symbol"), pl.col("ts", "ingested_at") + (start - NOW))
        with clock.frozen(start + 2 * DAY):
            open_store(settings()).write(KLINES, f"{start:%Y-%m-%d}|{symbol}", rows)


def found(now: datetime = NOW) -> list[tuple[str, int, str]]:
    """Partition, length and kind of each gap."""
    gaps = typed_gaps(open_store(settings()), settings(), now)
    assert gaps.schema == FOUND
    return gaps.select("partition", "n_missing", "kind").rows()


def test_days_between_are_ours_and_those_before_nobody_asked_for() -> None:
    """From the first stored day of each symbol to its last: the 17th is lost, the 15th was never wanted."""
    store(16, BTC)
    store(18, BTC)
    assert found() == [("2026-11-17|BTCUSDT", 1440, "ours")]


def test_what_was_asked_for_and_failed_is_ours() -> None:
    """Also after the last stored day."""
    store(16, BTC)
    FetchLog(settings().home).failed(KLINES.name, ["2026-11-17|BTCUSDT"], "a-run", "unavailable", "no connection")
    gaps = typed_gaps(open_store(settings()), settings(), NOW)
    assert gaps.select("partition", "kind", "reason").rows() == [
        ("2026-11-17|BTCUSDT", "ours", "the last fetch failed (unavailable)")
    ]


def test_an_outage_is_told_apart() -> None:
    """Both lack the last ten hours of the 16th, one of them the last hour of the 17th."""
    store(16, BTC, ETH, n=840)
    store(17, ETH)
    store(17, BTC, n=1380)
    assert found() == [
        ("2026-11-16|BTCUSDT", 600, "venue_outage"),
        ("2026-11-16|ETHUSDT", 600, "venue_outage"),
        ("2026-11-17|BTCUSDT", 60, "ours"),
    ]


def test_what_was_not_asked_for_since_is_no_outage() -> None:
    """Both were fetched at ten o'clock of the day, and its nightly run failed."""
    store(16, BTC, ETH, n=600)
    store(17, BTC, ETH)
    keys = [f"2026-11-16|{symbol}" for symbol in (BTC, ETH)]
    with clock.frozen(datetime(2026, 11, 16, 10, tzinfo=UTC)):
        FetchLog(settings().home).succeeded(KLINES.name, keys, "a-run")
    assert found() == [(key, 840, "ours") for key in keys]


def test_what_may_come_by_itself_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Until six in the morning the night's runs have not ended; the archive alone is two days later."""
    store(18, BTC, n=600)
    store(19, BTC, n=600)
    both = [(f"2026-11-{day}|BTCUSDT", 840, "ours") for day in (18, 19)]
    assert found() == both
    assert found(NOW - 7 * HOUR) == both[:1]
    monkeypatch.setenv("MARKET_ASSETS_CRYPTO__LIVE", "false")
    settings.cache_clear()
    assert found() == []
    assert found(NOW + DAY) == both[:1]


def test_old_days_are_not_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    """The last `gaps.repair_days` are."""
    store(16, BTC, n=600)
    store(19, BTC)
    assert len(found()) == 3
    monkeypatch.setenv("MARKET_ASSETS_GAPS__REPAIR_DAYS", "2")
    settings.cache_clear()
    assert found() == [("2026-11-18|BTCUSDT", 1440, "ours")]


def test_the_listing_is_known_from_the_last_look_and_nobody_is_asked(home: Path) -> None:
    """A coin that began at noon of the 17th; there is no venue here that could be asked."""
    listed = datetime(2026, 11, 17, 12, tzinfo=UTC)
    look = pl.DataFrame([{"symbol": BTC, "listed_at": listed, "seen_at": listed}], schema_overrides=SEEN)
    columns = [pl.lit(None, dtype).alias(name) for name, dtype in SEEN.items() if name not in look.columns]
    listings_of(settings()).append("binance_usdm", listed, look.with_columns(columns).select(list(SEEN)))
    store(16, BTC, n=0)
    store(17, BTC, n=0)
    assert found() == [
        ("2026-11-16|BTCUSDT", 1440, "not_listed"),
        ("2026-11-17|BTCUSDT", 720, "not_listed"),
        ("2026-11-17|BTCUSDT", 720, "ours"),
    ]


def test_an_empty_home_lacks_nothing() -> None:
    """Its days are a person's backfill."""
    assert found() == []
