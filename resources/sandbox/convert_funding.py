"""Recorded funding rates in the columns that a replay of `funding_rates` reads.

A file is one stretch of one contract: stamps as the exchange stated them, jitter included, and rates.
The interval of a file is its usual step: Gate's hole of 752 hours stays a gap between 8-hour settlements.
Mark prices are not recorded.
"""

from collections.abc import Iterator
from pathlib import Path

import polars as pl

from market_assets.core.contracts import UTC_MICROS
from resources.sandbox.perpetuals import HOUR_MS
from resources.sandbox.recording import Piece
from resources.sandbox.replay_perpetuals import TABLE

#: where the record lies, under the source directory
RECORD = "funding/*.csv*"

#: start of a file's name -> exchange and contract; the first that fits counts
_CONTRACTS = {
    **{f"binance_usdm_{symbol}": ("binance_usdm", symbol) for symbol in ("BTCUSDT", "ETHUSDT", "SOLUSDT", "ENAUSDT")},
    "binance_BTC": ("binance_usdm", "BTCUSDT"),
    "bybit_BTC": ("bybit", "BTCUSDT"),
    "dydx_BTC": ("dydx", "BTC-USD"),
    "gate_BTC": ("gate", "BTC_USDT"),
    "gate_ETH": ("gate", "ETH_USDT"),
}


def tables(source: Path) -> Iterator[tuple[list[Piece], list[str]]]:
    """The rows of each recorded stretch, and what is to be said of it."""
    for file in sorted(source.glob(RECORD)):
        stem = file.name.split(".")[0]
        known = next((contract for start, contract in _CONTRACTS.items() if stem.startswith(start)), None)
        if known is None:
            yield [], [f"{file.name}: left out, for it is not said of which contract it is"]
            continue
        recorded = pl.read_csv(file)
        rows, longest = settlements(recorded, *known), max(hours_between(recorded).to_list())
        usual = int(rows["interval_hours"][0])
        gap = f", {longest} h at a hole" * (longest > usual)
        yield [(TABLE, stem, rows)], [f"{known[0]} {known[1]}: {rows.height} settlements, every {usual} h{gap}"]


def settlements(recorded: pl.DataFrame, exchange: str, native_symbol: str) -> pl.DataFrame:
    """Recorded rows (funding_time_ms, funding_rate) as settlements of a contract, the interval from their spacing."""
    usual = hours_between(recorded).mode().min()
    return recorded.sort("funding_time_ms").select(
        exchange=pl.lit(exchange),
        native_symbol=pl.lit(native_symbol),
        funding_time_native=pl.from_epoch("funding_time_ms", time_unit="ms").cast(UTC_MICROS),
        rate_native=pl.col("funding_rate").cast(pl.Float64),
        interval_hours=pl.lit(usual, pl.Float64),
    )


def hours_between(recorded: pl.DataFrame) -> pl.Series:
    """Whole hours from each settlement to the next."""
    return (recorded["funding_time_ms"].sort() / HOUR_MS).round(0).cast(pl.Int64).diff().drop_nulls()
