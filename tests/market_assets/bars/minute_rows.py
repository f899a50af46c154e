"""Minutes as a source states them, and as they are stored."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import polars as pl

from market_assets.bars.schemas import BarsMinute
from market_assets.bars.transforms.minutes import Provenance, clean
from market_assets.core.contracts import UTC_MICROS

MINUTE = timedelta(minutes=1)
BTC = Provenance("BTCUSD", "yahoo", "crypto", 0, measures_volume=True)
EUR = Provenance("EURUSD", "yahoo", "spot", 0, measures_volume=False)
_STATED = pl.Schema(
    {
        "ts": UTC_MICROS,
        **dict.fromkeys(("open", "high", "low", "close", "volume"), pl.Float64()),
        "trade_count": pl.Int64(),
        "ingested_at": UTC_MICROS,
    }
)


def stated(first: datetime, closes: Sequence[float], **more: Any) -> pl.DataFrame:
    """Minutes one after another as a source states them: each opens at the close before; `more` replaces columns."""
    opens = [closes[0], *closes[:-1]] if closes else []
    ts = [first + n * MINUTE for n in range(len(closes))]
    columns = {
        "ts": ts,
        "open": opens,
        "high": [max(pair) for pair in zip(opens, closes, strict=True)],
        "low": [min(pair) for pair in zip(opens, closes, strict=True)],
        "close": list(closes),
        "volume": [5.0] * len(closes),
        "trade_count": [None] * len(closes),
        "ingested_at": [at + 2 * MINUTE for at in ts],
    }
    return pl.DataFrame(columns | more, schema=_STATED)


def rows(first: datetime, closes: Sequence[float], provenance: Provenance = BTC, **more: Any) -> pl.DataFrame:
    """The same cleaned (BarsMinute), of a market that never closes; `more` replaces columns."""
    clean_rows = clean(
        stated(first, closes), first, first + len(closes) * MINUTE, calendar="always", provenance=provenance
    ).frame
    return BarsMinute.contract().conform(
        clean_rows.with_columns(**{name: pl.lit(value) for name, value in more.items()})
    )
