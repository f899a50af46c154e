"""What the funding domain asks exchanges, cut into the partitions of the graph.

A unit is one exchange with all its days of the run. Listings and snapshots are looks: appended as
segments, from which tables are made again at any time. Settled events are laid over those stored
already, because exchanges forget: what an exchange no longer serves is not lost here.
"""

import functools
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

import polars as pl

from market_assets.core import clock, partitions
from market_assets.core.contracts import UTC_MICROS, Contract
from market_assets.funding import schemas
from market_assets.funding.transforms import listing, naming, rates, snapshot
from market_assets.settings import Settings
from resources.fetch_log import FetchLog
from resources.funding_history import CONTRACT_LOG, FundingHistory, instruments
from resources.http.errors import EmptyUnexpected
from resources.partition_fetch import FetchedPartitions, Unit
from resources.segments import Segments
from resources.stores.protocol import PartitionStore
from resources.vendors.registry import Vendors
from resources.venues.venue import CURRENT

CONTRACTS: Contract = schemas.FundingContracts.contract()
RATES: Contract = schemas.FundingRates.contract()
SNAPSHOT: Contract = schemas.FundingSnapshot.contract()
COMPLETENESS: Contract = schemas.FundingCompleteness.contract()
#: a run so tagged asks only for contracts that lack settlements by the newest completeness of their exchange
ONLY_GAPS_TAG = "funding/only_gaps"
LISTINGS_TABLE, SNAPSHOT_TABLE = "funding_listings", "funding_snapshot"
#: rows of a look at current state
LOOKS = pl.Schema(
    {
        **CURRENT,
        "exchange": pl.String(),
        "snapshot_at": UTC_MICROS,
        "latency_ms": pl.Float64(),
        "ingested_at": UTC_MICROS,
        "source": pl.String(),
    }
)
#: how far beyond its days an exchange is asked: the longest interval, its predecessors, and settlements that come late
MARGIN = timedelta(hours=32)
#: prices older than this say nothing of a multiplier
_PRICE_AGE = timedelta(hours=24)
_DAY = timedelta(days=1)
_SAME_RATE = 1e-9


def listings_of(settings: Settings) -> Segments:
    """The looks at listings."""
    key = ("exchange", "native_symbol", "first_at")
    return Segments.of(settings, LISTINGS_TABLE, listing.SEEN, key, listing.merged)


def looks_of(settings: Settings) -> Segments:
    """The looks at current state."""
    return Segments.of(settings, SNAPSHOT_TABLE, LOOKS, ("exchange", "native_symbol", "snapshot_at"))


@dataclass(frozen=True)
class FundingFetch:
    """The exchanges, what is stored so far, and the instant that decides what is over."""

    settings: Settings
    vendors: Vendors
    store: PartitionStore
    log: FetchLog
    run_group: str
    as_of: datetime
    #: ask only for contracts with a settlement due since their last stored one
    only_due: bool = False
    #: ask only for contracts that lack settlements by the newest completeness of their exchange
    only_gaps: bool = False
    #: units are fetched in threads, and the store is read by one of them at a time
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def units(self, keys: Sequence[str]) -> list[Unit]:
        """One unit an exchange, with its partitions in order; keys are `bybit` or `2026-10-05|bybit`."""
        found: dict[str, list[str]] = {}
        for key in sorted(keys):
            found.setdefault(key.rpartition(partitions.SEPARATOR)[2], []).append(key)
        return [Unit(exchange, tuple(own)) for exchange, own in found.items()]

    def contracts(self, unit: Unit) -> FetchedPartitions:
        """The instrument map of an exchange after one more look at its listing. Raises VendorError."""
        exchange, segments = unit.name, listings_of(self.settings)
        asked = self.vendors.exchange(exchange).listing()
        seen = asked.frame.with_columns(
            exchange=pl.lit(exchange),
            price_ratio=pl.lit(None, pl.Float64),
            first_at=pl.lit(asked.received_at, UTC_MICROS),
            last_at=pl.lit(asked.received_at, UTC_MICROS),
        )
        with self._lock:
            others, marks = [rows for name, rows in self._others.items() if name != exchange], self._marks
        listed = pl.concat([seen.select(list(listing.SEEN)), *others])
        ratios = naming.price_ratios(listed, marks, self.settings.funding)
        judged = seen.drop("price_ratio").join(ratios, on=["exchange", "native_symbol"], how="left", validate="1:1")
        segments.append(exchange, asked.received_at, judged)
        rows = listing.contracts(segments.read(exchange), self.settings.funding)
        told = {"listed": asked.frame.height, "requests": asked.requests, "sources": self._source(exchange)}
        return FetchedPartitions({unit.partitions[0]: rows}, metadata={unit.partitions[0]: told})

    def snapshot(self, unit: Unit) -> FetchedPartitions:
        """Every look of a unit's days; of the running day one more. Raises VendorError.

        A past day is made from what was stored then: nobody can be asked for it. EmptyUnexpected where
        nothing was. Of days older than retention.snapshot_days the last look of each hour is kept.
        """
        exchange, segments = unit.name, looks_of(self.settings)
        contracts = self.instrument_map(exchange)
        frames: dict[str, pl.DataFrame] = {}
        metadata: dict[str, Mapping[str, Any]] = {}
        for key in unit.partitions:
            day = clock.instant(key.partition(partitions.SEPARATOR)[0]).date()
            told: dict[str, Any] = {"sources": self._source(exchange), "complete": day < self.as_of.date()}
            if day == self.as_of.date():
                told |= self._look(exchange, contracts, segments)
            elif day < self.as_of.date() - timedelta(days=self.settings.retention.snapshot_days):
                told |= _thinned(exchange, day, segments)
            looks = segments.read(exchange, [day])
            if looks.is_empty():
                raise EmptyUnexpected(
                    exchange,
                    "no look at its contracts was stored on that day",
                    context=key,
                    advice="Snapshots cannot be fetched afterwards: leave this day out",
                )
            frames[key] = snapshot.snapshot(looks, contracts)
            metadata[key] = told
        return FetchedPartitions(frames, metadata=metadata)

    def rates(self, unit: Unit) -> FetchedPartitions:
        """Settled events of a unit's days, laid over those stored. Raises VendorError where nothing was answered.

        Contracts that failed while others were answered leave the partitions incomplete: what was brought
        is stored, and a retry asks for those that failed.
        """
        days = [clock.instant(key.partition(partitions.SEPARATOR)[0]) for key in unit.partitions]
        first, until = days[0], days[-1] + _DAY
        contracts = self.instrument_map(unit.name)
        stored = self._stored(unit.name, first, until)
        history = FundingHistory(
            self.settings, self.vendors, self.log, self.run_group, unit.name, contracts, stored, self.as_of
        )
        among = self._with_gaps(unit.name) if self.only_gaps else None
        brought = history.ask(first - MARGIN, min(until + MARGIN, self.as_of), only_due=self.only_due, among=among)
        known = rates.natives(stored).with_columns(pl.col("source").cast(pl.String))
        every = pl.concat([known, brought.events])
        found = rates.rates(every, contracts, first=first, until=until)
        within = pl.col("funding_time_native").is_between(first, until, closed="left")
        conflicts = archive_conflicts(every.filter(within))
        by_key = RATES.split(found)
        frames = {key: by_key.get(key, RATES.empty()) for key in unit.partitions}
        rejected = self._rejected(brought.without_rate, contracts, first, until)
        quarantined = {key: rows for key, rows in RATES.quarantine().split(rejected).items() if key in frames}
        over = {key: day + _DAY + MARGIN <= self.as_of for key, day in zip(unit.partitions, days, strict=True)}
        told = brought.metadata() | {"archive_conflicts": conflicts, "sources": self._source(unit.name)}
        return FetchedPartitions(
            frames,
            quarantined=quarantined,
            metadata={key: {**told, "complete": over[key] and brought.failed is None} for key in unit.partitions},
            incomplete=brought.failed,
            stored=lambda: self.log.succeeded(CONTRACT_LOG, brought.answered, self.run_group),
        )

    def instrument_map(self, exchange: str) -> pl.DataFrame:
        """The stored contracts of an exchange. Raises EmptyUnexpected where there are none."""
        with self._lock:
            found = self.store.read(CONTRACTS, [exchange])
        if found.is_empty():
            raise EmptyUnexpected(
                exchange,
                "its contracts are not known",
                advice=f"Materialise funding_contracts of {exchange} first",
            )
        return found

    def _look(self, exchange: str, contracts: pl.DataFrame, segments: Segments) -> dict[str, Any]:
        listed = contracts.filter(pl.col("valid_to").is_null())
        asked = self.vendors.exchange(exchange).current(instruments(listed))
        rows = asked.frame.with_columns(
            exchange=pl.lit(exchange),
            snapshot_at=pl.lit(asked.at, UTC_MICROS),
            latency_ms=pl.lit(asked.latency_ms, pl.Float64),
            ingested_at=pl.lit(asked.received_at, UTC_MICROS),
            source=pl.lit(self._source(exchange)),
        ).filter(pl.col("native_symbol").is_in(listed["native_symbol"].implode()))
        segments.append(exchange, asked.at, rows)
        return {"requests": asked.requests, "looked_at": rows.height, "listed": listed.height}

    def _stored(self, exchange: str, first: datetime, until: datetime) -> pl.DataFrame:
        """What is stored of an exchange within the margin around its days."""
        begin = (first - MARGIN).date()
        n_days = ((until + MARGIN).date() - begin).days + 1
        keys = [f"{begin + n * _DAY:%Y-%m-%d}{partitions.SEPARATOR}{exchange}" for n in range(n_days)]
        with self._lock:
            return self.store.read(RATES, keys)

    def _with_gaps(self, exchange: str) -> set[str]:
        """Contracts of an exchange that lack settlements, by its newest completeness."""
        with self._lock:
            keys = [
                key for key in self.store.partitions(COMPLETENESS) if key.endswith(f"{partitions.SEPARATOR}{exchange}")
            ]
            rows = self.store.read(COMPLETENESS, keys[-1:], columns=["native_symbol", "gap_starts"])
        return set(rows.filter(pl.col("gap_starts").list.len() > 0)["native_symbol"])

    def _rejected(
        self, without_rate: pl.DataFrame, contracts: pl.DataFrame, first: datetime, until: datetime
    ) -> pl.DataFrame:
        """Events without a rate, as rows of the quarantine."""
        named = contracts.select("exchange", "native_symbol", "symbol", "base_asset").unique(
            ["exchange", "native_symbol"], keep="last", maintain_order=True
        )
        stated = (
            without_rate.filter(pl.col("funding_time_native").is_between(first, until, closed="left"))
            .join(named, on=["exchange", "native_symbol"], how="left", maintain_order="left")
            .with_columns(
                funding_time=pl.col("funding_time_native"),
                reason=pl.lit("null_rate"),
                run_id=pl.lit(""),
                row_number=pl.int_range(pl.len(), dtype=pl.Int64),
            )
        )
        schema = RATES.quarantine().schema
        have = set(stated.columns)
        return stated.select(
            (pl.col(name) if name in have else pl.lit(None)).cast(kind).alias(name) for name, kind in schema.items()
        )

    def _source(self, exchange: str) -> str:
        return self.settings.source_name(exchange)

    @functools.cached_property
    def _others(self) -> Mapping[str, pl.DataFrame]:
        """The newest look at the listing of each exchange, before this run's."""
        segments = listings_of(self.settings)
        return {name: segments.newest(name, "last_at") for name in segments.exchanges()}

    @functools.cached_property
    def _marks(self) -> pl.DataFrame:
        """Newest mark prices, exchange by exchange, where not too old."""
        segments, rows = looks_of(self.settings), [pl.DataFrame(schema=LOOKS)]
        rows += [segments.newest(name, "snapshot_at") for name in segments.exchanges()]
        fresh = pl.concat(rows).filter(pl.col("snapshot_at") > self.as_of - _PRICE_AGE)
        return fresh.select("exchange", "native_symbol", "mark_price").drop_nulls()


def archive_conflicts(events: pl.DataFrame) -> int:
    """Events that archive and exchange both state, with rates further apart than 1e-9."""
    at = pl.col("funding_time_native").dt.round("1m")
    spread = pl.col("rate_native").max() - pl.col("rate_native").min()
    both = pl.col("source").n_unique() > 1
    rates_of = events.group_by("native_symbol", at, maintain_order=True).agg(both=both, spread=spread)
    return rates_of.filter(pl.col("both") & (pl.col("spread") > _SAME_RATE)).height


def last_of_hour(looks: pl.DataFrame) -> pl.DataFrame:
    """The rows of the last look in each hour."""
    hour = pl.col("snapshot_at").dt.truncate("1h")
    return looks.filter(pl.col("snapshot_at") == pl.col("snapshot_at").max().over(hour))


def _thinned(exchange: str, day: date, segments: Segments) -> dict[str, int]:
    looks = segments.read(exchange, [day])
    before = looks["snapshot_at"].n_unique()
    after = last_of_hour(looks)["snapshot_at"].n_unique()
    if after < before:
        segments.rewrite(exchange, day, last_of_hour)
    return {"looks_before": before, "looks_after": after}
