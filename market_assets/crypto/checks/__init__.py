"""What must hold of stored crypto data: which judgement guards which table, and what it reads."""

from collections.abc import Mapping
from datetime import date, datetime, time, timedelta

import dagster as dg
import polars as pl

from market_assets.core import clock, partitions
from market_assets.core.checks import (
    Check,
    Reader,
    asset_checks,
    check,
    contract_holds,
    no_synthetic_source,
    run_partitions,
)
from market_assets.core.contracts import Table
from market_assets.core.partitions import Span
from market_assets.crypto import schemas
from market_assets.crypto.checks import account, candles, overlays, signals
from market_assets.crypto.settings import MINUTES
from market_assets.crypto.transforms import klines
from market_assets.crypto.transforms import overlays as overlay_transforms
from market_assets.settings import settings
from resources.crypto_listings import Listings
from resources.overlay_meter import ProcessMeter
from resources.stores.protocol import PartitionStore
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


def _store(context: dg.AssetCheckExecutionContext) -> PartitionStore:
    store: PartitionStore = context.resources.store
    return store


def _keys(context: dg.AssetCheckExecutionContext, table: type[Table]) -> list[str]:
    """The partitions of the run, or all that are stored where the checks are run over everything."""
    return run_partitions(context) or sorted(_store(context).partitions(table.contract()))


def _told(context: dg.AssetCheckExecutionContext) -> Mapping[str, int]:
    """Counts that the fetch noted on the run's materialisations."""
    keys = run_partitions(context) or []
    if not keys:
        return dict.fromkeys(_COUNTS, 0)
    records = context.instance.fetch_materializations(
        dg.AssetRecordsFilter(asset_key=dg.AssetKey("crypto_klines"), asset_partitions=keys), limit=len(keys)
    ).records
    noted = [record.asset_materialization for record in records if record.run_id == context.run.run_id]
    facts = [one.metadata for one in noted if one is not None]
    return {name: sum(int(told[name].value or 0) for told in facts if name in told) for name in _COUNTS}


def _due(context: dg.AssetCheckExecutionContext) -> dict[str, tuple[datetime, datetime]]:
    """Partition of the run -> the part of its day that should be there by now."""
    found, now = settings(), clock.now()
    vendors: Vendors = context.resources.vendors
    listings = Listings(found, vendors, now)
    due: dict[str, tuple[datetime, datetime]] = {}
    for key in _keys(context, schemas.CryptoKlines):
        day, _, symbol = key.partition(partitions.SEPARATOR)
        start = clock.instant(day)
        until = min(start + _DAY, (now - _UNDER_WAY).replace(second=0, microsecond=0))
        span = listings.window(symbol).within(start, until) if start < until else None
        if span is not None:
            due[key] = span
    return due


def _expected(context: dg.AssetCheckExecutionContext) -> int:
    return sum((until - first) // _MINUTE for first, until in _due(context).values())


def _gaps(context: dg.AssetCheckExecutionContext) -> pl.DataFrame:
    """Runs of missing minutes of the run's partitions, each with its cause."""
    contract = schemas.CryptoKlines.contract()
    stored = _store(context).read(contract, _keys(context, schemas.CryptoKlines), columns=["symbol", "ts"])
    minutes = stored.with_columns(day=pl.col("ts").dt.date())
    found = [pl.DataFrame(schema={"symbol": pl.String(), **klines.GAPS})]
    for key, (first, until) in _due(context).items():
        day, _, symbol = key.partition(partitions.SEPARATOR)
        of_day = minutes.filter(pl.col("day") == date.fromisoformat(day))
        own = of_day.filter(pl.col("symbol") == symbol)
        if own.height < (until - first) // _MINUTE:
            gaps = klines.gaps(own, of_day.filter(pl.col("symbol") != symbol), first, until)
            found.append(gaps.select(pl.lit(symbol).alias("symbol"), *klines.GAPS))
    return pl.concat(found)


def _stream_age_s(_: dg.AssetCheckExecutionContext) -> float | None:
    """Seconds since the stream's last message; None where none is meant to run."""
    status = HotReader.of(settings(), "crypto").status()
    if status is None or not status.running:
        return None
    return (clock.wall() - (status.last_message_at or status.started_at)).total_seconds()


def _minutes(context: dg.AssetCheckExecutionContext) -> pl.DataFrame:
    return _store(context).read(schemas.CryptoKlines.contract(), run_partitions(context))


def _candles(context: dg.AssetCheckExecutionContext) -> pl.DataFrame:
    return _store(context).read(schemas.CryptoTimeframes.contract(), run_partitions(context))


def _ages(_: dg.AssetCheckExecutionContext, store: PartitionStore) -> pl.DataFrame:
    """Age of the newest candle of each symbol that is listed today."""
    found, now = settings().crypto, clock.now()
    symbols = listed(found, now.date())
    days = [now.date() - n * _DAY for n in range(4)]
    keys = [f"{day}{partitions.SEPARATOR}{name}" for day in days for name in symbols]
    columns = ["symbol", "timeframe", "ts", "available_at"]
    return candles.ages(store.read(schemas.CryptoTimeframes.contract(), keys, columns=columns), symbols, now)


def _truncated(context: dg.AssetCheckExecutionContext) -> pl.DataFrame:
    """Overlays of the run's first partition with candles, computed as if its second half had not happened."""
    found, contract = settings().crypto, schemas.CryptoTimeframes.contract()
    store = _store(context)
    stored = set(store.partitions(contract))
    key = next((key for key in _keys(context, schemas.CryptoOverlays) if key in stored), None)
    if key is None:
        return schemas.CryptoOverlays.contract().empty()
    day, _, symbol = key.partition(partitions.SEPARATOR)
    start = clock.instant(day)
    longest = max(2 * found.overlays.lookback(name) * minutes for name, minutes in MINUTES.items())
    days = [start.date() - n * _DAY for n in range(min(longest // (24 * 60), 320) + 1)]
    rows = store.read(contract, [f"{one}{partitions.SEPARATOR}{symbol}" for one in days])
    known = rows.filter(pl.col("available_at") <= datetime.combine(start.date(), time(12), start.tzinfo))
    return overlay_transforms.overlays(known, [start.date()], found, meter=ProcessMeter()).overlays


def _last_90_days(context: dg.AssetCheckExecutionContext) -> pl.DataFrame:
    """Signals of the 90 days up to the run's last one, of every symbol."""
    keys = _keys(context, schemas.CryptoSignals)
    if not keys:
        return schemas.CryptoSignals.contract().empty()
    last = Span.of(keys).until
    columns = ["symbol", "ts", "action", "is_tradeable"]
    return _store(context).read(schemas.CryptoSignals.contract(), columns=columns, start=last - _LONG, end=last)


def _last_calls(context: dg.AssetCheckExecutionContext) -> pl.DataFrame:
    """What the model answered lately, whatever the run."""
    now = clock.now()
    rows = _store(context).read(schemas.CryptoAdvice.contract(), start=now - timedelta(days=30), end=now)
    return rows.filter(pl.col("advisor_source") == "llm", pl.col("status").is_in(["ok", "parse_error"]))


def _evening_before(context: dg.AssetCheckExecutionContext) -> pl.DataFrame:
    """The account as the run's first day found it."""
    contract, keys = schemas.CryptoPaperTrades.contract(), _keys(context, schemas.CryptoPaperTrades)
    return _store(context).read(contract, [f"{Span.of(keys).days[0] - _DAY}"]) if keys else contract.empty()


def _checks(table: type[Table], *own: Check, **reads: Reader) -> dg.AssetChecksDefinition:
    """The checks of a table: its contract and its own; and what they read."""
    contract = table.contract()
    every: dict[str, Reader] = {
        "frame": lambda context: _store(context).read(contract, run_partitions(context)),
        "now": lambda _: clock.now(),
        "sandboxed": lambda _: settings().vendors == "sandbox",
    }
    return asset_checks(
        table, [contract_holds(contract), *own], reads=every | reads, required_resource_keys={"store", "vendors"}
    )


CHECKS = [
    _checks(
        schemas.CryptoKlines,
        check(no_synthetic_source, blocking=True),
        check(candles.takers_within_volume, blocking=True),
        check(candles.closed_when_read, blocking=True),
        check(candles.minutes_complete),
        check(candles.no_jumps),
        check(candles.archive_agrees),
        check(candles.quarantine_empty),
        check(candles.stream_alive),
        gaps=_gaps,
        expected=_expected,
        told=_told,
        quarantined=lambda context: _store(context).read(
            schemas.CryptoKlines.contract().quarantine(), run_partitions(context)
        ),
        stream_age_s=_stream_age_s,
        silent_s=lambda _: settings().crypto.stream.silent_s,
    ),
    _checks(
        schemas.CryptoTimeframes,
        check(candles.sums_agree, blocking=True),
        check(candles.nothing_unclosed, blocking=True),
        check(candles.candles_complete),
        check(candles.candles_fresh),
        minutes=_minutes,
        newest=lambda context: _ages(context, _store(context)),
    ),
    _checks(
        schemas.CryptoOverlays,
        check(overlays.one_row_a_candle, blocking=True),
        check(overlays.directions_sound, blocking=True),
        check(overlays.zones_around_close, blocking=True),
        check(overlays.no_look_ahead, blocking=True),
        check(overlays.regime_known),
        candles=_candles,
        truncated=_truncated,
    ),
    _checks(
        schemas.CryptoFeatureTelemetry,
        check(overlays.overlays_quick),
        check(overlays.overlays_small),
        max_latency_ms=lambda _: settings().crypto.telemetry.max_latency_ms,
        max_rss_mb=lambda _: settings().crypto.telemetry.max_rss_mb,
    ),
    _checks(
        schemas.CryptoSignals,
        check(signals.stops_on_losing_side, blocking=True),
        check(signals.votes_add_up, blocking=True),
        check(signals.both_sides_occur),
        check(signals.signals_expected),
        last_90_days=_last_90_days,
        n_symbols=lambda _: len(settings().crypto.symbols),
        today=lambda _: clock.today(),
    ),
    _checks(schemas.CryptoSentiment),
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
        evening_before=_evening_before,
        paper=lambda _: settings().crypto.paper,
    ),
    _checks(
        schemas.CryptoSuccessMetrics,
        check(account.none_without_trades, blocking=True),
        check(account.sharpe_bearable),
        check(account.win_rate_bearable),
        targets=lambda _: settings().crypto.targets,
    ),
]
