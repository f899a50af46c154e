"""What must hold of stored bars: which judgement guards which table, and what it reads."""

from collections.abc import Mapping
from datetime import date, timedelta

import dagster as dg
import polars as pl

from market_assets.bars import schemas
from market_assets.bars.checks import indicators, minutes, signals, sources
from market_assets.bars.checks.replay import replayed
from market_assets.bars.instruments import InstrumentRow
from market_assets.bars.transforms import features as feature_transforms
from market_assets.bars.transforms import signals as signal_transforms
from market_assets.core import clock, partitions, trading_hours
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
from market_assets.settings import settings
from resources.sentiment_plugin import sentiment
from resources.stores.protocol import PartitionStore
from resources.stream.bars.ages import quote_ages, unstored_s

#: judged every few minutes, also when nothing arrives
FRESHNESS = ("minutes_fresh", "collector_alive", "bars_stored", "one_source_left", "macro_fresh")
_DAY, _MINUTE = timedelta(days=1), timedelta(minutes=1)
_LONG = timedelta(days=30)
_LOOK_BACK, _OUTCOME_DAYS = 12, 30
_COUNTS = ("disagreements_warn", "disagreements_error")
#: the last minutes of the running day may still be on their way
_UNDER_WAY = timedelta(minutes=5)


def _store(context: dg.AssetCheckExecutionContext) -> PartitionStore:
    store: PartitionStore = context.resources.store
    return store


def _keys(context: dg.AssetCheckExecutionContext, table: type[Table]) -> list[str]:
    """The partitions of the run, or all that are stored where the checks are run over everything."""
    return run_partitions(context) or sorted(_store(context).partitions(table.contract()))


def _cut(key: str) -> tuple[str, date]:
    day, _, symbol = key.partition(partitions.SEPARATOR)
    return symbol, date.fromisoformat(day)


def _before(symbols: list[str], day: date, n_days: int) -> list[str]:
    """Partitions of a day and of those before it."""
    days = [day - n * _DAY for n in range(n_days + 1)]
    return [f"{one}{partitions.SEPARATOR}{symbol}" for one in days for symbol in symbols]


def _told(context: dg.AssetCheckExecutionContext) -> Mapping[str, int]:
    """Counts that the fetch noted on the run's materialisations."""
    keys = run_partitions(context) or []
    if not keys:
        return dict.fromkeys(_COUNTS, 0)
    records = context.instance.fetch_materializations(
        dg.AssetRecordsFilter(asset_key=dg.AssetKey("bars_minute"), asset_partitions=keys), limit=len(keys)
    ).records
    noted = [record.asset_materialization for record in records if record.run_id == context.run.run_id]
    facts = [one.metadata for one in noted if one is not None]
    return {name: sum(int(told[name].value or 0) for told in facts if name in told) for name in _COUNTS}


def _due(context: dg.AssetCheckExecutionContext) -> pl.DataFrame:
    """Of each symbol and day of the run: how many minutes of its market are over."""
    bars, now = settings().bars, clock.now()
    wait = _UNDER_WAY + timedelta(minutes=bars.micro_batch_min, seconds=max(bars.delays_s.values()))
    rows = []
    for key in _keys(context, schemas.BarsMinute):
        symbol, day = _cut(key)
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
    stored = _store(context).read(schemas.BarsMinute.contract(), keys, columns=["symbol", "ts"])
    cadence = bars.micro_batch_min + (bars.close_grace_s + max(bars.delays_s.values())) / 60
    return minutes.ages(stored, [row for row in rows if row.exists(now.date())], now, cadence)


def _minutes(context: dg.AssetCheckExecutionContext) -> pl.DataFrame:
    return _store(context).read(schemas.BarsMinute.contract(), run_partitions(context), columns=["symbol", "ts"])


def _history(context: dg.AssetCheckExecutionContext) -> pl.DataFrame:
    columns = ["symbol", "ts", "bars_in_segment"]
    return _store(context).read(schemas.BarsIndicators.contract(), run_partitions(context), columns=columns)


def _replayed(context: dg.AssetCheckExecutionContext) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Stored and live values of the newest bars of the run's first partition with rows."""
    contract, bars = schemas.BarsIndicators.contract(), settings().bars
    key = _first_with_rows(context, schemas.BarsIndicators)
    if key is None:
        return contract.empty(), contract.empty()
    symbol, day = _cut(key)
    rows = _store(context).read(schemas.BarsMinute.contract(), _before([symbol], day, _LOOK_BACK))
    stored = _store(context).read(contract, [key])
    return replayed(stored, rows, bars.instrument(symbol), bars.indicators.warm_bars)


def _truncated(context: dg.AssetCheckExecutionContext) -> pl.DataFrame:
    """Features of the run's first partition with rows, computed as if the later half of its minutes were not."""
    bars, store = settings().bars, _store(context)
    key = _first_with_rows(context, schemas.BarsScannerFeatures)
    if key is None:
        return schemas.BarsScannerFeatures.contract().empty()
    symbol, day = _cut(key)
    wanted = sorted({symbol, *schemas.CORRELATED})
    rows = store.read(schemas.BarsMinute.contract(), _before(wanted, day, _LOOK_BACK))
    values = store.read(schemas.BarsIndicators.contract(), _before([symbol], day, _LOOK_BACK))
    start = clock.instant(day)
    own = values.filter(pl.col("ts") >= start)["ts"]
    half = own[own.len() // 2]
    said = sentiment(bars.sentiment_plugin, [symbol], start - _LOOK_BACK * _DAY, start + _DAY)
    return feature_transforms.features(
        rows.filter(pl.col("ts") <= half),
        values.filter(pl.col("ts") <= half),
        store.read(schemas.BarsMacroDaily.contract()),
        said,
        [day],
        bars,
    )


def _first_with_rows(context: dg.AssetCheckExecutionContext, table: type[Table]) -> str | None:
    store, contract = _store(context), table.contract()
    manifests = ((key, store.manifest(contract, key)) for key in _keys(context, table))
    return next((key for key, manifest in manifests if manifest is not None and manifest.rows > 0), None)


def _known_signals(context: dg.AssetCheckExecutionContext) -> pl.DataFrame:
    """Signals of the run's first partition with rows, computed as if the later half of its bars were not."""
    found, store = settings(), _store(context)
    key = _first_with_rows(context, schemas.BarsSignals)
    if key is None:
        return schemas.BarsSignals.contract().empty()
    symbol, day = _cut(key)
    keys = _before([symbol], day, _OUTCOME_DAYS)
    rows = store.read(schemas.BarsMinute.contract(), keys)
    values = store.read(schemas.BarsScannerFeatures.contract(), keys)
    own = rows.filter(pl.col("ts") >= clock.instant(day))["ts"]
    known = pl.col("ts") <= own[own.len() // 2]
    return signal_transforms.signals(
        values.filter(known), rows.filter(known), [day], found.bars, found.bars_hash()
    ).signals


def _settled(context: dg.AssetCheckExecutionContext) -> pl.DataFrame:
    """Outcomes of the run's symbols from 30 days before its first day to its last."""
    keys = _keys(context, schemas.BarsSignals)
    contract = schemas.BarsOutcomes.contract()
    if not keys:
        return contract.empty()
    span = Span.of(keys)
    rows = _store(context).read(contract, start=span.first - _LONG, end=span.until)
    return rows.filter(pl.col("symbol").is_in(sorted({_cut(key)[0] for key in keys})))


def _last_30_days(context: dg.AssetCheckExecutionContext) -> pl.DataFrame:
    """Signals of the 30 days up to the run's last one, of every symbol."""
    keys, contract = _keys(context, schemas.BarsSignals), schemas.BarsSignals.contract()
    if not keys:
        return contract.empty()
    last = Span.of(keys).until
    return _store(context).read(contract, columns=["symbol", "ts", "alpha_id"], start=last - _LONG, end=last)


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
    rows = _store(context).read(schemas.BarsMacroDaily.contract(), columns=["series", "obs_date", "value"])
    return sources.overdue(rows, macro, clock.today()) if macro.enabled else {}


def _allowed(_: dg.AssetCheckExecutionContext) -> list[str]:
    found = settings()
    return [found.source_name(name) for name in found.bars.sources]


def _without_volume(_: dg.AssetCheckExecutionContext) -> list[str]:
    rows: list[InstrumentRow] = [settings().bars.instrument(symbol) for symbol in settings().bars.symbols]
    return [row.symbol for row in rows if not row.measures_volume]


#: arguments of judgements that the settings and the clock give
SET: Mapping[str, Reader] = {
    "sandboxed": lambda _: settings().vendors == "sandbox",
    "allowed": _allowed,
    "without_volume": _without_volume,
    "min_quality": lambda _: settings().bars.min_batch_quality,
    "today": lambda _: clock.today(),
}


def _checks(table: type[Table], *own: Check, **reads: Reader) -> dg.AssetChecksDefinition:
    """The checks of a table: its contract and its own; and what they read."""
    contract = table.contract()
    every: dict[str, Reader] = {
        **SET,
        "frame": lambda context: _store(context).read(contract, run_partitions(context)),
    }
    return asset_checks(table, [contract_holds(contract), *own], reads=every | reads, required_resource_keys={"store"})


CHECKS = [
    _checks(
        schemas.BarsMinute,
        check(no_synthetic_source, blocking=True),
        check(minutes.bars_sound, blocking=True),
        check(minutes.source_allowed, blocking=True),
        check(minutes.closed_when_read, blocking=True),
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
        told=_told,
        newest=_ages,
        quarantined=lambda context: _store(context).read(
            schemas.BarsMinute.contract().quarantine(), run_partitions(context)
        ),
        quote_ages=lambda _: quote_ages(settings(), clock.wall()),
        unstored_s=lambda _: unstored_s(settings(), clock.wall()),
    ),
    _checks(
        schemas.BarsIndicators,
        check(indicators.one_row_a_bar, blocking=True),
        check(indicators.bands_ordered, blocking=True),
        check(indicators.nulls_in_warm_up, blocking=True),
        check(indicators.replay_agrees, blocking=True),
        minutes=_minutes,
        replayed=_replayed,
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
        minutes=_minutes,
        truncated=_truncated,
        history=_history,
    ),
    _checks(
        schemas.BarsSignals,
        check(signals.levels_on_their_side, blocking=True),
        check(signals.one_open_at_a_time, blocking=True),
        check(signals.outcomes_known, blocking=True),
        check(signals.firings_expected),
        settled=_settled,
        truncated=_known_signals,
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
