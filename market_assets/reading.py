"""What the readers of a domain share: instants, what to run where a table holds nothing, and rows from few days."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

import polars as pl

from market_assets.core import clock
from market_assets.core.contracts import Contract
from market_assets.core.errors import InvalidRequest, NotMaterialised, UnknownName
from market_assets.values import store_in_force
from resources.stores.protocol import PartitionStore

#: a date (as an end: the whole day), a tz-aware instant, or ISO text of either
Moment = date | datetime | str

#: between the parts of a partition key
SEPARATOR = "|"


def instant(moment: Moment | None, name: str) -> datetime | None:
    """The instant; of a date its midnight. Raises InvalidRequest for a naive one, naming the argument."""
    if moment is None:
        return None
    try:
        return clock.instant(moment)
    except (ValueError, TypeError) as wrong:
        raise InvalidRequest(f"{name}: {wrong}") from None


def filled(store: PartitionStore | None, *contracts: Contract, examples: Mapping[str, str]) -> PartitionStore:
    """The store to ask. Raises NotMaterialised for the first of `contracts` that holds nothing.

    `examples` has a key of each partition dimension, for the command that the message names.
    """
    asked = store or store_in_force()
    for contract in contracts:
        if not asked.partitions(contract):
            key = SEPARATOR.join(examples[dimension] for dimension in contract.dimensions)
            raise NotMaterialised(
                f"{contract.name} holds no data yet. Materialise it in the Dagster UI, or run: dagster asset "
                f"materialize -m market_assets.definitions --select {contract.name}"
                + (f" --partition '{key}'" if key else "")
            )
    return asked


@dataclass(frozen=True)
class Wanted:
    """Which rows of a table by day, or by day and symbol, are asked for."""

    contract: Contract
    symbol: str | None = None
    #: column -> value, besides the symbol
    where: Mapping[str, object] | None = None
    columns: Sequence[str] | None = None
    start: Moment | None = None
    end: Moment | None = None
    as_of: Moment | None = None

    def read(self, store: PartitionStore, partitions: Sequence[str] | None = None) -> pl.DataFrame:
        """Those rows, by key; of `partitions` alone where they are named."""
        symbol = {} if self.symbol is None else {"symbol": self.symbol}
        return store.read(
            self.contract,
            partitions,
            columns=self.columns,
            where={**(self.where or {}), **symbol},
            start=self.start,
            end=self.end,
            as_of=self.as_of,
        )

    def days(self, store: PartitionStore) -> dict[str, list[str]]:
        """Stored day -> its partitions that may hold such rows, oldest first."""
        first, last, known = (instant(getattr(self, name), name) for name in ("start", "end", "as_of"))
        _check_order(first, last)
        lower = f"{first:%Y-%m-%d}" if first else ""
        # nothing of a day is known before it begins
        upper = min((f"{at:%Y-%m-%d}" for at in (last, known) if at), default="9999")
        # asked for each symbol of a page: of thousands of keys few are looked at closely
        is_by_symbol = "symbol" in self.contract.partitioned_by
        ending = f"{SEPARATOR}{self.symbol}" if self.symbol is not None and is_by_symbol else ""
        found: dict[str, list[str]] = {}
        for key in store.partitions(self.contract):
            if key.endswith(ending) and lower <= (day := key.partition(SEPARATOR)[0]) <= upper:
                found.setdefault(day, []).append(key)
        return found


def first_rows(store: PartitionStore, wanted: Wanted, limit: int | None, a_day: float) -> pl.DataFrame:
    """The first `limit` rows by key of one symbol, or all; `a_day` is how many a day usually has."""
    rows = _read(store, wanted, limit, a_day, newest_first=False)
    return rows if limit is None else rows.head(limit)


def last_rows(store: PartitionStore, wanted: Wanted, limit: int | None, a_day: float) -> pl.DataFrame:
    """The last `limit` rows by key of one symbol, oldest first, or all; `a_day` is how many a day usually has."""
    rows = _read(store, wanted, limit, a_day, newest_first=True)
    return rows if limit is None else rows.tail(limit)


def series_rows(store: PartitionStore, wanted: Wanted, limit: int | None, a_day: float) -> pl.DataFrame:
    """At most `limit` rows of one symbol by key, or all: with a start the first ones, else the last."""
    chosen = last_rows if wanted.start is None else first_rows
    return chosen(store, wanted, limit, a_day)


def newest_rows(store: PartitionStore, wanted: Wanted, limit: int | None, a_day: float) -> pl.DataFrame:
    """Rows of any symbols, newest first and then by key: at most `limit`; `a_day` is how many a day usually has."""
    rows = _read(store, wanted, limit, a_day, newest_first=True)
    time = wanted.contract.time_column
    order = [name for name in (time, *wanted.contract.key) if name is not None]
    by = list(dict.fromkeys(order))
    newest = rows.sort(by, descending=[name == time for name in by], maintain_order=True)
    return newest if limit is None else newest.head(limit)


def chosen(**values: object) -> dict[str, object]:
    """Column -> value, of the values that are asked for."""
    return {name: value for name, value in values.items() if value is not None}


def known(kind: str, name: str, names: Iterable[str]) -> str:
    """The name. Raises UnknownName with the near ones, or those there are, where it is none of them."""
    there = list(names)
    if name not in there:
        raise UnknownName(kind, name, there)
    return name


def _read(
    store: PartitionStore, wanted: Wanted, limit: int | None, a_day: float, *, newest_first: bool
) -> pl.DataFrame:
    """The rows by key, of whole days from one end on until there are `limit`."""
    if limit is None:
        return wanted.read(store)
    if limit < 1:
        raise InvalidRequest(f"limit must be 1 or more; was {limit}")
    days = wanted.days(store)
    order = sorted(days, reverse=newest_first)
    found, done, left = [wanted.read(store, [])], 0, limit
    while done < len(order) and left > 0:
        # as many as usually hold what is left; where the last ones held nothing, as many again as were opened
        step = math.ceil(left / a_day) if found[-1].height or not done else done
        found.append(wanted.read(store, [key for day in order[done : done + step] for key in days[day]]))
        done, left = done + step, left - found[-1].height
    return pl.concat(found).sort(list(wanted.contract.key), maintain_order=True)


def _check_order(first: datetime | None, last: datetime | None) -> None:
    if first and last and first.date() > last.date():
        raise InvalidRequest(f"start must not be after end; start is {first}, end is {last}")
