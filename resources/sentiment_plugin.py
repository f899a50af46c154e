"""Sentiment from outside: a function of the user's own, named in `bars.sentiment_plugin`.

`module:function` is called as function(symbols, first, until) and gives a Polars frame with the columns symbol,
available_at (UTC) and sentiment (-1 to 1). What it may know when is its own promise: a value counts from its
`available_at` on.
"""

import importlib
from collections.abc import Sequence
from datetime import datetime

import polars as pl

from market_assets.core.contracts import UTC_MICROS
from market_assets.core.errors import MarketAssetsError

SENTIMENT = pl.Schema([("symbol", pl.String()), ("available_at", UTC_MICROS), ("sentiment", pl.Float64())])


class BadPlugin(MarketAssetsError):
    """The function that bars.sentiment_plugin names is not there, or gives something else."""


def sentiment(plugin: str | None, symbols: Sequence[str], first: datetime, until: datetime) -> pl.DataFrame:
    """Columns of SENTIMENT, sorted by symbol and available_at; without rows where no plug-in is set.

    Raises BadPlugin. What the function itself raises is not caught: a run that asked for sentiment fails without it.
    """
    if plugin is None:
        return pl.DataFrame(schema=SENTIMENT)
    module, _, name = plugin.partition(":")
    try:
        function = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as missing:
        raise BadPlugin(f"bars.sentiment_plugin must name a function as module:function; {plugin}: {missing}") from None
    found = function(list(symbols), first, until)
    if not isinstance(found, pl.DataFrame) or not set(SENTIMENT) <= set(found.columns):
        told = f"{found.columns}" if isinstance(found, pl.DataFrame) else type(found).__name__
        raise BadPlugin(f"{plugin} must give a Polars frame with the columns {', '.join(SENTIMENT)}; gave {told}")
    try:
        typed = found.select(list(SENTIMENT)).cast(SENTIMENT)
    except pl.exceptions.PolarsError as wrong:
        raise BadPlugin(f"{plugin}: columns must be text, UTC instants and numbers; {wrong}") from None
    outside = typed.filter(~pl.col("sentiment").is_between(-1, 1) | pl.col("available_at").is_null())
    if outside.height:
        raise BadPlugin(f"{plugin} must give sentiment from -1 to 1 at known instants; first offence: {outside.row(0)}")
    return typed.sort("symbol", "available_at")
