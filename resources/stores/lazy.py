"""A LazyFrame over partitions that are read one at a time, when it is collected."""

from collections.abc import Callable, Iterator

import polars as pl
from polars.io.plugins import register_io_source

from market_assets.core.contracts import Contract

#: columns wanted (None: all) -> the frames, with at least those columns
Frames = Callable[[list[str] | None], Iterator[pl.DataFrame]]


def lazy_partitions(contract: Contract, frames: Frames) -> pl.LazyFrame:
    """Push projection, predicate and row limit of a query into the reading of each partition."""

    def source(
        with_columns: list[str] | None, predicate: pl.Expr | None, n_rows: int | None, batch_size: int | None
    ) -> Iterator[pl.DataFrame]:
        del batch_size  # a partition is the batch
        needed = with_columns
        if needed is not None and predicate is not None:
            needed = list(dict.fromkeys([*needed, *predicate.meta.root_names()]))
        left = n_rows
        yield contract.empty().select(with_columns or list(contract.columns))
        for frame in frames(needed):
            kept = frame if predicate is None else frame.filter(predicate)
            if left is not None:
                kept = kept.head(left)
                left -= kept.height
            yield kept.select(with_columns or list(contract.columns))
            if left == 0:
                return

    return register_io_source(source, schema=contract.schema, is_pure=False)
