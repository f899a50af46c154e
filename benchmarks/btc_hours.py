"""What is measured of btc: a simulated history as the vendor would state it, and our chain over it.

The chain is what the assets of `market_assets/btc/assets.py` call, in their order, over frames in memory:
the same functions serve the whole history and one new hour. Reading, gates, store and Dagster are left out.
"""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import polars as pl

from market_assets.btc import schemas
from market_assets.btc.partitions import LOOK_BACK, WEEK
from market_assets.btc.settings import BtcSettings
from market_assets.btc.transforms import bin_models, bins, dominance, processed, raw, rpn, signals
from market_assets.btc.transforms.state import HOUR
from market_assets.core import clock
from market_assets.core.contracts import Contract, Table
from resources.sandbox import bitcoin
from resources.sandbox.backend import DEFAULT_SEED

VOLUMES = ["long_liquidations", "short_liquidations"]
#: the feature tables in the order of the graph, each with the days before its own that are loaded of it
FEATURES: Mapping[str, tuple[type[Table], int]] = {
    "processed": (schemas.BtcProcessed, LOOK_BACK.processed),
    "rpn": (schemas.BtcRpn, max(LOOK_BACK.own_rpn, LOOK_BACK.thresholds, LOOK_BACK.signals)),
    "bins": (schemas.BtcBins, LOOK_BACK.own_bins),
    "dominance": (schemas.BtcDominance, max(LOOK_BACK.own_dominance, LOOK_BACK.signals)),
    "signals": (schemas.BtcSignals, 0),
}
_DAY = timedelta(days=1)

Frames = dict[str, pl.DataFrame]


@dataclass(frozen=True)
class Inputs:
    """What a computation reads: raw versions, and the feature rows stored before its first hour."""

    price: pl.DataFrame
    liquidations: pl.DataFrame
    models: pl.DataFrame
    stored: Mapping[str, pl.DataFrame]


def observed(settings: BtcSettings, n_hours: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Versions of price and liquidations: the sandbox's hours, some unknown for up to 3 h, stated later and not used.

    Gaps are short enough to be carried forward, so that every window of the peer is complete; the real series
    has none.
    """
    until = settings.start + n_hours * HOUR
    path = bitcoin.prices(DEFAULT_SEED, int(until.timestamp()))
    volumes = bitcoin.liquidations(path, DEFAULT_SEED)
    values = pl.DataFrame(
        {
            "ts": pl.from_epoch(pl.Series(path.start), time_unit="s")
            .dt.cast_time_unit("us")
            .dt.replace_time_zone("UTC"),
            "price": path.values["close"],
            "long_liquidations": volumes.values["long"],
            "short_liquidations": volumes.values["short"],
        }
    ).filter(pl.col("ts") >= settings.start)
    row = np.arange(values.height)
    gaps = {
        name: (row + lag) % 500 < row // 500 % 4 for name, lag in (("price", 0), (VOLUMES[0], 100), (VOLUMES[1], 200))
    }
    first = values.with_columns(
        pl.when(pl.Series(unknown)).then(None).otherwise(pl.col(name)).alias(name) for name, unknown in gaps.items()
    )
    tables = ((schemas.BtcPrice.contract(), ["price"]), (schemas.BtcLiquidations.contract(), VOLUMES))
    price, liquidations = (_stated(table, columns, (first, values), until, settings) for table, columns in tables)
    return price, liquidations


def _stated(
    table: Contract, columns: list[str], answers: tuple[pl.DataFrame, ...], until: datetime, settings: BtcSettings
) -> pl.DataFrame:
    """The versions that these answers make, one a day, the first of them a day after the last hour."""
    versions = table.empty()
    for n, values in enumerate(answers, start=1):
        answer = raw.Answer(
            values=values,
            columns=tuple(columns),
            first=settings.start,
            until=until,
            asked_at=until + n * _DAY,
            ingested_at=until + n * _DAY,
            source="glassnode-sandbox",
        )
        versions = raw.appended(table, versions, answer, settings)
    return versions


def nothing_stored() -> Frames:
    """What a full recompute continues from."""
    return {name: table.contract().empty() for name, (table, _) in FEATURES.items()}


def computed(inputs: Inputs, settings: BtcSettings, *, first: datetime, until: datetime) -> Frames:
    """Every feature table's rows first <= ts < until."""
    stored = inputs.stored
    tamed, smoothed = to_rpn(inputs, settings, first=first, until=until)
    known = pl.concat([stored["rpn"], smoothed])
    binned = bins.bins(smoothed, inputs.models, settings, first=first, own=stored["bins"])
    dominant = dominance.dominance(known, binned, settings, first=first, own=stored["dominance"])
    sides = pl.concat([stored["dominance"], dominant])
    signalled = signals.signals(known, sides, settings, first=first)
    return {"processed": tamed, "rpn": smoothed, "bins": binned, "dominance": dominant, "signals": signalled}


def to_rpn(
    inputs: Inputs, settings: BtcSettings, *, first: datetime, until: datetime
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """btc_processed and btc_rpn of those hours: as far as no bin model is needed."""
    tamed = processed.processed(
        raw.canonical(inputs.price, ["price"]),
        raw.canonical(inputs.liquidations, VOLUMES),
        settings,
        first=first,
        until=until,
    )
    known = pl.concat([inputs.stored["processed"], tamed])
    return tamed, rpn.rpn(known, settings, first=first, own=inputs.stored["rpn"])


def fitted(settings: BtcSettings, price: pl.DataFrame, liquidations: pl.DataFrame, until: datetime) -> Inputs:
    """What a full recompute reads: those versions, and the models of every week before `until`."""
    inputs = Inputs(
        price,
        liquidations,
        models=schemas.BtcBinModels.contract().empty(),
        stored=nothing_stored(),
    )
    _, smoothed = to_rpn(inputs, settings, first=settings.start, until=until)
    weeks = [clock.instant(key) for key in WEEK.get_partition_keys(current_time=until)]
    return dataclasses.replace(inputs, models=bin_models.fit(smoothed, settings, weeks))


def newest_hour(whole: Inputs, history: Frames, first: datetime) -> Inputs:
    """What a run of the day of `first` would load to compute from `first` on: the days each asset looks back."""
    day = first.replace(hour=0)
    return Inputs(
        price=_since(whole.price, day - LOOK_BACK.price * _DAY),
        liquidations=_since(whole.liquidations, day - LOOK_BACK.liquidations * _DAY),
        models=_since(whole.models, day - LOOK_BACK.models * _DAY),
        stored={
            name: _since(history[name], day - days * _DAY).filter(pl.col("ts") < first)
            for name, (_, days) in FEATURES.items()
        },
    )


def _since(frame: pl.DataFrame, since: datetime) -> pl.DataFrame:
    return frame.filter(pl.col("ts") >= since)
