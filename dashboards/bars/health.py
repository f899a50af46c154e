"""How bars stand: by what is published of their minutes, and by what their collector says. Pure but for calendars."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from dashboards.freshness import newest_close
from market_assets.bars.settings import BarsSettings
from market_assets.core import trading_hours
from market_assets.settings import Settings
from resources.stores.protocol import Manifest
from resources.stream.bars.ages import WARN, QuoteAge, market_s
from resources.stream.bars.status import BarsStatus

#: the table of the minutes, and those with a row for each of them
BARS = "bars_minute"
MINUTES = (BARS, "bars_indicators", "bars_scanner_features")
#: minutes of market time without a new bar above which a symbol is late (spec: freshness)
LATE_MIN = 15
_MINUTE = timedelta(minutes=1)


def closes(manifests: Iterable[Manifest]) -> dict[str, datetime]:
    """Symbol -> when its newest stored minute closed."""
    return newest_close(manifests, _MINUTE)


def is_open(bars: BarsSettings, symbol: str, now: datetime) -> bool:
    """Whether a symbol exists and its market trades now."""
    row = bars.instrument(symbol)
    return row.exists(now.date()) and trading_hours.is_open(row.calendar, now)


def ages_s(bars: BarsSettings, closed: Mapping[str, datetime], now: datetime) -> dict[str, float]:
    """Symbol in use -> seconds of market time since its newest minute closed; one without a minute is left out."""
    return {
        symbol: market_s(bars.instrument(symbol).calendar, closed[symbol], now)
        for symbol in bars.symbols
        if symbol in closed
    }


def grace_s(bars: BarsSettings) -> float:
    """Time that a minute may take from its end until a run of the running day has stored it."""
    return 60 * bars.micro_batch_min + bars.close_grace_s + max(bars.delays_s.values())


def behind(settings: Settings, closed: Mapping[str, datetime], now: datetime) -> dict[str, str]:
    """Symbol whose market is open and whose newest stored minute is too old -> what is wrong.

    Symbols that no source can be asked for are not judged.
    """
    bars = settings.bars
    ages, longest_s = ages_s(bars, closed, now), 60 * LATE_MIN + grace_s(bars)
    found: dict[str, str] = {}
    for symbol in bars.symbols:
        if not (is_open(bars, symbol, now) and settings.askable(symbol)):
            continue
        if symbol not in ages:
            found[symbol] = f"{symbol} has no minute bar"
        elif ages[symbol] > longest_s:
            found[symbol] = f"{symbol}'s last minute closed {ages[symbol] / 60:,.0f} min of its market ago"
    return found


def unheard(ages: Mapping[str, QuoteAge]) -> dict[str, str]:
    """Symbol whose newest quote at the collector is late -> what is wrong, the latest first."""
    late = sorted((-age.lateness, symbol) for symbol, age in ages.items() if age.lateness > WARN)
    return {symbol: f"{symbol}'s last quote is {ages[symbol].seconds:,.0f} s old" for _, symbol in late}


def told(status: BarsStatus) -> dict[str, Any]:
    """What a collector of bars says of itself beyond what every collector does."""
    return {
        "warming": status.warming,
        "interval_s": status.interval_s,
        "cycles": status.cycles,
        "missed_seconds": status.missed_seconds,
        "cycle_p50_ms": status.cycle_p50_ms,
        "cycle_p95_ms": status.cycle_p95_ms,
        "cycle_p99_ms": status.cycle_p99_ms,
        "n_symbols": len(status.symbols),
        "n_open": sum(one.market_open for one in status.symbols),
        "n_stale": sum(one.is_stale for one in status.symbols),
        "n_warm": sum(one.is_warm for one in status.symbols),
        "redis": status.redis,
        "sources": {
            one.name: {
                "state": one.state,
                "why": one.why,
                "effective_interval_s": one.effective_interval_s,
                "n_symbols": len(one.symbols),
                "budget_remaining": one.budget_remaining,
                "last_error": one.last_error,
            }
            for one in status.sources
        },
    }
