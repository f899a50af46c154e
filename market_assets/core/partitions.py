"""How the graph is cut: partition definitions, mappings, and ranges of keys.

A run carries a range of partitions in two tags. On a two-dimensional definition the range covers
the cross product of both dimensions, in the order the dimension lists its keys.
"""

import itertools
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Self

import dagster as dg
from dagster._core.definitions.partitions.context import partition_loading_context
from dagster._core.instance import DynamicPartitionsStore
from dagster._core.storage.tags import ASSET_PARTITION_RANGE_END_TAG, ASSET_PARTITION_RANGE_START_TAG

from market_assets.core import clock
from market_assets.core.errors import UnknownName

# Multi-partition mappings and partitioned checks are marked beta in 1.13; the design decided for them.
warnings.filterwarnings("ignore", category=dg.BetaWarning)
warnings.filterwarnings("ignore", category=dg.PreviewWarning)

SEPARATOR = "|"
_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Span:
    """The UTC days of a run."""

    days: Sequence[date]

    @classmethod
    def of(cls, keys: Iterable[str]) -> Self:
        """The days of partitions `2026-10-05` or `2026-10-05|bybit`, in order."""
        return cls([date.fromisoformat(name) for name in sorted({key.partition(SEPARATOR)[0] for key in keys})])

    @property
    def first(self) -> datetime:
        """Where the days begin."""
        return clock.instant(self.days[0])

    @property
    def until(self) -> datetime:
        """Where they end."""
        return clock.instant(self.days[-1]) + _DAY


class Pairs(dg.MultiPartitionsDefinition):
    """Two dimensions whose pairs are made anew only when a dimension has other keys.

    Dagster lists all of them in each step of checks, which is tens of thousands of objects each time.
    """

    _made: tuple[list[list[str]], Sequence[dg.MultiPartitionKey]] = ([], [])

    def get_partition_keys(
        self, current_time: datetime | None = None, dynamic_partitions_store: DynamicPartitionsStore | None = None
    ) -> Sequence[dg.MultiPartitionKey]:
        """Every pair, in the order of the dimensions."""
        with partition_loading_context(current_time, dynamic_partitions_store):
            names = [list(dimension.partitions_def.get_partition_keys()) for dimension in self.partitions_defs]
            if names != self._made[0]:
                self._made = names, super().get_partition_keys()
            return self._made[1]


def years(start_year: int) -> dg.TimeWindowPartitionsDefinition:
    """Calendar years from `start_year`, the running one included."""
    return dg.TimeWindowPartitionsDefinition(start=str(start_year), cron_schedule="0 0 1 1 *", fmt="%Y", end_offset=1)


def days(start: date) -> dg.DailyPartitionsDefinition:
    """UTC days from `start`, the running one included."""
    return dg.DailyPartitionsDefinition(start_date=start.isoformat(), timezone="UTC", end_offset=1)


def weeks(start: date) -> dg.WeeklyPartitionsDefinition:
    """Weeks that begin on Monday 00:00 UTC, from the first one at or after `start`, the running one included."""
    return dg.WeeklyPartitionsDefinition(start_date=start.isoformat(), timezone="UTC", day_offset=1, end_offset=1)


def window(first: int, last: int) -> dg.TimeWindowPartitionMapping:
    """From `first` to `last` partitions before or after one's own, counted in those of the downstream asset."""
    return dg.TimeWindowPartitionMapping(
        start_offset=first, end_offset=last, allow_nonexistent_upstream_partitions=True
    )


def by_symbol_and_year(symbols: dg.DynamicPartitionsDefinition, year: dg.TimeWindowPartitionsDefinition) -> Pairs:
    """One partition per symbol and year, keyed `AAPL|2020`."""
    return Pairs({"symbol": symbols, "year": year})


def same_symbol_with_previous_year() -> dg.MultiPartitionMapping:
    """Look back from `AAPL|2020` to `AAPL|2019`."""
    return dg.MultiPartitionMapping(
        {
            "symbol": dg.DimensionPartitionMapping("symbol", dg.IdentityPartitionMapping()),
            "year": dg.DimensionPartitionMapping("year", with_previous_year()),
        }
    )


def with_previous_year() -> dg.TimeWindowPartitionMapping:
    """Look back from 2020 to 2019."""
    return window(-1, 0)


def same(dimension: str, first: int = 0, last: int = 0) -> dg.MultiPartitionMapping:
    """The same `dimension`, from `first` to `last` days before or after the day itself."""
    return dg.MultiPartitionMapping(
        {
            "day": dg.DimensionPartitionMapping("day", window(first, last)),
            dimension: dg.DimensionPartitionMapping(dimension, dg.IdentityPartitionMapping()),
        }
    )


def every(dimension: str, first: int = 0, last: int = 0) -> dg.MultiPartitionMapping:
    """All of `dimension`, from `first` to `last` days before or after the day itself."""
    return dg.MultiPartitionMapping(
        {
            "day": dg.DimensionPartitionMapping("day", window(first, last)),
            dimension: dg.DimensionPartitionMapping(dimension, dg.AllPartitionMapping()),
        }
    )


def all_of(dimension: str) -> dg.MultiToSingleDimensionPartitionMapping:
    """Between `AAPL|2020` and `AAPL` (dimension symbol) or `2020` (dimension year)."""
    return dg.MultiToSingleDimensionPartitionMapping(dimension)


def range_tags(first: str, last: str) -> dict[str, str]:
    """The tags that make one run carry every partition from `first` to `last`."""
    return {ASSET_PARTITION_RANGE_START_TAG: first, ASSET_PARTITION_RANGE_END_TAG: last}


def ranges(keys: Iterable[str], order: Sequence[Sequence[str]]) -> list[tuple[str, str]]:
    """Cover `keys` exactly with as few (first, last) ranges as is simple.

    `order` lists each dimension's keys as the partition definition does; a two-dimensional key is
    `outer|inner`. Outer keys with the same contiguous inner block are merged where neighbours.
    Raises UnknownName for a key that `order` does not list.
    """
    wanted = set(keys)
    _check_known(wanted, order)
    if len(order) == 1:
        return [(block[0], block[-1]) for block in _blocks(wanted, order[0])]
    outer_keys, inner_keys = order
    inner_of: dict[str, set[str]] = {}
    for key in wanted:
        outer, inner = key.split(SEPARATOR, 1)
        inner_of.setdefault(outer, set()).add(inner)
    outers_of: dict[tuple[str, str], set[str]] = {}
    for outer, inners in inner_of.items():
        for block in _blocks(inners, inner_keys):
            outers_of.setdefault((block[0], block[-1]), set()).add(outer)
    return [
        (f"{block[0]}{SEPARATOR}{first}", f"{block[-1]}{SEPARATOR}{last}")
        for (first, last), outers in sorted(outers_of.items())
        for block in _blocks(outers, outer_keys)
    ]


def covered(span: tuple[str, str], order: Sequence[Sequence[str]]) -> list[str]:
    """Every key that a range covers: of a two-dimensional one the cross product of both dimensions' blocks."""
    first, last = (end.split(SEPARATOR, len(order) - 1) for end in span)
    blocks = [keys[keys.index(a) : keys.index(b) + 1] for keys, a, b in zip(order, first, last, strict=True)]
    return [SEPARATOR.join(key) for key in itertools.product(*blocks)]


def _check_known(keys: Iterable[str], order: Sequence[Sequence[str]]) -> None:
    for key in keys:
        parts = key.split(SEPARATOR, len(order) - 1) if len(order) > 1 else [key]
        for part, known in zip(parts, order, strict=True):
            if part not in known:
                raise UnknownName("partition", key, known)


def _blocks(wanted: set[str], order: Sequence[str]) -> list[list[str]]:
    grouped = itertools.groupby(order, key=lambda key: key in wanted)
    return [list(block) for is_wanted, block in grouped if is_wanted]


def dimension_keys(definition: dg.PartitionsDefinition, instance: dg.DagsterInstance) -> list[list[str]]:
    """The keys of each dimension in the definition's own order; one list where it has one dimension."""
    if isinstance(definition, dg.MultiPartitionsDefinition):
        return [
            list(dimension.partitions_def.get_partition_keys(dynamic_partitions_store=instance))
            for dimension in definition.partitions_defs
        ]
    return [list(definition.get_partition_keys(dynamic_partitions_store=instance))]


def key_of(day: date | str, name: str) -> str:
    """`2026-10-05|EURUSD`."""
    return f"{day}{SEPARATOR}{name}"


def keys_of(days: Iterable[date | str], names: Iterable[str]) -> list[str]:
    """The partitions of these names on these days, day by day."""
    every = list(names)
    return [key_of(day, name) for day in days for name in every]


def day_and_name(key: str) -> tuple[date, str]:
    """The parts of `2026-10-05|EURUSD`; without a second one the name is empty."""
    day, _, name = key.partition(SEPARATOR)
    return date.fromisoformat(day), name


def split_key(key: str, dimensions: Sequence[str]) -> Mapping[str, str]:
    """`AAPL|2020` over (symbol, year) as a mapping of dimension to key."""
    parts = key.split(SEPARATOR, len(dimensions) - 1) if len(dimensions) > 1 else [key]
    return dict(zip(dimensions, parts, strict=True))
