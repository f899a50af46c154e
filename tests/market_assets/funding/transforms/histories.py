"""Listings, contracts and settled events of made-up perpetuals: what a test does not say is ordinary."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl

from market_assets.core.contracts import UTC_MICROS
from market_assets.funding.settings import FundingSettings
from market_assets.funding.transforms import listing, rates

FUNDING = FundingSettings()
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
#: a Saturday
T0 = datetime(2025, 3, 1, tzinfo=UTC)
LONG_AGO = datetime(2024, 1, 1, tzinfo=UTC)
#: EVENTS of the venues, with what a fetch adds
EVENTS = {
    "exchange": pl.String(),
    "native_symbol": pl.String(),
    "funding_time_native": UTC_MICROS,
    "rate_native": pl.Float64(),
    "interval_hours": pl.Float64(),
    "mark_price": pl.Float64(),
    "ingested_at": UTC_MICROS,
    "source": pl.String(),
}


def at(hours: float) -> datetime:
    """So many hours after T0."""
    return T0 + timedelta(hours=hours)


def seen(name: str = "BTC", *, looks: tuple[float, float] = (0, 0), **stated: Any) -> dict[str, Any]:
    """A row of SEEN: `name` on gate, seen at every look between two (hours after T0)."""
    return {
        "exchange": "gate",
        "native_symbol": f"{name}_USDT",
        "request_id": f"{name}_USDT",
        "native_base": name,
        "quote": "USDT",
        "settle": "USDT",
        "kind": "linear",
        "contract_size": 1.0,
        "oi_unit": "base",
        "interval_hours": 8.0,
        "listed_at": None,
        "price_ratio": None,
        "first_at": at(looks[0]),
        "last_at": at(looks[1]),
    } | stated


def looked(name: str = "BTC", *, hours: Iterable[float], **stated: Any) -> list[dict[str, Any]]:
    """A row of SEEN per look."""
    return [seen(name, looks=(hour, hour), **stated) for hour in hours]


def frame(rows: Sequence[dict[str, Any]]) -> pl.DataFrame:
    """Rows of SEEN."""
    return pl.DataFrame(rows, schema=listing.SEEN)


def contracts(*rows: dict[str, Any]) -> pl.DataFrame:
    """FundingContracts of rows of SEEN; of BTC on gate, listed long ago with 8 h and first seen at T0, where none."""
    return listing.contracts(frame(rows or [seen(listed_at=LONG_AGO)]), FUNDING)


def event(hours: float, rate: float | None = 1e-4, **stated: Any) -> dict[str, Any]:
    """An event of BTC on gate, so many hours after T0."""
    return {
        "exchange": "gate",
        "native_symbol": "BTC_USDT",
        "funding_time_native": at(hours),
        "rate_native": rate,
        "interval_hours": None,
        "mark_price": 100.0,
        "ingested_at": at(10_000),
        "source": "gate",
    } | stated


def events(*rows: dict[str, Any]) -> pl.DataFrame:
    """Events as they are fetched."""
    return pl.DataFrame(rows, schema=EVENTS)


def every(step: float, *, first: float, until: float, **stated: Any) -> list[dict[str, Any]]:
    """Events every `step` hours, first <= hour < until."""
    return [event(first + n * step, **stated) for n in range(int((until - first) / step + 0.999999))]


def settled(rows: Sequence[dict[str, Any]], known: pl.DataFrame | None = None) -> pl.DataFrame:
    """FundingRates of events, wherever they lie."""
    table = contracts() if known is None else known
    return rates.rates(events(*rows), table, first=datetime(2000, 1, 1, tzinfo=UTC), until=at(100_000))
