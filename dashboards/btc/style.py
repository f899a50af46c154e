"""How every btc plot looks: colours of the specification, template, size, axes."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import plotly.graph_objects as go
import polars as pl

from dashboards.btc.hours import HOUR
from dashboards.theme import DARK, LEGEND, LIGHT, Theme, ground
from market_assets.btc.settings import BtcSettings, DashboardSettings
from market_assets.settings import InvalidSettings

PRICE = "#f1c232"
RPN = "#3d85c6"
RPN_SMOOTH = "#e69138"
#: ends of the linear ramp over the bins, lowest and highest
BIN_LOW, BIN_HIGH = "#ffc0b0", "#ff5430"
#: corr_case -> what it means and its colour
CORR_CASES = {
    "LUSUL": ("both up, long larger", "#8e63ce"),
    "LUSUS": ("both up, short larger", "#4a6fdc"),
    "LDSDL": ("both down, long larger", "#b58863"),
    "LDSDS": ("both down, short larger", "#7f8c9b"),
    "LUSDL": ("long up, short down, long larger", "#e0457b"),
    "LUSDS": ("long up, short down, short larger", "#f5924e"),
    "LDSUL": ("long down, short up, long larger", "#9ab83b"),
    "LDSUS": ("long down, short up, short larger", "#17a2a2"),
}
TIME_AXIS = "interval start, UTC"


@dataclass(frozen=True)
class Style:
    """What a plot's look depends on. `template` is the name of a plotly template; None: `theme` does all."""

    theme: Theme
    template: str | None
    height: int
    most: int
    top_bin: int

    @classmethod
    def of(cls, settings: BtcSettings, page: Theme | None = None) -> "Style":
        """The look the settings ask for; on a page the default template stands for the page's own look.

        Raises InvalidSettings where plotly knows no template of that name.
        """
        chosen = settings.dashboard
        _known(chosen.template)
        follows = page is not None and chosen.template == DashboardSettings().template
        return cls(
            theme=page if page is not None and follows else DARK if "dark" in chosen.template else LIGHT,
            template=None if follows else chosen.template,
            height=chosen.height,
            most=chosen.max_data_points,
            top_bin=settings.features.bin.n_clusters - 1,
        )

    @property
    def up(self) -> str:
        """Green: bull, bottoms, shorts."""
        return self.theme.good

    @property
    def down(self) -> str:
        """Red: bear, ceilings, longs."""
        return self.theme.bad

    def band(self, colour: str) -> str:
        """The colour as the ground of a band behind a line."""
        return ground(colour, 0.2)

    def dress(self, figure: go.Figure, *, height: int | None = None) -> go.Figure:
        """Give a figure its ground, fonts, legend and axes. Traces and titles stay as they are."""
        figure.update_layout(**self._layout())
        figure.update_layout(
            height=height or self.height,
            showlegend=True,
            hovermode="x unified",
            dragmode="zoom",
            uirevision="btc",
            legend={**LEGEND, "y": 1},
            margin={"t": 24},
        )
        axis = {"automargin": True} if self.template else self.theme.axis()
        figure.update_xaxes(**axis)
        figure.update_yaxes(**axis, side="right", nticks=7)
        return figure

    def _layout(self) -> dict[str, Any]:
        if self.template:
            return {"template": self.template, "margin": {"l": 8, "r": 8, "t": 8, "b": 8}}
        return self.theme.layout()

    def time_axes(self, figure: go.Figure, hours: pl.Series, rows: int = 1) -> go.Figure:
        """Span the `hours`, name the axis under the lowest of `rows` panels, and let the crosshair pass through all."""
        figure.update_xaxes(range=_padded(hours), hoverformat="%Y-%m-%d %H:%M", **self.theme.crosshair())
        title = {"text": TIME_AXIS, "font": {"size": 11, "color": self.theme.muted}, "standoff": 6}
        figure.update_layout({"xaxis" if rows == 1 else f"xaxis{rows}": {"title": title}})
        return figure


def panel_title(figure: go.Figure, row: int, text: str, style: Style) -> None:
    """A small name in the upper left corner of a panel of a subplot figure."""
    figure.add_annotation(
        x=0,
        xref="x domain" if row == 1 else f"x{row} domain",
        y=1,
        yref="y domain" if row == 1 else f"y{row} domain",
        text=text,
        showarrow=False,
        xanchor="left",
        yanchor="bottom",
        yshift=2,
        font={"size": 11, "color": style.theme.muted},
    )


def _padded(hours: pl.Series) -> list[datetime] | None:
    """From the first hour to the end of the last, with some room on both sides."""
    if hours.is_empty():
        return None
    first, last = hours[0], hours[-1] + HOUR
    room = max((last - first) / 50, HOUR / 2)
    return [first - room, last + room]


def _known(template: str) -> None:
    import plotly.io as pio

    if template not in pio.templates:
        known = ", ".join(sorted(pio.templates))
        raise InvalidSettings(f"btc.dashboard.template must be a template of plotly ({known}); was {template!r}")
