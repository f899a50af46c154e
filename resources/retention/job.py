"""What each kind of removal is given, and what it tells of itself while it goes on."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import dagster as dg

from market_assets.core.contracts import Contract
from market_assets.settings import Settings
from resources.removed import Removed
from resources.stores.protocol import Manifest, PartitionStore

#: partitions that one call drops of a table or exchange at most
MOST_PARTITIONS = 5_000


@dataclass(frozen=True)
class Job:
    """One thinning: by which settings, where, and as of when. A dry run touches nothing."""

    settings: Settings
    store: PartitionStore
    #: None where this home has no Dagster instance
    instance: dg.DagsterInstance | None
    now: datetime
    dry_run: bool

    def ago(self, days: int) -> datetime:
        """The instant so many days before."""
        return self.now - timedelta(days=days)

    def drop(self, table: Contract, one: Manifest, *, count: int = 1) -> Removed:
        """Drop a partition, which counts as so many things, with the bytes of its current version."""
        if not self.dry_run:
            self.store.drop(table, one.partition)
        return Removed(removed=count, bytes=one.bytes)


@dataclass
class Tally:
    """What was removed so far: one that breaks off has told what it did until then."""

    total: Removed = field(default_factory=Removed)
    #: null where nobody says how much it took up
    counts_bytes: bool = True
    kept_since: datetime | None = None
    #: what stayed although it is due, and why
    notes: list[str] = field(default_factory=list)

    def add(self, found: Removed) -> None:
        """Count what was looked at, and what of it went."""
        self.total += found

    def count(self, *, removed: bool = False, size: int = 0) -> None:
        """Count one thing."""
        self.add(Removed(examined=1, removed=int(removed), bytes=size if removed else 0))


@dataclass(frozen=True)
class Kind:
    """One kind of thing that is thinned out."""

    what: str
    #: the setting and its value
    rule: str
    thin: Callable[[Job, Tally], None]
