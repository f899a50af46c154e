"""Overlay rows worked by hand, for what reads overlays."""

from datetime import UTC, datetime, timedelta

import polars as pl

from market_assets.crypto.schemas import CryptoOverlays, CryptoTimeframes

T0 = datetime(2026, 10, 5, tzinfo=UTC)
HOUR = timedelta(hours=1)

#: what a row must have, and a market in which all six votes are for long
LONG = {
    "symbol": "BTCUSDT", "timeframe": "1h", "ts": T0, "available_at": T0 + HOUR, "n_history": 600, "is_warm": True,
    "complete": True, "close": 100.0, "atr_14": 1.0,
    "st_dir": 1, "st_is_warm": True, "st_strength": 1.4, "st_consistency": 1.0, "ch_dir": 1,
    "zone_near_price": 99.6, "zone_near_dist_pct": -0.4, "zone_side": 1, "zone_support_near": 99.6,
    "ofi_20": 0.12, "regime": "TRENDING_LOW_VOL", "regime_confidence": 0.55, "trend_dir": 1,
    "align_score": 1.0, "align_dir": 1,
}  # fmt: skip

#: the same market upside down
SHORT = LONG | {
    "st_dir": -1, "ch_dir": -1, "zone_near_price": 100.4, "zone_near_dist_pct": 0.4, "zone_side": -1,
    "zone_support_near": None, "zone_resistance_near": 100.4, "ofi_20": -0.12, "trend_dir": -1, "align_dir": -1,
}  # fmt: skip


def overlays(*rows):
    """CryptoOverlays of these rows; columns they leave out are null."""
    contract = CryptoOverlays.contract()
    frame = pl.DataFrame([{name: row.get(name) for name in contract.columns} for row in rows], schema=contract.schema)
    return contract.validate(frame)


def changes(**by_symbol):
    """Candles of the first hour that have a change over 24 hours."""
    return pl.DataFrame(
        [{"symbol": name, "timeframe": "1h", "ts": T0, "change_24h_pct": value} for name, value in by_symbol.items()],
        schema={name: CryptoTimeframes.contract().schema[name] for name in ("symbol", "timeframe", "ts")}
        | {"change_24h_pct": pl.Float64},
    )
