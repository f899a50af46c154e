"""Partitions of real tables with rows of no meaning."""

from typing import Any

import polars as pl

from market_assets.core.contracts import TIME_FORMATS, Contract
from market_assets.core.partitions import split_key
from resources.stores.protocol import PartitionStore


def store_rows(store: PartitionStore, table: Contract, *partitions: str, rows: int = 1) -> None:
    """Write partitions of so many rows; the store asks no more of them than types, keys and place."""
    for partition in partitions:
        store.write(table, partition, rows_of(table, partition, rows))


def rows_of(table: Contract, partition: str, rows: int) -> pl.DataFrame:
    """Rows that lie in a partition: its dimensions, and a number in every other column of the key."""
    keys = split_key(partition, table.dimensions) if table.dimensions else {}
    columns = [_value(table, name, number=name in table.key).alias(name) for name in table.columns]
    frame = pl.DataFrame({"n": range(rows)}).select("n", *columns)
    for dimension, name in table.partitioned_by.items():
        if dimension in TIME_FORMATS:
            text = keys[dimension]
            start = pl.lit(text).str.to_datetime("%Y-%m-%d", time_zone="UTC") if len(text) == 10 else _first(text)
            frame = frame.with_columns((start + pl.duration(hours=pl.col("n"))).cast(table.schema[name]).alias(name))
        else:
            frame = frame.with_columns(pl.lit(keys[dimension], table.schema[name]).alias(name))
    return frame.drop("n")


def _first(text: str) -> pl.Expr:
    return pl.lit(f"{text}-01-01"[:10]).str.to_datetime("%Y-%m-%d", time_zone="UTC")


def _value(table: Contract, name: str, *, number: bool) -> pl.Expr:
    kind: Any = table.schema[name]
    column = table.columns[name]
    if column.nullable and not number:
        return pl.lit(None, kind)
    if isinstance(kind, pl.List):
        return pl.lit([], kind)
    if kind == pl.String:
        return pl.lit("live") if name == "source" else pl.format("n{}", "n")
    if kind == pl.Boolean:
        return pl.lit(False)
    if isinstance(kind, pl.Enum):
        return pl.lit(kind.categories[0], kind)
    return pl.col("n").cast(pl.Int64).cast(kind)
