"""What must hold of stored bars: which judgement guards which table, and what it reads."""

from collections.abc import Mapping
from datetime import date, timedelta

import dagster as dg
import polars as pl

from market_assets.bars import schemas
from market_assets.bars.checks import indicators, minutes, signals, sources
from market_assets.bars.checks.replay import replayed
from market_assets.bars.instruments import InstrumentRow
from market_assets.bars.settings import LOOK_BACK_DAYS, OUTCOME_DAYS
from market_assets.bars.transforms import features as feature_transforms
from market_assets.bars.transforms import signals as signal_transforms
from market_assets.check_reading import (
    first_with_rows,
    keys_to_judge,
    noted,
    quarantined,
    rows_of,
    store_of,
    table_checks,
)
from market_assets.core import clock, trading_hours
from market_assets.core.checks import Check, Reader, check, no_synthetic_source
from market_assets.core.contracts import Table
from market_assets.core.judgements import closed_when_read
from market_assets.core.partitions import Span, day_and_name, keys_of
from market_assets.settings import settings
from resources.sentiment_plugin import sentiment
from resources.stream.bars.ages import quote_ages, unstored_s

#: judged every few minutes, also when nothing arrives
FRESHNESS = ("minutes_fresh", "collector_alive", "bars_stored", "one_source_left", "macro_fresh")
_DAY, _MINUTE = timedelta(days=1), timedelta(minutes=1)
_LONG = timedelta(days=30)
_COUNTS = ("disagreements_warn", "disagreements_error")
#: the last minutes of the running day may still be on their way
_UNDER_WAY = timedelta(minutes=5)


def _before(symbols: list[str], day: date, n_days: int) -> list[str]:
    """Partitions of a day and of those before it."""
    return keys_of([day - n * _DAY for n in range(n_days + 1)], symbols)


def _first(context: dg.AssetCheckExecutionContext, table: type[Table]) -> str | None:
    """The first partition of the run with rows."""
    return first_with_rows(store_of(context), table, keys_to_judge(context, table))


def _due(context: dg.AssetCheckExecutionContext) -> pl.DataFrame:
    """Of each symbol and day of the run: how many minutes of its market are over."""
    bars, now = settings().bars, clock.now()
    wait = _UNDER_WAY + timedelta(minutes=bars.micro_batch_min, seconds=max(bars.delays_s.values()))
    rows = []
    for key in keys_to_judge(context, schemas.BarsMinute):
        day, symbol = day_and_name(key)
        row, start = bars.instrument(symbol), clock.instant(day)
        until = min(start + _DAY, now - wait)
        expected = trading_hours.open_minutes(row.calendar, start, until) if row.exists(day) and start < until else 0
        is_over = start + _DAY + wait <= now
        rows.append((symbol, day, int(expected), is_over, bars.min_covered(row.calendar)))
    schema = {"symbol": pl.String, "day": pl.Date, "expected": pl.Int64, "is_over": pl.Boolean, "min_share": pl.Float64}
    return pl.DataFrame(rows, schema, orient="row")


def _ages(context: dg.AssetCheckExecutionContext) -> pl.DataFrame:
    """Age of the newest minute of each symbol that can be asked for, in minutes of its market beyond the cadence."""
    found, now = settings(), clock.now()
    bars, symbols = found.bars, [symbol for symbol in found.bars.symbols if found.askable(symbol)]
    rows = [bars.instrument(symbol) for symbol in symbols]
    keys = _before(symbols, now.date(), 5)
    stored = store_of(context).read(schemas.BarsMinute.contract(), keys, columns=["symbol", "ts"])
    cadence = bars.micro_batch_min + (bars.close_grace_s + max(bars.delays_s.values())) / 60
    return minutes.ages(stored, [row for row in rows if row.exists(now.date())], now, cadence)


def _replayed(context: dg.AssetCheckExecutionContext) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Stored and live values of the newest bars of the run's first partition with rows."""
    contract, bars = schemas.BarsIndicators.contract(), settings().bars
    key = _first(context, schemas.BarsIndicators)
    if key is None:
        return contract.empty(), contract.empty()
    day, symbol = day_and_name(key)
    rows = store_of(context).read(schemas.BarsMinute.contract(), _before([symbol], day, LOOK_BACK_DAYS))
    stored = store_of(context).read(contract, [key])
    return replayed(stored, rows, bars.instrument(symbol), bars.indicators.warm_bars)


def _blind(context: dg.AssetCheckExecutionContext) -> pl.DataFrame:
    """Bars of the run whose mean volume cannot be known; the bars before them may lie before a long weekend."""
    cut = [day_and_name(key) for key in keys_to_judge(context, schemas.BarsIndicators)]
    keys = sorted({key for day, symbol in cut for key in _before([symbol], day, 4)})
    rows = store_of(context).read(schemas.BarsMinute.contract(), keys, columns=["symbol", "ts", "volume"])
    return indicators.blind(rows)


def _truncated(context: dg.AssetCheckExecutionContext) -> pl.DataFrame:
    """Features of the run's first partition with rows, computed as if the later half of its minutes were not."""
    bars, store = settings().bars, store_of(context)
    key = _first(context, schemas.BarsScannerFeatures)
    if key is None:
        return schemas.BarsScannerFeatures.contract().empty()
    day, symbol = day_and_name(key)
    wanted = sorted({symbol, *schemas.CORRELATED})
    rows = store.read(schemas.BarsMinute.contract(), _before(wanted, day, LOOK_BACK_DAYS))
    values = store.read(schemas.BarsIndicators.contract(), _before([symbol], day, LOOK_BACK_DAYS))
    start = clock.instant(day)
    own = values.filter(pl.col("ts") >= start)["ts"]
    half = own[own.len() // 2]
    said = sentiment(bars.sentiment_plugin, [symbol], start - LOOK_BACK_DAYS * _DAY, start + _DAY)
    return feature_transforms.features(
        rows.filter(pl.col("ts") <= half),
        values.filter(pl.col("ts") <= half),
        store.read(schemas.BarsMacroDaily.contract()),
        said,
        [day],
        bars,
    )


def _known_signals(context: dg.AssetCheckExecutionContext) -> signals.Known | None:
    """Signals of the run's first partition with rows, computed as if the later half of its bars were not."""
    found, store = settings(), store_of(context)
    key = _first(context, schemas.BarsSignals)
    if key is None:
        return None
    day, symbol = day_and_name(key)
    keys, first = _before([symbol], day, OUTCOME_DAYS), clock.instant(day)
    rows = store.read(schemas.BarsMinute.contract(), keys)
    values = store.read(schemas.BarsScannerFeatures.contract(), keys)
    own = rows.filter(pl.col("ts") >= first)["ts"]
    last = own[own.len() // 2]
    was = pl.col("ts") <= last
    made = signal_transforms.signals(values.filter(was), rows.filter(was), [day], found.bars, found.bars_hash())
    return signals.Known(symbol, first, last, made.signals)


def _settled(context: dg.AssetCheckExecutionContext) -> pl.DataFrame:
    """Outcomes of the run's symbols from 30 days before its first day to its last."""
    keys = keys_to_judge(context, schemas.BarsSignals)
    contract = schemas.BarsOutcomes.contract()
    if not keys:
        return contract.empty()
    span = Span.of(keys)
    rows = store_of(context).read(contract, start=span.first - _LONG, end=span.until)
    return rows.filter(pl.col("symbol").is_in(sorted({day_and_name(key)[1] for key in keys})))


def _last_30_days(context: dg.AssetCheckExecutionContext) -> pl.DataFrame:
    """Signals of the 30 days up to the run's last one, of every symbol."""
    keys, contract = keys_to_judge(context, schemas.BarsSignals), schemas.BarsSignals.contract()
    if not keys:
        return contract.empty()
    last = Span.of(keys).until
    return store_of(context).read(contract, columns=["symbol", "ts", "alpha_id"], start=last - _LONG, end=last)


def _open_chains(_: dg.AssetCheckExecutionContext) -> Mapping[str, list[str]]:
    """Symbol whose market is open now -> its sources, as rows name them."""
    found, now = settings(), clock.now()
    bars = found.bars
    return {
        symbol: [found.source_name(bound.source) for bound in bars.chain(symbol)]
        for symbol in bars.symbols
        if trading_hours.is_open(bars.instrument(symbol).calendar, now)
    }


def _overdue(context: dg.AssetCheckExecutionContext) -> Mapping[str, int]:
    """Macro series -> business days by which its next value is late; none where they are switched off."""
    macro = settings().bars.macro
    rows = store_of(context).read(schemas.BarsMacroDaily.contract(), columns=["series", "obs_date", "value"])
    return sources.overdue(rows, macro, clock.today()) if macro.enabled else {}


def _allowed(_: dg.AssetCheckExecutionContext) -> list[str]:
    found = settings()
    return [found.source_name(name) for name in found.bars.sources]


def _without_volume(_: dg.AssetCheckExecutionContext) -> list[str]:
    rows: list[InstrumentRow] = [settings().bars.instrument(symbol) for symbol in settings().bars.symbols]
    return [row.symbol for row in rows if not row.measures_volume]


_MINUTES = rows_of(schemas.BarsMinute, ["symbol", "ts"])
#: arguments of judgements that the settings give
SET: dict[str, Reader] = {
    "allowed": _allowed,
    "without_volume": _without_volume,
    "min_quality": lambda _: settings().bars.min_batch_quality,
}


def _checks(table: type[Table], *own: Check, **reads: Reader) -> dg.AssetChecksDefinition:
    return table_checks(table, own, SET | reads)


CHECKS = [
    _checks(
        schemas.BarsMinute,
        check(no_synthetic_source, blocking=True),
        check(minutes.bars_sound, blocking=True),
        check(minutes.source_allowed, blocking=True),
        check(closed_when_read, blocking=True),
        check(minutes.batch_quality),
        check(minutes.rows_valid),
        check(minutes.minutes_covered),
        check(minutes.first_choice_serves),
        check(minutes.kind_unchanged),
        check(minutes.fills_agree),
        check(minutes.no_jumps),
        check(minutes.volumes_usual),
        check(minutes.quarantine_empty),
        check(minutes.minutes_fresh),
        check(sources.collector_alive),
        check(sources.bars_stored),
        due=_due,
        told=lambda context: noted(context, schemas.BarsMinute, _COUNTS),
        newest=_ages,
        quarantined=quarantined(schemas.BarsMinute),
        quote_ages=lambda _: quote_ages(settings(), clock.wall()),
        unstored_s=lambda _: unstored_s(settings(), clock.wall()),
    ),
    _checks(
        schemas.BarsIndicators,
        check(indicators.one_row_a_bar, blocking=True),
        check(indicators.bands_ordered, blocking=True),
        check(indicators.nulls_in_warm_up, blocking=True),
        check(indicators.replay_agrees, blocking=True),
        minutes=_MINUTES,
        replayed=_replayed,
        blind_at=_blind,
    ),
    _checks(
        schemas.BarsMacroDaily,
        check(no_synthetic_source, blocking=True),
        check(sources.macro_fresh),
        behind=_overdue,
    ),
    _checks(
        schemas.BarsScannerFeatures,
        check(indicators.one_row_a_bar, blocking=True),
        check(indicators.regime_one_hot, blocking=True),
        check(indicators.no_look_ahead, blocking=True),
        check(indicators.nulls_few),
        minutes=_MINUTES,
        truncated=_truncated,
        history=rows_of(schemas.BarsIndicators, ["symbol", "ts", "bars_in_segment"]),
    ),
    _checks(
        schemas.BarsSignals,
        check(signals.levels_on_their_side, blocking=True),
        check(signals.one_open_at_a_time, blocking=True),
        check(signals.outcomes_known, blocking=True),
        check(signals.firings_expected),
        settled=_settled,
        known=_known_signals,
        last_30_days=_last_30_days,
    ),
    _checks(schemas.BarsOutcomes),
    _checks(schemas.BarsReconciliation, check(sources.sources_agree)),
    _checks(
        schemas.BarsSourceHealth,
        check(sources.sources_healthy),
        check(sources.one_source_left),
        open_chains=_open_chains,
    ),
]
