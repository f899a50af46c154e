"""Where a signal is wrong, where it has paid, and what one lot of it may lose."""

from math import sqrt
from typing import NamedTuple

from market_assets.core.performance import NORMAL_ES95

#: distance of the stop, in standard deviations over the horizon
STOP_SIGMAS = 0.8
#: the first target's share of the whole reward
FIRST_TARGET = 0.625


class Levels(NamedTuple):
    """Prices of a signal, and the distance of its stop."""

    risk: float
    stop_loss: float
    take_profit_1: float
    take_profit_2: float


def over_horizon(realized_vol: float | None, horizon_bars: int) -> float | None:
    """Volatility per bar (fraction) as volatility over so many bars."""
    return None if realized_vol is None else realized_vol * sqrt(horizon_bars)


def levels(close: float, sigma_horizon: float | None, side: int, rr: float) -> Levels | None:
    """Stop and targets of a signal at that close; `side` is +1 or -1.

    None where volatility is unknown or 0, or so large that a level would lie at or below a price of 0.
    """
    if not sigma_horizon:
        return None
    risk = STOP_SIGMAS * close * sigma_horizon
    found = Levels(
        risk=risk,
        stop_loss=close - side * risk,
        take_profit_1=close + side * FIRST_TARGET * rr * risk,
        take_profit_2=close + side * rr * risk,
    )
    return found if min(found.stop_loss, found.take_profit_1, found.take_profit_2) > 0 else None


def es95_of_one_lot(close: float, sigma_horizon: float | None, point_value: float) -> float | None:
    """Mean loss of one lot over the horizon in the worst twentieth of cases, in money, of normal returns."""
    return None if sigma_horizon is None else NORMAL_ES95 * close * sigma_horizon * point_value
