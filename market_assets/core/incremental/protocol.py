"""What an incremental indicator is: one bar in, its values out, exactly those the batch definition gives.

An indicator is a dataclass of its parameters and one pure function, `step(state, bar) -> (state, values)`.
A state is a tuple of None, numbers, text and tuples of such, so it is never changed in place: `update` keeps
the new one, `peek` drops it, and `to_state` is the same thing in lists. Which bars may be applied is `Series`' matter.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, NamedTuple, Self

Value = float | str | tuple[float, ...] | None
#: one value for each of the indicator's columns; None in warm-up and where undefined
Values = tuple[Value, ...]
State = tuple[Any, ...]


class Bar(NamedTuple):
    """One bar, closed or forming. `ts` is its open instant, aware."""

    ts: datetime
    open: float
    high: float
    low: float
    close: float
    volume: float | None = None
    taker_buy_base: float | None = None


@dataclass
class Indicator(ABC):
    """One indicator of one symbol. Subclasses are dataclasses whose fields are the parameters (plain values)."""

    def __post_init__(self) -> None:
        self._state = self.start()

    @property
    @abstractmethod
    def columns(self) -> tuple[str, ...]:
        """Names of the values, in their order."""

    def start(self) -> State:
        """The state before the first bar: an empty window, where it is no more than one."""
        return ()

    @abstractmethod
    def step(self, state: State, bar: Bar) -> tuple[State, Values]:
        """The state after `bar`, and the values at it. Changes nothing."""

    @property
    def parameters(self) -> dict[str, Any]:
        """What the indicator was made with."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def update(self, bar: Bar) -> Values:
        """The values at a closed bar, which becomes part of the history."""
        self._state, values = self.step(self._state, bar)
        return values

    def peek(self, bar: Bar) -> Values:
        """The values as they would be if the forming bar closed now; nothing is kept."""
        return self.step(self._state, bar)[1]

    def to_state(self) -> dict[str, Any]:
        """Parameters and state as dicts, lists and scalars, for MessagePack or JSON."""
        return {**self.parameters, "state": _listed(self._state)}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Self:
        """The indicator that gave `state`, ready for the bar after its last one."""
        restored = cls(**{name: value for name, value in state.items() if name != "state"})
        restored._state = _tupled(state["state"])
        return restored


def _listed(state: Any) -> Any:
    return [_listed(part) for part in state] if isinstance(state, tuple) else state


def _tupled(state: Any) -> Any:
    return tuple(_tupled(part) for part in state) if isinstance(state, list) else state
