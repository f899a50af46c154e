"""What the path of bins says: the leg it is on, its turns, and whether an excursion has come back.

The arrays hold known bins only, in order: `hours` (whole hours since any origin, increasing) and
`bins` (0..top). A bin that is unknown is a row of the window and no step of the path. Everything is
O(top n); the definition of a leg is a walk back from each hour, which would be O(window n).
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]

_NEVER = np.iinfo(np.int64).min


class Momentum(NamedTuple):
    """Per known bin: bins moved on the present leg (signed), turns in it, sign of the last change."""

    momentum: Ints
    turn: Ints
    direction: Ints


def momentum(hours: Ints, bins: Ints, *, top: int, window: int) -> Momentum:
    """Momentum, turns and direction of the path over the hours t - `window` .. t.

    The path u_1..u_m is the known bins without consecutive repeats. Upwards (u_m > u_{m-1}) the leg is
    walked back from u_m: a step z joins it if z is below the step after it, or at most 1 above the
    lowest step so far; the first that does not ends the walk. Momentum is u_m less the lowest step,
    turn the number of joined steps less 2, not below 0. Downwards the same on `top` - u, with momentum
    and direction negated. With fewer than two steps all three are 0.
    """
    if bins.size == 0:
        return Momentum(bins, bins, bins)
    changed = np.concatenate(([True], bins[1:] != bins[:-1]))
    run = np.cumsum(changed) - 1
    steps = bins[changed]
    oldest = run[np.searchsorted(hours, hours - window)]
    last_move = np.sign(np.diff(steps, prepend=steps[0]))
    direction = np.where(run > oldest, last_move[run], 0)
    rise, rise_turn = _upward(steps, run, oldest, top)
    fall, fall_turn = _upward(top - steps, run, oldest, top)
    return Momentum(
        momentum=np.where(direction > 0, rise, np.where(direction < 0, -fall, 0)),
        turn=np.where(direction > 0, rise_turn, np.where(direction < 0, fall_turn, 0)),
        direction=direction,
    )


def _upward(steps: Ints, run: Ints, oldest: Ints, top: int) -> tuple[Ints, Ints]:
    """Momentum and turns of an upward leg that ends with step `run` and begins no earlier than `oldest`."""
    start = np.maximum(_leg_starts(steps.tolist())[run], oldest)
    lowest = np.full(run.size, top, dtype=np.int64)
    for level in range(top, -1, -1):
        lowest[_latest(steps == level, np.arange(steps.size))[run] >= start] = level
    return steps[run] - lowest, np.maximum(run - start - 2, 0)


def _leg_starts(steps: list[int]) -> Ints:
    """For each step, the earliest step of the upward leg that ends with it, over an endless window.

    The walk back goes on from a lower step as if it had begun there, and over a single peak one higher.
    So a start is that of the step before, or of the one before the peak.
    """
    starts: list[int] = []
    for i, step in enumerate(steps):
        if i >= 1 and steps[i - 1] < step:
            starts.append(starts[i - 1])
        elif i >= 2 and steps[i - 1] == step + 1 and steps[i - 2] < steps[i - 1]:
            starts.append(starts[i - 2])
        elif i >= 1 and steps[i - 1] == step + 1:
            starts.append(i - 1)
        else:
            starts.append(i)
    return np.array(starts, dtype=np.int64)


def extreme(hours: Ints, bins: Ints, *, top: int, window: int) -> Ints:
    """-1 since the top bin, +1 since bin 0, until the middle (top / 2) is reached; over hours t - `window` + 1 .. t."""
    since = hours - (window - 1)
    at_top, at_bottom = _latest(bins == top, hours), _latest(bins == 0, hours)
    back_from_top, back_from_bottom = _latest(2 * bins <= top, hours), _latest(2 * bins >= top, hours)
    falling = (at_top >= since) & (back_from_top < at_top)
    rising = (at_bottom >= since) & (back_from_bottom < at_bottom)
    return rising.astype(np.int64) - falling.astype(np.int64)


def _latest(mask: NDArray[np.bool_], position: Ints) -> Ints:
    """The latest position up to each row at which `mask` held."""
    latest: Ints = np.maximum.accumulate(np.where(mask, position, _NEVER))
    return latest
