"""A collector of BTCUSD and EURUSD as it writes itself down, for tests of what is made of it.

The clock stands at 2026-10-05 12:03, a Monday on which both markets are open. Yahoo serves both every second, the last
quotes are a second old; Twelve Data is asked every 324 s.
"""

from datetime import datetime, timedelta
from typing import Any

import pytest

from market_assets.settings import Settings
from resources.stream.bars.measures import BOUNDS_MS, HistogramFacts
from resources.stream.bars.records import LIVE_BARS
from resources.stream.bars.status import BarsStatus, SourceStatus, SymbolStatus
from resources.stream.hot import HotWriter, hot_path

from . import stored_home
from .stored_home import NOW

SECOND = timedelta(seconds=1)
SYMBOLS = ("BTCUSD", "EURUSD")
WAITS = "a round counts as 2, and 700 of 800 are left of this day"


def configure(monkeypatch: pytest.MonkeyPatch, at: datetime = NOW, **variables: str) -> Settings:
    """Settings of an empty home of the two symbols."""
    found = stored_home.configure(monkeypatch, **{"BARS__SYMBOLS": '["BTCUSD", "EURUSD"]'} | variables)
    monkeypatch.setenv("MARKET_ASSETS_NOW", at.isoformat())
    return found


def counted(*counts: tuple[float, int], total: float = 0.0) -> HistogramFacts:
    """A histogram with so many values in the buckets that end at these bounds."""
    n = dict(counts)
    return HistogramFacts(BOUNDS_MS, (*(n.get(bound, 0) for bound in BOUNDS_MS), 0), total)


def source(name: str, state: Any = "polling", **changed: Any) -> SourceStatus:
    """A source that is asked for both symbols every second."""
    facts: dict[str, Any] = {"why": None, "effective_interval_s": 1.0, "symbols": SYMBOLS, "breaker": "closed"}
    facts |= {"budget_remaining": {}, "calls": {"ok": 60}, "collect_ms": counted((50.0, 60), total=1_800.0)}
    return SourceStatus(**{"name": name, "state": state, **facts, "last_answer_at": NOW, "last_error": None} | changed)


def symbol(name: str, age_s: float | None = 1.0, *, at: datetime = NOW, **changed: Any) -> SymbolStatus:
    """A symbol whose newest quote was made so many seconds before `at`; its market is closed where that is None."""
    facts: dict[str, Any] = {"market_open": age_s is not None, "source": "yahoo", "level": 0, "freshness_s": age_s}
    facts |= {"at": at - timedelta(seconds=age_s or 0.0), "is_stale": False, "effective_interval_s": 1.0}
    return SymbolStatus(**{"symbol": name, **facts, "bars": 2_600, "is_warm": True} | changed)


def status(at: datetime = NOW, **changed: Any) -> BarsStatus:
    """A collector that is well."""
    facts: dict[str, Any] = dict.fromkeys(BarsStatus.__dataclass_fields__)
    counts = [name for name in facts if name.endswith(("_bars", "_quotes", "_rows", "cycles", "_seconds"))]
    facts |= dict.fromkeys(counts, 0)
    facts |= {"running": True, "warming": False, "pid": 4711, "started_at": at - timedelta(hours=1), "at": at}
    facts |= {"vendors": "live", "interval_s": 1.0, "last_message_at": at - SECOND, "rss_bytes": 1}
    facts |= {"cycle_ms": HistogramFacts(), "update_ms": counted((1.0, 3), (2.0, 1), total=4.0)}
    facts["symbols"] = tuple(symbol(name, at=at) for name in SYMBOLS)
    slower = source("twelvedata", "slower", why=WAITS, effective_interval_s=324.0, calls={"ok": 1, "budget": 2})
    facts["sources"] = (source("yahoo"), slower)
    return BarsStatus(**facts | changed)


def write(found: Settings, said: BarsStatus) -> None:
    """Put it where the collector of this home does."""
    writer = HotWriter(hot_path(found, "bars"), 10, LIVE_BARS)
    writer.write(status=said)
    writer.close()
