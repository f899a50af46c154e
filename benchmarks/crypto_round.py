"""One live round: ten symbols x five timeframes through every overlay and the signals, for a whole running day.

What the assets `crypto_overlays` and `crypto_signals` compute in a tick, without reading, gate, store and Dagster.
The day stands just before its end, where it has the most candles.
"""

import json
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import polars as pl

from benchmarks import crypto_market
from benchmarks.btc_ours import timed
from benchmarks.measure import Row, environment, fresh
from market_assets.crypto.schemas import CryptoTimeframes
from market_assets.crypto.settings import MINUTES, CryptoSettings
from market_assets.crypto.transforms.overlays import overlays
from market_assets.crypto.transforms.signals import signals
from resources.overlay_meter import ProcessMeter

_DAY = crypto_market.START + timedelta(days=400)
_TIMES = 3


def rows(home: Path, n_symbols: int = crypto_market.N_SYMBOLS) -> list[Row]:
    """The round's row."""
    home.mkdir(parents=True, exist_ok=True)
    found = fresh(["-m", "benchmarks.crypto_round", str(n_symbols)], environment(home))
    return [
        Row(
            name="crypto_round",
            what=f"crypto: a live round, {n_symbols} symbols x {len(MINUTES)} timeframes, {found['rows']:,} rows "
            "through overlays and signals",
            ours=found["wall_s"],
            unit="s",
            details=found,
        )
    ]


def measured(n_symbols: int) -> dict[str, Any]:
    """What a round costs, and how its time is shared. Raises AssertionError where a row is missing or is not warm."""
    settings = CryptoSettings()
    candles = stored(settings, n_symbols)
    today = candles.filter(pl.col("ts") >= _DAY)

    def round_() -> tuple[Any, pl.DataFrame]:
        computed = overlays(candles, [_DAY.date()], settings, meter=ProcessMeter())
        return computed, signals(computed.overlays, today, settings, "benchmark")

    computed, decided = round_()
    assert computed.overlays.height == today.height, f"{computed.overlays.height} rows of {today.height} candles"
    assert computed.overlays["is_warm"].all(), "every candle has its whole look-back before it"
    assert decided.height == 24 * n_symbols, f"{decided.height} signals of {n_symbols} symbols x 24 hours"
    shares = computed.telemetry.group_by("overlay", maintain_order=True).agg(pl.col("latency_ms").sum())
    return {
        "rows": today.height,
        "signals": decided.height,
        "actions": decided["action"].value_counts(sort=True).to_dicts(),
        "latency_ms": dict(shares.iter_rows()),
        **timed(round_, _TIMES),
    }


def stored(settings: CryptoSettings, n_symbols: int) -> pl.DataFrame:
    """CryptoTimeframes of the day and of each timeframe's look-back before it."""
    parts = [
        _candles(number, symbol, timeframe, settings)
        for number, symbol in enumerate(crypto_market.symbols(n_symbols))
        for timeframe in MINUTES
    ]
    return CryptoTimeframes.contract().conform(pl.concat(parts))


def _candles(number: int, symbol: str, timeframe: str, settings: CryptoSettings) -> pl.DataFrame:
    length = MINUTES[timeframe] * crypto_market.MINUTE
    before = settings.overlays.lookback(timeframe)
    n_bars = before + crypto_market.DAY // length
    walked = crypto_market.candles(n_bars, seed=number, start=_DAY - before * length, step=length)
    return walked.with_columns(
        symbol=pl.lit(symbol),
        timeframe=pl.lit(timeframe),
        n_minutes=pl.lit(MINUTES[timeframe], pl.Int32),
        complete=pl.lit(value=True),
        change_24h_pct=pl.lit(None, pl.Float64),
        source=pl.lit("simulated"),
        ingested_at=pl.col("ts") + length,
        available_at=pl.col("ts") + length,
    ).select(list(CryptoTimeframes.contract().columns))


if __name__ == "__main__":
    print(json.dumps(measured(*map(int, sys.argv[1:]))))
