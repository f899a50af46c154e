"""Readers that answer with numbers about tables: statistics, a summary, and how old each table is. See `readers`."""

from dataclasses import replace
from datetime import datetime
from typing import Any, TypedDict

import polars as pl

from market_assets import tables
from market_assets.btc.ages import table_age
from market_assets.btc.readers_frames import get_performance_metrics
from market_assets.btc.reading import NAMES, Moment, instant, rows, served, table_name
from market_assets.btc.settings import BtcSettings
from market_assets.core import clock
from market_assets.core.contracts import Contract
from market_assets.core.errors import NotMaterialised
from market_assets.settings import settings
from resources.stores import open_store
from resources.stores.protocol import Manifest, PartitionStore

#: window of the summary's performance
SUMMARY_HOURS = 720


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
    states = get_table_states()
    return {
        "timestamp": now,
        "tables": {
            name: {"latest_timestamp": state["latest"], "record_count": state["count"], "status": state["status"]}
            for name, state in states.items()
        },
        "data_summary": get_data_summary(),
    }


def get_table_states(as_of: Moment | None = None, store: PartitionStore | None = None) -> dict[str, TableState]:
    """Every table's reach and age now, or as known at `as_of`, by name in the order of the graph.

    Reads the newest partitions only. Who asks often passes its own `store`, which remembers what it has listed.
    """
    known = None if as_of is None else instant(as_of, "as_of")
    asked, btc = store or open_store(settings()), settings().btc
    return {name: _state(asked, tables.contract(name), btc, known) for name in NAMES}


def _state(store: PartitionStore, contract: Contract, btc: BtcSettings, as_of: datetime | None) -> TableState:
    filled = [part for part in store.manifests(contract) if part.rows]
    if as_of is not None:
        filled = _known(store, contract, filled, as_of)
    age = table_age(store, contract, btc, as_of or clock.now())
    return TableState(
        earliest=min((part.min_time for part in filled if part.min_time), default=None),
        latest=max((part.max_time for part in filled if part.max_time), default=None),
        count=sum(part.rows for part in filled),
        age_hours=age.hours,
        status=age.status,
    )


def _known(store: PartitionStore, contract: Contract, filled: list[Manifest], as_of: datetime) -> list[Manifest]:
    """What of the partitions was available at `as_of`: a later hour is never known before an earlier one."""
    begun = [part for part in filled if part.min_time and part.min_time <= as_of]
    newest_first = sorted(begun, key=lambda part: part.partition, reverse=True)
    known: list[Manifest] = []
    for place, part in enumerate(newest_first):
        ts = store.read(contract, [part.partition], columns=["ts"], where=pl.col("available_at") <= as_of)["ts"]
        if ts.len() == part.rows:
            return [*known, *newest_first[place:]]
        if ts.len():
            known.append(replace(part, rows=ts.len(), min_time=ts[0], max_time=ts[-1]))
    return known
