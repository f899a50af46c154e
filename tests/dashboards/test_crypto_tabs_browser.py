"""The account, the backtest lab and the advisor in a real browser."""

import csv
from pathlib import Path

import pytest
from fastapi import FastAPI
from playwright.sync_api import Page, expect

from dashboards.app import create_app
from dashboards.theme import DARK

from . import crypto_home, test_browser

browser, page = test_browser.browser, test_browser.page
pytestmark = pytest.mark.browser

LAB = "document.querySelector('#lab-plot .js-plotly-plot')"


@pytest.fixture
def app(home: object, monkeypatch: pytest.MonkeyPatch) -> FastAPI:
    """The app over the home written by hand."""
    found = crypto_home.configure(monkeypatch)
    crypto_home.fill(found)
    return create_app(found)


@pytest.mark.parametrize(("width", "theme"), [(1280, "light"), (400, "dark")])
def test_every_tab_fits_and_follows_the_look(page: Page, width: int, theme: str, tmp_path: Path):
    """On a desk and on a phone, in the light and in the dark, no tab scrolls sideways."""
    page.set_viewport_size({"width": width, "height": 900})
    page.goto("/crypto/account")
    if theme == "dark":
        page.click("#theme-toggle")
    shown = {
        "Account": "#account-plot .scatterlayer .trace",
        "Advisor": "#advisor-rows .source-llm",
        "Backtest lab": "#lab-plot .scatterlayer .trace",
    }
    for title, drawn in shown.items():
        page.click(f"#crypto-tabs >> text={title}")
        page.wait_for_selector(drawn, state="attached")
        # a plot takes its width a moment after it is drawn
        page.wait_for_function("width => document.documentElement.scrollWidth <= width", arg=width)
        page.screenshot(path=tmp_path / f"{title}-{width}.png", full_page=True)
    page.wait_for_function(f"{LAB}?.layout?.font?.color !== undefined")
    assert (page.evaluate(f"{LAB}.layout.font.color") == DARK.text) == (theme == "dark")


def test_a_run_can_be_shared_and_taken_home(page: Page):
    """Another strategy runs at once; its address opens the same run; the button gives its trades as a file."""
    page.goto("/crypto/backtest")
    expect(page.locator("#lab-trades-said")).to_have_text("The strategy entered nothing in this range.")
    expect(page.locator("#lab-download")).to_be_disabled()
    page.click("#lab-strategy")
    page.click(".dash-dropdown-option >> text=RSI 14 30/70")
    expect(page.locator("#lab-cards")).to_contain_text("9,541.42 USD")
    page.wait_for_url("**/crypto/backtest?symbol=BTCUSDT&strategy=rsi")
    address = page.url
    page.goto("/crypto/account")
    page.goto(address)
    expect(page.locator("#lab-cards")).to_contain_text("9,541.42 USD")
    with page.expect_download() as told:
        page.click("#lab-download")
    assert told.value.suggested_filename == "backtest-BTCUSDT-1h-rsi.csv"
    with Path(told.value.path()).open() as file:
        assert [row["side"] for row in csv.DictReader(file)] == ["short"]
