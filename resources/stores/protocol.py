"""What every partition store does, and the records it answers with."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Literal, Protocol

import polars as pl

from market_assets.core.contracts import Contract
from resources.removed import Removed

#: a date, an instant, or ISO text of either
Moment = date | datetime | str

#: column -> value or values it must have, or any Polars predicate
Where = Mapping[str, object] | pl.Expr


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """What is known of one published version of one partition."""

    table: str
    partition: str
    #: instant of publication; strictly later than that of the version it replaced
    published_at: datetime
    #: instant at which the partition was first published
    first_published_at: datetime
    rows: int
    #: stored size: the Parquet file, or the binary rows sent to Postgres
    bytes: int
    #: SHA-256 over the key-sorted stable columns
    digest: str
    #: span of the table's time column (a date is its midnight UTC); None without rows or time column
    min_time: datetime | None
    max_time: datetime | None
    run_id: str = ""
    extra: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Written:
    """The outcome of one write."""

    #: the version that is current now: the new one, or the old one where nothing changed
    manifest: Manifest
    #: same digest as before, so nothing was written
    unchanged: bool
    #: rows whose key was not stored before
    new_rows: int
    #: rows whose key was stored with other values
    revised_rows: int
    #: stored rows whose key the new frame lacks
    removed_rows: int
    #: largest abs(new - old) / abs(old) over revised Float64 values; None where none was revised
    revised_max_rel_diff: float | None


@dataclass(frozen=True)
class Stored:
    """What an asset returns that wrote its partitions itself while it ran: partition -> outcome."""

    written: Mapping[str, Written]


@dataclass(frozen=True, kw_only=True)
class StoreDescription:
    """A store as health pages show it. Every number is measured."""

    kind: Literal["duckdb", "postgres"]
    #: directory or server, never with user or password
    location: str
    bytes: int | None
    reachable: bool
    #: why it is not reachable
    error: str | None = None


class PartitionStore(Protocol):
    """Partitions of tables, written whole, read whole, with their history.

    Both stores behave alike: `tests/resources/stores` runs one suite over them.
    """

    def write(
        self,
        contract: Contract,
        partition: str,
        frame: pl.DataFrame,
        *,
        run_id: str = "",
        extra: Mapping[str, str] | None = None,
    ) -> Written:
        """Replace one partition by `frame` in one atomic step; an empty frame is stored as such.

        Raises ContractViolation (columns, types, nulls, duplicate keys), RowsOutsidePartition,
        SchemaMismatch, MixedOrigin, IncompleteWrite; the partition is then as it was.
        """
        ...

    def read(
        self,
        contract: Contract,
        partitions: Sequence[str] | None = None,
        *,
        columns: Sequence[str] | None = None,
        where: Where | None = None,
        start: Moment | None = None,
        end: Moment | None = None,
        as_of: Moment | None = None,
    ) -> pl.DataFrame:
        """The rows of those partitions (None: all), sorted by the table's key.

        An Enum sorts by the place of its category, and may only be compared with its categories.
        `start` and `end` (inclusive) refer to the contract's time column. Partitions that are not
        stored contribute nothing; without any row the frame is empty and typed. `as_of` reads each
        partition as it was published then.
        Raises UnknownName, InvalidRequest, SchemaMismatch, VersionPruned.
        """
        ...

    def scan(
        self,
        contract: Contract,
        partitions: Sequence[str] | None = None,
        *,
        where: Where | None = None,
        start: Moment | None = None,
        end: Moment | None = None,
        as_of: Moment | None = None,
    ) -> pl.LazyFrame:
        """As `read`, one partition at a time when collected. The order of rows is not promised."""
        ...

    def partitions(self, contract: Contract, *, as_of: Moment | None = None) -> list[str]:
        """The stored partition keys, sorted."""
        ...

    def manifest(self, contract: Contract, partition: str) -> Manifest | None:
        """The current version of one partition, or None where it is not stored."""
        ...

    def manifests(self, contract: Contract) -> list[Manifest]:
        """The current version of every partition, by partition key."""
        ...

    def versions(self, contract: Contract, partition: str) -> list[Manifest]:
        """Every kept version of one partition, oldest first; the last one is current."""
        ...

    def prune(self, contract: Contract, *, keep: int, days: int, dry_run: bool = False) -> Removed:
        """Remove superseded versions beyond the last `keep` that were replaced over `days` ago.

        Those of a live table go whenever they were replaced. A dry run counts the same and touches nothing.
        """
        ...

    def drop(self, contract: Contract, partition: str) -> Manifest | None:
        """Remove one partition with every kept version of it, in one atomic step; nothing brings it back.

        Returns what was current, or None where it was not stored. What reads it goes on; whoever reads later, `as_of`
        an earlier instant too, finds it as if it had never been published.
        """
        ...

    def refresh_views(self, contracts: Iterable[Contract]) -> None:
        """Make every table queryable by SQL, with or without data in it."""
        ...

    def describe(self) -> StoreDescription:
        """Kind, place, size, and whether it answers."""
        ...
