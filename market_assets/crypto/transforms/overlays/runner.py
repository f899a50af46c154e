"""Every overlay of every symbol, timeframe and day, each day from its own fixed number of bars before it.

A day's rows depend on the bars before it alone, cut to the exact look-back: neither on how much history was loaded
nor on which other days are computed beside it.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from market_assets.crypto.schemas import CryptoFeatureTelemetry, CryptoOverlays
from market_assets.crypto.settings import CryptoSettings, OverlaySettings
from market_assets.crypto.transforms.overlays import (
    alignment,
    chandelier,
    indicators,
    liquidity,
    order_flow,
    regime,
    supertrend,
)
from market_assets.crypto.transforms.overlays.columns import DAY_US, micros, nulls, opens
from market_assets.crypto.transforms.overlays.given import Given
from market_assets.crypto.transforms.overlays.meter import Cost, Meter

_KEY = ["symbol", "timeframe", "ts"]


class Overlay(NamedTuple):
    """One overlay: its columns, and how they are computed."""

    columns: tuple[str, ...]
    compute: Callable[[pl.DataFrame, Given], pl.DataFrame]


#: the base one is always computed, the others where `crypto.overlays.enabled` has them
REGISTRY: Mapping[str, Overlay] = {
    "base": Overlay(indicators.COLUMNS, indicators.compute),
    "supertrend": Overlay(supertrend.COLUMNS, supertrend.compute),
    "chandelier": Overlay(chandelier.COLUMNS, chandelier.compute),
    "liquidity": Overlay(liquidity.COLUMNS, liquidity.compute),
    "order_flow": Overlay(order_flow.COLUMNS, order_flow.compute),
    "regime": Overlay(regime.COLUMNS, regime.compute),
    "alignment": Overlay(alignment.COLUMNS, alignment.compute),
}


class Computed(NamedTuple):
    """Overlays (CryptoOverlays) and what they cost (CryptoFeatureTelemetry)."""

    overlays: pl.DataFrame
    telemetry: pl.DataFrame


class _Cut(NamedTuple):
    """The bars that one timeframe of one day is computed from."""

    bars: pl.DataFrame
    #: rows before the day
    before: int


def overlays(timeframes: pl.DataFrame, days: Sequence[date], crypto: CryptoSettings, *, meter: Meter) -> Computed:
    """Overlays of every closed bar that opens on one of `days`, and what computing them cost.

    `timeframes` (CryptoTimeframes) holds those days and the bars before them, of any symbols. A day or a timeframe
    without a bar gives no row.
    """
    found: list[pl.DataFrame] = []
    costs: list[dict[str, Any]] = []
    for symbol, frames in _by_symbol(timeframes):
        for day in sorted(set(days)):
            for rows, cost in _of_day(symbol, frames, day, crypto, meter):
                found.append(rows)
                costs += cost
    told, spent = CryptoOverlays.contract(), CryptoFeatureTelemetry.contract()
    return Computed(
        told.conform(pl.concat([told.empty(), *found])),
        spent.conform(pl.DataFrame(costs, schema=spent.schema)),
    )


def _by_symbol(timeframes: pl.DataFrame) -> Iterator[tuple[str, dict[str, pl.DataFrame]]]:
    """The sorted bars of each timeframe, symbol by symbol."""
    parts = timeframes.sort(_KEY).partition_by("symbol", "timeframe", as_dict=True, maintain_order=True)
    by_symbol: dict[str, dict[str, pl.DataFrame]] = {}
    for (symbol, timeframe), bars in parts.items():
        by_symbol.setdefault(str(symbol), {})[str(timeframe)] = bars
    yield from by_symbol.items()


def _of_day(
    symbol: str, frames: Mapping[str, pl.DataFrame], day: date, crypto: CryptoSettings, meter: Meter
) -> Iterator[tuple[pl.DataFrame, list[dict[str, Any]]]]:
    """(rows, costs) of each timeframe that has a bar on the day."""
    midnight = datetime.combine(day, time(), UTC)
    cuts = {name: _cut(bars, midnight, crypto.overlays, name) for name, bars in frames.items()}
    bars_of = {name: cut.bars for name, cut in cuts.items()}
    memo: dict[str, Any] = {}
    for timeframe, cut in cuts.items():
        if cut.bars.height > cut.before:
            given = Given(settings=crypto, timeframe=timeframe, frames=bars_of, first=midnight, memo=memo)
            columns, costs = _computed(cut, given, meter)
            keys = {"symbol": symbol, "day": day, "timeframe": timeframe}
            yield _rows(cut, given, columns), [keys | cost for cost in costs]


def _cut(bars: pl.DataFrame, midnight: datetime, settings: OverlaySettings, timeframe: str) -> _Cut:
    """The bars of a day and exactly the look-back before it, or as many as there are within its reach."""
    start, oldest = micros(midnight), micros(midnight - settings.reach(timeframe))
    beyond, first, stop = (int(row) for row in np.searchsorted(opens(bars), [oldest, start, start + DAY_US]))
    before = min(first - beyond, settings.lookback(timeframe))
    return _Cut(bars.slice(first - before, stop - first + before), before)


def _computed(cut: _Cut, given: Given, meter: Meter) -> tuple[list[pl.DataFrame], list[dict[str, Any]]]:
    """Each overlay's columns of the day's own bars, and what each one that is enabled cost."""
    columns, costs = [], []
    for name, overlay in REGISTRY.items():
        if name != "base" and name not in given.settings.overlays.enabled:
            columns.append(nulls(overlay.columns, cut.bars.height - cut.before))
            continue
        with meter.measure() as cost:
            # the history goes; what is kept must not keep its memory
            own = overlay.compute(cut.bars, given).slice(cut.before)
        columns.append(own)
        costs.append({"overlay": name} | _spent(cost, own))
    return columns, costs


def _spent(cost: Cost, own: pl.DataFrame) -> dict[str, Any]:
    return {
        "rows": own.height,
        "latency_ms": cost.latency_ms,
        "cpu_ms": cost.cpu_ms,
        "rss_delta_mb": cost.rss_delta_mb,
        "output_bytes": int(own.estimated_size()),
        "started_at": cost.started_at,
    }


def _rows(cut: _Cut, given: Given, columns: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """The day's rows: whose they are, when they could be used, from how many bars they come, then the overlays."""
    lookback = given.settings.overlays.lookback(given.timeframe)
    own = cut.bars.slice(cut.before).select(
        "symbol",
        "timeframe",
        "ts",
        "available_at",
        n_history=(pl.int_range(pl.len(), dtype=pl.Int32) + cut.before).clip(upper_bound=lookback),
        complete="complete",
    )
    warm = own.with_columns(is_warm=pl.col("n_history") == lookback)
    return pl.concat([warm, *columns], how="horizontal").select(list(CryptoOverlays.contract().columns))
