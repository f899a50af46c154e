"""What the market tab shows, as the query of an address: a view can be shared. Pure."""

from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import parse_qs, urlencode

from market_assets.crypto.readers import TIMEFRAMES
from market_assets.crypto.settings import OVERLAYS

#: layer of the chart -> what it is called: the six overlays, and what else can be switched
LAYERS = {
    "supertrend": "Supertrend",
    "chandelier": "Chandelier",
    "liquidity": "Liquidity zones",
    "order_flow": "Order flow",
    "regime": "Regime",
    "alignment": "Alignment",
    "ema": "EMA",
    "signals": "Signals",
    "trades": "Paper trades",
}
EXTRAS = tuple(name for name in LAYERS if name not in OVERLAYS)
#: name of a range -> bars of it; None: as many as are looked at
RANGES: dict[str, int | None] = {"50": 50, "100": 100, "200": 200, "all": None}
_DEFAULT_RANGE = "200"
_NOTHING = "none"


@dataclass(frozen=True)
class MarketQuery:
    """One view. `symbol` and `timeframe` of None: the page chooses; what an address states wrongly is not stated."""

    symbol: str | None = None
    timeframe: str | None = None
    span: str = _DEFAULT_RANGE
    layers: tuple[str, ...] = tuple(LAYERS)

    @classmethod
    def of(cls, search: str | None) -> Self:
        """Read `?symbol=ETHUSDT&timeframe=15m&range=100&layers=regime,signals`."""
        stated = {name: values[-1] for name, values in parse_qs((search or "").removeprefix("?")).items()}
        layers = stated.get("layers")
        return cls.stated(
            symbol=stated.get("symbol"),
            timeframe=stated.get("timeframe"),
            span=stated.get("range"),
            layers=None if layers is None else layers.split(","),
        )

    @classmethod
    def stated(cls, *, symbol: Any = None, timeframe: Any = None, span: Any = None, layers: Any = None) -> Self:
        """What controls hold."""
        return cls(
            symbol=symbol or None,
            timeframe=timeframe if timeframe in TIMEFRAMES else None,
            span=span if span in RANGES else _DEFAULT_RANGE,
            layers=tuple(LAYERS) if layers is None else tuple(name for name in LAYERS if name in layers),
        )

    @property
    def text(self) -> str:
        """`?symbol=ETHUSDT&timeframe=15m`, without what is not stated or usual."""
        plain = MarketQuery()
        stated = {
            "symbol": self.symbol,
            "timeframe": self.timeframe,
            "range": self.span if self.span != plain.span else None,
            "layers": (",".join(self.layers) or _NOTHING) if self.layers != plain.layers else None,
        }
        found = urlencode({name: value for name, value in stated.items() if value}, safe=",")
        return f"?{found}" if found else ""
