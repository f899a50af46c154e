"""What is measured of funding: a simulated month of perpetuals at five venues, as the tables would hold it.

Settled rates walk at random, every venue in its own interval; some settlements are missing, some rates are zero,
one asset in ten is listed as a thousand at one venue, and another one in ten in two quotes. The hourly grid is made
by our own transform; what the benchmarks compare begins after it.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl

from market_assets.core.contracts import Table
from market_assets.funding import schemas
from market_assets.funding.settings import FundingSettings
from market_assets.funding.transforms.hourly import hourly_rates

#: hours between settlements at each venue
VENUES = {"binance_usdm": 8, "bybit": 8, "gate": 4, "hyperliquid": 1, "okx": 8}
#: five contracts each, and 45 twins: 2,275 contracts
N_ASSETS = 446
N_DAYS = 30
START = datetime(2025, 11, 1, tzinfo=UTC)
UNTIL = START + timedelta(days=N_DAYS)
HOUR = timedelta(hours=1)
_MISSING, _ZERO = 0.01, 0.05
_EVERY, _TWIN = 10, 5
_APR = 8760 * 100


@dataclass(frozen=True)
class Month:
    """The tables that spreads and statistics are computed from."""

    contracts: pl.DataFrame
    rates: pl.DataFrame
    hourly: pl.DataFrame
    #: one look a day at every contract
    snapshot: pl.DataFrame
    #: of the last day
    completeness: pl.DataFrame

    def write(self, folder: Path) -> None:
        """One Parquet file a table."""
        for name, frame in vars(self).items():
            frame.write_parquet(folder / f"{name}.parquet")


def simulated(n_assets: int) -> Month:
    """A month of `n_assets` assets at every venue; the same for the same number."""
    rng = np.random.default_rng(20_251_101)
    contracts = _contracts(n_assets)
    parts = [_settled(rng, row) for row in contracts.iter_rows(named=True)]
    rates = _conformed(schemas.FundingRates, pl.concat(parts))
    grid = hourly_rates(rates, first=START, until=UNTIL)
    return Month(
        contracts=contracts,
        rates=rates,
        hourly=schemas.FundingHourlyRates.contract().conform(grid),
        snapshot=_looks(rng, contracts),
        completeness=_completeness(rng, contracts),
    )


def _contracts(n_assets: int) -> pl.DataFrame:
    named = [(exchange, number, "USDT") for exchange in VENUES for number in range(n_assets)]
    named += [("okx", number, "USDC") for number in range(_TWIN, n_assets, _EVERY)]
    rows = [
        {
            "exchange": exchange,
            "venue": FundingSettings().venue_of(exchange),
            "symbol": f"{'1000' if multiplier > 1 else ''}A{number:03d}-{quote}-PERP",
            "native_symbol": f"A{number:03d}{quote}",
            "base_asset": f"A{number:03d}",
            "quote": quote,
            "multiplier": multiplier,
            "interval_hours": float(VENUES[exchange]),
        }
        for exchange, number, quote in named
        for multiplier in [1000.0 if exchange == "bybit" and number % _EVERY == 0 else 1.0]
    ]
    listed = START - timedelta(days=400)
    return _conformed(
        schemas.FundingContracts,
        pl.DataFrame(rows).with_columns(
            request_id="native_symbol",
            multiplier_verified=pl.lit(value=True),
            price_ratio=pl.lit(1.0),
            settle="quote",
            kind=pl.lit("linear"),
            contract_size=pl.lit(1.0),
            oi_unit=pl.lit("base"),
            taker_fee_bps=pl.lit(5.0),
            valid_from=pl.lit(listed),
            valid_to=None,
            first_seen=pl.lit(listed),
            last_seen=pl.lit(UNTIL),
        ),
    )


def _settled(rng: np.random.Generator, contract: dict[str, object]) -> pl.DataFrame:
    """The events of a contract, columns of FundingRates."""
    interval = VENUES[str(contract["exchange"])]
    n_events = N_DAYS * 24 // interval
    per_hour = 1.25e-5 + np.cumsum(rng.normal(0, 2e-6, n_events))
    kept = rng.random(n_events) > _MISSING
    rate = np.where(rng.random(n_events) < _ZERO, 0.0, per_hour)[kept]
    mark = 100.0 * float(str(contract["multiplier"])) * np.exp(np.cumsum(rng.normal(0, 5e-3, n_events)))[kept]
    at = [START + HOUR * interval * (number + 1) for number in np.flatnonzero(kept).tolist()]
    return pl.DataFrame({"funding_time": at, "rate_1h": rate, "mark_price": mark}).with_columns(
        *(pl.lit(contract[name]).alias(name) for name in ("exchange", "symbol", "native_symbol", "base_asset")),
        funding_time_native="funding_time",
        rate_native=pl.col("rate_1h") * interval,
        interval_hours=pl.lit(float(interval)),
        interval_source=pl.lit("contract"),
        rate_8h=pl.col("rate_1h") * 8,
        rate_1d=pl.col("rate_1h") * 24,
        apr_pct=pl.col("rate_1h") * _APR,
        flag_off_grid=pl.lit(value=False),
        ingested_at="funding_time",
        source=pl.lit(contract["exchange"]),
    )


def _looks(rng: np.random.Generator, contracts: pl.DataFrame) -> pl.DataFrame:
    times = pl.DataFrame({"snapshot_at": [START + timedelta(days=day, hours=23, minutes=55) for day in range(N_DAYS)]})
    looks = times.join(
        contracts.select("exchange", "symbol", "native_symbol", "base_asset", "interval_hours"), how="cross"
    )
    return _conformed(
        schemas.FundingSnapshot,
        looks.with_columns(
            predicted_rate_1h=pl.Series(rng.normal(1.25e-5, 2e-5, looks.height)),
            open_interest_usd=pl.Series(rng.uniform(1e5, 1e8, looks.height)),
            latency_ms=pl.lit(100.0),
            is_trailing=pl.lit(value=False),
            ingested_at="snapshot_at",
            source="exchange",
        ),
    )


def _completeness(rng: np.random.Generator, contracts: pl.DataFrame) -> pl.DataFrame:
    return _conformed(
        schemas.FundingCompleteness,
        contracts.select("exchange", "symbol", "native_symbol", "base_asset").with_columns(
            day=pl.lit((UNTIL - HOUR).date()),
            completeness_pct=pl.Series(rng.uniform(40.0, 100.0, contracts.height)),
        ),
    )


def _conformed(table: type[Table], frame: pl.DataFrame) -> pl.DataFrame:
    """As that table; columns that `frame` lacks are null."""
    schema = table.contract().schema
    columns = [pl.col(name) if name in frame.columns else pl.lit(None).alias(name) for name in schema]
    return table.contract().conform(frame.select(columns).cast(schema))
