"""What the tabs of the funding page share: what they listen to, and what tabs of every domain have."""

from functools import partial

from dash import Input

from dashboards.pages import widgets
from dashboards.pages.controls import (
    HIDDEN,
    THEME,
    VIEWPORT,
    dropdown,
    graph,
    labelled,
    nothing,
    number,
    points,
    query_stores,
    share,
)
from market_assets.funding.schemas import TABLES

__all__ = [
    "HIDDEN",
    "REFRESH_MS",
    "SHORT",
    "TABLE_NAMES",
    "THEME",
    "TICK",
    "VERSION",
    "VIEWPORT",
    "cards",
    "dropdown",
    "graph",
    "labelled",
    "nothing",
    "number",
    "points",
    "query_stores",
    "share",
]

#: every table whose publication the page must show
TABLE_NAMES: tuple[str, ...] = tuple(table.contract().name for table in TABLES)
REFRESH_MS = 30_000
#: something was published
VERSION = Input("funding-version", "data")
#: half a minute has passed, so ages have changed
TICK = Input("funding-tick", "n_intervals")
#: a grid formatter of amounts: 1.23B
SHORT = {"function": "params.value == null ? '' : d3.format('.3s')(params.value).replace('G', 'B')"}

#: a row of cards
cards = partial(widgets.cards, domain="funding")
