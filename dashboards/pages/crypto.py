"""Crypto: the market, live; the paper account, the backtest lab, the advisor: tabs with an address of their own."""

from dashboards.pages import crypto_account, crypto_advisor, crypto_backtest, crypto_market, tabs
from dashboards.pages.crypto_shared import REFRESH_MS, TABLE_NAMES

#: last part of the path -> name and module of the tab
TABS: tabs.Tabs = {
    "": ("Market", crypto_market),
    "account": ("Account", crypto_account),
    "backtest": ("Backtest lab", crypto_backtest),
    "advisor": ("Advisor", crypto_advisor),
}

PAGE = tabs.page_of("crypto", TABS, TABLE_NAMES, REFRESH_MS)
