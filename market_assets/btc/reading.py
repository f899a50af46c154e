"""How the readers ask: instants, default ranges, `as_of`, and never the state of a filter.

`as_of` means what could be known then: rows with available_at <= as_of. (Of the versions that the
store keeps, the current one is read; `load_asset_value` reads older ones.)
"""

from collections.abc import Sequence
from datetime import date, datetime, timedelta

import polars as pl

from market_assets import tables
from market_assets.btc.schemas import STATE_PREFIX, TABLES
from market_assets.core import clock
from market_assets.core.errors import InvalidRequest, UnknownName
from market_assets.settings import settings
from market_assets.values import load_asset_value

#: a date (as an end: the whole day), a tz-aware instant, or ISO text of either
Moment = date | datetime | str

#: the tables of the domain, in the order of the graph
NAMES = tuple(table.contract().name for table in TABLES)


def instant(moment: Moment, name: str) -> datetime:
    """The instant; of a date its midnight. Raises InvalidRequest for a naive one, naming the argument."""
    try:
        return clock.instant(moment)
    except (ValueError, TypeError) as wrong:
        raise InvalidRequest(f"{name}: {wrong}") from None


def span(start: Moment | None, end: Moment | None) -> tuple[Moment, Moment]:
    """Both bounds: `end` is now and `start` processing.default_days_back before it, where not stated."""
    last = clock.now() if end is None else end
    back = timedelta(days=settings().btc.processing.default_days_back)
    return instant(last, "end") - back if start is None else start, last


def rows(
    table: str,
    start: Moment | None = None,
    end: Moment | None = None,
    as_of: Moment | None = None,
    *,
    columns: Sequence[str] | None = None,
) -> pl.DataFrame:
    """Rows of a table with start <= ts <= end that were known at `as_of`; all columns but the state by default.

    Raises NotMaterialised where the table holds nothing, InvalidRequest for a naive or impossible moment.
    """
    found = load_asset_value(
        table,
        start=start,
        end=end,
        where=None if as_of is None else pl.col("available_at") <= instant(as_of, "as_of"),
        columns=served(table) if columns is None else columns,
    )
    # one chunk a partition slows every later step
    return found.rechunk()


def served(table: str) -> list[str]:
    """The columns of a table that leave the domain."""
    return [name for name in tables.contract(table).columns if not name.startswith(STATE_PREFIX)]


def table_name(asked: str) -> str:
    """The table of that name, with or without `btc_`. Raises UnknownName with the near ones."""
    for name in (asked, f"btc_{asked}"):
        if name in NAMES:
            return name
    raise UnknownName("btc table", asked, [*NAMES, *(name.removeprefix("btc_") for name in NAMES)])
