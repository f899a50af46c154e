"""What the tabs of the bars page share: what they listen to, cards, gauges, words of the domain.

Generic controls, `graph`, `nothing`, THEME and VIEWPORT are in `controls`.
"""

from collections.abc import Mapping
from datetime import datetime
from functools import partial
from typing import Any

from dash import Input, html
from dash.development.base_component import Component

from dashboards.pages import widgets
from dashboards.pages.wording import NO_DATA
from market_assets.bars.schemas import TABLES

#: every table whose publication the page must show
TABLE_NAMES: tuple[str, ...] = tuple(table.contract().name for table in TABLES)
REFRESH_MS = 10_000
#: something was published
VERSION = Input("bars-version", "data")
#: ten seconds have passed, so ages have changed
TICK = Input("bars-tick", "n_intervals")
#: starts the collector
COMMAND = "market-assets stream --domain bars --interval 1"

#: state of a breaker, or of the poller of a source -> tone
SOURCE_TONES: Mapping[str, widgets.Tone] = {
    "closed": "good",
    "half_open": "warn",
    "open": "bad",
    "polling": "good",
    "slower": "warn",
    "budget": "warn",
    "blocked": "bad",
    "error": "bad",
}
#: what a poller does, in words; `closed` is the market's, not the breaker's
POLLING = {
    "starting": "starting",
    "polling": "polling",
    "slower": "polling slower",
    "closed": "markets closed",
    "open": "breaker open",
    "budget": "budget spent",
    "blocked": "blocked",
    "disabled": "disabled",
    "not_entitled": "not entitled",
    "error": "failing",
}
#: share of a window that is used up, from which it is told as scarce, and as spent
_SCARCE, _SPENT = 0.8, 1.0

#: a row of cards
cards = partial(widgets.cards, domain="bars")


def poller(state: str | None) -> Component:
    """What the poller of a source does."""
    if state is None:
        return widgets.pill("not asked", "idle")
    tone = "idle" if state == "closed" else SOURCE_TONES.get(state, "idle")
    return widgets.pill(POLLING.get(state, state), tone)


def gauge(used: int, limit: int, said: str) -> Component:
    """A bar as full as a window of a budget is used up."""
    share = min(used / limit, 1.0) if limit else 1.0
    tone = "bad" if share >= _SPENT else "warn" if share >= _SCARCE else "good"
    told: dict[str, Any] = {
        "aria-label": said,
        "aria-valuenow": f"{used}",
        "aria-valuemin": "0",
        "aria-valuemax": f"{limit}",
    }
    bar: Any = html.Div(
        html.Div(className=f"gauge-used tone-{tone}", style={"width": f"{100 * share:.1f}%"}),
        className="gauge",
        role="meter",
        title=said,
        **told,
    )
    return bar  # type: ignore[no-any-return]


def seconds(value: float | None) -> str:
    """0.5 as 0.5 s, 324 as 324 s, 7,200 as 2.0 h."""
    if value is None:
        return NO_DATA
    if value < 10:
        return f"{value:.3g} s"
    return f"{value:,.0f} s" if value < 3_600 else f"{value / 3_600:,.1f} h"


def until(moment: datetime | None, now: datetime) -> str:
    """The time of day of an instant that lies ahead, with the day where that is another one."""
    if moment is None:
        return NO_DATA
    return f"{moment:%H:%M:%S}Z" if moment.date() == now.date() else f"{moment:%a %d %b %H:%M}Z"
