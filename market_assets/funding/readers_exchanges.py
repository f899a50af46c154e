"""Reader of how each exchange in use is doing. See `readers`."""

from datetime import datetime, timedelta
from typing import Any

import polars as pl

from market_assets.core import clock
from market_assets.core.contracts import UTC_MICROS
from market_assets.funding.readers_rows import (
    COMPLETENESS,
    RATES,
    newest_days,
    newest_looks,
    of_newest_day,
)
from market_assets.reading import SEPARATOR, Moment, instant
from market_assets.settings import settings
from market_assets.values import store_in_force
from resources.stores.protocol import PartitionStore

_STATES = pl.Schema(
    {
        "exchange": pl.String(),
        "venue": pl.String(),
        #: contracts in the newest look
        "n_contracts": pl.Int64(),
        "snapshot_at": UTC_MICROS,
        "age_min": pl.Float64(),
        "latency_ms": pl.Float64(),
        #: of them with a predicted rate
        "n_rates": pl.Int64(),
        "null_rate_share": pl.Float64(),
        "is_trailing": pl.Boolean(),
        "newest_settlement": UTC_MICROS,
        #: mean over open contracts
        "completeness_pct": pl.Float64(),
        #: open contracts below 95 %, or of unknown interval
        "n_incomplete": pl.Int64(),
        #: the interval whose premium a settled rate measures: ending or previous
        "measures": pl.String(),
        #: days of settled history that the exchange keeps; null keeps all
        "memory_days": pl.Float64(),
        #: only the newest settlements can be asked for
        "forward_only": pl.Boolean(),
    }
)


def exchange_states(*, as_of: Moment | None = None, store: PartitionStore | None = None) -> pl.DataFrame:
    """One row per exchange in use, in the order of the settings; what was never measured is null.

    Ages count from `as_of`, or now. Nothing stored is no error here: then every number is null.
    """
    known, asked = instant(as_of, "as_of"), store or store_in_force()
    enabled = settings().funding.enabled
    parts = (_looks(asked, known), _settlements(asked, known), _completeness(asked, known), _records(enabled))
    states = pl.DataFrame({"exchange": enabled}, schema={"exchange": pl.String})
    for part in parts:
        states = states.join(part, on="exchange", how="left", validate="1:1", maintain_order="left")
    age = (pl.lit(known or clock.now(), UTC_MICROS) - pl.col("snapshot_at")).dt.total_microseconds() / 60e6
    return states.with_columns(age_min=age).select(list(_STATES)).cast(_STATES)


def _looks(store: PartitionStore, as_of: datetime | None) -> pl.DataFrame:
    known = pl.col("predicted_rate_native").is_not_null()
    return (
        newest_looks(store, as_of)
        .group_by("exchange", maintain_order=True)
        .agg(
            pl.col("snapshot_at").max(),
            pl.col("latency_ms").max(),
            pl.col("is_trailing").any(),
            n_contracts=pl.len(),
            n_rates=known.sum(),
            null_rate_share=1.0 - known.mean(),
        )
    )


def _settlements(store: PartitionStore, as_of: datetime | None) -> pl.DataFrame:
    """Newest settlement: of the whole table by what is known of its partitions, at `as_of` by their rows."""
    if as_of is None:
        found = [(part.partition.partition(SEPARATOR)[2], part.max_time) for part in store.manifests(RATES)]
        times = pl.DataFrame(found, schema={"exchange": pl.String, "funding_time": UTC_MICROS}, orient="row")
    else:
        columns = ["exchange", "funding_time"]
        times = store.read(RATES, newest_days(store, RATES, as_of), columns=columns, as_of=as_of)
    return times.group_by("exchange", maintain_order=True).agg(newest_settlement=pl.col("funding_time").max())


def _completeness(store: PartitionStore, as_of: datetime | None) -> pl.DataFrame:
    return (
        of_newest_day(store, COMPLETENESS, as_of)
        .filter("is_active")
        .group_by("exchange", maintain_order=True)
        .agg(
            pl.col("completeness_pct").mean(),
            n_incomplete=(pl.col("completeness_class") != "complete").sum(),
        )
    )


def _records(exchanges: tuple[str, ...]) -> pl.DataFrame:
    """What is known of each exchange beforehand; of one by way of ccxt its own name alone."""
    from resources.venues.registry import VENUES
    from resources.venues.venue import Whole

    rows: list[dict[str, Any]] = []
    for exchange in exchanges:
        row: dict[str, Any] = {"exchange": exchange, "venue": settings().funding.venue_of(exchange)}
        if (venue := VENUES.get(exchange)) is not None:
            row |= {
                "measures": venue.measures,
                "memory_days": venue.memory / timedelta(days=1) if venue.memory else None,
                "forward_only": isinstance(venue.history, Whole) and venue.history.newest_only,
            }
        rows.append(row)
    names = ("exchange", "venue", "measures", "memory_days", "forward_only")
    return pl.DataFrame(rows, schema={name: _STATES[name] for name in names})
