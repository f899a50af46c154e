"""What the tabs of the crypto page share: what they listen to, cards, numbers in words.

Generic controls, `graph`, `nothing`, THEME and VIEWPORT are in `controls`.
"""

from dash import Input, html
from dash.development.base_component import Component

from dashboards.pages.wording import NO_DATA
from market_assets.crypto.schemas import TABLES

#: every table whose publication the page must show
TABLE_NAMES: tuple[str, ...] = tuple(table.contract().name for table in TABLES)
REFRESH_MS = 10_000
#: something was published
VERSION = Input("crypto-version", "data")
#: ten seconds have passed, so ages have changed
TICK = Input("crypto-tick", "n_intervals")
#: pixels of a grid's head, of a row, of its scroll bar; rows from which on it scrolls
_HEAD, _ROW, _BAR, _MOST = 36, 32, 16, 12


def cards(*items: Component) -> Component:
    """A row of cards, wide enough for what they say."""
    return html.Div(list(items), className="cards crypto-cards")


def grid_height(n_rows: int) -> dict[str, str]:
    """The style of a grid's place: as tall as its rows need, up to a screenful that then scrolls."""
    return {"height": f"{_HEAD + _ROW * min(n_rows, _MOST) + _BAR}px"}


def price(value: float | None) -> str:
    """63421.5 as 63,421.5; 0.48213 as 0.48213: six significant digits at least, and no more than it has."""
    if value is None:
        return NO_DATA
    return f"{value:,.2f}" if abs(value) >= 1000 else f"{value:,.6g}"


def signed_percent(value: float | None, digits: int = 2) -> str:
    """1.234 as +1.23 %."""
    return NO_DATA if value is None else f"{value:+,.{digits}f} %"


def plain(value: float | None, digits: int = 2) -> str:
    """1.234 as 1.23."""
    return NO_DATA if value is None else f"{value:,.{digits}f}"
