"""What a plan is made of: requests to one budget of a vendor, and what is known before any is sent."""

import math
import sqlite3
from collections.abc import Collection, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from market_assets.core.contracts import Contract
from market_assets.settings import Settings
from resources.http.state import VendorState
from resources.stores.protocol import PartitionStore
from resources.vendors.registry import Vendors


class Asks(NamedTuple):
    """So many requests to a vendor."""

    vendor: str
    n: int
    #: which of the vendor's budgets they count in; most have one, without a name
    lane: str = ""
    #: what that budget counts each of them as
    weight: int = 1


class SeenState(VendorState):
    """What is known of the vendors. Looking makes no file: that there is one says that somebody was asked."""

    def rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """The rows of a read-only query, of empty tables where nobody was ever asked."""
        if self.path.exists():
            return super().rows(query, *values)
        with closing(sqlite3.connect(":memory:")) as nothing:
            nothing.executescript(self.schema)
            return nothing.execute(query, values).fetchall()


@dataclass(frozen=True)
class Asking:
    """Where a plan looks: at settings, store and clients, none of which it changes or asks."""

    settings: Settings
    store: PartitionStore
    vendors: Vendors
    now: datetime
    #: table -> partitions that are made before these are asked for
    coming: Mapping[str, Collection[str]] = field(default_factory=dict)
    #: what could not be counted, a sentence each
    notes: list[str] = field(default_factory=list)

    @property
    def state(self) -> VendorState:
        """What all processes know of the vendors."""
        return SeenState.of(self.settings.home)

    def stored(self, contract: Contract) -> dict[str, int]:
        """Partition -> rows of what is stored of a table."""
        return {one.partition: one.rows for one in self.store.manifests(contract)}

    def comes(self, contract: Contract, key: str) -> bool:
        """Whether a partition of another table is made before."""
        return key in self.coming.get(contract.name, ())


def days_needed(credits: int, left_today: int | None, per_day: int | None) -> int:
    """Days that a budget makes it take, today included."""
    if left_today is None or per_day is None or credits <= left_today:
        return 1
    return 1 + math.ceil((credits - left_today) / per_day)
