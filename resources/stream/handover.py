"""What the collectors have handed over, for those who ask for runs. No vendor is asked."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import polars as pl

from market_assets.core import trading_hours
from market_assets.core.partitions import SEPARATOR
from market_assets.settings import Settings
from resources.bars_fetch import minutes_landing
from resources.crypto_fetch import klines_landing
from resources.stream.candle import MINUTE
from resources.stream.symbols import listed

#: time after the close of its newest candle for which a stream counts as live
_LIVE = timedelta(minutes=2.5)
_DAY = timedelta(days=1)
_SEEN = pl.Schema({"symbol": pl.String(), "ts": pl.Datetime("us", "UTC"), "ingested_at": pl.Datetime("us", "UTC")})


@dataclass(frozen=True)
class _Handed:
    """What a domain's collector hands over."""

    symbols: Sequence[str]
    start_date: date
    #: symbol, ts and ingested_at of the closed bars of some days
    read: Callable[[Sequence[date]], pl.DataFrame]
    #: symbols that trade at an instant
    trading: Callable[[datetime], Sequence[str]]


def arrivals(settings: Settings, domain: str, now: datetime) -> dict[str, datetime]:
    """Partition -> when its last bar arrived, of what was handed over of today and yesterday."""
    handed = _HANDED[domain](settings)
    landed = _landed(handed, now, 2).group_by("day", "symbol", maintain_order=True).agg(pl.col("ingested_at").max())
    known = landed.filter(pl.col("symbol").is_in(handed.symbols), pl.col("day") >= handed.start_date)
    return {f"{day}{SEPARATOR}{symbol}": at for day, symbol, at in known.iter_rows()}


def is_live(settings: Settings, domain: str, now: datetime) -> bool:
    """Whether the collector hands over the running day: every symbol that trades has a bar that closed just now."""
    handed = _HANDED[domain](settings)
    # in the first minutes of a day the newest bar is yesterday's
    n_days = 1 if (now - _LIVE - MINUTE).date() == now.date() else 2
    recent = _landed(handed, now, n_days).filter(pl.col("ts") + MINUTE + _LIVE > now)
    symbols = handed.trading(now)
    return bool(symbols) and set(symbols) <= set(recent["symbol"])


def _landed(handed: _Handed, now: datetime, n_days: int) -> pl.DataFrame:
    """What was handed over of the last days, the running one included."""
    days = [now.date() - n * _DAY for n in range(n_days)]
    return handed.read(days).select(list(_SEEN)).with_columns(day=pl.col("ts").dt.date())


def _crypto(settings: Settings) -> _Handed:
    crypto = settings.crypto
    return _Handed(
        crypto.symbols,
        crypto.start_date,
        lambda days: klines_landing(settings).read(crypto.venue.vendor, days),
        lambda at: listed(crypto, at.date()),
    )


def _bars(settings: Settings) -> _Handed:
    bars, landing = settings.bars, minutes_landing(settings)

    def read(days: Sequence[date]) -> pl.DataFrame:
        parts = [landing.read(symbol, days).select(list(_SEEN)) for symbol in bars.symbols]
        return pl.concat([pl.DataFrame(schema=_SEEN), *parts])

    def trading(at: datetime) -> list[str]:
        """Those whose market has been open for so long that a bar must be there."""
        rows = [bars.instrument(symbol) for symbol in bars.symbols]
        spans = [trading_hours.sessions(row.calendar, at - _LIVE - MINUTE, at) for row in rows]
        return [
            row.symbol
            for row, sessions in zip(rows, spans, strict=True)
            if row.exists(at.date()) and any(one.open <= at - _LIVE - MINUTE and one.close > at for one in sessions)
        ]

    return _Handed(bars.symbols, bars.start_date, read, trading)


_HANDED: Mapping[str, Callable[[Settings], _Handed]] = {"crypto": _crypto, "bars": _bars}
