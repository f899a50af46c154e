"""Readers of the market: candles, overlays, decisions, second opinions. See `readers`."""

from collections.abc import Iterable
from itertools import chain

import polars as pl

from market_assets import reading
from market_assets.crypto.readers_rows import (
    ADVICE,
    FRAMES,
    KLINES,
    OVERLAYS,
    SIGNALS,
    TELEMETRY,
    filled,
)
from market_assets.crypto.settings import MINUTES
from market_assets.crypto.transforms.overlays.runner import REGISTRY
from market_assets.reading import Moment, Wanted, chosen, newest_rows, series_rows
from resources.stores.protocol import PartitionStore

#: minutes of each timeframe, shortest first
TIMEFRAMES = {"1m": 1, **MINUTES}
#: overlay -> its columns; `base` are the plain indicators
OVERLAY_COLUMNS = {name: overlay.columns for name, overlay in REGISTRY.items()}

_A_DAY = 1440
#: of every row of `overlays`, before the overlays asked for
OVERLAY_ROW = ("symbol", "timeframe", "ts", "available_at", "n_history", "is_warm", "complete")


def klines(
    symbol: str,
    timeframe: str = "1m",
    *,
    start: Moment | None = None,
    end: Moment | None = None,
    limit: int | None = None,
    as_of: Moment | None = None,
    store: PartitionStore | None = None,
) -> pl.DataFrame:
    """CryptoKlines (1m) or CryptoTimeframes of one symbol with start <= ts <= end, by time.

    At most `limit`: with a start the first ones, else the newest.
    """
    known_timeframe(timeframe)
    contract = KLINES if timeframe == "1m" else FRAMES
    where = {"timeframe": timeframe}
    wanted = Wanted(contract, symbol, where, start=start, end=end, as_of=as_of)
    return series_rows(filled(store, contract), wanted, limit, _A_DAY / TIMEFRAMES[timeframe])


def overlays(
    symbol: str,
    timeframe: str = "1h",
    names: Iterable[str] | None = None,
    *,
    start: Moment | None = None,
    end: Moment | None = None,
    limit: int | None = None,
    as_of: Moment | None = None,
    store: PartitionStore | None = None,
) -> pl.DataFrame:
    """CryptoOverlays of one symbol with start <= ts <= end, by time: whose row it is, and the overlays named (or all).

    At most `limit`: with a start the first ones, else the newest. Raises UnknownName for a name that is none.
    """
    known_timeframe(timeframe, MINUTES)
    columns = overlay_columns(REGISTRY if names is None else names)
    where = {"timeframe": timeframe}
    wanted = Wanted(OVERLAYS, symbol, where, [*OVERLAY_ROW, *columns], start, end, as_of)
    return series_rows(filled(store, OVERLAYS), wanted, limit, _A_DAY / TIMEFRAMES[timeframe])


def signals(
    symbol: str | None = None,
    *,
    action: str | None = None,
    tradeable: bool | None = None,
    start: Moment | None = None,
    end: Moment | None = None,
    limit: int | None = None,
    as_of: Moment | None = None,
    store: PartitionStore | None = None,
) -> pl.DataFrame:
    """CryptoSignals of a symbol or of all with start <= ts <= end, newest first; at most `limit`."""
    where = chosen(action=action, is_tradeable=tradeable)
    wanted = Wanted(SIGNALS, symbol, where, start=start, end=end, as_of=as_of)
    # one an hour, of which few are tradeable
    return newest_rows(filled(store, SIGNALS), wanted, limit, a_day=2.0 if where else 24.0)


def advice(
    symbol: str | None = None,
    *,
    call: str | None = None,
    advisor_source: str | None = None,
    start: Moment | None = None,
    end: Moment | None = None,
    limit: int | None = None,
    as_of: Moment | None = None,
    store: PartitionStore | None = None,
) -> pl.DataFrame:
    """CryptoAdvice of a symbol or of all with start <= ts <= end, newest first; at most `limit`.

    `advisor_source` of each row says whether a language model (`llm`) or the rules (`rule`) speak.
    """
    where = chosen(call=call, advisor_source=advisor_source)
    wanted = Wanted(ADVICE, symbol, where, start=start, end=end, as_of=as_of)
    return newest_rows(filled(store, ADVICE), wanted, limit, a_day=2.0)


def telemetry(
    symbol: str | None = None,
    *,
    overlay: str | None = None,
    timeframe: str | None = None,
    start: Moment | None = None,
    end: Moment | None = None,
    limit: int | None = None,
    as_of: Moment | None = None,
    store: PartitionStore | None = None,
) -> pl.DataFrame:
    """CryptoFeatureTelemetry with start <= day <= end, newest first; at most `limit`."""
    where = chosen(overlay=overlay, timeframe=timeframe)
    wanted = Wanted(TELEMETRY, symbol, where, start=start, end=end, as_of=as_of)
    return newest_rows(filled(store, TELEMETRY), wanted, limit, a_day=len(REGISTRY) * len(MINUTES))


def overlay_columns(names: Iterable[str]) -> list[str]:
    """The columns of these overlays, each once. Raises UnknownName with the near ones."""
    asked = list(names)
    for name in asked:
        reading.known("overlay", name, OVERLAY_COLUMNS)
    return list(dict.fromkeys(chain.from_iterable(OVERLAY_COLUMNS[name] for name in asked)))


def known_timeframe(name: str, known: Iterable[str] = TIMEFRAMES) -> str:
    """The timeframe. Raises UnknownName with those there are."""
    return reading.known("timeframe", name, known)
