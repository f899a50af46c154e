"""Bounds and wire bodies that the tests of minute sources share."""

from datetime import UTC, datetime, timedelta
from typing import Any

from market_assets.bars.instruments import Bound

#: half past nine in New York on Friday 2026-11-20, when tests begin
OPEN = datetime(2026, 11, 20, 14, 30, tzinfo=UTC)
MINUTE = timedelta(minutes=1)

Y_EUR = Bound("yahoo", "EURUSD=X", "EURUSD", "spot")
Y_NDX = Bound("yahoo", "^NDX", "NAS100", "index")
Y_BTC = Bound("yahoo", "BTC-USD", "BTCUSD", "crypto")
Y_GOLD = Bound("yahoo", "GC=F", "XAUUSD_FUT", "future")
Y_AAPL = Bound("yahoo", "AAPL", "AAPL", "stock")

P_EUR = Bound("polygon", "C:EURUSD", "EURUSD", "spot")
P_NDX = Bound("polygon", "I:NDX", "NAS100", "index")
P_BTC = Bound("polygon", "X:BTCUSD", "BTCUSD", "crypto")
P_AAPL = Bound("polygon", "AAPL", "AAPL", "stock")


def minute(at: datetime, close: float = 100.0, **other: Any) -> dict[str, Any]:
    """One row of Polygon's minutes."""
    row = {"v": 12.5, "vw": close, "o": close, "c": close, "h": close, "l": close, "n": 7}
    return {**row, "t": int(at.timestamp() * 1000), **other}


def minute_chart(rows: list[tuple[datetime, float | None, float | None]], symbol: str = "^NDX") -> dict[str, Any]:
    """One body of Yahoo's chart by the minute; rows are (instant, price, volume)."""
    prices = [price for _, price, _ in rows]
    quote = {name: list(prices) for name in ("open", "high", "low", "close")} | {
        "volume": [volume for _, _, volume in rows]
    }
    result = {
        "meta": {"symbol": symbol, "exchangeTimezoneName": "America/New_York", "dataGranularity": "1m"},
        "timestamp": [int(at.timestamp()) for at, _, _ in rows],
        "indicators": {"quote": [quote]},
    }
    return {"chart": {"result": [result], "error": None}}


def spark(*entries: dict[str, Any]) -> dict[str, Any]:
    """One body of Yahoo's spark; an entry is the meta part of one symbol."""
    result = [{"symbol": meta["symbol"], "response": [{"meta": meta, "timestamp": []}]} for meta in entries]
    return {"spark": {"result": result, "error": None}}


def spark_meta(symbol: str, price: float | None, at: datetime = OPEN, **other: Any) -> dict[str, Any]:
    """What spark says of one symbol."""
    stated = {"symbol": symbol, "regularMarketPrice": price, "regularMarketTime": int(at.timestamp())}
    return {**stated, "dataGranularity": "1m", **other}


def nanos(at: datetime) -> int:
    """Nanoseconds since 1970."""
    return int(at.timestamp()) * 10**9


def snapshot(*entries: dict[str, Any]) -> dict[str, Any]:
    """One body of Polygon's snapshot."""
    return {"request_id": "r", "status": "OK", "results": list(entries)}
