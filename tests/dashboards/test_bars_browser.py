"""The bars page in a real browser: every tab fits, the board goes on without being drawn anew."""

from datetime import timedelta
from pathlib import Path

import pytest
from fastapi import FastAPI
from playwright.sync_api import Page, expect

from dashboards.app import create_app
from dashboards.theme import DARK
from market_assets.settings import Settings

from . import bars_collector, bars_home, test_browser
from .bars_home import NOW

browser, page = test_browser.browser, test_browser.page
pytestmark = pytest.mark.browser

PLOT = "document.querySelector('#bars-series-plot .js-plotly-plot')"
SHOWN = {
    "Live": "#bars-grid .bars-badge",
    "Series": "#bars-series-plot .candlestick, #bars-series-plot .trace.boxes",
    "Signals": "#bars-signals-grid .ag-row",
    "Alphas": "#bars-alphas-equity .scatterlayer .trace",
    "Sources": "#bars-served-plot .barlayer .trace",
    "Pipeline": "#bars-pipeline .card",
}


@pytest.fixture
def found(home: object, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings of the home written by hand, in which a collector runs."""
    found = bars_home.filled(monkeypatch)
    bars_home.stream(found).close()
    bars_collector.write(found, bars_collector.status())
    return found


@pytest.fixture
def app(found: Settings) -> FastAPI:
    """The app over it."""
    return create_app(found)


@pytest.mark.parametrize(("width", "theme"), [(1280, "light"), (400, "dark")])
def test_every_tab_fits_and_follows_the_look(page: Page, width: int, theme: str, tmp_path: Path):
    """On a desk and on a phone, in the light and in the dark, no tab scrolls sideways."""
    page.set_viewport_size({"width": width, "height": 900})
    page.goto("/bars")
    if theme == "dark":
        page.click("#theme-toggle")
    for title, drawn in SHOWN.items():
        page.click(f"#bars-tabs >> text={title}")
        page.wait_for_selector(drawn, state="attached")
        # a plot takes its width a moment after it is drawn
        page.wait_for_function("width => document.documentElement.scrollWidth <= width", arg=width)
        page.screenshot(path=tmp_path / f"{title}-{width}.png", full_page=True)
        if title == "Series":
            page.wait_for_function(f"{PLOT}?.layout?.font?.color !== undefined")
            assert (page.evaluate(f"{PLOT}.layout.font.color") == DARK.text) == (theme == "dark")


def test_a_quote_stands_on_the_open_board_without_drawing_it_anew(page: Page, found: Settings):
    """A new price comes into the row that is there; a quote that grows old loses its badge."""
    page.goto("/bars")
    row = page.locator("#bars-grid .ag-center-cols-container .ag-row").first
    expect(row).to_contain_text("65,000")
    expect(row.locator(".bars-badge")).to_have_text("LIVE")
    page.evaluate("document.querySelector('#bars-grid .ag-center-cols-container .ag-row').dataset.kept = 'yes'")
    late = bars_home.features("BTCUSD", NOW - timedelta(seconds=30), 65_100.0)
    bars_home.stream(found, late, last_message_at=NOW).close()
    expect(row).to_contain_text("65,100")
    expect(row.locator(".bars-badge")).to_have_text("DELAYED")
    assert row.get_attribute("data-kept") == "yes"
