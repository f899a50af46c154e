"""The app in a real browser: the system's chromium, over a real socket."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from playwright.sync_api import Browser, Page, expect, sync_playwright

from .served import served

CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"
ARGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip
PLOT = "document.querySelector('#chart .js-plotly-plot')"

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One chromium for the module."""
    if not Path(CHROMIUM).exists():
        pytest.skip("needs the system's chromium: apt-get install chromium")
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGS)
        yield opened
        opened.close()


@pytest.fixture
def page(browser: Browser, app: FastAPI) -> Iterator[Page]:
    """A page over the filled store; any error the browser logs fails the test."""
    with served(app) as address:
        context = browser.new_context(viewport={"width": 1440, "height": 900}, color_scheme="light", base_url=address)
        opened = context.new_page()
        errors: list[str] = []
        opened.on("pageerror", lambda error: errors.append(str(error)))
        opened.on("console", lambda said: errors.append(said.text) if said.type == "error" else None)
        yield opened
        context.close()
    assert errors == []


def drawn(page: Page, n_candles: int) -> None:
    """Wait until the chart shows that many candles."""
    ready = f"{PLOT} && {PLOT}.data && {PLOT}.data.some(t => t.name === 'price' && t.x.length === {n_candles})"
    page.wait_for_function(ready, timeout=20_000)


def test_a_symbol_is_found_opened_and_drawn(page: Page, tmp_path: Path):
    """Cards, grid and chart fill; a search narrows the grid; a click opens the symbol and its address."""
    page.goto("/equities")
    drawn(page, 5)
    expect(page.locator("#symbol-title")).to_have_text("AAPL")
    expect(page.locator("#equities-cards")).to_contain_text("87.50 %")
    expect(page.locator("#symbol-grid .ag-center-cols-container .ag-row")).to_have_count(3)
    page.screenshot(path=tmp_path / "equities.png", full_page=True)
    page.fill("#symbol-search", "ib")
    expect(page.locator("#symbol-grid .ag-center-cols-container .ag-row")).to_have_count(1)
    page.click("#symbol-grid .ag-row >> text=IBM")
    drawn(page, 3)
    expect(page.locator("#symbol-title")).to_have_text("IBM")
    assert page.url.endswith("/equities/IBM")


def test_adjusted_and_raw_prices_switch(page: Page):
    """The switch asks the server for the other basis: 100 raw is 50 adjusted for the split, 49.5 for total return."""
    page.goto("/equities/AAPL")
    drawn(page, 5)
    first = f"Math.round({PLOT}.data.find(t => t.name === 'price').close[0] * 100) / 100"
    assert page.evaluate(first) == 50
    page.click("#basis >> text=Raw")
    page.wait_for_function(f"{first} === 100")
    page.click("#basis >> text=Total")
    page.wait_for_function(f"{first} === 49.5")


def test_a_zoom_is_answered_by_the_server(page: Page):
    """Dragging over the chart asks for that window only; a double click brings the whole span back."""
    page.goto("/equities/AAPL")
    drawn(page, 5)
    page.wait_for_timeout(1500)  # the chart reports its first resize as a move; nobody drags before that
    page.evaluate(f"Plotly.relayout({PLOT}, {{'xaxis.range': ['2024-01-03', '2024-01-04 12:00']}})")
    drawn(page, 2)
    page.evaluate(f"Plotly.relayout({PLOT}, {{'xaxis.autorange': true}})")
    drawn(page, 5)


def test_light_and_dark(page: Page, tmp_path: Path):
    """The button changes the page and the chart, and a new visit remembers it."""
    page.goto("/equities/AAPL")
    drawn(page, 5)
    ground = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(ground)
    page.click("#theme-toggle")
    page.wait_for_function(f"{PLOT}.layout.font.color === '#e3e9f1'")
    assert page.evaluate(ground) != light
    page.screenshot(path=tmp_path / "dark.png", full_page=True)
    page.goto("/system")
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"


def test_an_outage_keeps_the_data_and_shows_its_age(browser: Browser, app: FastAPI):
    """When the server is gone the last data stay on the page, and the header says how old they are."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    page = context.new_page()
    with served(app) as address:
        page.goto(f"{address}/equities/AAPL")
        drawn(page, 5)
        expect(page.locator("#refreshed")).to_contain_text("updated")
    page.evaluate("window.marketAssets.at = Date.now() - 45000")
    expect(page.locator("#refreshed")).to_contain_text("no answer, data 4")
    expect(page.locator("#refreshed")).to_have_class("refreshed tone-bad")
    drawn(page, 5)
    context.close()


def test_pages_fit_their_window(page: Page, tmp_path: Path):
    """At a wide and a narrow window no page scrolls sideways, opened there or brought there; each says what it is."""
    for n, (path, said) in enumerate(
        (("/", "equities_scored_bars"), ("/equities", "Coverage"), ("/system", "Machine"))
    ):
        for opened, width in enumerate((1440, 800) if n % 2 else (800, 1440)):
            page.set_viewport_size({"width": width, "height": 900})
            if not opened:
                page.goto(path)
            expect(page.locator("main")).to_contain_text(said)
            page.wait_for_function("width => document.documentElement.scrollWidth <= width", arg=width)
            page.screenshot(path=tmp_path / f"{path.strip('/') or 'overview'}-{width}.png", full_page=True)
