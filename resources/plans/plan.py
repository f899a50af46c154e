"""What materialising assets would take: partitions, requests, budgets, days, time and bytes. Asks no vendor.

Derived assets ask nobody; their time and size are told as those of the others are, by what their last runs took.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import dagster as dg
from dagster._core.definitions.asset_selection import DagsterInvalidAssetSelectionError
from dagster._core.definitions.assets.graph.asset_graph import AssetGraph
from dagster._core.errors import DagsterInvalidSubsetError

from market_assets.core.errors import InvalidRequest, UnknownName
from market_assets.settings import Settings
from resources.plans import asks_of, by_vendor
from resources.plans.asking import Asking, Asks
from resources.plans.budgets import Need, needs
from resources.plans.costs import last_cost
from resources.plans.span import Cut, cut_of, partitions_of
from resources.stores import open_store
from resources.vendors.registry import Vendors

_NAME = re.compile(r"\w+")


@dataclass(frozen=True)
class AssetPlan:
    """What one asset takes."""

    asset: str
    partitions: int
    #: vendor -> requests at most
    requests: dict[str, int]
    #: by its last materialisations; None where there are none
    seconds: float | None
    bytes: int | None
    rows: int | None


@dataclass(frozen=True)
class Plan:
    """What materialising several assets takes."""

    #: upstream first
    assets: tuple[AssetPlan, ...]
    needs: tuple[Need, ...]
    #: what could not be counted, or cannot be had
    notes: tuple[str, ...]

    @property
    def requests(self) -> int:
        """To all vendors."""
        return sum(need.requests for need in self.needs)

    @property
    def days_needed(self) -> int:
        """Days that budgets make it take, today included."""
        return max((need.days_needed for need in self.needs), default=1)

    @property
    def unknown(self) -> list[str]:
        """Assets that were never materialised, so that nothing is known of their time."""
        return [one.asset for one in self.assets if one.partitions and one.seconds is None]

    @property
    def seconds(self) -> float | None:
        """Time of the assets of which it is known, one after another; None where it is of none."""
        return _sum([one.seconds for one in self.assets])

    @property
    def bytes(self) -> int | None:
        """Stored size of the assets of which it is known; None where it is of none."""
        found = _sum([one.bytes for one in self.assets])
        return None if found is None else int(found)

    def json(self) -> dict[str, Any]:
        """For machines."""
        return {
            "assets": [vars(one) for one in self.assets],
            "vendors": [vars(need) | {"days_needed": need.days_needed, "minutes": need.minutes} for need in self.needs],
            "partitions": sum(one.partitions for one in self.assets),
            "requests": self.requests,
            "days_needed": self.days_needed,
            "fits_today": self.days_needed == 1,
            "seconds": self.seconds,
            "bytes": self.bytes,
            "never_materialised": self.unknown,
            "notes": list(self.notes),
        }


def plan(
    settings: Settings,
    graph: AssetGraph,
    instance: dg.DagsterInstance,
    assets: str,
    span: str | None,
    now: datetime,
) -> Plan:
    """The plan of `assets` (names or selections, separated by commas) over a range of partitions.

    Requests of an asset count what the other assets make before it. Raises UnknownName with near names for an asset
    or a key that there is not, InvalidRequest for what is no selection or no range.
    """
    names = _selected(graph, assets)
    cuts = {name: cut_of(graph, instance, name) for name in names}
    keys = partitions_of(cuts, span)
    vendors = Vendors(settings)
    try:
        asking = Asking(settings, open_store(settings), vendors, now, keys)
        asks = {name: asks_of(asking, name, keys[name]) for name in names}
    finally:
        vendors.close()
    every = [one for of_asset in asks.values() for one in of_asset]
    return Plan(
        assets=tuple(_asset_plan(graph, instance, name, cuts[name], len(keys[name]), asks[name]) for name in names),
        needs=tuple(needs(asking, every)),
        notes=tuple(dict.fromkeys(asking.notes)),
    )


def _asset_plan(
    graph: AssetGraph, instance: dg.DagsterInstance, name: str, cut: Cut, n: int, asks: Sequence[Asks]
) -> AssetPlan:
    cost = last_cost(instance, name, list(cut.values()))
    # assets that one step makes share its time
    n_together = len(graph.get(dg.AssetKey(name)).execution_set_asset_keys)
    return AssetPlan(
        name,
        n,
        by_vendor(asks),
        seconds=None if cost.seconds is None else n * cost.seconds / n_together,
        bytes=None if cost.bytes is None else round(n * cost.bytes),
        rows=None if cost.rows is None else round(n * cost.rows),
    )


def _selected(graph: AssetGraph, text: str) -> list[str]:
    """The assets that are meant, upstream first."""
    known = [key.to_user_string() for key in graph.toposorted_asset_keys if graph.get(key).is_materializable]
    chosen: set[str] = set()
    for part in (part.strip() for part in text.split(",")):
        if _NAME.fullmatch(part):
            if part not in known:
                raise UnknownName("asset", part, known)
            chosen.add(part)
        else:
            chosen |= _resolved(graph, part, known)
    return [name for name in known if name in chosen]


def _resolved(graph: AssetGraph, selection: str, known: Sequence[str]) -> set[str]:
    """The assets of a selection such as `group:bars` or `equities_daily_bars+`."""
    try:
        found = {key.to_user_string() for key in dg.AssetSelection.from_string(selection).resolve(graph)}
    except DagsterInvalidSubsetError:
        for name in _NAME.findall(selection):
            if name not in known and not name.isdigit():
                raise UnknownName("asset", name, known) from None
        raise
    except DagsterInvalidAssetSelectionError:
        raise InvalidRequest(
            f"{selection!r} is no selection of assets: write names separated by commas, group:bars, "
            "or as Dagster does: +bars_minute (and what it is made from), bars_minute+ (and what is made from it)"
        ) from None
    if not found:
        raise InvalidRequest(f"the selection {selection!r} has no asset; assets are {', '.join(known)}")
    return found


def _sum(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) if known else None
