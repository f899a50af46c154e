"""Bars: every symbol live; series, signals, alphas, sources, the collector: tabs with an address of their own."""

from dashboards.pages import (
    bars_alphas,
    bars_live,
    bars_pipeline,
    bars_series,
    bars_signals,
    bars_sources,
    tabs,
)
from dashboards.pages.bars_shared import REFRESH_MS, TABLE_NAMES

#: last part of the path -> name and module of the tab
TABS: tabs.Tabs = {
    "": ("Live", bars_live),
    "series": ("Series", bars_series),
    "signals": ("Signals", bars_signals),
    "alphas": ("Alphas", bars_alphas),
    "sources": ("Sources", bars_sources),
    "pipeline": ("Pipeline", bars_pipeline),
}

PAGE = tabs.page_of("bars", TABS, TABLE_NAMES, REFRESH_MS)
