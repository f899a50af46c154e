"""Instruments and wire bodies the vendor tests share."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

from resources.vendors.daily import Instrument

LONG_AGO = date(1990, 1, 1)
#: evening of Friday 2026-11-20, all sessions up to it due
EVENING = datetime(2026, 11, 20, 23, 30, tzinfo=UTC)

AAPL = Instrument("AAPL", "stock", "XNYS", {"polygon": "AAPL", "yahoo": "AAPL"}, LONG_AGO)
BRK = Instrument("BRK.B", "stock", "XNYS", {"polygon": "BRK.B", "yahoo": "BRK-B"}, LONG_AGO)
BTC = Instrument("BTC-USD", "crypto", "always", {"polygon": "X:BTCUSD", "yahoo": "BTC-USD"}, date(2010, 1, 1))
VIX = Instrument("VIX", "index", "XNYS", {"polygon": "I:VIX", "yahoo": "^VIX"}, LONG_AGO)


def agg(day: date, close: float = 100.0, hour: int = 5, **other: Any) -> dict[str, Any]:
    """One row of Polygon's aggregates; `hour` UTC is New York's midnight in winter."""
    at = datetime(day.year, day.month, day.day, hour, tzinfo=UTC)
    row = {
        "v": 1000,
        "vw": close,
        "o": close,
        "c": close,
        "h": close,
        "l": close,
        "t": int(at.timestamp() * 1000),
        "n": 7,
    }
    return {**row, **other}


def aggs(*rows: dict[str, Any], ticker: str = "AAPL", **other: Any) -> dict[str, Any]:
    """One body of Polygon's aggregates."""
    counts = {"queryCount": len(rows), "resultsCount": len(rows), "adjusted": False, "count": len(rows)}
    results = {"results": list(rows)} if rows else {}
    return {"ticker": ticker, **counts, **results, "status": "OK", "request_id": "r", **other}


def days(first: date, n: int) -> list[date]:
    """`n` calendar days from `first`."""
    return [first + timedelta(days=offset) for offset in range(n)]


def chart(
    rows: list[tuple[int, float | None, float | None]],
    *,
    symbol: str = "AAPL",
    zone: str = "America/New_York",
    events: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """One body of Yahoo's chart; rows are (epoch seconds, price, volume)."""
    prices = [price for _, price, _ in rows]
    quote = dict.fromkeys(("open", "high", "low", "close"), prices) | {"volume": [volume for _, _, volume in rows]}
    result: dict[str, Any] = {
        "meta": {"currency": "USD", "symbol": symbol, "exchangeTimezoneName": zone, "dataGranularity": "1d"},
        "timestamp": [at for at, _, _ in rows],
        "indicators": {"quote": [quote], "adjclose": [{"adjclose": prices}]},
    }
    if events:
        result["events"] = events
    return {"chart": {"result": [result], "error": None}}


def at_open(day: date, hour: int = 14, minute: int = 30) -> int:
    """Epoch seconds of New York's open on a winter day."""
    return int(datetime(day.year, day.month, day.day, hour, minute, tzinfo=UTC).timestamp())
