"""How the alphas did: equity of their outcomes, and whether p_win is what it says. Pure."""

import plotly.graph_objects as go
import polars as pl

from dashboards import downsample
from dashboards.bars.style import PALETTE, dress
from dashboards.theme import Theme
from market_assets.bars.settings import ALPHAS

#: alpha -> what it is called
NAMES = {
    "momentum_v3": "Momentum",
    "mean_revert_v2": "Mean reversion",
    "breakout_v2": "Breakout",
    "volume_v1": "Volume",
    "sentiment_v1": "Sentiment",
    "corr_arb_v1": "Dollar correlation",
}
#: pixels of a dot of one outcome, and of as many as there may be
_LEAST_DOT, _MOST_DOT = 7, 26
_ALL = "all"


def r_curves(outcomes: pl.DataFrame) -> pl.DataFrame:
    """`alpha` (or `all`), at, total_r: what the outcomes of each add up to, in units of risk.

    `outcomes`: BarsOutcomes.
    """
    order = ("settled_at", "symbol", "alpha_id", "strategy_version", "signal_time")
    rows = outcomes.sort(order).select(alpha="alpha_id", at="settled_at", r="r_multiple")
    both = pl.concat([rows.with_columns(alpha=pl.lit(_ALL)), rows])
    return both.with_columns(total_r=pl.col("r").cum_sum().over("alpha")).drop("r")


def equity_figure(curves: pl.DataFrame, theme: Theme, *, most: int, height: int) -> go.Figure:
    """A line of steps for all of them together, and a thinner one an alpha. `curves`: what `r_curves` gives."""
    figure = go.Figure()
    for place, name in enumerate((_ALL, *ALPHAS)):
        rows = downsample.line(curves.filter(pl.col("alpha") == name), "total_r", most)
        if rows.is_empty():
            continue
        is_all = name == _ALL
        said = "all alphas" if is_all else NAMES[name]
        figure.add_trace(
            go.Scatter(
                x=rows["at"].to_list(),
                y=rows["total_r"].to_list(),
                mode="lines" if rows.height > 2 else "lines+markers",
                line={
                    "shape": "hv",
                    "width": 2.4 if is_all else 1.3,
                    "color": theme.accent if is_all else PALETTE[(place + 1) % len(PALETTE)],
                },
                hovertemplate=f"%{{y:+.2f}} R<extra>{said}</extra>",
                name=said,
            )
        )
    dress(figure, theme, height=height, view="alphas", legend=True)
    figure.update_yaxes(ticksuffix=" R", zeroline=True, zerolinecolor=theme.muted)
    figure.update_xaxes(hoverformat="%Y-%m-%d %H:%M")
    return figure


def reliability_figure(bins: pl.DataFrame, theme: Theme, *, height: int) -> go.Figure:
    """Wins that came of outcomes that were promised so many; on the dotted line p_win says the truth.

    `bins`: p_from, p_to, n, predicted, realised. A dot is the larger the more outcomes it is of.
    """
    known = bins.filter(pl.col("n") > 0)
    largest = max(known["n"].to_list(), default=1)
    sizes = [_LEAST_DOT + (_MOST_DOT - _LEAST_DOT) * (n / largest) ** 0.5 for n in known["n"]]
    figure = go.Figure(
        [
            go.Scatter(
                x=[0, 1],
                y=[0, 1],
                mode="lines",
                line={"color": theme.muted, "width": 1, "dash": "dot"},
                hoverinfo="skip",
                name="as promised",
            ),
            go.Scatter(
                x=known["predicted"].to_list(),
                y=known["realised"].to_list(),
                customdata=known["n"].to_list(),
                mode="lines+markers",
                line={"color": theme.accent, "width": 1},
                marker={"size": sizes, "color": theme.accent, "opacity": 0.75, "line": {"width": 0}},
                hovertemplate="promised %{x:.0%}, won %{y:.0%} of %{customdata:,}<extra></extra>",
                name="outcomes",
            ),
        ]
    )
    dress(figure, theme, height=height, view="reliability")
    figure.update_layout(hovermode="closest")
    for axis, said in ((figure.update_xaxes, "p_win when it fired"), (figure.update_yaxes, "share that won")):
        axis(range=[0, 1], tickformat=".0%", nticks=6, title={"text": said, "font": {"size": 11}}, fixedrange=True)
    figure.update_xaxes(showspikes=False)
    return figure
