"""What the stream of the crypto domain has handed over, for those who ask for runs. No vendor is asked."""

from datetime import datetime, timedelta

import polars as pl

from market_assets.core.partitions import SEPARATOR
from market_assets.settings import Settings
from resources.crypto_fetch import klines_landing
from resources.stream.candle import MINUTE
from resources.stream.symbols import listed

#: time after the close of its newest candle for which a stream counts as live
_LIVE = timedelta(minutes=2.5)
_DAY = timedelta(days=1)


def arrivals(settings: Settings, now: datetime) -> dict[str, datetime]:
    """Partition -> when its last candle arrived, of what was handed over of today and yesterday."""
    landed = _landed(settings, now, 2).group_by("day", "symbol", maintain_order=True).agg(pl.col("ingested_at").max())
    known = landed.filter(pl.col("symbol").is_in(settings.crypto.symbols), pl.col("day") >= settings.crypto.start_date)
    return {f"{day}{SEPARATOR}{symbol}": at for day, symbol, at in known.iter_rows()}


def is_live(settings: Settings, now: datetime) -> bool:
    """Whether the stream hands over the running day: every symbol that is listed has a candle that closed just now."""
    # in the first minutes of a day the newest candle is yesterday's
    n_days = 1 if (now - _LIVE - MINUTE).date() == now.date() else 2
    recent = _landed(settings, now, n_days).filter(pl.col("ts") + MINUTE + _LIVE > now)
    symbols = listed(settings.crypto, now.date())
    return bool(symbols) and set(symbols) <= set(recent["symbol"])


def _landed(settings: Settings, now: datetime, n_days: int) -> pl.DataFrame:
    """What was handed over of the last days, the running one included."""
    days = [now.date() - n * _DAY for n in range(n_days)]
    rows = klines_landing(settings).read(settings.crypto.venue.vendor, days)
    return rows.with_columns(day=pl.col("ts").dt.date())
