"""What pages and REST read: stored tables through `load_asset_value`, and facts about the store.

Nothing here knows HTTP or plotly. Frames that several readers of one refresh ask for are kept as
long as the versions they were read from are the published ones.
"""

import contextlib
import functools
import hashlib
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import polars as pl

from market_assets.core import clock
from market_assets.core.contracts import Contract
from market_assets.core.errors import NotMaterialised, UnknownName
from market_assets.equities.settings import SymbolSettings
from market_assets.equities.transforms.adjust import Adjustment, adjust_at_read
from market_assets.equities.universe import universe
from market_assets.settings import Settings
from market_assets.tables import TABLES
from market_assets.tables import contract as contract_of
from market_assets.values import load_asset_value
from resources.stores import open_store
from resources.stores.errors import StoreError
from resources.stores.protocol import Manifest, PartitionStore

SCORED = "equities_scored_bars"
ACTIONS = "equities_corporate_actions"

#: seconds for which the list of published partitions is not asked again
_VERSIONS_MEMORY_S = 1.0
_FRAMES_KEPT = 64


@dataclass(frozen=True)
class TableFacts:
    """One table as it is stored. Counts are 0 and times None where nothing was materialised."""

    name: str
    domain: str
    title: str
    partitions: int
    rows: int
    bytes: int
    #: whether its rows have a time at all
    timed: bool
    newest: date | datetime | None
    published_at: datetime | None


class PublishedData:
    """The published tables of one store. Safe to use from several threads."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._lock = threading.Lock()
        self._manifests: dict[str, tuple[float, list[Manifest], str]] = {}
        self._frames: OrderedDict[str, pl.DataFrame] = OrderedDict()
        self._origin: str | None = None

    @functools.cached_property
    def store(self) -> PartitionStore:
        """The store the settings name."""
        return open_store(self.settings)

    @property
    def demo(self) -> bool:
        """Whether what is shown came from the sandbox, or would if it were fetched now.

        A store that does not answer tells nothing; then the settings alone decide.
        """
        if self._origin is None:
            with contextlib.suppress(StoreError):
                self._origin = self._stored_origin()
        return self.settings.vendors == "sandbox" or self._origin == "sandbox"

    def _stored_origin(self) -> str | None:
        """A store holds rows of one origin only, so one row tells; None while nothing observed is stored."""
        for contract in TABLES.values():
            if "source" not in contract.columns:
                continue
            for manifest in self.manifests(contract.name):
                if manifest.rows:
                    rows = self.store.read(contract, [manifest.partition], columns=["source"])
                    return "sandbox" if str(rows["source"][0]).endswith("-sandbox") else "live"
        return None

    def manifests(self, name: str) -> list[Manifest]:
        """Every published partition of a table. Raises UnknownName, StoreError."""
        return self._published(name)[1]

    def version(self, names: Iterable[str]) -> str:
        """A short text that changes with every publication of one of these tables."""
        digest = hashlib.sha256("|".join(self._published(name)[2] for name in sorted(names)).encode())
        return digest.hexdigest()[:16]

    def _published(self, name: str) -> tuple[float, list[Manifest], str]:
        """When it was asked, what is published, and a digest of that. Two threads may ask at once: no harm."""
        known = self._manifests.get(name)
        if known is not None and time.monotonic() - known[0] <= _VERSIONS_MEMORY_S:
            return known
        found = list(self.store.manifests(contract_of(name)))
        # what a store lists again are mostly the very same objects: to see that is quicker than to digest them
        digest = known[2] if known is not None and found == known[1] else _digest(name, found)
        self._manifests[name] = (time.monotonic(), found, digest)
        return self._manifests[name]

    def load(
        self,
        name: str,
        *,
        start: date | None = None,
        end: date | None = None,
        columns: list[str] | None = None,
        where: Mapping[str, Any] | None = None,
        as_of: datetime | None = None,
    ) -> pl.DataFrame:
        """Rows of a stored table, as `load_asset_value` gives them. Raises what it raises."""
        asked = repr((name, start, end, columns, sorted((where or {}).items()), as_of))
        return self.kept(
            asked,
            [name],
            lambda: load_asset_value(name, start=start, end=end, columns=columns, where=where, as_of=as_of),
        )

    def kept(self, asked: str, names: Iterable[str], build: Callable[[], pl.DataFrame]) -> pl.DataFrame:
        """The frame that `build` makes of these tables, kept under `asked` while they are published as they are."""
        asked = f"{asked}|{self.version(names)}"
        with self._lock:
            if asked in self._frames:
                self._frames.move_to_end(asked)
                return self._frames[asked]
        frame = build()
        with self._lock:
            self._frames[asked] = frame
            while len(self._frames) > _FRAMES_KEPT:
                self._frames.popitem(last=False)
        return frame

    def load_or_none(self, name: str, **request: Any) -> pl.DataFrame | None:
        """Like `load`, but None where the table was never materialised."""
        try:
            return self.load(name, **request)
        except NotMaterialised:
            return None

    def scored_bars(
        self,
        symbol: str,
        columns: list[str],
        *,
        adjust: Adjustment = "none",
        start: date | None = None,
        end: date | None = None,
        as_of: datetime | None = None,
    ) -> pl.DataFrame:
        """Scored bars of one symbol, prices and volumes on the basis asked for.

        Raises NotMaterialised where the symbol has no bars, or, to adjust, no corporate actions:
        none known is not the same as none looked for.
        """
        where = {"symbol": symbol}
        bars = self.load(SCORED, start=start, end=end, columns=columns, where=where, as_of=as_of)
        if bars.is_empty():
            self._require(SCORED, symbol)
        if adjust == "none" or bars.is_empty():
            return bars
        self._require(ACTIONS, symbol)
        actions = self.load(ACTIONS, where=where, as_of=as_of)
        return adjust_at_read(bars, actions, adjust, as_of.date() if as_of else clock.today())

    def _require(self, name: str, symbol: str) -> None:
        if not self.has_partition(name, symbol):
            partition = "" if name == ACTIONS else f"|{clock.today().year}"
            raise NotMaterialised(
                f"{name} has no partition of {symbol} yet. Materialise it in the Dagster UI, or run: dagster asset "
                f"materialize -m market_assets.definitions --select {name} --partition '{symbol}{partition}'"
            )

    def forget(self) -> int:
        """Drop the frames kept in memory; how many there were. Stored data are not touched."""
        with self._lock:
            count = len(self._frames)
            self._frames.clear()
        self._manifests.clear()
        return count

    def tables(self, domain: str | None = None) -> list[TableFacts]:
        """Every table of the graph (or of one domain) in its order."""
        return [
            self._facts(contract)
            for contract in TABLES.values()
            if domain is None or domain_of(contract.name) == domain
        ]

    def _facts(self, contract: Contract) -> TableFacts:
        manifests = self.manifests(contract.name)
        return TableFacts(
            name=contract.name,
            domain=domain_of(contract.name),
            title=contract.title,
            partitions=len(manifests),
            rows=sum(manifest.rows for manifest in manifests),
            bytes=sum(manifest.bytes for manifest in manifests),
            timed=contract.time_column is not None,
            newest=max((manifest.max_time for manifest in manifests if manifest.max_time is not None), default=None),
            published_at=max((manifest.published_at for manifest in manifests), default=None),
        )

    def universe(self) -> dict[str, SymbolSettings]:
        """Every known symbol with its settings, removed ones included."""
        return universe(self.store, self.settings.equities)

    def known_symbol(self, symbol: str) -> SymbolSettings:
        """The settings of a symbol. Raises UnknownName with the near names."""
        known = self.universe()
        if symbol not in known:
            raise UnknownName("symbol", symbol, known)
        return known[symbol]

    def has_partition(self, name: str, symbol: str) -> bool:
        """Whether any partition of this symbol was ever published."""
        place = contract_of(name).dimensions.index("symbol")
        return any(manifest.partition.split("|")[place] == symbol for manifest in self.manifests(name))


def _digest(name: str, found: Iterable[Manifest]) -> str:
    told = "\n".join(f"{each.partition}|{each.published_at}|{each.digest}" for each in found)
    return hashlib.sha256(f"{name}\n{told}".encode()).hexdigest()


def domain_of(table: str) -> str:
    """The domain a table belongs to: the first word of its name."""
    return table.split("_", 1)[0]
