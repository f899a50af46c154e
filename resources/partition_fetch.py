"""Fetching a run's partitions unit by unit, so that what is finished survives what fails later.

A unit is one request series: one symbol over a block of years. Each finished unit is validated and
stored at once; a vendor's failure costs its own unit, and the run fails at the end naming every
unit that did. A retry skips what its run group has stored. Units may be fetched side by side in
threads; they are stored one after another, in the order in which they are finished.
"""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, wait
from dataclasses import dataclass, field
from itertools import groupby, islice
from typing import Any, Self

import dagster as dg
import polars as pl
from dagster._core.storage.tags import ROOT_RUN_ID_TAG

from market_assets.core.contracts import Contract, Table
from market_assets.core.errors import MarketAssetsError
from market_assets.core.partitions import SEPARATOR
from market_assets.settings import Settings
from resources.fetch_log import FetchLog
from resources.http.errors import AllSourcesFailed, Unauthorized, VendorError
from resources.http.workers import Workers
from resources.io_managers import attach, numbers
from resources.stores.protocol import PartitionStore, Stored, Written

log = logging.getLogger(__name__)


class QuarantineOverflow(MarketAssetsError):
    """So many rows of a partition break row rules that the answer as a whole is not believed."""

    outcome = "quarantine"


class Incomplete(MarketAssetsError):
    """A unit is stored without some of what it should have brought."""

    outcome = "incomplete"


@dataclass(frozen=True)
class Unit:
    """One request series and the partitions it fills."""

    name: str
    partitions: tuple[str, ...]


@dataclass(frozen=True)
class FetchedPartitions:
    """What one unit brought, by partition; each has a frame, empty or not, but those that `incomplete` tells of."""

    frames: Mapping[str, pl.DataFrame]
    quarantined: Mapping[str, pl.DataFrame] = field(default_factory=dict)
    metadata: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    #: what is missing in it: the frames are stored, and the unit counts as failed with this text. A partition
    #: without a frame stays as it is
    incomplete: str | None = None
    #: called once the frames are stored: what is noted for a retry must not be noted before
    stored: Callable[[], None] = lambda: None


#: a unit and what it brought, or why it did not
Answer = tuple[Unit, FetchedPartitions | VendorError]
Fetch = Callable[[Unit], FetchedPartitions]


def by_month(keys: Iterable[str]) -> list[Unit]:
    """One unit an instrument with its days in order (`2026-10-05|BTCUSDT`), month by month where they are of several.

    A failure costs its unit: of years of history it must not be all of them.
    """
    found: dict[str, list[str]] = {}
    for key in sorted(keys):
        found.setdefault(key.rpartition(SEPARATOR)[2], []).append(key)
    units: list[Unit] = []
    for name, own in found.items():
        months = [tuple(days) for _, days in groupby(own, key=lambda key: key[: len("2026-10")])]
        names = [name] if len(months) == 1 else [f"{name} {days[0][:7]}" for days in months]
        units += [Unit(told, days) for told, days in zip(names, months, strict=True)]
    return units


@dataclass(frozen=True)
class PartitionFetch:
    """Stores what `fetch` brings for each unit of a run."""

    context: dg.AssetExecutionContext
    store: PartitionStore
    log: FetchLog
    contract: Contract
    max_quarantine_share: float

    @classmethod
    def of(
        cls, context: dg.AssetExecutionContext, store: PartitionStore, settings: Settings, table: type[Table]
    ) -> Self:
        """What fills a table in this run, by the settings."""
        share = settings.quality.max_quarantine_share
        return cls(context, store, FetchLog(settings.home), table.contract(), share)

    def run(self, units: Sequence[Unit], fetch: Fetch, *, workers: int = 1) -> Stored:
        """Fetch every unit that this run group has not stored yet, `workers` of them at a time.

        With more than one, `fetch` is called in threads and must keep to the network; the store is
        this thread's. Raises dg.Failure naming the units that failed; after Unauthorized no further
        unit is asked for, because none would fare better.
        """
        done = self.log.finished_by(self.contract.name, self._run_group)
        asked: list[Unit] = []
        written: dict[str, Written] = {}
        for unit in units:
            if done.issuperset(unit.partitions):
                written |= {key: self._already(key) for key in unit.partitions}
                self.context.log.info(f"{unit.name}: stored by the run this one retries")
            else:
                asked.append(unit)
        failures: dict[str, str] = {}
        for unit, brought in _one_by_one(asked, fetch) if workers == 1 else _side_by_side(asked, fetch, workers):
            try:
                if isinstance(brought, VendorError):
                    raise brought
                written |= self._store(unit, brought)
            except (VendorError, QuarantineOverflow) as failed:
                failures[unit.name] = self._note(unit, failed)
            else:
                if brought.incomplete is not None:
                    failures[unit.name] = self._note_incomplete(unit, brought)
                else:
                    self.log.succeeded(self.contract.name, unit.partitions, self._run_group)
        if failures:
            self._report(written)
            stored = [unit.name for unit in units if written.keys() >= set(unit.partitions)]
            raise dg.Failure(_describe(self.contract, failures, stored, len(units)), allow_retries=False)
        return Stored(written)

    def _note_incomplete(self, unit: Unit, brought: FetchedPartitions) -> str:
        """Tell what is missing: of a unit in which partitions have no frame, of those alone."""
        lacking = [key for key in unit.partitions if key not in brought.frames] or unit.partitions
        done = [key for key in unit.partitions if key not in lacking]
        self.log.succeeded(self.contract.name, done, self._run_group)
        return self._note(Unit(unit.name, tuple(lacking)), Incomplete(brought.incomplete))

    def _note(self, unit: Unit, failed: VendorError | QuarantineOverflow | Incomplete) -> str:
        """Tell everyone who asks later why a unit failed; returns the text."""
        told = _told(failed)
        self.log.failed(self.contract.name, unit.partitions, self._run_group, failed.outcome, told)
        self.context.log.error(f"{unit.name}: {told}")
        log.error("%s %s: %s", self.contract.name, unit.name, told)
        return told

    def _store(self, unit: Unit, brought: FetchedPartitions) -> dict[str, Written]:
        quarantine = self.contract.quarantine()
        for key, rejected in brought.quarantined.items():
            share = rejected.height / max(1, rejected.height + brought.frames[key].height)
            if share > self.max_quarantine_share and rejected.height > 1:
                raise QuarantineOverflow(
                    f"at most {self.max_quarantine_share:.1%} of a partition's rows may break row rules; "
                    f"{self.contract.name} {key}: {rejected.height} of {rejected.height + brought.frames[key].height} "
                    f"did ({rejected['reason'][0]}). The stored partition stays; look at the raw response."
                )
        stored: dict[str, Written] = {}
        self.contract.validate(pl.concat([self.contract.empty(), *brought.frames.values()]))
        for key in (key for key in unit.partitions if key in brought.frames):
            frame = brought.frames[key]
            rejected = brought.quarantined.get(key, quarantine.empty()).with_columns(
                run_id=pl.lit(self.context.run.run_id)
            )
            if rejected.height or self.store.manifest(quarantine, key) is not None:
                self.store.write(quarantine, key, rejected, run_id=self.context.run.run_id)
            stored[key] = self.store.write(self.contract, key, frame, run_id=self.context.run.run_id)
            facts = {**brought.metadata.get(key, {}), "quarantined_rows": rejected.height}
            attach(self.context.get_step_execution_context(), self.context.asset_key, key, facts)
        brought.stored()
        return stored

    @property
    def _run_group(self) -> str:
        return self.context.run.tags.get(ROOT_RUN_ID_TAG, self.context.run.run_id)

    def _already(self, key: str) -> Written:
        manifest = self.store.manifest(self.contract, key)
        if manifest is None:
            raise MarketAssetsError(
                f"{self.contract.name} {key} was stored by this run group and is gone; re-materialise it"
            )
        return Written(
            manifest=manifest, unchanged=False, new_rows=0, revised_rows=0, removed_rows=0, revised_max_rel_diff=None
        )

    def _report(self, written: Mapping[str, Written]) -> None:
        """Tell Dagster of the stored partitions although the step fails."""
        asset, step = self.context.asset_key, self.context.get_step_execution_context()
        for key, entry in written.items():
            facts = {**numbers(self.contract, entry), **(step.get_asset_metadata(asset, key) or {})}
            self.context.log_event(
                dg.AssetMaterialization(asset, partition=key, metadata={**facts, "step_failed_later": True})
            )


def _one_by_one(units: Sequence[Unit], fetch: Fetch) -> Iterator[Answer]:
    for unit in units:
        brought = _asked(fetch, unit)
        yield unit, brought
        if isinstance(brought, Unauthorized):
            return


def _side_by_side(units: Sequence[Unit], fetch: Fetch, workers: int) -> Iterator[Answer]:
    """As they are finished. What is under way and what waits to be stored are `workers` units at most."""
    waiting = iter(units)
    with Workers(workers) as threads:
        under_way = {threads.submit(_asked, fetch, unit): unit for unit in islice(waiting, workers)}
        while under_way:
            for future in wait(under_way, return_when=FIRST_COMPLETED).done:
                unit, brought = under_way.pop(future), future.result()
                if isinstance(brought, Unauthorized):
                    waiting = iter(())
                # before the yield, so that the next one is fetched while this one is stored
                under_way |= {threads.submit(_asked, fetch, following): following for following in islice(waiting, 1)}
                yield unit, brought


def _asked(fetch: Fetch, unit: Unit) -> FetchedPartitions | VendorError:
    try:
        return fetch(unit)
    except VendorError as failed:
        return failed


def _told(failed: VendorError | QuarantineOverflow | Incomplete) -> str:
    """The failure with the place it happened at; an exhausted chain tells each source's own."""
    if not isinstance(failed, AllSourcesFailed):
        return str(failed)
    if len(failed.failures) == 1:
        return str(failed.failures[0])
    stories = "; ".join(f"{one.vendor} {one.endpoint}".rstrip() + f": {one.detail}" for one in failed.failures)
    return f"[{failed.context}] needs one healthy source; {stories}. {failed.advice}."


def _describe(contract: Contract, failures: Mapping[str, str], stored: Sequence[str], n_units: int) -> str:
    shown = "; ".join(f"{name}: {why.rstrip('.')}" for name, why in list(failures.items())[:5])
    more = f"; and {len(failures) - 5} more" if len(failures) > 5 else ""
    n_partly = sum(name in failures for name in stored)
    unasked = n_units - len({*stored, *failures})
    rest = f"{f', {n_partly} stored in part' if n_partly else ''}{f', {unasked} not asked' if unasked else ''}"
    return (
        f"{contract.name}: {len(failures)} of {n_units} request series failed, {len(stored) - n_partly} stored"
        f"{rest}. {shown}{more}. "
        "What was stored before stays. Re-execute this run: it asks only for what is missing."
    )
