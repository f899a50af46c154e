"""Rows of funding tables for the tests of pairs: what a test does not say is filled with what does no harm."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl

from market_assets.core.contracts import Table
from market_assets.funding import schemas
from market_assets.funding.settings import FundingSettings
from market_assets.funding.transforms import opportunities, spreads

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
#: a Wednesday
D0 = datetime(2025, 10, 1, tzinfo=UTC)
NOON = D0 + 12 * HOUR
APR = 8760 * 100

Row = Mapping[str, Any]


def table(of: type[Table], rows: Iterable[Row]) -> pl.DataFrame:
    """Rows as a frame of a table; columns that none names are null."""
    schema = of.contract().schema
    return pl.DataFrame([{name: row.get(name) for name in schema} for row in rows], schema=schema)


def symbol(base: str, quote: str = "USDT", kind: str = "linear") -> str:
    """The house name of a contract of multiplier 1."""
    return f"{base}-{quote}-PERP" + (".INV" if kind == "inverse" else "")


def contract(exchange: str, base: str = "BTC", quote: str = "USDT", **stated: Any) -> Row:
    """A contract that has been listed for long."""
    kind = stated.get("kind", "linear")
    named = symbol(base, quote, kind)
    return {
        "exchange": exchange,
        "venue": exchange.split("_", maxsplit=1)[0],
        "symbol": named,
        "native_symbol": named,
        "request_id": named,
        "base_asset": base,
        "multiplier": 1.0,
        "multiplier_verified": True,
        "quote": quote,
        "settle": quote,
        "kind": kind,
        "contract_size": 1.0,
        "oi_unit": "base",
        "interval_hours": 8.0,
        "taker_fee_bps": 5.0,
        "valid_from": D0 - 400 * DAY,
        "first_seen": D0 - 10 * DAY,
        "last_seen": D0 + 40 * DAY,
        **stated,
    }


def event(exchange: str, at: datetime, rate: float | None, interval: float | None = 8.0, **stated: Any) -> Row:
    """A settled event."""
    per_hour = None if rate is None or interval is None else rate / interval
    return {
        "exchange": exchange,
        "symbol": symbol("BTC"),
        "native_symbol": symbol("BTC"),
        "base_asset": "BTC",
        "funding_time": at,
        "funding_time_native": at,
        "rate_native": rate,
        "interval_hours": interval,
        "interval_source": "unknown" if interval is None else "contract",
        "rate_1h": per_hour,
        "rate_8h": None if per_hour is None else per_hour * 8,
        "rate_1d": None if per_hour is None else per_hour * 24,
        "apr_pct": None if per_hour is None else per_hour * APR,
        "flag_off_grid": False,
        "ingested_at": at,
        "source": exchange,
        **stated,
    }


def hour(exchange: str, at: datetime, rate_1h: float, interval: float = 8.0, **stated: Any) -> Row:
    """An hour of a contract; settled at the end of the interval of the UTC day that it lies in, where not stated."""
    in_day = (at - at.replace(hour=0)) / HOUR
    settled = stated.pop("settled_at", at.replace(hour=0) + (in_day // interval + 1) * interval * HOUR)
    return {
        "exchange": exchange,
        "symbol": symbol("BTC"),
        "base_asset": "BTC",
        "hour": at,
        "rate_1h": rate_1h,
        "apr_pct": rate_1h * APR,
        "settled_at": settled,
        "available_at": settled,
        "interval_hours": interval,
        **stated,
    }


def look(exchange: str, at: datetime, rate: float | None, interval: float | None = 8.0, **stated: Any) -> Row:
    """A contract's state at one look."""
    per_hour = None if rate is None or interval is None else rate / interval
    return {
        "exchange": exchange,
        "symbol": symbol("BTC"),
        "snapshot_at": at,
        "native_symbol": symbol("BTC"),
        "base_asset": "BTC",
        "predicted_rate_native": rate,
        "interval_hours": interval,
        "predicted_rate_1h": per_hour,
        "predicted_rate_8h": None if per_hour is None else per_hour * 8,
        "predicted_apr_pct": None if per_hour is None else per_hour * APR,
        "latency_ms": 1.0,
        "is_trailing": False,
        "ingested_at": at,
        "source": exchange,
        **stated,
    }


def contracts(*rows: Row) -> pl.DataFrame:
    """FundingContracts."""
    return table(schemas.FundingContracts, rows)


def rates(*rows: Row) -> pl.DataFrame:
    """FundingRates."""
    return table(schemas.FundingRates, rows)


def hourly(*rows: Row) -> pl.DataFrame:
    """FundingHourlyRates."""
    return table(schemas.FundingHourlyRates, rows)


def snapshot(*rows: Row) -> pl.DataFrame:
    """FundingSnapshot."""
    return table(schemas.FundingSnapshot, rows)


FUNDING = FundingSettings()
NO_LOOK = snapshot()


def paired(rows: Iterable[Row], listed: Iterable[Row], looks: pl.DataFrame = NO_LOOK) -> pl.DataFrame:
    """Spreads, after the table's own gate, which changes nothing: rows come sorted by the key."""
    found = spreads.spreads(hourly(*rows), looks, contracts(*listed), FUNDING)
    assert found.equals(schemas.FundingSpreads.contract().validate(found))
    return found


def one(rows: Iterable[Row], listed: Iterable[Row], looks: pl.DataFrame = NO_LOOK) -> Row:
    """The only row of these spreads."""
    found = paired(rows, listed, looks)
    assert found.height == 1
    return found.row(0, named=True)


def ranked(
    looks: Iterable[Row],
    listed: Iterable[Row],
    *,
    statistics: Iterable[Row] = (),
    pairs: Iterable[Row] = (),
    funding: FundingSettings = FUNDING,
) -> pl.DataFrame:
    """Opportunities, after the table's own gate."""
    found = opportunities.opportunities(
        snapshot(*looks),
        table(schemas.FundingStatistics, statistics),
        table(schemas.FundingSpreadStatistics, pairs),
        contracts(*listed),
        funding,
    )
    return schemas.FundingOpportunities.contract().validate(found)


def pair(first: Row, second: Row, **stated: Any) -> Row:
    """The only opportunity of two looks at two exchanges."""
    found = ranked([first, second], [contract(first["exchange"]), contract(second["exchange"])], **stated)
    assert found.height == 1
    return found.row(0, named=True)
