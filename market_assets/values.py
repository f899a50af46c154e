"""Reading tables from Python: `load_asset_value` and `scan_asset`. Neither imports Dagster.

    from market_assets import load_asset_value

    load_asset_value("equities_daily_bars", where={"symbol": "AAPL"}, start="2020-01-01", adjust="split")
    load_asset_value("equities_features", "2025", columns=["symbol", "session_date", "rsi_14"])
    load_asset_value("equities_daily_bars", as_of="2026-11-03T14:00:00Z")

Where the tables are is a matter of settings (`MARKET_ASSETS_HOME`, `MARKET_ASSETS_STORE`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Literal, get_args

import polars as pl

from market_assets.core import clock
from market_assets.core.errors import InvalidRequest, NotMaterialised, UnknownName

if TYPE_CHECKING:
    from market_assets.core.contracts import Contract
    from market_assets.settings import Settings
    from resources.stores.protocol import PartitionStore

Moment = date | datetime | str
Adjustment = Literal["none", "split", "total"]

_ADJUSTED_TABLE = "equities_daily_bars"
_ACTIONS_TABLE = "equities_corporate_actions"


def load_asset_value(
    name: str,
    partition: str | Sequence[str] | None = None,
    *,
    start: Moment | None = None,
    end: Moment | None = None,
    columns: Sequence[str] | None = None,
    where: Mapping[str, object] | pl.Expr | None = None,
    as_of: Moment | None = None,
    adjust: Adjustment | None = None,
) -> pl.DataFrame:
    """Rows of one table, sorted by the table's key.

    name        table, for example `equities_daily_bars`
    partition   one partition key or several (`AAPL|2020`); all of them by default
    start, end  first and last moment, both inclusive, of the table's time column: a date, a tz-aware
                datetime, or ISO text. A date as `end` means the whole day
    columns     the columns to return, in that order; all of them by default
    where       column -> value or list of values, or a Polars predicate
    as_of       the data as it was published at that moment
    adjust      `none`, `split` or `total`, for `equities_daily_bars`: prices and volumes adjusted by
                the corporate actions known then with an ex date up to `as_of` (today by default).
                `where`, `start` and `end` choose rows before they are adjusted

    A range or predicate that no row meets gives an empty frame with the right types.

    Raises
    UnknownName      no such table, column or partition; lists the nearest
    InvalidRequest   a date that is none, start after end, a value of another type than its column
    NotMaterialised  the table holds no data at all; names the command that makes it
    SchemaMismatch   stored rows lack a column that may not be null, or have one of another type
    VersionPruned    the version of `as_of` is no longer kept
    """
    asked = _asked(name, partition, adjust)
    read = None if asked.adjust == "none" else list(asked.contract.columns)
    rows = asked.store.read(
        asked.contract,
        asked.partitions,
        columns=columns if read is None else read,
        where=where,
        start=start,
        end=end,
        as_of=as_of,
    )
    if rows.is_empty():
        _explain_nothing(asked)
    if asked.adjust == "none":
        return rows
    chosen = [asked.contract.column(column) and column for column in columns] if columns is not None else rows.columns
    return _adjusted(asked, rows, as_of).select(chosen)


def scan_asset(
    name: str,
    partition: str | Sequence[str] | None = None,
    *,
    start: Moment | None = None,
    end: Moment | None = None,
    columns: Sequence[str] | None = None,
    where: Mapping[str, object] | pl.Expr | None = None,
    as_of: Moment | None = None,
    adjust: Adjustment | None = None,
) -> pl.LazyFrame:
    """Like `load_asset_value`, read one partition at a time when it is collected.

    Filters and projections of the query reach the reading. The order of rows is not promised: sort
    where it matters. Names, dates and values are checked at once, not on collect.
    """
    asked = _asked(name, partition, adjust)
    if asked.adjust != "none":
        return load_asset_value(
            name, partition, start=start, end=end, columns=columns, where=where, as_of=as_of, adjust=adjust
        ).lazy()
    if not asked.store.partitions(asked.contract):
        _explain_nothing(asked)
    rows = asked.store.scan(asked.contract, asked.partitions, where=where, start=start, end=end, as_of=as_of)
    if columns is None:
        return rows
    return rows.select([asked.contract.column(column) and column for column in columns])


@dataclass(frozen=True)
class _Asked:
    contract: "Contract"
    store: "PartitionStore"
    partitions: list[str] | None
    adjust: Adjustment


def _asked(name: str, partition: str | Sequence[str] | None, adjust: Adjustment | None) -> _Asked:
    from market_assets import tables

    contract = tables.contract(name)
    mode: Adjustment = adjust or "none"
    if mode not in get_args(Adjustment):
        raise InvalidRequest(f"adjust is one of {', '.join(get_args(Adjustment))}; was {mode!r}")
    if mode != "none" and name != _ADJUSTED_TABLE:
        raise InvalidRequest(f"adjust works on {_ADJUSTED_TABLE}; {name} is stored as it is, leave adjust out")
    store = store_in_force()
    wanted = [partition] if isinstance(partition, str) else partition
    partitions = None if wanted is None else list(wanted)
    if partitions is not None:
        _check_partitions(contract, store, partitions)
    return _Asked(contract, store, partitions, mode)


def _check_partitions(contract: "Contract", store: "PartitionStore", asked: list[str]) -> None:
    if len(asked) == 1 and store.manifest(contract, asked[0]) is not None:
        return
    known = store.partitions(contract)
    unknown = [key for key in asked if key not in set(known)] if known else []
    if unknown:
        raise UnknownName(f"partition of {contract.name}", unknown[0], known)


def _explain_nothing(asked: _Asked) -> None:
    """Raise NotMaterialised where the table is empty altogether, which is not the same as no rows."""
    if asked.store.partitions(asked.contract):
        return
    name = asked.contract.name.removeprefix("quarantine_")
    raise NotMaterialised(
        f"{asked.contract.name} holds no data yet. Materialise it in the Dagster UI, or run: dagster asset materialize "
        f"-m market_assets.definitions --select {name}{_partition_hint(asked.contract)}"
    )


def _partition_hint(contract: "Contract") -> str:
    if not contract.partitioned_by:
        return ""
    shown = {"symbol": "AAPL", "year": "2025", "month": "2025-10", "week": "2025-10-06", "day": "2025-10-06"}
    return " --partition '" + "|".join(shown.get(name, f"<{name}>") for name in contract.dimensions) + "'"


def _adjusted(asked: _Asked, bars: pl.DataFrame, as_of: Moment | None) -> pl.DataFrame:
    from market_assets import tables
    from market_assets.equities.transforms import adjust

    if bars.is_empty():
        return bars
    actions = tables.contract(_ACTIONS_TABLE)
    symbols = bars.get_column("symbol").unique().sort().to_list()
    lacking = sorted(set(symbols) - set(asked.store.partitions(actions, as_of=as_of)))
    if lacking:
        raise NotMaterialised(
            f"adjusting needs the corporate actions of every symbol; {_ACTIONS_TABLE} has none of "
            f"{', '.join(lacking[:5])}{' ...' if len(lacking) > 5 else ''}{' at as_of' if as_of is not None else ''}. "
            f"Run: dagster asset materialize -m market_assets.definitions --select {_ACTIONS_TABLE} "
            f"--partition {lacking[0]}"
        )
    known = asked.store.read(actions, symbols, as_of=as_of)
    day = clock.today() if as_of is None else clock.instant(as_of).date()
    return adjust.adjust_at_read(bars, known, asked.adjust, day)


_opened: "tuple[Settings, PartitionStore] | None" = None


def store_in_force() -> "PartitionStore":
    """The store of the settings in force; opened anew when they change."""
    global _opened  # noqa: PLW0603 - one store per process keeps what it has decoded
    from market_assets.settings import settings
    from resources.stores import open_store

    current = settings()
    if _opened is None or _opened[0] is not current:
        _opened = (current, open_store(current))
    return _opened[1]
