"""Fetching a run's partitions unit by unit, so that what is finished survives what fails later.

A unit is one request series: one symbol over a block of years. Each finished unit is validated and
stored at once; a vendor's failure costs its own unit, and the run fails at the end naming every
unit that did. A retry skips what its run group has stored.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import dagster as dg
import polars as pl
from dagster._core.storage.tags import ROOT_RUN_ID_TAG

from market_assets.core.contracts import Contract
from market_assets.core.errors import MarketAssetsError
from resources.fetch_log import FetchLog
from resources.http.errors import AllSourcesFailed, Unauthorized, VendorError
from resources.io_managers import attach, numbers
from resources.stores.protocol import PartitionStore, Stored, Written

log = logging.getLogger(__name__)


class QuarantineOverflow(MarketAssetsError):
    """So many rows of a partition break row rules that the answer as a whole is not believed."""


@dataclass(frozen=True)
class Unit:
    """One request series and the partitions it fills."""

    name: str
    partitions: tuple[str, ...]


@dataclass(frozen=True)
class FetchedPartitions:
    """What one unit brought, by partition; every partition of the unit has a frame, empty or not."""

    frames: Mapping[str, pl.DataFrame]
    quarantined: Mapping[str, pl.DataFrame] = field(default_factory=dict)
    metadata: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


@dataclass(frozen=True)
class PartitionFetch:
    """Stores what `fetch` brings for each unit of a run."""

    context: dg.AssetExecutionContext
    store: PartitionStore
    log: FetchLog
    contract: Contract
    max_quarantine_share: float

    def run(self, units: Sequence[Unit], fetch: Callable[[Unit], FetchedPartitions]) -> Stored:
        """Fetch every unit that this run group has not stored yet.

        Raises dg.Failure naming the units that failed; Unauthorized ends the run at once, because
        no other unit would fare better.
        """
        done = self.log.finished_by(self.contract.name, self._run_group)
        written: dict[str, Written] = {}
        failures: dict[str, str] = {}
        for unit in units:
            if done.issuperset(unit.partitions):
                written |= {key: self._already(key) for key in unit.partitions}
                self.context.log.info(f"{unit.name}: stored by the run this one retries")
                continue
            try:
                written |= self._store(unit, fetch(unit))
            except (VendorError, QuarantineOverflow) as failed:
                outcome = failed.outcome if isinstance(failed, VendorError) else "quarantine"
                failures[unit.name] = _told(failed)
                self.log.failed(self.contract.name, unit.partitions, self._run_group, outcome, failures[unit.name])
                self.context.log.error(f"{unit.name}: {failures[unit.name]}")
                log.error("%s %s: %s", self.contract.name, unit.name, failures[unit.name])
                if isinstance(failed, Unauthorized):
                    break
        if failures:
            self._report(written)
            stored = sum(written.keys() >= set(unit.partitions) for unit in units)
            raise dg.Failure(_describe(self.contract, failures, stored, len(units)), allow_retries=False)
        return Stored(written)

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
        for key in unit.partitions:
            frame = brought.frames[key]
            rejected = brought.quarantined.get(key, quarantine.empty()).with_columns(
                run_id=pl.lit(self.context.run.run_id)
            )
            if rejected.height or self.store.manifest(quarantine, key) is not None:
                self.store.write(quarantine, key, rejected, run_id=self.context.run.run_id)
            stored[key] = self.store.write(self.contract, key, frame, run_id=self.context.run.run_id)
            facts = {**brought.metadata.get(key, {}), "quarantined_rows": rejected.height}
            attach(self.context.get_step_execution_context(), self.context.asset_key, key, facts)
        self.log.succeeded(self.contract.name, unit.partitions, self._run_group)
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
        """Tell Dagster of the finished partitions although the step fails."""
        for key, entry in written.items():
            self.context.log_event(
                dg.AssetMaterialization(
                    self.context.asset_key,
                    partition=key,
                    metadata={**numbers(self.contract, entry), "step_failed_later": True},
                )
            )


def _told(failed: VendorError | QuarantineOverflow) -> str:
    """The failure with the place it happened at; an exhausted chain tells each source's own."""
    if not isinstance(failed, AllSourcesFailed):
        return str(failed)
    if len(failed.failures) == 1:
        return str(failed.failures[0])
    stories = "; ".join(f"{one.vendor} {one.endpoint}".rstrip() + f": {one.detail}" for one in failed.failures)
    return f"[{failed.context}] needs one healthy source; {stories}. {failed.advice}."


def _describe(contract: Contract, failures: Mapping[str, str], n_stored: int, n_units: int) -> str:
    shown = "; ".join(f"{name}: {why.rstrip('.')}" for name, why in list(failures.items())[:5])
    more = f"; and {len(failures) - 5} more" if len(failures) > 5 else ""
    unasked = n_units - n_stored - len(failures)
    return (
        f"{contract.name}: {len(failures)} of {n_units} request series failed, {n_stored} stored"
        f"{f', {unasked} not asked' if unasked else ''}. {shown}{more}. "
        "What was stored before stays. Re-execute this run: it asks only for what is missing."
    )
