"""What the collector of bars says of itself, as numbers for pages, metrics and alerts."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Literal, Self

from resources.stream.bars.measures import HistogramFacts

#: polling: it is asked; slower: less often than wanted; closed: no market is open; open: its breaker is; budget: spent;
#: blocked: it asked to be left alone; disabled: no key, or a refused one; not_entitled: the plan has none of it;
#: error: it failed
SourceState = Literal[
    "starting", "polling", "slower", "closed", "open", "budget", "blocked", "disabled", "not_entitled", "error"
]


@dataclass(frozen=True)
class SourceStatus:
    """One source as its poller sees it. Counts are since the start."""

    name: str
    state: SourceState
    #: why it is not asked, or asked less often than wanted
    why: str | None
    #: seconds between two quotes of each of its symbols; None while none is asked for
    effective_interval_s: float | None
    #: symbols that are asked for now
    symbols: tuple[str, ...]
    breaker: str
    #: window of its budget -> what is left of it
    budget_remaining: dict[str, int]
    #: outcome -> calls
    calls: dict[str, int]
    collect_ms: HistogramFacts
    last_answer_at: datetime | None
    last_error: str | None


@dataclass(frozen=True)
class SymbolStatus:
    """One symbol."""

    symbol: str
    market_open: bool
    #: where the price that is served comes from; None without one
    source: str | None
    level: int | None
    #: the source's own instant of it
    at: datetime | None
    #: age of the newest quote; None where there is none, or the market is closed
    freshness_s: float | None
    is_stale: bool
    #: seconds between its quotes, at the source that serves it
    effective_interval_s: float | None
    #: bars since the kind last changed that its values are computed from
    bars: int
    is_warm: bool


@dataclass(frozen=True)
class BarsStatus:
    """One look at the collector. Counts are since its start; None is unknown or never."""

    #: False once it has ended in an orderly way; a killed one leaves True and an old `at`
    running: bool
    #: warming while a symbol lacks bars that its values need
    warming: bool
    pid: int
    started_at: datetime
    #: when this was written: every cycle while it runs
    at: datetime
    #: live, or sandbox
    vendors: str
    #: between two cycles, as asked for
    interval_s: float
    symbols: tuple[SymbolStatus, ...]
    sources: tuple[SourceStatus, ...]
    #: newest answer of any source
    last_message_at: datetime | None
    cycles: int
    #: whole seconds that passed without a cycle
    missed_seconds: int
    cycle_p50_ms: float | None
    cycle_p95_ms: float | None
    cycle_p99_ms: float | None
    #: from the start of the second to everything readable
    cycle_ms: HistogramFacts
    #: bringing the 16 values of one symbol up to date
    update_ms: HistogramFacts
    #: quotes for minutes that were closed already, or not newer than the one before
    late_bars: int
    out_of_order_quotes: int
    future_quotes: int
    invalid_quotes: int
    #: bars by REST, of minutes that quotes did not bring
    filled_bars: int
    given_up_bars: int
    fill_error: str | None
    unflushed_bars: int
    oldest_unflushed_at: datetime | None
    flushed_rows: int
    last_flush_at: datetime | None
    flush_s: float | None
    flush_error: str | None
    dropped_bars: int
    #: ok, error, or None where no Redis is set
    redis: str | None
    redis_error: str | None
    redis_write_ms: float | None
    hot_error: str | None
    rss_bytes: int

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> Self:
        """The status as it was stored."""
        known = {one.name: told.get(one.name) for one in fields(cls)}
        known |= {
            "symbols": tuple(_symbol(one) for one in told.get("symbols") or ()),
            "sources": tuple(_source(one) for one in told.get("sources") or ()),
            "cycle_ms": HistogramFacts.of(told["cycle_ms"]),
            "update_ms": HistogramFacts.of(told["update_ms"]),
        }
        return cls(**_instants(known))

    def intervals(self) -> dict[tuple[str, str], float]:
        """(symbol, source) -> seconds between its quotes there, of what is asked for now."""
        return {
            (symbol, one.name): one.effective_interval_s
            for one in self.sources
            if one.effective_interval_s is not None
            for symbol in one.symbols
        }


def _symbol(told: Mapping[str, Any]) -> SymbolStatus:
    return SymbolStatus(**_instants(told))


def _source(told: Mapping[str, Any]) -> SourceStatus:
    known = {**_instants(told), "symbols": tuple(told["symbols"])}
    return SourceStatus(**{**known, "collect_ms": HistogramFacts.of(told["collect_ms"])})


def _instants(told: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: datetime.fromisoformat(value)
        if isinstance(value, str) and (name == "at" or name.endswith("_at"))
        else value
        for name, value in told.items()
    }
