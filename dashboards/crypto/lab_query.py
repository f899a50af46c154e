"""What the backtest lab runs, as the query of an address: a run can be shared. Pure."""

import math
from dataclasses import dataclass, fields
from typing import Any, Self
from urllib.parse import parse_qs, urlencode

from market_assets.crypto.settings import MINUTES
from market_assets.crypto.transforms.strategies import STRATEGIES

#: name of a range -> days of it; None: all that are stored
RANGES: dict[str, int | None] = {"7d": 7, "30d": 30, "90d": 90, "1y": 365, "all": None}
_STRATEGY, _TIMEFRAME, _RANGE = "sma_cross", "1h", "90d"
#: percent of a fill that costs may be at most
_MOST_PCT = 50.0


@dataclass(frozen=True)
class LabQuery:
    """One run. `symbol` of None: the page chooses; costs (percent of a fill) of None: those of the paper account."""

    symbol: str | None = None
    strategy: str = _STRATEGY
    timeframe: str = _TIMEFRAME
    range: str = _RANGE
    slippage: float | None = None
    commission: float | None = None

    @classmethod
    def of(cls, search: str | None) -> Self:
        """Read `?symbol=ETHUSDT&strategy=macd&timeframe=4h&range=1y&commission=0.04`."""
        return cls.stated(**{name: values[-1] for name, values in parse_qs((search or "").removeprefix("?")).items()})

    @classmethod
    def stated(cls, **values: Any) -> Self:
        """What controls or an address hold by name; what is stated wrongly counts as not stated."""
        strategy, timeframe, span = (values.get(name) for name in ("strategy", "timeframe", "range"))
        return cls(
            symbol=values.get("symbol") or None,
            strategy=strategy if strategy in STRATEGIES else _STRATEGY,
            timeframe=timeframe if timeframe in MINUTES else _TIMEFRAME,
            range=span if span in RANGES else _RANGE,
            slippage=_percent(values.get("slippage")),
            commission=_percent(values.get("commission")),
        )

    @property
    def text(self) -> str:
        """`?strategy=macd&timeframe=4h`, without what is not stated or usual."""
        plain = LabQuery()
        stated = {
            each.name: value
            for each in fields(self)
            if (value := getattr(self, each.name)) is not None and value != getattr(plain, each.name)
        }
        return f"?{urlencode(stated)}" if stated else ""


def _percent(value: Any) -> float | None:
    try:
        found = float(value)
    except (TypeError, ValueError):
        return None
    return found if math.isfinite(found) and 0 <= found <= _MOST_PCT else None
