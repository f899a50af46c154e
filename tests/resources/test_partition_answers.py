"""Until when the sources of a partition have answered for it."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl

from market_assets.core import clock
from market_assets.crypto.schemas import CryptoKlines
from market_assets.settings import settings
from resources.fetch_log import FetchLog
from resources.partition_answers import ANSWERS, answers
from resources.stores import open_store

KLINES = CryptoKlines.contract()
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def found(home: Path) -> pl.DataFrame:
    return answers(open_store(settings()), home, KLINES)


def test_stored_and_asked_are_told_together(home: Path) -> None:
    """Stored and answered later, stored without a fetch, answered and then failed, and never stored."""
    log, store = FetchLog(home), open_store(settings())
    with clock.frozen(NOW):
        for key in ("2026-11-17|A", "2026-11-17|B"):
            store.write(KLINES, key, KLINES.empty())
    with clock.frozen(NOW + HOUR):
        log.succeeded(KLINES.name, ["2026-11-17|A", "2026-11-17|C"], "a-run")
    with clock.frozen(NOW + 2 * HOUR):
        log.failed(KLINES.name, ["2026-11-17|C", "2026-11-17|D"], "a-run", "unavailable", "no connection")
    later = NOW + 2 * HOUR
    assert found(home).rows() == [
        ("2026-11-17|A", 0, NOW + HOUR, NOW + HOUR, None, None),
        ("2026-11-17|B", 0, NOW, None, None, None),
        ("2026-11-17|C", None, NOW + HOUR, later, "unavailable", "no connection"),
        ("2026-11-17|D", None, None, later, "unavailable", "no connection"),
    ]


def test_nothing_is_known_of_an_empty_home(home: Path) -> None:
    """No row of the right types."""
    assert found(home).equals(ANSWERS.to_frame())
