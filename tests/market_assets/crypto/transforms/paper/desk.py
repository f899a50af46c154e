"""Signals and candles worked by hand, and an account that trades them."""

from datetime import UTC, date, datetime, timedelta

import polars as pl

from market_assets.crypto.schemas import CryptoKlines, CryptoPaperTrades, CryptoSignals
from market_assets.crypto.settings import CryptoSettings
from market_assets.crypto.transforms.paper import paper_trades

D0 = date(2026, 10, 5)
MIDNIGHT = datetime(2026, 10, 5, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
EMPTY = CryptoPaperTrades.contract().empty()


def account(**paper):
    """Settings of an account that starts on the first day; without costs unless they are named."""
    costs = {"slippage_pct": 0.0, "commission_pct": 0.0}
    return CryptoSettings.model_validate({"start_date": "2024-01-01", "paper": {"start_day": D0} | costs | paper})


def signal(symbol="BTCUSDT", hour=1, side=1, price=100.0, **changed):
    """A tradeable signal at `hour` of the first day, of a candle with a range of 1; side 0 is HOLD."""
    at = MIDNIGHT + hour * HOUR
    entered = side != 0
    row = {
        "symbol": symbol, "timeframe": "1h", "ts": at - HOUR, "strategy_version": 1, "signal_time": at,
        "available_at": at, "price": price, "action": {1: "ENTER_LONG", -1: "ENTER_SHORT", 0: "HOLD"}[side],
        "n_plus": 4 if side > 0 else 0, "n_minus": 4 if side < 0 else 0, "n_null_votes": 0, "vote_confidence": 4 / 6,
        "feature_confidence": 0.8, "strength_label": "STRONG", "size_ratio": 0.02, "is_tradeable": entered,
        "stop_price": price - 2.0 * side if entered else None, "stop_distance_pct": 200.0 / price if entered else None,
        "targets": [price * (1 + side * pct / 100) for pct in (2, 4, 6)] if entered else None,
        "trail_arm_price": price * (1 + side * 0.015) if entered else None,
        "trail_distance": 1.5 if entered else None,
        "time_stop_at": at + 240 * MINUTE if entered else None,
        "rr_at_t3": 3.0, "reasoning": "by hand", "config_hash": "abc",
        **{f"vote_{name}": 0 for name in ("supertrend", "chandelier", "liquidity", "alignment", "flow", "regime")},
    }  # fmt: skip
    return row | changed


def signals(*rows):
    """CryptoSignals of these rows."""
    contract = CryptoSignals.contract()
    frame = pl.DataFrame([dict.fromkeys(contract.columns) | row for row in rows], schema=contract.schema)
    return contract.validate(frame)


def candles(symbol="BTCUSDT", price=100.0, days=1, gaps=(), **at):
    """Minutes of flat candles; `at` names minutes (m61=...) by (open, high, low, close), from which on the close holds.

    `gaps`: minutes without a candle.
    """
    named = {int(name[1:]): bar for name, bar in at.items()}
    rows, last = [], price
    for minute in range(days * 1440):
        bar = named.get(minute, (last,) * 4)
        last = bar[3]
        if minute not in gaps:
            rows.append({"symbol": symbol, "ts": MIDNIGHT + minute * MINUTE,
                         **dict(zip(("open", "high", "low", "close"), bar, strict=True))})  # fmt: skip
    return klines(rows)


def klines(rows):
    """CryptoKlines of rows that name symbol, ts and prices."""
    contract = CryptoKlines.contract()
    common = {
        "timeframe": "1m", "volume": 1.0, "source": "binance_rest", "ingested_at": MIDNIGHT, "quote_volume": 1.0,
        "trade_count": 1, "taker_buy_base": 0.5, "taker_buy_quote": 0.5,
    }  # fmt: skip
    return pl.DataFrame([common | row for row in rows], schema=contract.schema)


def traded(rows, *frames, crypto=None, days=1, previous=EMPTY):
    """The table of the first days, after its own gate."""
    prices = pl.concat(frames) if frames else klines([])
    found = paper_trades(
        [D0 + n * DAY for n in range(days)], previous, signals(*rows), prices, crypto or account()
    )  # fmt: skip
    return CryptoPaperTrades.contract().validate(found)


def of_kind(found, kind, day=D0):
    """Rows of one kind on one day, as dictionaries."""
    return found.filter((pl.col("row_kind") == kind) & (pl.col("day") == day)).sort("symbol", "signal_time").to_dicts()


def position(found, day=D0):
    """The one position of a day."""
    (row,) = of_kind(found, "position", day)
    return row


def reasons(found, day=D0):
    """Symbol -> why its order was refused."""
    return {row["symbol"]: row["reason"] for row in of_kind(found, "rejected", day)}


def state(found, day=D0):
    """The account's row of a day."""
    (row,) = of_kind(found, "account", day)
    return row
