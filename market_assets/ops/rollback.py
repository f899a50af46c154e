"""Older versions published anew: a rollback writes, so it can itself be rolled back."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import dagster as dg

from market_assets.core.contracts import TIME_FORMATS, WHOLE, Contract
from market_assets.core.errors import InvalidRequest, UnknownName
from resources.io_managers import numbers
from resources.stores.errors import VersionPruned
from resources.stores.protocol import Manifest, Moment, PartitionStore, Written
from resources.stores.request import request

#: what becomes of a partition
Fate = Literal["roll back", "not there then", "as it was"]


@dataclass(frozen=True)
class Step:
    """One partition: as it is, as it was, and what becomes of it."""

    partition: str
    fate: Fate
    current: Manifest
    #: the version that was current then; None where the partition was first published later
    then: Manifest | None


def chosen(
    store: PartitionStore,
    contract: Contract,
    *,
    partition: str | None = None,
    start: Moment | None = None,
    end: Moment | None = None,
) -> list[str]:
    """The stored partitions that are meant: one, those of a time span (inclusive), or all. Raises InvalidRequest."""
    stored = store.partitions(contract)
    if partition is not None:
        if start is not None or end is not None:
            raise InvalidRequest("name one partition, or a start and an end, not both")
        if partition not in stored:
            raise UnknownName(f"partition of {contract.name}", partition, stored)
        return [partition]
    if start is None and end is None:
        return stored
    if not set(contract.dimensions) & set(TIME_FORMATS):
        raise InvalidRequest(f"partitions of {contract.name} are no times; name one, or leave start and end out")
    asked = request(contract, start=start, end=end)
    return [name for name in stored if asked.admits(name)]


def plan(store: PartitionStore, contract: Contract, then: datetime, partitions: Sequence[str]) -> list[Step]:
    """What a rollback to `then` does to each of these partitions; nothing is written.

    Raises VersionPruned naming every partition whose version of that time is no longer kept.
    """
    steps, pruned = list[Step](), list[str]()
    for name in partitions:
        history = store.versions(contract, name)
        if not history:
            continue
        current = history[-1]
        known = [version for version in history if version.published_at <= then]
        if current.published_at <= then:
            steps.append(Step(name, "as it was", current, current))
        elif current.first_published_at > then:
            steps.append(Step(name, "not there then", current, None))
        elif not known:
            pruned.append(name)
        else:
            same = known[-1].digest == current.digest
            steps.append(Step(name, "as it was" if same else "roll back", current, known[-1]))
    if pruned:
        shown = ", ".join(pruned[:5]) + (f" and {len(pruned) - 5} more" if len(pruned) > 5 else "")
        raise VersionPruned(
            f"{contract.name}: the version as of {then.isoformat()} is no longer kept of {len(pruned)} partitions "
            f"({shown}; retention.versions, retention.versions_days). Nothing was written: name a later instant, or "
            "other partitions by --partition or --start and --end, or restore a backup."
        )
    return steps


def carry_out(
    store: PartitionStore,
    contract: Contract,
    then: datetime,
    steps: Sequence[Step],
    report: Callable[[str, Written], None],
) -> list[Written]:
    """Publish the versions of `then` anew, each partition in one atomic step; `report` is told of each.

    All are read and checked before the first is written. Raises ContractViolation where an old version is not what
    its table's contract says today.
    """
    back = [step.partition for step in steps if step.fate == "roll back"]
    for name in back:
        contract.validate(store.read(contract, [name], as_of=then))
    done = []
    for name in back:
        frame = store.read(contract, [name], as_of=then)
        written = store.write(contract, name, frame, run_id="rollback", extra={"rolled_back_to": then.isoformat()})
        report(name, written)
        done.append(written)
    return done


def report_to(instance: dg.DagsterInstance, contract: Contract, then: datetime) -> Callable[[str, Written], None]:
    """Tells Dagster that a partition has changed, so that what is computed from it follows."""

    def report(partition: str, written: Written) -> None:
        instance.report_runless_asset_event(
            dg.AssetMaterialization(
                asset_key=dg.AssetKey(contract.name),
                partition=None if partition == WHOLE and not contract.partitioned_by else partition,
                description=f"rolled back to {then.isoformat()}",
                metadata={**numbers(contract, written), "rolled_back_to": then.isoformat()},
            )
        )

    return report
