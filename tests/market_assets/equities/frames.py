"""Small input frames for the equities tests, and the recorded real data in our raw columns."""

import itertools
import json
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import polars as pl

from market_assets.core import calendars
from market_assets.equities import schemas
from market_assets.equities.settings import SymbolSettings
from market_assets.equities.transforms import actions, bars, symbols

SEEN = datetime(2021, 4, 1, tzinfo=UTC)
NO_OVERRIDES = pl.DataFrame(schema={"symbol": pl.String})
NO_ACTIONS = schemas.EquitiesCorporateActions.contract().empty()


def sessions(start: date = date(1997, 1, 1), end: date = date(2021, 12, 31)) -> dict[str, pl.DataFrame]:
    """Both calendars as the transforms take them."""
    return {name: calendars.sessions_frame(name, start, end) for name in ("XNYS", "always")}


def universe(*names: str, asset_class: str = "stock", **fields: Any) -> pl.DataFrame:
    """A universe of symbols of one class."""
    return symbols.universe([SymbolSettings(symbol=n, asset_class=asset_class, **fields) for n in names], NO_OVERRIDES)


def raw(symbol: str, days: Sequence[date], close: Sequence[float], **columns: Any) -> pl.DataFrame:
    """Stored daily bars: flat bars at `close` with volume 1,000,000, unless columns say otherwise."""
    data = {"session_date": list(days), "close": close, "open": close, "high": close, "low": close,
            "volume": [1e6] * len(days), **columns}  # fmt: skip
    fetched = pl.DataFrame(data, schema_overrides={"volume": pl.Float64}).with_columns(
        symbol=pl.lit(symbol), source=pl.lit(columns.get("source", "polygon")), ingested_at=pl.lit(SEEN)
    )
    has_volume = columns.get("volume", 1) is not None
    cleaned = bars.clean(
        fetched, fetched.clear(), list(days), fallback_level=0, last_due=max(days), has_volume=has_volume
    )
    assert cleaned.bars.height == len(days), cleaned.quarantined
    return cleaned.bars


def split(symbol: str, ex_date: date, ratio: float) -> dict[str, Any]:
    """A vendor's split row, ratio-for-1."""
    return {"symbol": symbol, "ex_date": ex_date, "kind": "split", "split_from": 1.0, "split_to": ratio}


def dividend(symbol: str, ex_date: date, amount: float, **fields: Any) -> dict[str, Any]:
    """A vendor's cash dividend row."""
    return {"symbol": symbol, "ex_date": ex_date, "kind": "cash_dividend", "amount": amount, **fields}


def fetched_actions(*rows: dict[str, Any], ingested_at: datetime = SEEN) -> pl.DataFrame:
    """Vendor rows as a frame."""
    schema = schemas.EquitiesCorporateActions.contract().schema
    names = [name for name in schema if name not in ("source", "ingested_at")]
    frame = pl.DataFrame(
        [{name: row.get(name) for name in names} for row in rows], schema={n: schema[n] for n in names}
    )
    return frame.with_columns(source=pl.lit("polygon"), ingested_at=pl.lit(ingested_at).cast(schema["ingested_at"]))


def acted(bars_of: pl.DataFrame, *rows: dict[str, Any]) -> pl.DataFrame:
    """Stored corporate actions for the given bars."""
    days = sessions()["XNYS"]["session_date"].to_list()
    return actions.with_factors(fetched_actions(*rows), bars_of, days, NO_ACTIONS).actions


def real_bars(data: Path, symbol: str) -> pl.DataFrame:
    """Recorded unadjusted bars of a symbol, fit to store."""
    frame = pl.read_csv(data / "equities" / "daily_raw" / f"{symbol}.csv.gz", try_parse_dates=True).rename(
        {"date": "session_date"}
    )
    fetched = frame.with_columns(
        pl.col("volume").cast(pl.Float64), symbol=pl.lit(symbol), source=pl.lit("polygon"), ingested_at=pl.lit(SEEN)
    )
    days = sessions()["XNYS"]["session_date"].to_list()
    return bars.clean(fetched, fetched.clear(), days, fallback_level=0, last_due=date(2021, 3, 31)).bars


def real_splits(data: Path, symbol: str) -> list[dict[str, Any]]:
    """Recorded splits; the source's rounding (1.999996) is undone, the class split of GOOG is not there."""
    found = json.loads((data / "equities" / "splits" / f"{symbol}.json").read_text())
    return [split(symbol, date.fromisoformat(row["execution_date"]), _whole(row["ratio_to_per_from"])) for row in found]


def _whole(ratio: float) -> float:
    return float(round(ratio)) if abs(ratio - round(ratio)) < 1e-4 else ratio


def lean_factors(data: Path, symbol: str) -> pl.DataFrame:
    """Lean's factor file: last_date, price_factor (dividends), split_factor, reference_price."""
    return pl.read_csv(data / "equities" / "factors" / f"{symbol}.csv", try_parse_dates=True)


def real_dividends(data: Path, symbol: str, bars_of: pl.DataFrame) -> list[dict[str, Any]]:
    """The cash amounts that Lean's factors imply: (1 - factor before / factor after) x the last close."""
    factors = lean_factors(data, symbol)
    closes = dict(bars_of.select("session_date", "close").iter_rows())
    days = sorted(closes)
    next_of = dict(itertools.pairwise(days))
    found = []
    for before, after in zip(factors.iter_rows(named=True), factors.slice(1).iter_rows(named=True), strict=False):
        last, step = before["last_date"], before["price_factor"] / after["price_factor"]
        if step < 1 and last in next_of:
            found.append(dividend(symbol, next_of[last], (1 - step) * closes[last]))
    return found
