"""Judgements about the universe and the raw daily bars."""

from datetime import date, timedelta

import polars as pl

from market_assets.core import calendars, candles, clock
from market_assets.core.checks import Judgement, error_unless, warn_unless
from market_assets.settings import settings

FRESH_WARN_SESSIONS, FRESH_ERROR_SESSIONS = 1, 3


def symbols_windows(frame: pl.DataFrame) -> Judgement:
    """The listing windows of one symbol must not overlap."""
    overlapping = (
        frame.sort("symbol", "valid_from")
        .with_columns(next_from=pl.col("valid_from").shift(-1).over("symbol"))
        .filter(
            pl.col("next_from").is_not_null()
            & (pl.col("valid_to").is_null() | (pl.col("next_from") <= pl.col("valid_to")))
        )
    )
    return error_unless(overlapping.is_empty(), overlapping=overlapping)


def crypto_names(frame: pl.DataFrame) -> Judgement:
    """A crypto symbol is a pair: BTC-USD, never BTC."""
    bare = frame.filter((pl.col("asset_class") == "crypto") & ~pl.col("symbol").str.contains("-", literal=True))
    return error_unless(bare.is_empty(), bare=bare)


def ohlc_order(frame: pl.DataFrame) -> Judgement:
    """High is the highest and low the lowest price; a row that breaks this is kept and scored."""
    broken = frame.filter(candles.crossed())
    return warn_unless(
        broken.is_empty(), n=broken.height, rows=broken.select("symbol", "session_date", "open", "high", "low", "close")
    )


def only_sessions(frame: pl.DataFrame, symbols: pl.DataFrame) -> Judgement:
    """Every stored day is a session of the symbol's calendar."""
    outside = _with_calendar(frame, symbols).join(_all_sessions(frame), on=["calendar", "session_date"], how="anti")
    return error_unless(outside.is_empty(), n=outside.height, rows=outside.select("symbol", "session_date"))


def inside_listing(frame: pl.DataFrame, symbols: pl.DataFrame) -> Judgement:
    """No row lies after the end of its symbol's listing."""
    last = symbols.group_by("symbol", maintain_order=True).agg(
        pl.when(pl.col("valid_to").is_null().any()).then(None).otherwise(pl.col("valid_to").max()).alias("valid_to")
    )
    late = frame.join(last, on="symbol").filter(pl.col("session_date") > pl.col("valid_to"))
    return error_unless(late.is_empty(), n=late.height, rows=late.select("symbol", "session_date", "valid_to"))


def quarantine_empty(quarantined: pl.DataFrame) -> Judgement:
    """Rows that broke a row rule are in quarantine; a person should look at them."""
    return warn_unless(
        quarantined.is_empty(), n=quarantined.height, rows=quarantined.select("symbol", "session_date", "reason")
    )


def freshness(frame: pl.DataFrame, symbols: pl.DataFrame) -> Judgement:
    """The newest due session of every active symbol of the run is stored; closed markets never age."""
    now, delay = clock.now(), timedelta(minutes=settings().equities.vendor_delay_min)
    behind: dict[str, int] = {}
    newest = dict(frame.group_by("symbol").agg(pl.col("session_date").max()).iter_rows())
    for row in symbols.filter(pl.col("active") & pl.col("symbol").is_in(list(newest))).iter_rows(named=True):
        until = min(row["valid_to"] or now.date(), now.date())
        if newest[row["symbol"]].year < until.year:
            continue  # an older year's partition is complete or not, but it cannot be stale
        after = calendars.sessions(row["calendar"], newest[row["symbol"]] + timedelta(days=1), until)
        behind[row["symbol"]] = sum(calendars.session_close(row["calendar"], day) + delay <= now for day in after)
    late = {symbol: n for symbol, n in behind.items() if n >= FRESH_WARN_SESSIONS}
    worst = max(late.values(), default=0)
    judgement = error_unless if worst >= FRESH_ERROR_SESSIONS else warn_unless
    return judgement(not late, sessions_behind=late, worst=worst)


def _with_calendar(frame: pl.DataFrame, symbols: pl.DataFrame) -> pl.DataFrame:
    return frame.join(symbols.select("symbol", "calendar").unique("symbol"), on="symbol", how="left")


def _all_sessions(bars: pl.DataFrame) -> pl.DataFrame:
    if bars.is_empty():
        return pl.DataFrame(schema={"calendar": pl.String, "session_date": pl.Date})
    first, last = bars["session_date"].min(), bars["session_date"].max()
    assert isinstance(first, date) and isinstance(last, date)
    return pl.concat(
        pl.DataFrame(
            {"calendar": calendar, "session_date": calendars.sessions(calendar, first, last)},
            schema={"calendar": pl.String, "session_date": pl.Date},
        )
        for calendar in ("XNYS", "always")
    )
