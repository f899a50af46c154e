"""The five plots by name, and what of the features each reads."""

from collections.abc import Callable
from dataclasses import dataclass

import plotly.graph_objects as go
import polars as pl

from dashboards.btc import pressure, price
from dashboards.btc.style import Style


@dataclass(frozen=True)
class Plot:
    """How to draw one plot, and the groups of features it needs. `signals` are always read: thinning keeps events."""

    draw: Callable[[pl.DataFrame, Style], go.Figure]
    groups: tuple[str, ...]


PLOTS = {
    "price_color": Plot(price.price_color, ("processed", "bins", "signals")),
    "rpn_dominance": Plot(pressure.rpn_dominance, ("processed", "rpn", "dominance", "signals")),
    "fll_fsl": Plot(pressure.fll_fsl, ("processed", "rpn", "signals")),
    "dominance_status": Plot(pressure.dominance_status, ("processed", "dominance", "signals")),
    "signals": Plot(price.signals, ("processed", "signals")),
}
