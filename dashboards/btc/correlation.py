"""How the features of a range move together: Pearson correlations, and their picture. Pure."""

from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go
import polars as pl

from dashboards.btc.style import Style

#: what is compared, in the order of the graph
FEATURES = (
    "net_share",
    "total_volume",
    "kalman_long",
    "kalman_short",
    "kalman_diff",
    "risk_priority_number",
    "z_total",
    "z_diff_share",
    "bin_index",
    "bin_momentum",
    "dominance",
    "dominance_duration_total",
    "diff_beta",
    "diff_beta_day",
    "signal_strength",
)
#: hours known in both columns below which a correlation says nothing
_FEWEST = 3


@dataclass(frozen=True)
class Correlations:
    """A square of correlations in [-1, 1] and of the hours behind each; None where undefined."""

    names: list[str]
    values: list[list[float | None]]
    hours: list[list[int]]


def correlations(rows: pl.DataFrame) -> Correlations:
    """Pearson's r of every pair of FEATURES over the hours where both are known.

    Undefined, so None, below three such hours and where one of the two is constant over them.
    """
    names = [name for name in FEATURES if name in rows.columns]
    columns = rows.select(pl.col(names).cast(pl.Float64).fill_null(float("nan"))).to_numpy()
    known = np.isfinite(columns)
    values: list[list[float | None]] = [[None] * len(names) for _ in names]
    hours = (known.T.astype(int) @ known.astype(int)).tolist() if names else []
    for i in range(len(names)):
        for j in range(i, len(names)):
            both = known[:, i] & known[:, j]
            values[i][j] = values[j][i] = _pearson(columns[both, i], columns[both, j])
    return Correlations(names, values, hours)


def _pearson(x: np.ndarray, y: np.ndarray) -> float | None:
    if x.size < _FEWEST or np.ptp(x) == 0 or np.ptp(y) == 0:
        return None
    return float(np.clip(np.corrcoef(x, y)[0, 1], -1, 1))


def correlation_figure(found: Correlations, style: Style, *, narrow: bool = False) -> go.Figure:
    """A cell per pair: red is opposed, blue is alike, blank is undefined. A narrow window shows no numbers."""
    names = [name.replace("_", " ") for name in found.names]
    lower = [[value if j <= i else None for j, value in enumerate(row)] for i, row in enumerate(found.values)]
    figure = go.Figure(
        go.Heatmap(
            x=names,
            y=names,
            z=lower,
            customdata=found.hours,
            zmin=-1,
            zmax=1,
            colorscale=[[0, style.down], [0.5, style.theme.surface], [1, style.theme.accent]],
            xgap=1,
            ygap=1,
            hoverongaps=False,
            texttemplate=None if narrow else "%{z:.2f}",
            textfont={"size": 10},
            hovertemplate="%{y} and %{x}: %{z:.3f}<br>%{customdata:,} hours<extra></extra>",
            colorbar={"thickness": 8, "len": 0.6, "y": 1, "yanchor": "top", "outlinewidth": 0, "x": 1.0,
                      "xanchor": "right", "tickvals": [-1, 0, 1], "tickfont": {"size": 10}},
        )
    )  # fmt: skip
    style.dress(figure, height=style.height)
    figure.update_layout(hovermode="closest", dragmode=False)
    figure.update_xaxes(showgrid=False, tickangle=-40, fixedrange=True)
    figure.update_yaxes(showgrid=False, side="left", autorange="reversed", fixedrange=True, nticks=len(names), dtick=1)
    return figure
