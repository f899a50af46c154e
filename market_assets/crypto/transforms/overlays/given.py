"""What an overlay may look at beside the bars it is computed on."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

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
    #: what an overlay has worked out of `frames` alone; the timeframes of one symbol and day may share it
    memo: dict[str, Any] = field(default_factory=dict, compare=False, repr=False)
