"""Readers of this moment: the newest values of each symbol, what the sources are worth, signals that still count.

See `readers`. What the collector shows comes from its hot cache (Redis where REDIS_URL is set); what it does not show,
or shows older than the graph has it, from stored rows. What nobody measured is null.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import polars as pl

from market_assets.bars.schemas import VALUES
from market_assets.core.contracts import UTC_MICROS
from market_assets.reading import Moment
from resources.stores.protocol import PartitionStore
from resources.stream.bars.reading import HotBars

#: CLOSED: the market is; NO DATA: neither the collector nor the graph has anything
State = Literal["LIVE", "DELAYED", "STALE", "CLOSED", "NO DATA"]

#: columns of `board`, one row a symbol
BOARD = pl.Schema(
    {
        "symbol": pl.String(),
        "state": pl.String(),
        #: last price, the source's own instant of it (of a stored bar its close), and its age
        "price": pl.Float64(),
        "at": UTC_MICROS,
        "age_s": pl.Float64(),
        #: as rows name it (`yahoo`, `yahoo-sandbox`), and its place in the symbol's chain
        "source": pl.String(),
        "level": pl.Int64(),
        "kind": pl.String(),
        #: 1 live, 2 hot and not fresh, 3 stored; null without anything
        "feature_level": pl.Int64(),
        #: open instant of the bar that the 16 values are of, and whether it is still forming
        "ts": UTC_MICROS,
        "is_forming": pl.Boolean(),
        "is_warm": pl.Boolean(),
        "bars": pl.Int64(),
        "market_open": pl.Boolean(),
        #: null while it is open
        "next_open": UTC_MICROS,
        "bid": pl.Float64(),
        "ask": pl.Float64(),
        #: seconds between two quotes at the source that serves it; null where nothing is asked for
        "effective_interval_s": pl.Float64(),
        **{name: pl.Float64() for name in VALUES},
    }
)
WINDOW = pl.Struct({"window": pl.String(), "used": pl.Int64(), "limit": pl.Int64(), "resets_at": UTC_MICROS})
INTERVAL = pl.Struct({"symbol": pl.String(), "seconds": pl.Float64()})
#: columns of `sources`, one row a source in the order of the chain
SOURCES = pl.Schema(
    {
        "source": pl.String(),
        #: whether it has the key that it needs
        "enabled": pl.Boolean(),
        #: breaker: closed, open, half_open
        "state": pl.String(),
        #: what its poller does (polling, slower, closed, open, budget, ...) and why; null while no collector runs
        "polling": pl.String(),
        "why": pl.String(),
        #: of the calls of this UTC day
        "total_calls": pl.Int64(),
        "success_rate": pl.Float64(),
        "latency_p50_ms": pl.Float64(),
        "latency_p95_ms": pl.Float64(),
        "latency_p99_ms": pl.Float64(),
        #: null without a call
        "is_healthy": pl.Boolean(),
        #: success rate x mean quality of its rows x agreement with others, as far as known
        "trust_score": pl.Float64(),
        "agreement_ratio": pl.Float64(),
        "n_compared": pl.Int64(),
        #: rows of bars_minute of this day that came from it
        "rows_served": pl.Int64(),
        "share_of_rows": pl.Float64(),
        "mean_quality": pl.Float64(),
        "credits_used": pl.Int64(),
        "opens": pl.Int64(),
        #: windows of its budget, shortest first; empty without one
        "budget": pl.List(WINDOW),
        "budget_left": pl.Int64(),
        #: seconds between two quotes of each symbol that is asked for there now
        "effective_intervals": pl.List(INTERVAL),
        "last_error": pl.String(),
    }
)
#: columns of `latest_signals`
SIGNALS_NOW = pl.Schema(
    {
        "symbol": pl.String(),
        "action": pl.String(),
        "confidence": pl.Float64(),
        "q_star": pl.Float64(),
        "es95": pl.Float64(),
        "stop_loss": pl.Float64(),
        "take_profit_1": pl.Float64(),
        "take_profit_2": pl.Float64(),
        "lots": pl.Float64(),
        "alpha_id": pl.String(),
        "regime": pl.String(),
        #: JSON: the inputs of the alpha
        "features": pl.String(),
        "grade": pl.String(),
        "p_win": pl.Float64(),
        "n_outcomes": pl.Int64(),
        "signal_time": UTC_MICROS,
        "stale": pl.Boolean(),
        "accepted": pl.Boolean(),
        "reject_reasons": pl.List(pl.String()),
    }
)


@dataclass(frozen=True, kw_only=True)
class Latest:
    """One symbol as it stands: the columns of BOARD; `values` are the 16."""

    symbol: str
    state: State
    price: float | None
    at: datetime | None
    age_s: float | None
    source: str | None
    level: int | None
    kind: str | None
    feature_level: int | None
    ts: datetime | None
    is_forming: bool | None
    is_warm: bool | None
    bars: int | None
    market_open: bool
    next_open: datetime | None
    bid: float | None
    ask: float | None
    effective_interval_s: float | None
    values: Mapping[str, float | None]

    def row(self) -> dict[str, Any]:
        """A row of BOARD."""
        raise NotImplementedError


def latest(
    symbol: str,
    *,
    live: bool = True,
    as_of: Moment | None = None,
    store: PartitionStore | None = None,
    hot: HotBars | None = None,
) -> Latest:
    """How one symbol stands. With `live` false, or an `as_of`, by stored rows alone. Nothing known is no error."""
    raise NotImplementedError


def board(
    *, live: bool = True, as_of: Moment | None = None, store: PartitionStore | None = None, hot: HotBars | None = None
) -> pl.DataFrame:
    """BOARD of every symbol of the settings, in their order."""
    raise NotImplementedError


def sources(
    *, as_of: Moment | None = None, store: PartitionStore | None = None, hot: HotBars | None = None
) -> pl.DataFrame:
    """SOURCES now: one row a source of `bars.sources`. With an `as_of` what bars_source_health said of its last day."""
    raise NotImplementedError


def latest_signals(
    equity: float,
    *,
    include_rejected: bool = False,
    top: int = 3,
    as_of: Moment | None = None,
    store: PartitionStore | None = None,
    hot: HotBars | None = None,
) -> pl.DataFrame:
    """SIGNALS_NOW: the `top` accepted signals that still count, best first, sized for `equity`; then the rejected.

    Raises InvalidRequest unless equity is positive.
    """
    raise NotImplementedError
