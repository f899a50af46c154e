"""What passes between the parts of the collector of bars."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from resources.stream.bars.status import BarsStatus
from resources.stream.hot import Layout

DOMAIN = "bars"
TIMEFRAME = "1m"


class LiveBar(NamedTuple):
    """One minute of one symbol from one source."""

    symbol: str
    #: open instant
    ts: datetime
    open: float
    high: float
    low: float
    close: float
    #: None where the instrument or the source measures none
    volume: float | None
    trade_count: int | None
    instrument_kind: str
    #: place of its source in the symbol's chain
    fallback_level: int
    #: as rows name it: `yahoo`, or `yahoo-sandbox`
    source: str
    ingested_at: datetime
    #: stream where it was built from quotes, rest where it was asked for as a bar
    origin: str = "stream"


class Forming(NamedTuple):
    """The bar of the running minute."""

    bar: LiveBar
    is_final: bool
    #: the source's instant of its last quote
    at: datetime


#: what the hot cache of bars keeps
LIVE_BARS: Layout[LiveBar, Forming, BarsStatus] = Layout(LiveBar, Forming, BarsStatus.of)


def columns(bars: list[LiveBar]) -> Mapping[str, list[Any]]:
    """The columns of `bars_minute` that bars of the stream have; issues and score are the graph's to judge."""
    own = {name: [getattr(bar, name) for bar in bars] for name in LiveBar._fields}
    fixed = {"timeframe": TIMEFRAME, "basis_break": False, "quality_score": 1.0}
    return {**own, **{name: [value] * len(bars) for name, value in fixed.items()}, "issues": [[] for _ in bars]}
