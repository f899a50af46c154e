"""Sound funding tables to be judged, and ways to break them."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import polars as pl

from market_assets.core.checks import Judgement
from market_assets.funding import schemas
from market_assets.funding.checks import snapshot
from market_assets.funding.transforms.spread_statistics import spread_statistics
from tests.market_assets.funding.transforms import histories, pair_frames
from tests.market_assets.funding.transforms.histories import FUNDING
from tests.market_assets.funding.transforms.pair_frames import D0, DAY, HOUR, NOON, Row, contract, event, hour, look

MINUTE = timedelta(minutes=1)
EXCHANGES = ("binance_usdm", "bybit", "okx", "gate", "deribit", "hyperliquid", "dydx", "bitget")
#: as many contracts as a share is counted of
HUNDRED = [f"A{n:02d}" for n in range(100)]
VENUE_OF = FUNDING.venue_of

LISTING = histories.contracts(*(histories.seen(name, looks=(0, 48)) for name in HUNDRED))
LISTED = LISTING.select("exchange", "native_symbol")
RATES = pair_frames.rates(
    *(
        event(exchange, D0 + 8 * n * HOUR, 1e-4 * (k - 9.7) / 10, symbol=f"{base}-USDT-PERP", base_asset=base)
        for exchange in ("bybit", "gate", "hyperliquid", "okx")
        for k, base in enumerate(HUNDRED[:20])
        for n in range(3)
    )
)
DAY_RATES = RATES.with_columns(day=pl.col("funding_time").dt.date())
HOURS = pair_frames.hourly(*(hour("bybit", D0 + n * HOUR, 1e-5) for n in range(24)))


def round_of(exchanges: Sequence[str] = EXCHANGES, age_min: float = 2.0) -> pl.DataFrame:
    """A look at 25 contracts of each exchange, BTC among them."""
    return pair_frames.snapshot(
        *(
            look(
                exchange,
                NOON - age_min * MINUTE,
                1e-4,
                symbol=f"{base}-USDT-PERP",
                base_asset=base,
                mark_price_base=100_000.0 + k,
                basis_pct=0.05,
            )
            for k, exchange in enumerate(exchanges)
            for base in ("BTC", *HUNDRED[:24])
        )
    )


def ages(latest: pl.DataFrame, expected: Sequence[str] = EXCHANGES) -> pl.DataFrame:
    """How old a round is at noon."""
    return snapshot.ages_of(latest, expected, NOON)


def judged_of(latest: pl.DataFrame, expected: Sequence[str] = EXCHANGES) -> Judgement:
    """The health of a round at noon."""
    return snapshot.round_healthy(latest, ages(latest, expected), expected)


LATEST = round_of()


def complete(name: str, **stated: Any) -> Row:
    """A contract of 8 h that lacks nothing."""
    return {
        "day": D0.date(),
        "exchange": "bybit",
        "symbol": f"{name}-USDT-PERP",
        "native_symbol": f"{name}USDT",
        "base_asset": name,
        "is_active": True,
        "first_event": D0 - 29 * DAY,
        "last_event": D0 + 8 * HOUR,
        "epoch_starts": [D0 - 29 * DAY],
        "epoch_intervals": [8.0],
        "expected_slots": 90,
        "hit_slots": 90,
        "surplus_rows": 0,
        "completeness_pct": 100.0,
        "gap_starts": [],
        "gap_ends": [],
        "gap_slots": [],
        "n_unrecoverable": 0,
        "completeness_class": "complete",
        **stated,
    }


def lacking(n: int, **stated: Any) -> pl.DataFrame:
    """A hundred contracts, n of which lack some settlements."""
    rows = [complete(name, **(stated if k < n else {})) for k, name in enumerate(HUNDRED)]
    return pair_frames.table(schemas.FundingCompleteness, rows)


def partly(n: int) -> pl.DataFrame:
    """A hundred contracts, n of which have 90 of 100."""
    return lacking(n, completeness_class="partial_high", completeness_pct=90.0, hit_slots=81)


COMPLETE = lacking(0)
STATISTICS = pair_frames.table(
    schemas.FundingStatistics,
    [
        {
            "day": D0.date(),
            "exchange": "bybit",
            "symbol": f"{name}-USDT-PERP",
            "base_asset": name,
            "n_points": 90,
            "z_settled": 0.5,
            "z_predicted": -0.5,
            "percentile_settled": 70.0,
            "percentile_predicted": 30.0,
            "completeness_pct": 100.0,
            "confidence": "very_high",
            "zone": "stable",
        }
        for name in HUNDRED
    ],
)

LEGS = [contract("bybit"), contract("okx")]
SPREADS = pair_frames.paired(
    [
        hour(exchange, D0 + n * HOUR, rate, 1.0)
        for n in range(48)
        for exchange, rate in (("bybit", 1e-5 + n * 1e-7), ("okx", 2e-5 - n * 2e-7))
    ],
    LEGS,
)
OF_PAIRS = spread_statistics(SPREADS, days=[(D0 + 2 * DAY).date()])
PAIRS = pair_frames.ranked(
    [look("bybit", NOON, 2e-3, mark_price_base=100.0), look("okx", NOON, 1e-4, mark_price_base=100.2)], LEGS
)
FIRST = pl.col("hour") == D0


def set_where(frame: pl.DataFrame, rows: pl.Expr, **values: object) -> pl.DataFrame:
    """Columns with a value in some rows."""
    return frame.with_columns(
        pl.when(rows).then(pl.lit(value).cast(frame.schema[name])).otherwise(pl.col(name)).alias(name)
        for name, value in values.items()
    )


def rated(rate_1h: float) -> pl.DataFrame:
    """The sound rates and one more."""
    return pl.concat([RATES, pair_frames.rates(event("okx", D0 + HOUR, rate_1h * 8))])


def scored(n_unknown: int, **stated: object) -> pl.DataFrame:
    """The sound statistics, n of them without a score."""
    return set_where(STATISTICS, pl.int_range(pl.len()) < n_unknown, z_settled=None, **stated)


def marks(*prices: float) -> pl.DataFrame:
    """A round in which BTC has these prices."""
    looks = zip(EXCHANGES, prices, strict=False)
    return pair_frames.snapshot(*(look(exchange, NOON, 1e-4, mark_price_base=price) for exchange, price in looks))


def worth(net: float, confidence: str = "high") -> pl.DataFrame:
    """The sound pairs at that net rate."""
    return PAIRS.with_columns(
        net_apr_pct=pl.lit(net), long_confidence=pl.lit(confidence), short_confidence=pl.lit("very_high")
    )


def renamed(frame: pl.DataFrame, **columns: str) -> pl.DataFrame:
    """Columns of one text."""
    return frame.with_columns(pl.lit(text).alias(name) for name, text in columns.items())
