"""The funding page in a real browser."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from dashboards.theme import DARK
from market_assets.settings import Settings
from resources.stores import open_store

from . import funding_callbacks, funding_home, test_browser
from .funding_home import NOON

browser, page = test_browser.browser, test_browser.page
found, app = funding_callbacks.found, funding_callbacks.app


def cells(page: Page) -> Any:
    return page.locator("#funding-grid .rate")


def tick(page: Page) -> None:
    """Half minutes pass; what was published is asked again after a second at the earliest."""
    page.evaluate("setInterval(() => dash_clientside.set_props('funding-tick', {n_intervals: Date.now()}), 300)")


@pytest.mark.browser
def test_rates_are_chosen_and_stay_chosen_over_a_refresh(page: Page, found: Settings):
    """Measure and search survive a new look, whose rates appear; a click on a cell opens its history."""
    page.goto("/funding")
    expect(page.locator("#funding-grid .rate .z3")).to_have_text("−3σ")
    expect(page.locator("#funding-cards")).to_contain_text("87.60 %")
    page.click("#funding-measure >> text=native")
    page.fill("#funding-search", "eth")
    expect(page.locator("#funding-grid .rate-value")).to_have_text(["0.0000", "−0.0300"])
    store = open_store(found)
    newer = [row | {"predicted_rate_native": 0.0007} for row in funding_home.looks(NOON + timedelta(minutes=2))]
    funding_home.write(store, "funding_snapshot", newer)
    tick(page)
    expect(page.locator("#funding-grid .rate-value")).to_have_text(["0.0700", "0.0700"])
    assert page.input_value("#funding-search") == "eth"
    cells(page).nth(1).click()
    page.wait_for_url("**/funding/history?asset=ETH&contracts=bybit:ETH-USDT-PERP**")
    plot = "document.querySelector('#funding-history-plot .js-plotly-plot')"
    page.wait_for_function(f"{plot}?.data?.length === 2 && {plot}.data[0].line.shape === 'vh'")


@pytest.mark.browser
def test_a_view_of_opportunities_can_be_shared(page: Page):
    """Costs are edited, a pair is opened; its address shows the same to somebody else."""
    page.goto("/funding/opportunities")
    rows = page.locator("#funding-pairs .ag-center-cols-container .ag-row")
    expect(rows).to_have_count(5)
    page.fill("#pairs-holding_days", "30")
    page.press("#pairs-holding_days", "Enter")
    page.wait_for_url("**/funding/opportunities?holding_days=30")
    page.click("#funding-pairs .ag-row >> text=hyperliquid")
    page.wait_for_url("**pair=PEPE:binance_usdm:hyperliquid")
    expect(page.locator("#pair-title")).to_have_text("PEPE: long binance_usdm, short hyperliquid")
    address = page.url
    page.goto("/funding")
    page.goto(address)
    # 32.85 less 0.23 x 365 / 30
    expect(page.locator("#pair-cards")).to_contain_text("30.05 %")
    assert page.input_value("#pairs-holding_days") == "30"
    expect(page.locator("#funding-pairs .ag-row-selected").first).to_contain_text("PEPE")
    expect(page.locator("#pair-left-long")).to_contain_text("3:5")


@pytest.mark.browser
@pytest.mark.parametrize(("width", "theme"), [(1280, "light"), (400, "dark")])
def test_every_tab_fits_and_follows_the_look(page: Page, width: int, theme: str, tmp_path: Path):
    """On a desk and on a phone, in the light and in the dark, no tab scrolls sideways."""
    page.set_viewport_size({"width": width, "height": 900})
    page.goto("/funding/opportunities?pair=BTC:binance_usdm:bybit")
    if theme == "dark":
        page.click("#theme-toggle")
    shown = {
        "Opportunities": "#pair-plot .scatterlayer .trace",
        "Rates": "#funding-grid .rate",
        "Completeness": "#completeness-map .heatmaplayer image",
        "Exchanges": "#funding-exchanges .pill",
        "History": "#funding-history-plot .scatterlayer .trace",
    }
    for title, drawn in shown.items():
        if title != "Opportunities":
            page.click(f"#funding-tabs >> text={title}")
        page.wait_for_selector(drawn, state="attached")
        # a plot takes its width a moment after it is drawn
        page.wait_for_function("width => document.documentElement.scrollWidth <= width", arg=width)
        page.screenshot(path=tmp_path / f"{title}-{width}.png", full_page=True)
    dark = "document.querySelector('#funding-history-plot .js-plotly-plot').layout.font.color"
    assert (page.evaluate(dark) == DARK.text) == (theme == "dark")
