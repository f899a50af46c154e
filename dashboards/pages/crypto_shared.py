"""What the tabs of the crypto page share: what they listen to, cards, numbers in words.

Generic controls, `graph`, `nothing`, THEME and VIEWPORT are in `controls`.
"""

from functools import partial

from dash import Input

from dashboards.pages import widgets
from dashboards.pages.wording import NO_DATA
from market_assets.crypto.schemas import TABLES

#: every table whose publication the page must show
TABLE_NAMES: tuple[str, ...] = tuple(table.contract().name for table in TABLES)
REFRESH_MS = 10_000
#: something was published
VERSION = Input("crypto-version", "data")
#: ten seconds have passed, so ages have changed
TICK = Input("crypto-tick", "n_intervals")

#: a row of cards
cards = partial(widgets.cards, domain="crypto")


def signed_percent(value: float | None, digits: int = 2) -> str:
    """1.234 as +1.23 %."""
    return NO_DATA if value is None else f"{value:+,.{digits}f} %"


def plain(value: float | None, digits: int = 2) -> str:
    """1.234 as 1.23."""
    return NO_DATA if value is None else f"{value:,.{digits}f}"
