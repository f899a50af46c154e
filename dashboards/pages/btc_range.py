"""The range that the tabs of the btc page share: its control, and the rows it stands for."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import polars as pl
from dash import Input, dcc, html
from dash.development.base_component import Component

from dashboards.btc.hours import HOUR
from dashboards.btc.style import Style
from dashboards.btc.window import SPANS, Window
from dashboards.figures import empty_figure
from dashboards.pages import widgets
from dashboards.services import Services
from dashboards.theme import theme as look
from market_assets.btc import readers
from market_assets.core import clock
from market_assets.tables import contract

CUSTOM = "custom"
#: the table that has a row for every elapsed hour
_HOURS = "btc_processed"
#: what every tab that shows the range listens to
INPUTS = (
    Input("btc-span", "value"),
    Input("btc-dates", "start_date"),
    Input("btc-dates", "end_date"),
    Input("btc-tick", "n_intervals"),
    Input("theme", "data"),
)


@dataclass(frozen=True)
class Shown:
    """What a tab draws: rows of the window, and how. Without rows, `nothing` says why."""

    window: Window | None
    rows: pl.DataFrame
    style: Style
    nothing: Component | None
    #: tables that hold nothing yet: their columns are null
    lacking: tuple[str, ...] = ()

    @property
    def note(self) -> list[Component]:
        """What is said above the plots: why there are none, or what they lack."""
        if self.nothing is not None:
            return [html.Section(self.nothing, className="panel")]
        if not self.lacking:
            return []
        said = f"Not stored yet, so not drawn: {', '.join(self.lacking)}."
        return [html.P(said, className="quiet")]


def control(default: str) -> Component:
    """The choice of a range, and the days of a custom one."""
    options = [*((name, name) for name in SPANS), (CUSTOM, "Custom")]
    return html.Div(
        [
            widgets.choice("btc-span", options, default),
            html.Div(
                dcc.DatePickerRange(id="btc-dates", display_format="YYYY-MM-DD", clearable=True),
                id="btc-dates-place",
                hidden=True,
            ),
        ],
        className="controls",
    )


def newest_hour(services: Services) -> datetime | None:
    """Start of the newest stored hour; None before the first."""
    found = [each.max_time for each in services.data.manifests(_HOURS) if each.max_time is not None]
    return max(found, default=None)


def window_of(services: Services, span: str, start: str | None, end: str | None) -> Window | None:
    """The hours to show: whole days of a custom range, else those up to the newest stored one.

    A custom range with a day still missing shows the default range.
    """
    if span == CUSTOM and start and end:
        last = clock.instant(end[:10]) + timedelta(days=1) - HOUR
        return Window(clock.instant(start[:10]), last)
    newest = newest_hour(services)
    if newest is None:
        return None
    hours = SPANS[span if span in SPANS else services.settings.btc.dashboard.default_range]
    return Window(newest - (hours - 1) * HOUR, newest)


def shown(services: Services, groups: Sequence[str], values: tuple[Any, ...]) -> Shown:
    """Load what the tab asks for; `values` are those of INPUTS."""
    span, start, end, _tick, theme = values
    style = Style.of(services.settings.btc, look(theme))
    window = window_of(services, span, start, end)
    if window is None:
        return Shown(None, pl.DataFrame(), style, nothing_stored(services))
    stored = [name for name in groups if services.data.manifests(f"btc_{name}")]
    rows = readers.get_all_features(window.start, window.end, stored)
    if rows.is_empty():
        newest = newest_hour(services)
        until = f" The newest stored hour is {newest:%Y-%m-%d %H:%M}Z." if newest else ""
        return Shown(window, rows, style, widgets.empty(f"no hour is stored {said(window)}.{until}"))
    lacking = [f"btc_{name}" for name in groups if name not in stored]
    unknown = [
        pl.lit(None, spec.dtype).alias(name)
        for table in lacking
        for name, spec in contract(table).columns.items()
        if name not in rows.columns
    ]
    return Shown(window, rows.with_columns(unknown), style, None, tuple(lacking))


def nothing_stored(services: Services) -> Component:
    """What stands where no hour was ever materialised."""
    first = services.settings.btc.history_start
    return widgets.empty(
        f"{_HOURS} is not materialised yet, so there is no hour to show. A day continues the one before, so start "
        f"at {first:%Y-%m-%d} (btc.history_start).",
        f"{widgets.materialise(f'btc_price,btc_liquidations,{_HOURS}')} --partition-range "
        f"{first:%Y-%m-%d}...{clock.today():%Y-%m-%d}",
    )


def said(window: Window) -> str:
    """The window in words."""
    return f"from {window.start:%Y-%m-%d %H:%M} to {window.end:%Y-%m-%d %H:%M} UTC"


def graph(name: str, height: int) -> Component:
    """A place for a plot of that many pixels."""
    return dcc.Graph(
        id=name,
        figure=empty_figure(look(None)),
        config={"displaylogo": False, "modeBarButtons": [["autoScale2d", "toImage"]], "doubleClick": "autosize"},
        style={"height": f"{height}px"},
        responsive=True,
    )
