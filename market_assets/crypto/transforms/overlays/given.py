"""What an overlay may look at beside the bars it is computed on."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import polars as pl

from market_assets.crypto.settings import CryptoSettings


@dataclass(frozen=True)
class Given:
    """The surroundings of one computation: one symbol, one timeframe, one day."""

    settings: CryptoSettings
    timeframe: str
    #: bars of every timeframe of the symbol, cut as those of this one are
    frames: Mapping[str, pl.DataFrame]
    #: rows before it are context: they are dropped afterwards, and may be null where a row costs much
    first: datetime
