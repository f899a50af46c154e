"""What the market tab reads: stored candles with those pushed since, overlays, decisions, trades, how it stands now."""

from collections.abc import Callable
from typing import Any

import polars as pl

from dashboards.crypto import frames
from dashboards.crypto.market import Chart
from dashboards.crypto.query import RANGES, MarketQuery
from dashboards.services import Services
from market_assets.core import clock
from market_assets.core.contracts import Contract
from market_assets.core.errors import NotMaterialised
from market_assets.crypto import readers, schemas
from resources.stream.candle import MINUTE

#: candles that are looked at where all are asked for
MOST = 5_000
#: minutes that are always read: a day and the hour before it, for the change over 24 hours
_MINUTES = 1_500
_CONTRACTS: dict[str, Contract] = {table.contract().name: table.contract() for table in schemas.TABLES}
_KLINES, _FRAMES, _OVERLAYS = "crypto_klines", "crypto_timeframes", "crypto_overlays"
_SIGNALS, _TRADES = "crypto_signals", "crypto_paper_trades"


def symbol_of(services: Services, query: MarketQuery) -> str:
    """The symbol to show: the one that is stated, where the settings have it."""
    known = services.settings.crypto.symbols
    return query.symbol if query.symbol in known else known[0]


def timeframe_of(services: Services, query: MarketQuery) -> str:
    """The timeframe to show; the primary one unless another is stated."""
    return query.timeframe or services.settings.crypto.signals.timeframe


def minutes(services: Services, symbol: str, least: int = 0) -> pl.DataFrame:
    """The newest closed minutes, stored or pushed. Raises NotMaterialised where there is neither."""
    pushed = services.crypto_live.look(symbol).closed
    try:
        stored = _candles(services, symbol, "1m", max(least, _MINUTES))
    except NotMaterialised:
        if not pushed:
            raise
        stored = frames.EMPTY
    return frames.with_pushed(stored, pushed)


def overlays(services: Services, symbol: str, timeframe: str, limit: int) -> pl.DataFrame:
    """CryptoOverlays of the newest candles; empty where none were made."""
    asked = (symbol, timeframe, limit)
    return _kept(services, _OVERLAYS, asked, lambda store: readers.overlays(*asked[:2], limit=limit, store=store))


def newest_signal(services: Services, symbol: str) -> dict[str, Any] | None:
    """The newest decision on a symbol, None before the first."""
    rows = _kept(services, _SIGNALS, (symbol,), lambda store: readers.signals(symbol, limit=1, store=store))
    return rows.row(0, named=True) if rows.height else None


def telemetry(services: Services, symbol: str) -> pl.DataFrame:
    """CryptoFeatureTelemetry of a symbol: of each overlay and timeframe the newest, of the last two days."""
    name = "crypto_feature_telemetry"
    # of the running day there is none of the longest timeframe yet
    most = 2 * len(readers.OVERLAY_COLUMNS) * len(schemas.FRAMES)
    rows = _kept(services, name, (symbol,), lambda store: readers.telemetry(symbol, limit=most, store=store))
    return rows.unique(["overlay", "timeframe"], keep="first", maintain_order=True)


def chart(services: Services, query: MarketQuery, points: int) -> Chart:
    """What is drawn of a view, in at most `points` candles. Raises NotMaterialised where there is no candle."""
    symbol, timeframe = symbol_of(services, query), timeframe_of(services, query)
    limit = RANGES[query.span] or MOST
    closed_minutes = minutes(services, symbol, limit if timeframe == "1m" else 0)
    found = frames.series(_stored(services, symbol, timeframe, limit), closed_minutes, timeframe)
    candles = frames.shown(found.closed.tail(limit), points)
    length = frames.length_of(timeframe)
    since = candles["ts"][0] if candles.height else None
    n_overlays = limit if timeframe != "1m" else limit // 5 + 1
    rows = overlays(services, symbol, frames.overlays_of(timeframe), n_overlays)
    asked = (symbol, since)
    return Chart(
        symbol=symbol,
        timeframe=timeframe,
        length=length,
        candles=candles,
        overlays=frames.placed(candles, rows, timeframe),
        running=found.running,
        signals=_kept(
            services,
            _SIGNALS,
            asked,
            lambda store: readers.signals(symbol, start=since and since - length, store=store),
        ),
        trades=_kept(
            services, _TRADES, asked, lambda store: readers.paper_trades(symbol=symbol, start=since, store=store)
        ).filter(row_kind="position"),
        newest_minute=closed_minutes["ts"][-1] if closed_minutes.height else None,
    )


def state(services: Services, symbol: str) -> dict[str, Any]:
    """How a symbol stands now, as `/ws/crypto` says it, stored candles included; `minute` in milliseconds."""
    view = services.crypto_live.look(symbol)
    try:
        closed = minutes(services, symbol)
    except NotMaterialised:
        closed = frames.EMPTY
    newest = closed.row(-1, named=True) if closed.height else None
    forming = view.forming.candle if view.forming else None
    return {
        "symbol": symbol,
        "state": view.state,
        "reason": view.reason,
        "forming": forming and {name: getattr(forming, name) for name in ("ts", "open", "high", "low", "close")},
        "price": newest and newest["close"],
        "closed_age_s": newest and (clock.now() - newest["ts"] - MINUTE).total_seconds(),
        "minute": newest and round(1000 * newest["ts"].timestamp()),
    }


def _stored(services: Services, symbol: str, timeframe: str, limit: int) -> pl.DataFrame:
    """Candles of a timeframe of several minutes; the minutes make them where none are stored yet."""
    if timeframe == "1m":
        return frames.EMPTY
    try:
        return _candles(services, symbol, timeframe, limit)
    except NotMaterialised:
        return frames.EMPTY


def _candles(services: Services, symbol: str, timeframe: str, limit: int) -> pl.DataFrame:
    """Stored candles. Raises NotMaterialised."""
    table = _KLINES if timeframe == "1m" else _FRAMES
    asked = f"{table} {symbol} {timeframe} {limit}"
    return services.data.kept(
        asked,
        [table],
        lambda: readers.klines(symbol, timeframe, limit=limit, store=services.data.store).select(frames.COLUMNS),
    )


def _kept(services: Services, table: str, asked: tuple[Any, ...], read: Callable[[Any], pl.DataFrame]) -> pl.DataFrame:
    """Rows of a table, empty where it was never made: the chart stands without them."""
    try:
        return services.data.kept(f"{table} {asked}", [table], lambda: read(services.data.store))
    except NotMaterialised:
        return _CONTRACTS[table].empty()
