"""The nightly update by whole-market requests: one call a session instead of one a symbol.

Used where more than 20 stocks and ETFs lack only their newest sessions: their stored year is kept
and the sessions are added. Anything else (a hole, another source, a correction) is fetched whole.
"""

from collections.abc import Mapping, Sequence
from datetime import date

import polars as pl

from market_assets.core.contracts import Contract
from market_assets.equities import schemas
from resources.equities_fetch import EquitiesFetch
from resources.partition_fetch import Unit
from resources.stores.protocol import PartitionStore
from resources.vendors.daily import due_sessions
from resources.vendors.polygon import Polygon

#: grouped requests pay from this many symbols on
MIN_SYMBOLS = 21
#: more missing sessions than this are a backfill
MAX_SESSIONS = 5

_BARS: Contract = schemas.EquitiesDailyBars.contract()


def grouped_update(fetch: EquitiesFetch, units: Sequence[Unit], store: PartitionStore) -> Mapping[str, pl.DataFrame]:
    """Symbol -> its stored rows of the running year with the newest sessions added, where that suffices."""
    source = fetch.vendors.source(fetch.settings.equities.sources[0])
    if not isinstance(source, Polygon):
        return {}
    stored = {unit.partitions[0]: _stored(fetch, unit, store) for unit in units}
    lacking = {key: _newest_missing(fetch, key, rows) for key, rows in stored.items() if rows is not None}
    lacking = {key: days for key, days in lacking.items() if days}
    days = sorted({day for missing in lacking.values() for day in missing})
    if len(lacking) < MIN_SYMBOLS or len(days) > MAX_SESSIONS:
        return {}
    instruments = [fetch.instrument(key.rsplit("|", 1)[0]) for key in lacking]
    brought = [source.grouped_daily(day, instruments, as_of=fetch.as_of).frame for day in days]
    new = pl.concat(brought).with_columns(fallback_level=pl.lit(0, pl.Int8)).select(list(_BARS.columns))
    updated: dict[str, pl.DataFrame] = {}
    for key, missing in lacking.items():
        symbol, rows = key.rsplit("|", 1)[0], stored[key]
        added = new.filter(pl.col("symbol") == symbol, pl.col("session_date").is_in(missing))
        if rows is not None and added.height == len(missing):
            updated[symbol] = pl.concat([rows, added])
    return updated


def _stored(fetch: EquitiesFetch, unit: Unit, store: PartitionStore) -> pl.DataFrame | None:
    """The stored running year of a stock or ETF, whole from the first source; else None."""
    symbol, year = unit.partitions[-1].rsplit("|", 1)
    is_listed = fetch.instrument(symbol).asset_class in {"stock", "etf"}
    if len(unit.partitions) > 1 or int(year) != fetch.as_of.year or not is_listed:
        return None
    rows = store.read(_BARS, list(unit.partitions))
    expected = fetch.settings.source_name(fetch.settings.equities.sources[0])
    return rows if rows.height and set(rows["source"]) == {expected} else None


def _newest_missing(fetch: EquitiesFetch, key: str, rows: pl.DataFrame) -> list[date]:
    """The due sessions after the stored ones; none where an earlier one is missing too."""
    symbol, year = key.rsplit("|", 1)
    delay = fetch.settings.equities.vendor_delay_min
    due = due_sessions(fetch.instrument(symbol), date(int(year), 1, 1), date(int(year), 12, 31), fetch.as_of, delay)
    missing = [day for day in due if day not in set(rows["session_date"])]
    return missing if missing == due[len(due) - len(missing) :] else []
