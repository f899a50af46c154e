"""What the series and the signals tab show, as the query of an address: a view can be shared. Pure."""

import math
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Self
from urllib.parse import parse_qs, urlencode

from market_assets.bars import readers
from market_assets.bars.settings import ALPHAS

#: timeframe -> its length
TIMEFRAMES = {name: timedelta(minutes=n) for name, n in readers.TIMEFRAMES.items()}
CUSTOM = "custom"
#: name of a range -> its length up to the newest bar; None: the days that are chosen
RANGES: dict[str, timedelta | None] = {
    "1h": timedelta(hours=1),
    "6h": timedelta(hours=6),
    "1d": timedelta(days=1),
    "7d": timedelta(days=7),
    "30d": timedelta(days=30),
    "90d": timedelta(days=90),
    CUSTOM: None,
}
#: layer of the chart -> what it is called: lines at prices, and panes under them
LINES = {"vwap": "VWAP", "ema": "EMA", "bands": "Bollinger"}
PANES = {"volume": "Volume", "rsi": "RSI", "macd": "MACD"}
LAYERS = {**LINES, **PANES}
_TIMEFRAME, _RANGE = "1m", "6h"
_NOTHING = "none"

#: name of a range of signals -> its length
SPANS = {"24h": timedelta(days=1), "7d": timedelta(days=7), "30d": timedelta(days=30)}
#: what is asked of `accepted`
VERDICTS = {"all": "All", "accepted": "Accepted", "rejected": "Rejected"}
_SPAN, _VERDICT, EQUITY = "7d", "all", 1000.0


@dataclass(frozen=True)
class SeriesQuery:
    """One view of a series. `symbol` of None: the page chooses; what an address states wrongly is not stated."""

    symbol: str | None = None
    timeframe: str = _TIMEFRAME
    span: str = _RANGE
    #: of a custom range, both included
    first: date | None = None
    last: date | None = None
    layers: tuple[str, ...] = tuple(LAYERS)

    @classmethod
    def of(cls, search: str | None) -> Self:
        """Read `?symbol=EURUSD&timeframe=15m&range=7d&layers=vwap,rsi`."""
        stated = _stated(search)
        layers = stated.get("layers")
        return cls.stated(
            symbol=stated.get("symbol"),
            timeframe=stated.get("timeframe"),
            span=stated.get("range"),
            first=stated.get("first"),
            last=stated.get("last"),
            layers=None if layers is None else layers.split(","),
        )

    @classmethod
    def stated(
        cls,
        *,
        symbol: Any = None,
        timeframe: Any = None,
        span: Any = None,
        first: Any = None,
        last: Any = None,
        layers: Any = None,
    ) -> Self:
        """What controls hold."""
        return cls(
            symbol=symbol or None,
            timeframe=timeframe if timeframe in TIMEFRAMES else _TIMEFRAME,
            span=span if span in RANGES else _RANGE,
            first=_day(first),
            last=_day(last),
            layers=tuple(LAYERS) if layers is None else tuple(name for name in LAYERS if name in layers),
        )

    @property
    def text(self) -> str:
        """`?symbol=EURUSD&range=7d`, without what is not stated or usual."""
        is_custom = self.span == CUSTOM
        return _text(
            symbol=self.symbol,
            timeframe=self.timeframe if self.timeframe != _TIMEFRAME else None,
            range=self.span if self.span != _RANGE else None,
            first=f"{self.first}" if is_custom and self.first else None,
            last=f"{self.last}" if is_custom and self.last else None,
            layers=(",".join(self.layers) or _NOTHING) if self.layers != tuple(LAYERS) else None,
        )

    def window(self, newest: datetime) -> tuple[datetime, datetime]:
        """Open instants of the first and the last minute to show, where `newest` is the newest stored one."""
        length = RANGES[self.span]
        if length is None:
            if self.first and self.last and self.first <= self.last:
                begin = datetime(self.first.year, self.first.month, self.first.day, tzinfo=newest.tzinfo)
                end = datetime(self.last.year, self.last.month, self.last.day, tzinfo=newest.tzinfo)
                return begin, end + timedelta(days=1) - timedelta(minutes=1)
            length = RANGES[_RANGE]
            assert length is not None
        return newest - length + timedelta(minutes=1), newest


@dataclass(frozen=True)
class SignalsQuery:
    """Which signals are listed. Empty and None: all of them; equity is money."""

    symbols: tuple[str, ...] = ()
    alphas: tuple[str, ...] = ()
    verdict: str = _VERDICT
    span: str = _SPAN
    equity: float = EQUITY

    @classmethod
    def of(cls, search: str | None) -> Self:
        """Read `?symbols=EURUSD&alphas=momentum_v3&verdict=accepted&span=24h&equity=5000`."""
        stated = _stated(search)
        return cls.stated(
            symbols=stated.get("symbols", "").split(","),
            alphas=stated.get("alphas", "").split(","),
            verdict=stated.get("verdict"),
            span=stated.get("span"),
            equity=stated.get("equity"),
        )

    @classmethod
    def stated(
        cls, *, symbols: Any = None, alphas: Any = None, verdict: Any = None, span: Any = None, equity: Any = None
    ) -> Self:
        """What controls hold."""
        return cls(
            symbols=tuple(dict.fromkeys(name for name in symbols or () if name)),
            alphas=tuple(name for name in ALPHAS if name in (alphas or ())),
            verdict=verdict if verdict in VERDICTS else _VERDICT,
            span=span if span in SPANS else _SPAN,
            equity=_positive(equity) or EQUITY,
        )

    @property
    def text(self) -> str:
        """`?symbols=EURUSD&span=24h`, without what is not stated or usual."""
        return _text(
            symbols=",".join(self.symbols) or None,
            alphas=",".join(self.alphas) or None,
            verdict=self.verdict if self.verdict != _VERDICT else None,
            span=self.span if self.span != _SPAN else None,
            equity=f"{self.equity:.12g}" if self.equity != EQUITY else None,
        )


def _stated(search: str | None) -> dict[str, str]:
    return {name: values[-1] for name, values in parse_qs((search or "").removeprefix("?")).items()}


def _text(**stated: str | None) -> str:
    found = urlencode({name: value for name, value in stated.items() if value}, safe=",")
    return f"?{found}" if found else ""


def _day(stated: Any) -> date | None:
    try:
        return date.fromisoformat(str(stated)[:10])
    except ValueError:
        return None


def _positive(stated: Any) -> float | None:
    try:
        found = float(stated)
    except (TypeError, ValueError):
        return None
    return found if math.isfinite(found) and found > 0 else None
