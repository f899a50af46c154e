"""The 16 live values of many symbols in one step: the columns of `core.indicator_arrays`, a bar a symbol at a time.

Numbers of a symbol stand in one row of a matrix, so that a step reads the rows that got a bar, computes on whole
columns and writes them back; a peek leaves out the last part. What may be applied follows the rules of `Series`: a
bar at or before the symbol's last one is late, counted and left out.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from market_assets.core.incremental.series import StateMismatch
from market_assets.core.incremental.session import next_anchor
from market_assets.core.indicator_arrays import (
    ATR_BARS,
    BAND_BARS,
    BAND_WIDTH,
    COLUMNS,
    EMA_BARS,
    FAST,
    FIRST,
    MOMENTUM_BARS,
    RSI_BARS,
    SIGNAL,
    SLOW,
    VOLUME_BARS,
)
from market_assets.core.indicators import FLAT_MOVES

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class BarArrays(NamedTuple):
    """One bar each of several symbols, closed or forming."""

    #: open instants, microseconds since 1970
    ts: Ints
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    #: NaN where unknown
    volume: Floats


#: the instant of a bar that has not come
NEVER: Final = np.iinfo(np.int64).min

#: the recursive means: of closes, of gains, moves and ranges, of the MACD's line
_OF_CLOSE = (*EMA_BARS, FAST, SLOW)
_OF_MOVES = (RSI_BARS, RSI_BARS, ATR_BARS)
_BARS: Final = np.array((*_OF_CLOSE, *_OF_MOVES, SIGNAL))
_WEIGHTS: Final = np.array((*(2.0 / (n + 1.0) for n in _OF_CLOSE), *(1.0 / n for n in _OF_MOVES), 2.0 / (SIGNAL + 1.0)))
#: bars before the first value of what each is a mean of
_SKIPPED: Final = np.array((*(0 for _ in _OF_CLOSE), *(1 for _ in _OF_MOVES), SLOW - 1))
_N_MEANS, _N_CLOSE = len(_BARS), len(_OF_CLOSE)
_GAIN, _MOVED, _RANGE = range(_N_CLOSE, _N_CLOSE + len(_OF_MOVES))
#: bars up to which one of the means is still a sum
_SEEDED = int((_BARS + _SKIPPED).max())

#: columns of the state: means (sums until there are enough), sums of the session, rings of the last bars
_MEANS = slice(0, _N_MEANS)
_TURNOVER, _TRADED = _N_MEANS, _N_MEANS + 1
_CLOSES = slice(_TRADED + 1, _TRADED + 1 + BAND_BARS)
_VOLUMES = slice(_CLOSES.stop, _CLOSES.stop + VOLUME_BARS)

#: columns of the values
_FIRST: Final = np.array(FIRST)
_LAST_FIRST = max(FIRST)
_EMAS = slice(1, 1 + len(EMA_BARS))
_RSI = _EMAS.stop
_BANDS = slice(_RSI + 1, _RSI + 4)
_ATR, _VWAP, _VOLUME_MA, _LINE = range(_BANDS.stop, _BANDS.stop + 4)
_MOMENTUM = _LINE + 3


class Bank:
    """The live values of some symbols, each with the calendar whose sessions its VWAP begins anew with.

    `has_volume` says of each symbol whether its volume means anything; where it does not, volume is not looked at.
    """

    COLUMNS = COLUMNS

    def __init__(self, symbols: Sequence[str], calendars: Sequence[str], has_volume: Sequence[bool]) -> None:
        n = len(symbols)
        if not n == len(set(symbols)) == len(calendars) == len(has_volume):
            raise ValueError(
                f"a bank needs different symbols, each with a calendar and has_volume; was {', '.join(symbols)} "
                f"with {len(calendars)} calendar(s) and {len(has_volume)} has_volume"
            )
        self.symbols = tuple(symbols)
        #: bars of each symbol's segment so far
        self.counts: Ints = np.zeros(n, dtype=np.int64)
        #: bars of each symbol that came too late and were left out
        self.late: Ints = np.zeros(n, dtype=np.int64)
        #: open instant of each symbol's last bar, microseconds since 1970; NEVER before the first
        self.last: Ints = np.full(n, NEVER)
        self._row = {symbol: row for row, symbol in enumerate(symbols)}
        self._calendars = tuple(calendars)
        self._has_volume = np.array(has_volume, dtype=np.bool_)
        #: where the session of each symbol's last bar gives way to the next one
        self._until: Ints = np.full(n, NEVER)
        self._state: Floats = np.zeros((n, _VOLUMES.stop))

    def update(self, rows: Ints, bars: BarArrays) -> Floats:
        """The values at closed bars, which become part of the history; (len(rows), 16), NaN where unknown.

        `rows` names the symbols, each once. A late bar has no values at all.
        """
        if len(set(rows.tolist())) < len(rows):
            raise ValueError(f"a step takes one bar a symbol; rows were {rows.tolist()}. Give each bar its own step.")
        late = bars.ts <= self.last[rows]
        if late.any():
            self.late[rows[late]] += 1
            return _of_others(late, rows, bars, self.update)
        state, counts, until, values = self._step(rows, bars)
        self._state[rows], self.counts[rows], self._until[rows], self.last[rows] = state, counts, until, bars.ts
        return values

    def peek(self, rows: Ints, bars: BarArrays) -> Floats:
        """The values as they would be if these forming bars closed now; nothing is kept, late ones are not counted."""
        late = bars.ts <= self.last[rows]
        if late.any():
            return _of_others(late, rows, bars, self.peek)
        return self._step(rows, bars)[-1]

    def reset(self, rows: Ints) -> None:
        """Begin a new segment: everything but the last instant and the late bars is forgotten."""
        self._state[rows], self.counts[rows], self._until[rows] = 0.0, 0, NEVER

    def to_state(self, symbol: str) -> dict[str, Any]:
        """Everything of one symbol as lists and scalars, for MessagePack or JSON; windows oldest first."""
        row = self._row[symbol]
        count, state = int(self.counts[row]), self._state[row]
        return {
            "symbol": symbol,
            "columns": list(COLUMNS),
            "calendar": self._calendars[row],
            "has_volume": bool(self._has_volume[row]),
            "late": int(self.late[row]),
            "last_us": _instant(self.last[row]),
            "count": count,
            "session_until_us": _instant(self._until[row]),
            "turnover": float(state[_TURNOVER]),
            "traded": float(state[_TRADED]),
            "means": state[_MEANS].tolist(),
            "closes": state[_CLOSES][_slots(count, BAND_BARS)].tolist(),
            "volumes": [None if np.isnan(one) else one for one in state[_VOLUMES][_slots(count, VOLUME_BARS)].tolist()],
        }

    def from_state(self, state: Mapping[str, Any]) -> None:
        """Take up a symbol where `to_state` left it; raises StateMismatch for a state of something else."""
        row = self._row.get(state["symbol"])
        kept = (state["symbol"], tuple(state["columns"]), state["calendar"], state["has_volume"], len(state["means"]))
        wanted = row is not None and (
            self.symbols[row], COLUMNS, self._calendars[row], bool(self._has_volume[row]), _N_MEANS
        )  # fmt: skip
        if row is None or kept != wanted:
            raise StateMismatch(
                f"a state must be of one of the bank's symbols, with its calendar, volume and columns; was {kept}, "
                f"the bank has {wanted or ', '.join(self.symbols)}. Reset the symbol and update it with stored bars."
            )
        count = state["count"]
        self.reset(np.array([row]))
        self.counts[row], self.late[row] = count, state["late"]
        self.last[row] = NEVER if state["last_us"] is None else state["last_us"]
        self._until[row] = NEVER if state["session_until_us"] is None else state["session_until_us"]
        own = self._state[row]
        own[_MEANS], own[_TURNOVER], own[_TRADED] = state["means"], state["turnover"], state["traded"]
        own[_CLOSES][_slots(count, BAND_BARS)] = state["closes"]
        own[_VOLUMES][_slots(count, VOLUME_BARS)] = [np.nan if one is None else one for one in state["volumes"]]

    def _step(self, rows: Ints, bars: BarArrays) -> tuple[Floats, Ints, Ints, Floats]:
        """State, count and end of the session after the bars, and the values at them. Changes nothing."""
        state, counts = self._state[rows], self.counts[rows] + 1
        values = np.empty((len(rows), len(COLUMNS)))
        values[:, 0] = bars.close
        closes, volumes = state[:, _CLOSES], state[:, _VOLUMES]
        every, slots = np.arange(len(rows)), (counts - 1) % BAND_BARS
        self._means(state[:, _MEANS], counts, closes[every, slots - 1], bars, values)
        np.subtract(bars.close, closes[every, slots - MOMENTUM_BARS], out=values[:, _MOMENTUM])
        closes[every, slots] = bars.close
        _bands(closes, values[:, _BANDS])
        volume = np.where(self._has_volume[rows], bars.volume, np.nan)
        volumes[every, (counts - 1) % VOLUME_BARS] = volume
        np.divide(volumes.sum(axis=1), VOLUME_BARS, out=values[:, _VOLUME_MA])
        until = self._session(rows, bars.ts, state)
        values[:, _VWAP] = _vwap(state, bars, volume)
        if len(rows) and counts.min() <= _LAST_FIRST:
            values[counts[:, None] <= _FIRST] = np.nan
        return state, counts, until, values

    def _means(self, means: Floats, counts: Ints, before: Floats, bars: BarArrays, values: Floats) -> None:
        """One step of every recursive mean, in place, and the values made of them. `before`: the last closes."""
        _, _, high, low, close, _ = bars
        change = close - before
        inputs = np.empty((len(close), _N_MEANS - 1))
        inputs[:, :_N_CLOSE] = close[:, None]
        np.maximum(change, 0.0, out=inputs[:, _GAIN])
        np.abs(change, out=inputs[:, _MOVED])
        np.subtract(np.maximum(high, before), np.minimum(low, before), out=inputs[:, _RANGE])
        _advance(means, inputs, counts, slice(0, _N_MEANS - 1))
        values[:, _EMAS] = means[:, : len(EMA_BARS)]
        line = means[:, _N_CLOSE - 2] - means[:, _N_CLOSE - 1]
        _advance(means, line[:, None], counts, slice(_N_MEANS - 1, _N_MEANS))
        values[:, _LINE] = line
        values[:, _LINE + 1] = means[:, -1]
        np.subtract(line, means[:, -1], out=values[:, _LINE + 2])
        values[:, _ATR] = means[:, _RANGE]
        moved, rsi = means[:, _MOVED], np.full(len(close), 50.0)
        np.divide(100.0 * means[:, _GAIN], moved, out=rsi, where=moved >= FLAT_MOVES)
        values[:, _RSI] = rsi

    def _session(self, rows: Ints, ts: Ints, state: Floats) -> Ints:
        """Where each bar's session ends; sums of those that began a new one are set to nothing."""
        until = self._until[rows]
        turned = np.flatnonzero(ts >= until)
        if turned.size:
            state[turned, _TURNOVER] = state[turned, _TRADED] = 0.0
            until[turned] = [next_anchor(self._calendars[rows[i]], int(ts[i])) for i in turned]
        return until


def _advance(means: Floats, inputs: Floats, counts: Ints, which: slice) -> None:
    """Write the next of these means over the last one: y + a (x - y), and before that the sum that y begins from."""
    own, bars = means[:, which], _BARS[which]
    following = own + _WEIGHTS[which] * (inputs - own)
    if len(counts) and counts.min() <= _SEEDED:
        known = counts[:, None] - _SKIPPED[which]
        total = own + inputs
        seeding = np.where(known == bars, total / bars, total)
        following = np.where(known > bars, following, np.where(known > 0, seeding, own))
    own[:] = following


def _bands(closes: Floats, values: Floats) -> None:
    """Upper band, middle and lower band of each row's window, from sums of the whole window."""
    middle = closes.sum(axis=1) / BAND_BARS
    away = closes - middle[:, None]
    away *= away
    reach = BAND_WIDTH * np.sqrt(away.sum(axis=1) / BAND_BARS)
    values[:, 0], values[:, 1], values[:, 2] = middle + reach, middle, middle - reach


def _vwap(state: Floats, bars: BarArrays, volume: Floats) -> Floats:
    """Add the bars to the sums of their sessions; the mean price by volume, NaN where unknown."""
    known = ~np.isnan(volume)
    measured = np.where(known, volume, 0.0)
    state[:, _TURNOVER] += (bars.high + bars.low + bars.close) / 3.0 * measured
    state[:, _TRADED] += measured
    traded, out = state[:, _TRADED], np.full(len(volume), np.nan)
    np.divide(state[:, _TURNOVER], traded, out=out, where=known & (traded > 0.0))
    return out


def _of_others(
    late: NDArray[np.bool_], rows: Ints, bars: BarArrays, values: Callable[[Ints, BarArrays], Floats]
) -> Floats:
    """What `values` gives of the bars that are not late, each at its place; NaN for the late ones."""
    out, fresh = np.full((len(rows), len(COLUMNS)), np.nan), ~late
    out[fresh] = values(rows[fresh], BarArrays(bars.ts[fresh], *(one[fresh] for one in bars[1:])))
    return out


def _slots(count: int, n: int) -> Ints:
    """Places of a ring of `n` that hold the last bars of `count`, oldest first."""
    return np.arange(max(0, count - n), count) % n


def _instant(us: np.int64) -> int | None:
    return None if us == NEVER else int(us)
