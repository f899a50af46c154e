"""Crypto, from the venue's candles to a simulated account and how it did.

Observed: `crypto_klines` and `crypto_sentiment`. Everything else is derived. The running day is computed again
every few minutes. The account goes on from its own rows of the day before, which it reads from its table: that is
no edge of the graph, because a day's run would otherwise wait for itself; the follow sensor takes a changed day
through all later ones. Nothing depends on `crypto_advice`.
"""

import time
from datetime import timedelta

import dagster as dg
import polars as pl

from market_assets.core import clock, partitions
from market_assets.core.market_asset import market_asset, market_assets_together
from market_assets.core.partitions import Span
from market_assets.crypto import lineage, schemas
from market_assets.crypto.partitions import DAY, SYMBOL_DAY
from market_assets.crypto.settings import LOOK_BACK_DAYS, MINUTES, CryptoSettings
from market_assets.crypto.transforms import overlays, paper, signals, success_metrics, timeframes
from market_assets.settings import settings
from resources.crypto_advice import advise
from resources.crypto_fetch import CryptoFetch
from resources.overlay_meter import ProcessMeter
from resources.partition_fetch import PartitionFetch
from resources.stores.protocol import PartitionStore, Stored
from resources.vendors.registry import Vendors

VENUE_POOL = "crypto_klines"
#: request series under way at once
_WORKERS = 4
_DAY = timedelta(days=1)
_OF_DAY = partitions.all_of("day")


@market_asset(schemas.CryptoKlines, partitions_def=SYMBOL_DAY, kinds={"polars", "rest"}, pool=VENUE_POOL)
def crypto_klines(
    context: dg.AssetExecutionContext,
    store: dg.ResourceParam[PartitionStore],
    vendors: dg.ResourceParam[Vendors],
) -> Stored:
    """Ask for every symbol of the run side by side; what one of them fails at costs its own partitions."""
    found = settings()
    _await_last_minute(Span.of(context.partition_keys), found.crypto)
    asked = CryptoFetch(found, vendors, store, clock.now())
    units = asked.units(context.partition_keys)
    fetching = PartitionFetch.of(context, store, found, schemas.CryptoKlines)
    stored = fetching.run(units, asked.klines, workers=min(len(units), _WORKERS))
    asked.prune_landing()
    return stored


@market_asset(
    schemas.CryptoTimeframes,
    partitions_def=SYMBOL_DAY,
    ins={"crypto_klines": dg.AssetIn(partition_mapping=partitions.same("symbol", -1))},
    lineage=lineage.TIMEFRAMES,
)
def crypto_timeframes(context: dg.AssetExecutionContext, crypto_klines: pl.DataFrame) -> pl.DataFrame:
    first = Span.of(context.partition_keys).first
    own = pl.col("ts") >= first
    # a candle is final when its last minute is: until then it would stand there without it
    as_of = clock.now() - timedelta(seconds=settings().crypto.close_grace_s)
    return timeframes.timeframes(crypto_klines.filter(own), crypto_klines.filter(~own), as_of=as_of)


@market_assets_together(
    schemas.CryptoOverlays,
    schemas.CryptoFeatureTelemetry,
    partitions_def=SYMBOL_DAY,
    ins={"crypto_timeframes": dg.AssetIn(partition_mapping=partitions.same("symbol", -LOOK_BACK_DAYS))},
    lineage={"crypto_overlays": lineage.OVERLAYS},
)
def crypto_overlays(
    context: dg.AssetExecutionContext, crypto_timeframes: pl.LazyFrame
) -> tuple[pl.DataFrame, pl.DataFrame]:
    span, found = Span.of(context.partition_keys), settings().crypto
    wanted = [
        (pl.col("timeframe") == name) & (pl.col("ts") >= span.first - found.overlays.reach(name)) for name in MINUTES
    ]
    computed = overlays.overlays(
        crypto_timeframes.filter(pl.any_horizontal(wanted)).collect(), span.days, found, meter=ProcessMeter()
    )
    return computed.overlays, computed.telemetry


@market_asset(
    schemas.CryptoSignals,
    partitions_def=SYMBOL_DAY,
    ins={"crypto_overlays": dg.AssetIn(), "crypto_timeframes": dg.AssetIn()},
    lineage=lineage.SIGNALS,
)
def crypto_signals(crypto_overlays: pl.DataFrame, crypto_timeframes: pl.DataFrame) -> pl.DataFrame:
    found = settings()
    return signals.signals(crypto_overlays, crypto_timeframes, found.crypto, found.crypto_hash())


@market_asset(schemas.CryptoSentiment, kinds={"polars", "rest"}, pool="crypto_sentiment")
def crypto_sentiment(vendors: dg.ResourceParam[Vendors]) -> pl.DataFrame:
    return vendors.sentiment.sentiment()


@market_asset(
    schemas.CryptoAdvice,
    partitions_def=SYMBOL_DAY,
    ins={"crypto_signals": dg.AssetIn(), "crypto_overlays": dg.AssetIn(), "crypto_sentiment": dg.AssetIn()},
    references=["crypto_overlays", "crypto_sentiment"],
    lineage=lineage.ADVICE,
    pool="crypto_advice",
)
def crypto_advice(
    context: dg.AssetExecutionContext,
    store: dg.ResourceParam[PartitionStore],
    vendors: dg.ResourceParam[Vendors],
    crypto_signals: pl.DataFrame,
    crypto_overlays: pl.DataFrame,
    crypto_sentiment: pl.DataFrame,
) -> pl.DataFrame:
    """What is advised on each tradeable signal, knowing the account as it stood the evening before."""
    days = Span.of(context.partition_keys).days
    evenings = [f"{day - _DAY}" for day in days]
    account = store.read(schemas.CryptoPaperTrades.contract(), evenings)
    return advise(settings(), vendors, crypto_signals, crypto_overlays, crypto_sentiment, account)


@market_asset(
    schemas.CryptoPaperTrades,
    partitions_def=DAY,
    ins={
        "crypto_signals": dg.AssetIn(partition_mapping=_OF_DAY),
        "crypto_klines": dg.AssetIn(partition_mapping=_OF_DAY),
    },
    carries=True,
    lineage=lineage.PAPER_TRADES,
)
def crypto_paper_trades(
    context: dg.AssetExecutionContext,
    store: dg.ResourceParam[PartitionStore],
    crypto_signals: pl.DataFrame,
    crypto_klines: pl.DataFrame,
) -> pl.DataFrame:
    """The account of the run's days, one after another. Raises MissingAccount where the day before is not stored.

    Where no day is stored before them and no first day is set, the account opens with them.
    """
    found, days = settings().crypto, Span.of(context.partition_keys).days
    contract = schemas.CryptoPaperTrades.contract()
    if found.paper.start_day is None and not any(key < f"{days[0]}" for key in store.partitions(contract)):
        found = found.model_copy(update={"paper": found.paper.model_copy(update={"start_day": days[0]})})
    before = store.read(contract, [f"{days[0] - _DAY}"])
    return paper.paper_trades(days, before, crypto_signals, crypto_klines, found)


@market_asset(
    schemas.CryptoSuccessMetrics,
    ins={"crypto_paper_trades": dg.AssetIn(partition_mapping=dg.AllPartitionMapping())},
    lineage=lineage.SUCCESS_METRICS,
)
def crypto_success_metrics(crypto_paper_trades: pl.DataFrame) -> pl.DataFrame:
    """Of the days that are over: the running one has no closing equity yet."""
    found = settings()
    over = crypto_paper_trades.filter(pl.col("day") < clock.now().date())
    return success_metrics.success_metrics(over, found.crypto, found.metrics)


def _await_last_minute(span: Span, crypto: CryptoSettings) -> None:
    """Of the running day, wait until the minute that has just ended is final: a tick comes at the full minute."""
    now = clock.now()
    ended = now.replace(second=0, microsecond=0) + timedelta(seconds=crypto.close_grace_s)
    if span.days[-1] == now.date() and crypto.live and now < ended and not clock.is_stopped():
        time.sleep((ended - now).total_seconds())


#: from candles to signals; overlays and telemetry are one step
CHAIN = dg.AssetSelection.assets(
    "crypto_klines", "crypto_timeframes", "crypto_overlays", "crypto_feature_telemetry", "crypto_signals"
)

ASSETS = [
    crypto_klines,
    crypto_timeframes,
    crypto_overlays,
    crypto_signals,
    crypto_sentiment,
    crypto_advice,
    crypto_paper_trades,
    crypto_success_metrics,
]
