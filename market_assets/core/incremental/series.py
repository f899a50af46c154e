"""The bars of one symbol as they arrive: in order once, late ones counted and left out."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Self

from market_assets.core.errors import MarketAssetsError
from market_assets.core.incremental.protocol import Bar, Indicator, Value

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class StateMismatch(MarketAssetsError, ValueError):
    """A stored state that is not one of these indicators; the series has to begin anew from stored bars."""


class Series:
    """A set of indicators over one symbol's bars, which must arrive strictly increasing.

    A bar at or before the last one is late: it is not applied, and `late_bars` counts it. Whether it says something
    else than the stored bar is for the caller to see, who then calls `rebuild` with what is stored.
    """

    def __init__(self, symbol: str, indicators: Sequence[Indicator]) -> None:
        self.symbol = symbol
        self.late_bars = 0
        #: open instant of the last bar applied
        self.last: datetime | None = None
        self._indicators = tuple(indicators)
        self.columns = tuple(column for one in indicators for column in one.columns)
        if len(set(self.columns)) < len(self.columns):
            raise ValueError(f"the indicators of {symbol} must give different columns; were {', '.join(self.columns)}")

    def update(self, bar: Bar) -> dict[str, Value] | None:
        """The values at a closed bar, by column; None for a late bar."""
        if not self._is_next(bar):
            self.late_bars += 1
            return None
        self.last = bar.ts
        values: list[Value] = []
        for one in self._indicators:
            values += one.update(bar)
        return dict(zip(self.columns, values, strict=True))

    def peek(self, bar: Bar) -> dict[str, Value] | None:
        """The values if the forming bar closed now; nothing is kept. None if it is not after the last one."""
        if not self._is_next(bar):
            return None
        values: list[Value] = []
        for one in self._indicators:
            values += one.peek(bar)
        return dict(zip(self.columns, values, strict=True))

    def rebuild(self, bars: Iterable[Bar]) -> None:
        """Begin anew from stored bars, in time order; late bars counted so far stay counted."""
        self._indicators = tuple(type(one)(**one.parameters) for one in self._indicators)
        self.last = None
        for bar in bars:
            self.update(bar)

    def to_state(self) -> dict[str, Any]:
        """Everything as dicts, lists and scalars, for MessagePack or JSON; instants in microseconds."""
        return {
            "symbol": self.symbol,
            "late_bars": self.late_bars,
            "last_us": None if self.last is None else (self.last - _EPOCH) // _MICROSECOND,
            "columns": list(self.columns),
            "indicators": [one.to_state() for one in self._indicators],
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any], indicators: Sequence[Indicator]) -> Self:
        """The series that gave `state`, if it had these indicators; raises `StateMismatch` if it had others."""
        series = cls(state["symbol"], indicators)
        kept = [{name: value for name, value in one.items() if name != "state"} for one in state["indicators"]]
        wanted = [one.parameters for one in indicators]
        if list(state["columns"]) != list(series.columns) or kept != wanted:
            raise StateMismatch(
                f"the state of {series.symbol} must be one of {', '.join(series.columns)} with {wanted}; "
                f"was of {', '.join(state['columns'])} with {kept}. Start a new series and rebuild it from stored bars."
            )
        series.late_bars = state["late_bars"]
        series.last = None if state["last_us"] is None else _EPOCH + state["last_us"] * _MICROSECOND
        series._indicators = tuple(
            type(one).from_state(own) for one, own in zip(indicators, state["indicators"], strict=True)
        )
        return series

    def _is_next(self, bar: Bar) -> bool:
        if bar.ts.tzinfo is None:
            raise ValueError(f"bars of {self.symbol} need an aware instant; was {bar.ts}. Say which zone it is in.")
        return self.last is None or bar.ts > self.last
