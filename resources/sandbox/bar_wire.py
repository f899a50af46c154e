"""What bars vendors that write numbers as text share: local stamps, and bars as rows of text."""

from zoneinfo import ZoneInfo

import numpy as np
import polars as pl
from numpy.typing import NDArray

from market_assets.bars.instruments import WITH_VOLUME
from resources.sandbox.bar_minutes import BarListing, MinuteBars
from resources.sandbox.exchange_desk import instant, texts, trimmed

NEW_YORK, UTC_ZONE = "America/New_York", "UTC"
WRONG_SYMBOL = "WRNG"

#: names of currencies and coins; others are named as they are spelled
NAMES = {"EUR": "Euro", "GBP": "British Pound Sterling", "USD": "United States Dollar", "BTC": "Bitcoin"}
NAMES |= {"XAU": "Gold Spot"}


def local_stamps(time_ms: NDArray[np.int64], zone: str) -> list[str]:
    """Epoch milliseconds as the clock of a zone says, without an offset."""
    utc = pl.from_epoch(pl.Series(time_ms), time_unit="ms").dt.replace_time_zone("UTC")
    return utc.dt.convert_time_zone(zone).dt.strftime("%F %T").to_list()


def stamp(at_ms: int, zone: str = UTC_ZONE) -> str:
    """One instant by the clock of a zone."""
    return instant(at_ms).astimezone(ZoneInfo(zone)).strftime("%Y-%m-%d %H:%M:%S")


def columns(rows: MinuteBars, listing: BarListing, places: int) -> dict[str, list[str | None]]:
    """Prices with so many decimals and, where it is measured, volume; None is a value that is not stated."""
    prices = {name: texts(getattr(rows, name), places) for name in ("open", "high", "low", "close")}
    if listing.kind not in WITH_VOLUME:
        return prices
    return prices | {"volume": trimmed(rows.volume, listing.volume_decimals)}
