"""Volume: how much, compared with what is usual, and how much of it was buying.

Sources of minute bars do not say who bought. Bulk volume classification guesses it: of a bar whose close rose by x
standard deviations of the last changes, the normal distribution's share below x counts as bought (Easley, Lopez de
Prado, O'Hara, 2012). Its columns are marked as proxies.
"""

import math

import numpy as np

from market_assets.bars.transforms.features.segment import Columns, Segment, quotient, rounding
from market_assets.core import trading_hours, windows
from market_assets.core.windows import Floats, previous

WINDOW, FAST = 20, 5
#: changes that a change is compared with, and imbalances that their mean is of
BULK = 50


def compute(segment: Segment) -> Columns:
    """The volume columns of each bar; all NaN for a kind without volume."""
    volume = segment.volume
    usual = windows.mean(volume, WINDOW)
    vwap = segment.floats("vwap") if segment.has_volume else volume
    imbalance = _imbalance(segment)
    delta = volume * imbalance
    cvd, classified = _since_anchor(segment, delta)
    return {
        "rvol": quotient(volume, previous(usual)),
        "volume_trend": quotient(windows.mean(volume, FAST), usual) - 1.0,
        "bvc_delta_proxy": delta,
        "cvd_proxy": cvd,
        "cvd_ratio_proxy": quotient(cvd, classified),
        "vpin_proxy": windows.mean(np.where(volume > 0, np.abs(imbalance), np.nan), BULK),
        "vwap_distance": quotient(segment.close - vwap, vwap),
    }


def _imbalance(segment: Segment) -> Floats:
    """Bought less sold share of each bar's volume, -1 to 1: 2 Phi(x) - 1. NaN while changes do not vary."""
    spread = windows.std(segment.changes, BULK)
    moves = quotient(segment.changes, spread, rounding(segment.close)) / math.sqrt(2.0)
    return np.fromiter(map(math.erf, moves.tolist()), np.float64, len(moves))


def _since_anchor(segment: Segment, delta: Floats) -> tuple[Floats, Floats]:
    """(delta, volume) summed since the session's anchor over the bars whose delta is known; NaN before the first."""
    known = ~np.isnan(delta)
    anchors = trading_hours.anchors(segment.calendar, segment.bars.get_column("ts")).to_physical().to_numpy()
    turns = np.flatnonzero(np.diff(anchors)) + 1
    volume = np.where(known, segment.volume, 0.0)
    sums = [_by_session(one, turns) for one in (np.where(known, delta, 0.0), volume, known.astype(np.float64))]
    return np.where(sums[2] > 0, sums[0], np.nan), np.where(sums[2] > 0, sums[1], np.nan)


def _by_session(values: Floats, turns: np.ndarray[tuple[int], np.dtype[np.int64]]) -> Floats:
    """Running sum of each session, from its own first bar on."""
    return np.concatenate([np.cumsum(session) for session in np.split(values, turns)])
