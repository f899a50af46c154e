"""Reader of what the sources are worth: breakers, success, trust, budgets, how often they are asked. See `readers`."""

from datetime import date, datetime, timedelta

import polars as pl

from market_assets.bars.readers_live import hot_in_force, is_alive
from market_assets.bars.readers_rows import MINUTE, RECONCILIATION, SOURCE_HEALTH, filled
from market_assets.bars.transforms import health
from market_assets.core import clock
from market_assets.core.contracts import UTC_MICROS
from market_assets.reading import SEPARATOR, Moment, instant
from market_assets.settings import Settings, settings
from market_assets.values import store_in_force
from resources.source_facts import source_facts, unmarked
from resources.stores.protocol import PartitionStore
from resources.stream.bars.reading import HotBars
from resources.stream.bars.status import BarsStatus
from resources.vendors.registry import Vendors

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
_HEALTH = [name for name in SOURCES if name in SOURCE_HEALTH.columns]


def sources(
    *, as_of: Moment | None = None, store: PartitionStore | None = None, hot: HotBars | None = None
) -> pl.DataFrame:
    """SOURCES of this UTC day: one row a source of `bars.sources`, in the order of preference.

    With an `as_of`: what bars_source_health said then of its newest day; what only now is known is null.
    """
    known = instant(as_of, "as_of")
    if known is not None:
        return _ordered(_stored(filled(store, SOURCE_HEALTH), known))
    found, now, asked = settings(), clock.now(), store or store_in_force()
    vendors = _vendors_in_force(found)
    day = now.date()
    judged = health.source_health(
        day,
        list(found.bars.sources),
        source_facts(found, vendors, day),
        _minutes(asked, day),
        _compared(asked, day, found.bars.trust_days),
    ).select("source", *(name for name in _HEALTH if name != "source"))
    status = (hot or hot_in_force(found)).status()
    return _ordered(judged.join(_now(found, vendors, status if is_alive(status, now) else None), on="source"))


def _ordered(rows: pl.DataFrame) -> pl.DataFrame:
    """All columns of SOURCES, the sources by preference."""
    lacking = [pl.lit(None, dtype).alias(name) for name, dtype in SOURCES.items() if name not in rows.columns]
    chain = pl.Enum(settings().bars.sources)
    return (
        rows.with_columns(lacking)
        .select(pl.col(name).cast(dtype) for name, dtype in SOURCES.items())
        .sort(pl.col("source").cast(chain, strict=False), nulls_last=True)
    )


def _stored(store: PartitionStore, as_of: datetime) -> pl.DataFrame:
    keys = [key for key in store.partitions(SOURCE_HEALTH, as_of=as_of) if key <= f"{as_of:%Y-%m-%d}"]
    return store.read(SOURCE_HEALTH, keys[-1:], columns=_HEALTH, as_of=as_of)


def _minutes(store: PartitionStore, day: date) -> pl.DataFrame:
    keys = [key for key in store.partitions(MINUTE) if key.startswith(f"{day}{SEPARATOR}")]
    return unmarked(store.read(MINUTE, keys, columns=["source", "quality_score"]), "source")


def _compared(store: PartitionStore, day: date, n_days: int) -> pl.DataFrame:
    found = store.read(RECONCILIATION, start=day - timedelta(days=n_days), end=day)
    return unmarked(found, "source", "other_source")


def _now(found: Settings, vendors: Vendors, status: BarsStatus | None) -> pl.DataFrame:
    """What only this moment tells of each source."""
    polled = {one.name: one for one in status.sources} if status else {}
    paces = status.intervals() if status else {}
    rows = []
    for name in found.bars.sources:
        source, poller = vendors.minute_source(name), polled.get(name)
        windows = source.budget() if source.enabled else []
        rows.append(
            {
                "source": name,
                "enabled": source.enabled,
                "polling": poller.state if poller else None,
                "why": poller.why if poller else None,
                "budget": [
                    {"window": use.name, "used": use.used, "limit": use.limit, "resets_at": use.resets_at}
                    for use in windows
                ],
                "effective_intervals": [
                    {"symbol": symbol, "seconds": seconds} for (symbol, of), seconds in paces.items() if of == name
                ],
            }
        )
    columns = ("source", "enabled", "polling", "why", "budget", "effective_intervals")
    return pl.DataFrame(rows, schema={name: SOURCES[name] for name in columns})


_made: tuple[Settings, Vendors] | None = None


def _vendors_in_force(found: Settings) -> Vendors:
    """The vendors of the settings in force, of which only budgets are asked; nothing is sent."""
    global _made  # noqa: PLW0603 - making their clients takes a while
    if _made is None or _made[0] is not found:
        _made = (found, Vendors(found))
    return _made[1]
