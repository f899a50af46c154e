"""How many lots of a signal an account of that equity may hold."""

from collections.abc import Mapping
from decimal import Decimal
from math import floor, isfinite
from typing import Any, NamedTuple

from market_assets.bars.instruments import InstrumentRow
from market_assets.bars.settings import RiskSettings
from market_assets.core.errors import InvalidRequest

#: most of equity that the distance to the stop may cost
MAX_RISK_RATIO = 0.01
_HALF_KELLY = 0.5
#: a number of steps that falls short of a whole one by less was meant to be that one
_TOLERANCE = 1e-9


class Sized(NamedTuple):
    """Lots, their expected shortfall (money; null where unknown), and why there are none."""

    lots: float
    es95: float | None
    reason: str | None = None


class Caps(NamedTuple):
    """Lots that each rule allows."""

    risk: float
    leverage: float
    es95: float


def sized(signal: Mapping[str, Any], *, equity: float, instrument: InstrumentRow, risk: RiskSettings) -> Sized:
    """Size of a signal (a row of BarsSignals; edge, payoff_std, entropy_factor, levels and es95_unit are read).

    The least that risk, leverage and expected shortfall allow, down to a whole lot step. 0 lots, with a reason:
    `no_levels`, `edge_negative`, `below_min_lot`. Raises InvalidRequest unless equity is positive.
    """
    known_equity(equity)
    if signal["stop_loss"] is None:
        return Sized(0.0, None, "no_levels")
    if signal["edge"] <= 0:
        return Sized(0.0, 0.0, "edge_negative")
    lots = _whole(min(caps(signal, equity=equity, instrument=instrument, risk=risk)), instrument.lot_step)
    if lots < instrument.min_lot or lots == 0:
        return Sized(0.0, 0.0, "below_min_lot")
    return Sized(lots, lots * signal["es95_unit"])


def known_equity(equity: float) -> float:
    """The equity. Raises InvalidRequest unless it is positive."""
    if not (isfinite(equity) and equity > 0):
        raise InvalidRequest(f"equity must be a positive amount of money; was {equity}. Ask with equity=1000, say")
    return equity


def caps(signal: Mapping[str, Any], *, equity: float, instrument: InstrumentRow, risk: RiskSettings) -> Caps:
    """Lots that each rule allows a signal that has levels.

    Risk: half of edge over variance, scaled by how sure p_win is, 1 % of equity at most, over the loss of a lot at
    its stop.
    """
    share = min(_HALF_KELLY * signal["edge"] / signal["payoff_std"] ** 2 * signal["entropy_factor"], MAX_RISK_RATIO)
    price, worth = signal["entry_ref_price"], instrument.point_value
    return Caps(
        risk=equity * share / (abs(price - signal["stop_loss"]) * worth),
        leverage=risk.max_leverage * equity / (price * worth),
        es95=risk.es95_max_ratio * equity / signal["es95_unit"],
    )


def _whole(lots: float, step: float) -> float:
    """Down to a whole step, as the decimal number a broker reads."""
    return float(floor(lots / step * (1.0 + _TOLERANCE)) * Decimal(str(step)))
