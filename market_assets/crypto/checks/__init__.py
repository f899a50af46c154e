"""What must hold of stored crypto data: which judgement guards which table, and what it reads."""

from datetime import date, datetime, timedelta

import dagster as dg
import polars as pl

from market_assets.check_reading import (
    first_with_rows,
    keys_to_judge,
    noted,
    quarantined,
    rows_of,
    store_of,
    table_checks,
)
from market_assets.core import clock
from market_assets.core.checks import Check, Reader, check, no_synthetic_source
from market_assets.core.contracts import Table
from market_assets.core.judgements import closed_when_read
from market_assets.core.partitions import Span, day_and_name, keys_of
from market_assets.crypto import schemas
from market_assets.crypto.checks import account, candles, overlays, signals
from market_assets.crypto.settings import MINUTES
from market_assets.crypto.transforms import klines
from market_assets.crypto.transforms import overlays as overlay_transforms
from market_assets.settings import settings
from resources.crypto_listings import Listings
from resources.overlay_meter import ProcessMeter
from resources.stream.hot import HotReader
from resources.stream.symbols import listed
from resources.vendors.registry import Vendors

#: judged every few minutes, also when nothing arrives
FRESHNESS = ("candles_fresh", "stream_alive")
_DAY, _MINUTE = timedelta(days=1), timedelta(minutes=1)
_LONG = timedelta(days=90)
_COUNTS = ("archive_compared", "archive_conflicts")
#: the last candle of the running day may still be on its way
_UNDER_WAY = timedelta(minutes=2)
#: a day is in the archive a day after its end, and is asked for there in the next night
_ARCHIVED_AFTER = timedelta(days=2)


def _due(context: dg.AssetCheckExecutionContext) -> dict[str, tuple[datetime, datetime]]:
    """Partition of the run -> the part of its day that should be there by now."""
    found, now = settings(), clock.now()
    vendors: Vendors = context.resources.vendors
    listings = Listings(found, vendors, now)
    due: dict[str, tuple[datetime, datetime]] = {}
    for key in keys_to_judge(context, schemas.CryptoKlines):
        day, symbol = day_and_name(key)
        start = clock.instant(f"{day}")
        until = min(start + _DAY, (now - _UNDER_WAY).replace(second=0, microsecond=0))
        span = listings.window(symbol).within(start, until) if start < until else None
        if span is not None:
            due[key] = span
    return due


def _minutes_due(context: dg.AssetCheckExecutionContext) -> pl.DataFrame:
    """Of each symbol and day of the run: how many minutes of it are over."""
    told = ((day_and_name(key), until - first) for key, (first, until) in _due(context).items())
    cut = [(symbol, day, length // _MINUTE) for (day, symbol), length in told]
    return pl.DataFrame(cut, {"symbol": pl.String, "day": pl.Date, "expected": pl.Int64}, orient="row")


def _gaps(context: dg.AssetCheckExecutionContext) -> pl.DataFrame:
    """Runs of missing minutes of the run's partitions, each with its cause."""
    store, contract = store_of(context), schemas.CryptoKlines.contract()
    rows = store.read(contract, keys_to_judge(context, schemas.CryptoKlines), columns=["symbol", "ts"])
    stored = contract.split(rows)
    found = [pl.DataFrame(schema={"symbol": pl.String(), **klines.GAPS})]
    for key, (first, until) in _due(context).items():
        day, symbol = day_and_name(key)
        own = stored.get(key, rows.clear())
        if own.height < (until - first) // _MINUTE:
            # whether the venue was out is told by every other symbol, also by those this run did not ask
            keys = keys_of([day], [name for name in settings().crypto.symbols if name != symbol])
            gaps = klines.gaps(own, store.read(contract, keys, columns=["symbol", "ts"]), first, until)
            found.append(gaps.select(pl.lit(symbol).alias("symbol"), *klines.GAPS))
    return pl.concat(found)


def _stream_age_s(_: dg.AssetCheckExecutionContext) -> float | None:
    """Seconds since the stream's last message; None where none is meant to run."""
    status = HotReader.of(settings(), "crypto").status()
    if status is None or not status.running:
        return None
    return (clock.wall() - (status.last_message_at or status.started_at)).total_seconds()


def _evening(context: dg.AssetCheckExecutionContext) -> pl.DataFrame:
    """Closes of the day before the run's first, of the run's symbols."""
    keys, contract = keys_to_judge(context, schemas.CryptoKlines), schemas.CryptoKlines.contract()
    cut = [day_and_name(key) for key in keys]
    before = [min(day for day, _ in cut) - _DAY] if cut else []
    symbols = sorted({symbol for _, symbol in cut})
    return store_of(context).read(contract, keys_of(before, symbols), columns=["symbol", "ts", "close"])


def _ages(context: dg.AssetCheckExecutionContext) -> pl.DataFrame:
    """Age of the newest candle of each symbol that is listed today.

    A candle is due once the running day was asked for again. Where only the archive is asked, days alone are due,
    and those later.
    """
    found, now, columns = settings().crypto, clock.now(), ["symbol", "timeframe", "ts", "available_at"]
    minutes = {name: max(length, found.cadence) for name, length in MINUTES.items()}
    if not found.live:
        now, minutes = now - _ARCHIVED_AFTER, {"1d": MINUTES["1d"]}
    symbols = listed(found, now.date())
    days = [now.date() - n * _DAY for n in range(4)]
    rows = store_of(context).read(schemas.CryptoTimeframes.contract(), keys_of(days, symbols), columns=columns)
    return candles.ages(rows, symbols, minutes, now)


def _truncated(context: dg.AssetCheckExecutionContext) -> pl.DataFrame:
    """Overlays of the run's first partition with rows, computed as if the second half of what is known were not."""
    found, table, store = settings().crypto, schemas.CryptoTimeframes, store_of(context)
    key = first_with_rows(store, table, keys_to_judge(context, schemas.CryptoOverlays))
    if key is None:
        return schemas.CryptoOverlays.contract().empty()
    day, symbol = day_and_name(key)
    start = clock.instant(f"{day}")
    reach = max(found.overlays.reach(name) for name in MINUTES)
    days = [day - n * _DAY for n in range(-(-reach // _DAY) + 1)]
    rows = store.read(table.contract(), keys_of(days, [symbol]))
    newest = rows.filter(pl.col("ts") >= start)["ts"].max()
    half = start + (newest - start) / 2  # type: ignore[operator]
    known = rows.filter(pl.col("available_at") <= half)
    return overlay_transforms.overlays(known, [day], found, meter=ProcessMeter()).overlays


def _last_90_days(context: dg.AssetCheckExecutionContext) -> pl.DataFrame:
    """Signals of the 90 days up to the run's last one, of every symbol."""
    keys = keys_to_judge(context, schemas.CryptoSignals)
    if not keys:
        return schemas.CryptoSignals.contract().empty()
    last = Span.of(keys).until
    columns = ["symbol", "ts", "action", "is_tradeable"]
    return store_of(context).read(schemas.CryptoSignals.contract(), columns=columns, start=last - _LONG, end=last)


def _last_calls(context: dg.AssetCheckExecutionContext) -> pl.DataFrame:
    """What the model answered lately, whatever the run."""
    now = clock.now()
    rows = store_of(context).read(schemas.CryptoAdvice.contract(), start=now - timedelta(days=30), end=now)
    return rows.filter(pl.col("advisor_source") == "llm", pl.col("status").is_in(["ok", "parse_error"]))


def _account_days(context: dg.AssetCheckExecutionContext) -> list[date]:
    """The run's days on which there is an account."""
    keys, start = keys_to_judge(context, schemas.CryptoPaperTrades), settings().crypto.account_start
    return [day for day in Span.of(keys).days if day >= start]


def _evening_before(context: dg.AssetCheckExecutionContext) -> pl.DataFrame:
    """The account as the run's first day found it; without rows where it opens on that day."""
    contract, days = schemas.CryptoPaperTrades.contract(), _account_days(context)
    if not days or days[0] == settings().crypto.account_start:
        return contract.empty()
    return store_of(context).read(contract, [f"{days[0] - _DAY}"])


#: arguments of judgements that the settings give
SET: dict[str, Reader] = {
    "silent_s": lambda _: settings().crypto.stream.silent_s,
    "max_latency_ms": lambda _: settings().crypto.telemetry.max_latency_ms,
    "max_rss_mb": lambda _: settings().crypto.telemetry.max_rss_mb,
    "n_symbols": lambda _: len(settings().crypto.symbols),
    "paper": lambda _: settings().crypto.paper,
    "targets": lambda _: settings().crypto.targets,
}


def _checks(table: type[Table], *own: Check, **reads: Reader) -> dg.AssetChecksDefinition:
    return table_checks(table, own, SET | reads, resources=["vendors"])


CHECKS = [
    _checks(
        schemas.CryptoKlines,
        check(no_synthetic_source, blocking=True),
        check(candles.candles_sound, blocking=True),
        check(candles.takers_within_volume, blocking=True),
        check(closed_when_read, blocking=True),
        check(candles.minutes_complete),
        check(candles.no_jumps),
        check(candles.archive_agrees),
        check(candles.quarantine_empty),
        check(candles.stream_alive),
        gaps=_gaps,
        due=_minutes_due,
        evening=_evening,
        told=lambda context: noted(context, schemas.CryptoKlines, _COUNTS),
        quarantined=quarantined(schemas.CryptoKlines),
        stream_age_s=_stream_age_s,
    ),
    _checks(
        schemas.CryptoTimeframes,
        check(candles.candles_sound, blocking=True),
        check(candles.sums_agree, blocking=True),
        check(candles.changes_agree, blocking=True),
        check(candles.nothing_unclosed, blocking=True),
        check(candles.candles_complete),
        check(candles.candles_fresh),
        minutes=rows_of(schemas.CryptoKlines),
        newest=_ages,
    ),
    _checks(
        schemas.CryptoOverlays,
        check(overlays.one_row_a_candle, blocking=True),
        check(overlays.directions_sound, blocking=True),
        check(overlays.zones_around_close, blocking=True),
        check(overlays.no_look_ahead, blocking=True),
        check(overlays.regime_known),
        candles=rows_of(schemas.CryptoTimeframes),
        truncated=_truncated,
    ),
    _checks(
        schemas.CryptoFeatureTelemetry,
        check(overlays.overlays_quick),
        check(overlays.overlays_small),
    ),
    _checks(
        schemas.CryptoSignals,
        check(signals.stops_on_losing_side, blocking=True),
        check(signals.votes_add_up, blocking=True),
        check(signals.both_sides_occur),
        check(signals.signals_expected),
        last_90_days=_last_90_days,
    ),
    _checks(schemas.CryptoSentiment, check(no_synthetic_source, blocking=True)),
    _checks(
        schemas.CryptoAdvice,
        check(signals.rules_labelled, blocking=True),
        check(signals.replies_valid),
        last_calls=_last_calls,
    ),
    _checks(
        schemas.CryptoPaperTrades,
        check(account.one_account_a_day, blocking=True),
        check(account.equity_adds_up, blocking=True),
        check(account.limits_kept, blocking=True),
        check(account.quantities_sound, blocking=True),
        check(account.entered_after_signal, blocking=True),
        check(account.positions_carried, blocking=True),
        check(account.drawdown_bearable),
        days=_account_days,
        evening_before=_evening_before,
    ),
    _checks(
        schemas.CryptoSuccessMetrics,
        check(account.none_without_trades, blocking=True),
        check(account.sharpe_bearable),
        check(account.win_rate_bearable),
    ),
]
