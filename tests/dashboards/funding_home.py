"""A small funding home written by hand, for tests of its readers, its REST routes and its pages.

The clock stands at 2026-10-05 12:03. Five exchanges are in use; four were looked at at 12:00, okx at 11:20. Open are

    binance_usdm  BTC-USDT-PERP 8 h 0.0001   BTC-USDC-PERP 8 h 0.0002   ETH-USDT-PERP 8 h 0
                  SOL-USDT-PERP 8 h 0        1000PEPE-USDT-PERP 8 h 0.0001
    bybit         BTC-USDT-PERP 4 h 0.0001   ETH-USDT-PERP 8 h -0.0003
    dydx          BTC-USD-PERP  1 h 0.00001  SOL-USD-PERP 1 h 0.0001  (states no time of its next settlement)
    hyperliquid   1000PEPE-USDC-PERP (kPEPE) 1 h 0.00005
    okx           BTC-USDT-PERP 8 h, no rate

and OLD-USDT-PERP of bybit is closed. Settled are three payments of binance_usdm's BTC (one of 0), a day of dydx's,
and of bybit's ETH four, of which the last two are hourly.
"""

import json
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from market_assets.settings import Settings

from . import stored_home
from .stored_home import StoredHome

KEY, NOW = stored_home.KEY, stored_home.NOW
NOON = NOW.replace(minute=0)
DAY = date(2026, 10, 5)
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)
EXCHANGES = ("binance_usdm", "bybit", "dydx", "hyperliquid", "okx")
VENUES = {"binance_usdm": "binance"}


def configure(monkeypatch: pytest.MonkeyPatch, **variables: str) -> Settings:
    """Settings of the home, before anything is stored."""
    return stored_home.configure(monkeypatch, **{"FUNDING__EXCHANGES": json.dumps(EXCHANGES)} | variables)


def tables() -> Mapping[str, list[dict[str, Any]]]:
    """Rows by table, in the order of the graph."""
    return {
        "funding_contracts": contracts(),
        "funding_rates": rates(),
        "funding_snapshot": [*looks(NOON - 5 * MINUTE), *looks(NOON)],
        "funding_completeness": completeness(),
        "funding_statistics": statistics(),
        "funding_spreads": spreads(),
        "funding_spread_statistics": [
            {
                **{"day": DAY, "base_asset": "BTC", "exchange_a": "binance_usdm", "exchange_b": "bybit"},
                **{"n_hours": 700, "mean": -8.0, "std": 2.0, "median": -9.0, "p05": -12.0, "p95": -1.0},
            }
        ],
        "funding_opportunities": opportunities(),
    }


def named(exchange: str, symbol: str, native: str, **values: Any) -> dict[str, Any]:
    """The names of a contract."""
    base, quote = symbol.removesuffix(".INV").split("-")[:2]
    return {
        "exchange": exchange,
        "symbol": symbol,
        "native_symbol": native,
        "base_asset": base.removeprefix("1000"),
        "quote": quote,
        **values,
    }


#: contract -> hours of its interval, predicted rate, open interest (USD)
OPEN: list[tuple[dict[str, Any], float, float | None, float | None]] = [
    (named("binance_usdm", "BTC-USDT-PERP", "BTCUSDT"), 8.0, 0.0001, 5e9),
    (named("binance_usdm", "BTC-USDC-PERP", "BTCUSDC"), 8.0, 0.0002, 1e9),
    (named("binance_usdm", "ETH-USDT-PERP", "ETHUSDT"), 8.0, 0.0, 2e9),
    (named("binance_usdm", "SOL-USDT-PERP", "SOLUSDT"), 8.0, 0.0, 1e8),
    (named("binance_usdm", "1000PEPE-USDT-PERP", "1000PEPEUSDT"), 8.0, 0.0001, 3e6),
    (named("bybit", "BTC-USDT-PERP", "BTCUSDT"), 4.0, 0.0001, 3e9),
    (named("bybit", "ETH-USDT-PERP", "ETHUSDT"), 8.0, -0.0003, 1e9),
    (named("dydx", "BTC-USD-PERP", "BTC-USD"), 1.0, 0.00001, 4e7),
    (named("dydx", "SOL-USD-PERP", "SOL-USD"), 1.0, 0.0001, 1e7),
    (named("hyperliquid", "1000PEPE-USDC-PERP", "kPEPE"), 1.0, 0.00005, 2e6),
    (named("okx", "BTC-USDT-PERP", "BTC-USDT-SWAP"), 8.0, None, None),
]


def contracts() -> list[dict[str, Any]]:
    """The instrument map."""
    common = {"kind": "linear", "oi_unit": "base", "valid_from": LONG_AGO, "first_seen": LONG_AGO, "settle": "USDT"}
    rows = [
        {
            **common,
            **names,
            "venue": VENUES.get(names["exchange"], names["exchange"]),
            "request_id": names["native_symbol"],
            "multiplier": 1000.0 if names["symbol"].startswith("1000") else 1.0,
            "multiplier_verified": True,
            "interval_hours": interval,
        }
        for names, interval, _, _ in OPEN
    ]
    closed = named("bybit", "OLD-USDT-PERP", "OLDUSDT", venue="bybit", valid_to=NOON - 48 * HOUR)
    return [*rows, {**common, **closed}]


def looks(at: datetime) -> list[dict[str, Any]]:
    """One look at each exchange; okx's is 40 minutes older."""
    rows = []
    for names, interval, rate, interest in OPEN:
        per_hour = None if rate is None else rate / interval
        stated = names["exchange"] not in ("dydx", "okx")
        looked = at - 40 * MINUTE if names["exchange"] == "okx" else at
        rows.append(
            {
                **{name: names[name] for name in ("exchange", "symbol", "native_symbol", "base_asset")},
                "snapshot_at": looked,
                "ingested_at": looked,
                "predicted_rate_native": rate,
                "interval_hours": interval,
                "predicted_rate_1h": per_hour,
                "predicted_rate_8h": None if per_hour is None else per_hour * 8,
                "predicted_apr_pct": None if per_hour is None else per_hour * 8760 * 100,
                "next_funding_time": NOON.replace(hour=16) if stated else None,
                "mark_price": 50_000.0,
                "mark_price_base": 50_000.0,
                "index_price": 50_010.0,
                "open_interest_base": None if interest is None else interest / 50_000.0,
                "open_interest_usd": interest,
                "latency_ms": 250.0,
                "source": names["exchange"],
            }
        )
    return rows


def settled(exchange: str, symbol: str, at: datetime, rate: float, interval: float) -> dict[str, Any]:
    """One settled payment."""
    names = next(one for one, *_ in OPEN if (one["exchange"], one["symbol"]) == (exchange, symbol))
    return {
        **{name: names[name] for name in ("exchange", "symbol", "native_symbol", "base_asset")},
        "funding_time": at,
        "funding_time_native": at,
        "rate_native": rate,
        "interval_hours": interval,
        "interval_source": "spacing",
        "rate_1h": rate / interval,
        "rate_8h": rate / interval * 8,
        "rate_1d": rate / interval * 24,
        "apr_pct": rate / interval * 8760 * 100,
        "source": exchange,
    }


def rates() -> list[dict[str, Any]]:
    """Settled payments."""
    midnight = NOON.replace(hour=0)
    btc = [(-8, -0.0003), (0, 0.0), (8, 0.0001)]
    eth = [(0, 0.0004, 4.0), (4, 0.0004, 4.0), (5, 0.0001, 1.0), (6, 0.0001, 1.0)]
    return [
        *(settled("binance_usdm", "BTC-USDT-PERP", midnight + n * HOUR, rate, 8.0) for n, rate in btc),
        *(settled("bybit", "ETH-USDT-PERP", midnight + n * HOUR, rate, hours) for n, rate, hours in eth),
        *(settled("dydx", "BTC-USD-PERP", NOON - n * HOUR, 0.00001, 1.0) for n in range(24)),
    ]


def completeness() -> list[dict[str, Any]]:
    """bybit's ETH lacks the 4th 08:00 and 12:00; what okx's BTC lacks is gone; binance_usdm's ETH is unknown."""
    gap, before = datetime(2026, 10, 4, 8, tzinfo=UTC), datetime(2026, 9, 20, tzinfo=UTC)
    rows = []
    for names, *_ in OPEN:
        key = (names["exchange"], names["symbol"])
        found = {"expected_slots": 90, "hit_slots": 90, "completeness_pct": 100.0, "completeness_class": "complete"}
        if key == ("bybit", "ETH-USDT-PERP"):
            found |= {"hit_slots": 81, "completeness_pct": 90.0, "completeness_class": "partial_high"}
            found |= {"gap_starts": [gap], "gap_ends": [gap + 4 * HOUR], "gap_slots": [2.0]}
        if key == ("okx", "BTC-USDT-PERP"):
            found |= {"hit_slots": 72, "completeness_pct": 80.0, "completeness_class": "partial_high"}
            found |= {"gap_starts": [before], "gap_ends": [before + 24 * HOUR], "gap_slots": [4.0]}
            found |= {"n_unrecoverable": 4, "history_floor": before + 48 * HOUR}
        if key == ("binance_usdm", "ETH-USDT-PERP"):
            found |= {"expected_slots": 0, "hit_slots": 0, "completeness_pct": None}
            found |= {"completeness_class": "interval_unknown"}
        names_of = {name: names[name] for name in ("exchange", "symbol", "native_symbol", "base_asset")}
        rows.append({**names_of, "day": DAY, "is_active": True, "surplus_rows": 0, "n_unrecoverable": 0, **found})
    return rows


#: contract -> z and percentile of the predicted rate, completeness
SCORES: dict[tuple[str, str], tuple[float | None, float | None, float]] = {
    ("binance_usdm", "BTC-USDT-PERP"): (2.5, 97.0, 100.0),
    ("binance_usdm", "ETH-USDT-PERP"): (None, None, 40.0),
    ("bybit", "BTC-USDT-PERP"): (-3.5, 1.0, 100.0),
    ("dydx", "BTC-USD-PERP"): (0.5, 60.0, 100.0),
}


def statistics() -> list[dict[str, Any]]:
    """Of four contracts; dydx's last settlement was at noon."""
    rows = []
    for (exchange, symbol), (z, percentile, share) in SCORES.items():
        names = next(one for one, *_ in OPEN if (one["exchange"], one["symbol"]) == (exchange, symbol))
        rows.append(
            {
                **{name: names[name] for name in ("exchange", "symbol", "base_asset")},
                **{"day": DAY, "available_at": NOON, "n_points": 90, "mean_1h": 2e-5, "std_1h": 1e-5},
                **{"mean_30d_apr": 17.52, "std_dev_30d_apr": 8.76, "settled_time": NOON, "settled_rate_1h": 1e-5},
                **{"z_settled": 1.5, "percentile_settled": 80.0, "z_predicted": z, "percentile_predicted": percentile},
                **{"completeness_pct": share, "confidence": "very_high" if share == 100 else "low"},
                **{"zone": "stable"},
            }
        )
    return rows


def spreads() -> list[dict[str, Any]]:
    """24 hours of BTC at binance_usdm and bybit: 10.95 against 21.9 percent a year, from 2026-10-04 12:00."""
    return [
        {
            **{"hour": NOON - (24 - n) * HOUR, "base_asset": "BTC"},
            **{"exchange_a": "binance_usdm", "exchange_b": "bybit"},
            **{"rate_1h_a": 1.25e-5, "rate_1h_b": 2.5e-5, "apr_a": 10.95, "apr_b": 21.9},
            **{"spread_apr_pct": -10.95, "abs_spread_apr_pct": 10.95, "short_leg": "bybit", "long_leg": "binance_usdm"},
            "available_at": NOON,
        }
        for n in range(24)
    ]


def leg(exchange: str, symbol: str, rate: float, hours: float, fee_bps: float, interest: float) -> dict[str, Any]:
    """One leg of a pair."""
    return {
        "exchange": exchange,
        "symbol": symbol,
        "rate": rate,
        "interval_hours": hours,
        "taker_bps": fee_bps,
        "open_interest_usd": interest,
    }


def pair(rank: int, asset: str, long: dict[str, Any], short: dict[str, Any], **values: Any) -> dict[str, Any]:
    """A pair that costs 0.04 % of slippage and is held for 7 days."""
    per_hour = {side: one["rate"] / one["interval_hours"] for side, one in (("long", long), ("short", short))}
    spread = per_hour["short"] - per_hour["long"]
    cost = 2 * (long["taker_bps"] + short["taker_bps"]) / 100 + 0.04
    both = [long["open_interest_usd"], short["open_interest_usd"]]
    found: dict[str, Any] = {"as_of": NOON, "base_asset": asset, "rank": rank}
    for side, one in (("long", long), ("short", short)):
        found |= {f"{side}_{name}": one[name] for name in one if name != "taker_bps"}
        found |= {f"taker_{side}_bps": one["taker_bps"], f"{side}_rate_1h": per_hour[side]}
        found |= {f"{side}_apr": per_hour[side] * 876_000}
    return found | {
        **{"spread_1h": spread, "gross_apr_pct": spread * 876_000, "effective_hourly_spread": spread},
        **{"daily_spread": spread * 24, "weekly_spread": spread * 168, "monthly_spread": spread * 720},
        **{"yearly_spread": spread * 8760, "slippage_pct": 0.04, "round_trip_cost_pct": cost},
        **{"cost_apr_pct": cost * 365 / 7, "net_apr_pct": spread * 876_000 - cost * 365 / 7},
        **{"breakeven_hours": cost / 100 / spread, "combined_oi_usd": sum(both), "capacity_usd": min(both) / 100},
        **values,
    }


def opportunities() -> list[dict[str, Any]]:
    """By rank: SOL's hourly leg, PEPE (the golden of the spec), ETH against zero, BTC against dydx and binance_usdm."""
    dear = leg("bybit", "BTC-USDT-PERP", 0.0001, 4.0, 5.5, 3e9)
    legs = [
        ("SOL", leg("binance_usdm", "SOL-USDT-PERP", 0.0, 8.0, 5.0, 1e8),
                leg("dydx", "SOL-USD-PERP", 0.0001, 1.0, 5.0, 1e7)),
        ("PEPE", leg("binance_usdm", "1000PEPE-USDT-PERP", 0.0001, 8.0, 5.0, 3e6),
                 leg("hyperliquid", "1000PEPE-USDC-PERP", 0.00005, 1.0, 4.5, 2e6)),
        ("ETH", leg("bybit", "ETH-USDT-PERP", -0.0003, 8.0, 5.5, 1e9),
                leg("binance_usdm", "ETH-USDT-PERP", 0.0, 8.0, 5.0, 2e9)),
        ("BTC", leg("dydx", "BTC-USD-PERP", 0.00001, 1.0, 5.0, 4e7), dear),
    ]  # fmt: skip
    last = pair(5, "BTC", leg("binance_usdm", "BTC-USDT-PERP", 0.0001, 8.0, 5.0, 5e9), dear, spread_z=-1.5)
    return [*(pair(rank, *of) for rank, of in enumerate(legs, 1)), last]


_HOME = StoredHome(configure, tables, at=NOON)
fill, filled, reader, empty, write, row = _HOME.fill, _HOME.filled, _HOME.reader, _HOME.empty, _HOME.write, _HOME.row
