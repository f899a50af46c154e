"""The rows of the live board, as the browser shows and ages them. Pure.

`board` is what `readers.board` gives.
"""

from typing import Any

import polars as pl

from dashboards.bars.style import title
from market_assets.bars.schemas import VALUES
from market_assets.bars.settings import StreamSettings

STATES = ("LIVE", "DELAYED", "STALE", "CLOSED", "NO DATA")
#: feature_level -> where the values come from
LEVELS = {1: "live", 2: "hot, not fresh", 3: "stored"}
#: lengths of the interval in force after which a quote is late, and too old
_LATE, _TOO_OLD = 3.0, 6.0


def rows(board: pl.DataFrame, stream: StreamSettings, warm_bars: int) -> list[dict[str, Any]]:
    """One a symbol: what the grid shows, and the ages (s) from which the browser says DELAYED and STALE."""
    return [_row(row, stream, warm_bars) for row in board.iter_rows(named=True)]


def _row(row: dict[str, Any], stream: StreamSettings, warm_bars: int) -> dict[str, Any]:
    every = row["effective_interval_s"] or 0.0
    return {
        "symbol": row["symbol"],
        "state": row["state"],
        "age_s": row["age_s"],
        "at": None if row["at"] is None else f"{row['at']:%Y-%m-%d %H:%M:%S}Z",
        "warn_s": max(stream.warn_s, _LATE * every),
        "error_s": max(stream.error_s, _TOO_OLD * every),
        "price": row["price"],
        "source": _source(row),
        "kind": row["kind"],
        "values": LEVELS.get(row["feature_level"], "none"),
        "warm": _warm(row, warm_bars),
        "market": _market(row),
        **{name: row[name] for name in VALUES if name != "close"},
        "close": row["close"],
    }


def _source(row: dict[str, Any]) -> str | None:
    if row["source"] is None:
        return None
    return f"{title(row['source'])}, {row['level']}" if row["level"] is not None else title(row["source"])


def _warm(row: dict[str, Any], warm_bars: int) -> str | None:
    if row["is_warm"] is None:
        return None
    if row["is_warm"]:
        return "warm"
    return "warming" if row["bars"] is None else f"{row['bars']:,} of {warm_bars:,}"


def _market(row: dict[str, Any]) -> str:
    if row["market_open"]:
        return "open"
    return "closed" if row["next_open"] is None else f"opens {row['next_open']:%a %H:%M}Z"


def counts(board: pl.DataFrame) -> dict[str, int]:
    """State -> symbols in it, for all of STATES."""
    found = dict(board.group_by("state").len().iter_rows())
    return {state: found.get(state, 0) for state in STATES}
