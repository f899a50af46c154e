"""What the history and the opportunities tab show, as the query of an address: a view can be shared. Pure."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import parse_qs, quote, urlencode

#: the exchange and the symbol of a contract, the parts of a pair, stand around this
_JOINT = ":"
_PARTS_OF_PAIR = 3


@dataclass(frozen=True)
class Query:
    """Parts of a query. What an address states wrongly counts as not stated."""

    @classmethod
    def of(cls, search: str | None) -> Self:
        """Read `?assets=BTC,ETH&min_net_apr=5`."""
        stated = parse_qs((search or "").removeprefix("?"))
        read = {name: _READERS[name](stated[name][-1]) for name in cls.__dataclass_fields__ if name in stated}
        return cls(**{name: value for name, value in read.items() if value is not None})

    @classmethod
    def stated(cls, **values: Any) -> Self:
        """What controls hold by name: text, numbers, lists, None. What may not be held counts as not stated."""
        return cls.of(_query(values))

    @property
    def text(self) -> str:
        """`?assets=BTC,ETH`, without what is not stated; empty where nothing is."""
        return _query({name: getattr(self, name) for name in self.__dataclass_fields__})


@dataclass(frozen=True)
class PairsQuery(Query):
    """Filters of the opportunities and the assumed costs. None and empty: no filter, the settings' costs.

    One exchange or interval (h) is asked of either leg, several of both. `min_net_apr` and `min_apr` (gross) are
    percent a year, `min_oi` is USD of the smaller leg.
    """

    assets: tuple[str, ...] = ()
    exchanges: tuple[str, ...] = ()
    intervals: tuple[float, ...] = ()
    min_net_apr: float | None = None
    min_apr: float | None = None
    min_oi: float | None = None
    holding_days: float | None = None
    slippage_pct: float | None = None
    #: the pair whose detail is open: asset:long exchange:short exchange
    pair: str | None = None


@dataclass(frozen=True)
class HistoryQuery(Query):
    """The settled history shown; None and empty: the page chooses. Contracts are `exchange:symbol`."""

    asset: str | None = None
    contracts: tuple[str, ...] = ()
    measure: str | None = None
    span: str | None = None


def joined(*parts: str) -> str:
    """The name of a contract (exchange, symbol) or of a pair (asset, long exchange, short exchange) in a query."""
    return _JOINT.join(parts)


def parted(name: str) -> tuple[str, ...]:
    """The parts of such a name."""
    return tuple(name.split(_JOINT))


def _names(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for part in text.split(",") if (name := part.strip())))


def _number(text: str) -> float | None:
    try:
        found = float(text)
    except ValueError:
        return None
    return found if math.isfinite(found) else None


def _at_least_zero(text: str) -> float | None:
    found = _number(text)
    return found if found is not None and found >= 0 else None


def _above_zero(text: str) -> float | None:
    return _at_least_zero(text) or None


def _hours(text: str) -> tuple[float, ...]:
    return tuple(found for part in _names(text) if (found := _above_zero(part)) is not None)


def _pair(text: str) -> str | None:
    parts = parted(text)
    return text if len(parts) == _PARTS_OF_PAIR and all(parts) else None


_READERS: dict[str, Callable[[str], Any]] = {
    "assets": _names,
    "exchanges": _names,
    "intervals": _hours,
    "min_net_apr": _number,
    "min_apr": _number,
    "min_oi": _at_least_zero,
    "holding_days": _above_zero,
    "slippage_pct": _at_least_zero,
    "pair": _pair,
    "asset": str,
    "contracts": _names,
    "measure": str,
    "span": str,
}


def _query(values: dict[str, Any]) -> str:
    stated = {name: text for name, value in values.items() if (text := _text(value))}
    return f"?{urlencode(stated, safe=',:', quote_via=quote)}" if stated else ""


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, tuple | list):
        return ",".join(_text(each) for each in value)
    return f"{value:.12g}" if isinstance(value, float) else str(value)
