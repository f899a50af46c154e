"""Recorded hours of bitcoin: tables `btc_price` and `btc_liquidations`, in the columns of our raw tables."""

from collections.abc import Mapping
from pathlib import Path

import polars as pl

from resources.sandbox import bitcoin
from resources.sandbox.hours import Hours
from resources.sandbox.recording import read

_PRICES = ("open", "high", "low", "close")
_VOLUMES = {"long": "long_liquidations", "short": "short_liquidations"}


def recorded(directory: Path, seed: int) -> tuple[Hours, Hours]:
    """Prices and liquidations; no rows where neither is recorded.

    Of several versions of an hour the newest counts. `price` stands for a close that is not recorded.
    Where liquidations are not recorded, the recorded prices cause simulated ones; an hour without a
    price then has none. Raises NoRecording for a table that lacks a column.
    """
    stated = read(directory, "btc_price", ("ts", "price"))
    liquidated = read(directory, "btc_liquidations", ("ts", *_VOLUMES.values()))
    prices = Hours.empty(_PRICES) if stated is None else _prices(stated)
    if liquidated is not None:
        return prices, _hours(liquidated, _VOLUMES)
    return prices, bitcoin.liquidations(prices, seed)


def _prices(stated: pl.DataFrame) -> Hours:
    absent = [pl.lit(None, pl.Float64).alias(name) for name in _PRICES if name not in stated.columns]
    with_all = stated.with_columns(absent).with_columns(close=pl.coalesce("price", "close"))
    return _hours(with_all, {name: name for name in _PRICES})


def _hours(frame: pl.DataFrame, columns: Mapping[str, str]) -> Hours:
    by = [name for name in ("ts", "ingested_at") if name in frame.columns]
    newest = frame.sort(by).unique("ts", keep="last", maintain_order=True)
    numbers = {new: newest[old].cast(pl.Float64).fill_null(float("nan")).to_numpy() for new, old in columns.items()}
    return Hours(newest["ts"].dt.epoch("s").to_numpy(), numbers)
