"""Readers that answer with numbers about tables: statistics, a summary, and how old each table is. See `readers`."""

from datetime import datetime, timedelta
from typing import Any, NamedTuple, TypedDict

import polars as pl

from market_assets import tables
from market_assets.btc.readers_frames import get_performance_metrics
from market_assets.btc.reading import NAMES, rows, served, table_name
from market_assets.btc.settings import BtcSettings
from market_assets.core import clock
from market_assets.core.contracts import Contract
from market_assets.core.errors import NotMaterialised
from market_assets.settings import settings
from resources.stores import open_store
from resources.stores.protocol import Manifest, PartitionStore

#: window of the summary's performance
SUMMARY_HOURS = 720
_HOUR, _DAY_HOURS = timedelta(hours=1), 24.0
#: what the newest row of a table is judged by, besides its age: outcomes of the longest horizon, usable models
_LABEL_HOURS, _MODEL_LATE_DAYS, _MODEL_STALE_DAYS = 36.0, 8.0, 28.0


class TableStats(TypedDict):
    """One table in numbers. Of a table without rows both times are None, and so is every share."""

    earliest: datetime | None
    latest: datetime | None
    count: int
    #: column -> type
    columns: dict[str, str]
    #: column -> share of rows without a value (fraction)
    null_share: dict[str, float | None]


class TableState(TypedDict):
    """How far a table reaches and how old it is."""

    #: first and last `ts`
    earliest: datetime | None
    latest: datetime | None
    count: int
    #: since the newest row that counts became available
    age_hours: float | None
    #: ok, late, stale or empty
    status: str


def get_feature_stats(table: str) -> TableStats:
    """Statistics of a whole table, named with or without `btc_`. Of raw tables every version counts."""
    name = table_name(table)
    return _stats(name, rows(name))


def _stats(name: str, frame: pl.DataFrame) -> TableStats:
    shares = frame.null_count().row(0, named=True)
    earliest, latest = frame.select(earliest=pl.col("ts").min(), latest=pl.col("ts").max()).row(0)
    return TableStats(
        earliest=earliest,
        latest=latest,
        count=frame.height,
        columns={column: str(kind) for column, kind in frame.schema.items()},
        null_share={column: n / frame.height if frame.height else None for column, n in shares.items()},
    )


def get_data_summary() -> dict[str, Any]:
    """tables: name -> TableStats; signal_distribution: class -> hours; performance: rows over SUMMARY_HOURS.

    A table without data has a count of 0; without signals or labels there is no performance.
    """
    signals = _rows_or_none("btc_signals")
    classes = signals["signal_class"].drop_nulls().value_counts().sort("signal_class")
    return {
        "tables": {name: _stats(name, _rows_or_none(name)) for name in NAMES},
        "signal_distribution": dict(classes.iter_rows()),
        "performance": _performance(),
    }


def _rows_or_none(table: str) -> pl.DataFrame:
    """The rows of a table; a typed empty frame where it holds nothing."""
    try:
        return rows(table)
    except NotMaterialised:
        return tables.contract(table).empty().select(served(table))


def _performance() -> list[dict[str, Any]]:
    try:
        return get_performance_metrics(SUMMARY_HOURS).to_dicts()
    except NotMaterialised:
        return []


def get_pipeline_status() -> dict[str, Any]:
    """timestamp; tables: name -> latest_timestamp, record_count, status; data_summary: as `get_data_summary`."""
    now = clock.now()
    states = get_table_states(now)
    return {
        "timestamp": now,
        "tables": {
            name: {"latest_timestamp": state["latest"], "record_count": state["count"], "status": state["status"]}
            for name, state in states.items()
        },
        "data_summary": get_data_summary(),
    }


def get_table_states(now: datetime | None = None, store: PartitionStore | None = None) -> dict[str, TableState]:
    """Every table's reach and age at `now`, by name in the order of the graph. Reads the newest partitions only.

    Who asks often passes its own `store`, which remembers what it has listed.
    """
    at, asked, btc = now or clock.now(), store or open_store(settings()), settings().btc
    return {name: _state(asked, tables.contract(name), _judged_by(name, btc), at) for name in NAMES}


class _Age(NamedTuple):
    """Which rows an age is measured from, on which clock, and when it is late or stale (hours)."""

    of: pl.Expr
    since: str
    late: float
    stale: float | None


def _judged_by(table: str, btc: BtcSettings) -> _Age:
    late, stale, every = btc.processing.max_age_hours, btc.processing.stale_hours, pl.lit(value=True)
    if table == "btc_labels":
        return _Age(pl.col("horizon_h") == max(btc.labels.horizons), "ts", _LABEL_HOURS, None)
    if table == "btc_bin_models":
        usable = pl.col("status").cast(pl.String) == "ok"
        return _Age(usable, "available_at", _DAY_HOURS * _MODEL_LATE_DAYS, _DAY_HOURS * _MODEL_STALE_DAYS)
    if table == "btc_signal_performance":
        return _Age(every, "available_at", _DAY_HOURS + late, _DAY_HOURS + stale)
    return _Age(every, "available_at", late, stale)


def _state(store: PartitionStore, contract: Contract, rule: _Age, now: datetime) -> TableState:
    filled = [part for part in store.manifests(contract) if part.rows]
    since = _newest(store, contract, rule, filled)
    age = None if since is None else (now - since) / _HOUR
    return TableState(
        earliest=min((part.min_time for part in filled if part.min_time), default=None),
        latest=max((part.max_time for part in filled if part.max_time), default=None),
        count=sum(part.rows for part in filled),
        age_hours=age,
        status=_status(age, rule),
    )


def _newest(store: PartitionStore, contract: Contract, rule: _Age, filled: list[Manifest]) -> datetime | None:
    for part in sorted(filled, key=lambda part: part.partition, reverse=True):
        found = store.read(contract, [part.partition], columns=[rule.since], where=rule.of)
        if found.height:
            newest: datetime = found[rule.since].max()  # type: ignore[assignment]
            return newest
    return None


def _status(age: float | None, rule: _Age) -> str:
    if age is None:
        return "empty"
    if rule.stale is not None and age > rule.stale:
        return "stale"
    return "late" if age > rule.late else "ok"
