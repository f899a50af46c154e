"""`market-assets plan`: what it prints, and its exit codes."""

import json

import pytest
import typer
from typer.testing import CliRunner, Result

from market_assets.cli import plan
from market_assets.core.errors import UnknownName

DAYS = ("bars_minute", "2026-10-28...2026-10-29")


@pytest.fixture(autouse=True)
def noon(monkeypatch: pytest.MonkeyPatch) -> None:
    """The clock stands, and tables are wide."""
    monkeypatch.setenv("MARKET_ASSETS_NOW", "2026-11-01T12:00:00Z")
    monkeypatch.setenv("COLUMNS", "200")


def run(*arguments: str) -> Result:
    app = typer.Typer()
    app.command()(plan.plan)
    return CliRunner().invoke(app, list(arguments))


def test_a_plan_that_fits_into_today() -> None:
    """Two days of ten symbols are one request each to Yahoo; the eleventh needs a key, and nobody has one."""
    told = run(*DAYS)
    assert told.exit_code == 0, told.output
    for said in (
        "bars_minute",
        "22",
        "yahoo 10",
        "2,000 of 2,000",
        "no source for XAUUSD",
        "fits into today's budgets",
    ):
        assert said in told.output
    assert "never materialised, so without an estimate: bars_minute" in told.output


def test_a_plan_that_takes_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten requests at four a day are three days, and the exit code says so."""
    monkeypatch.setenv("MARKET_ASSETS_YAHOO__BUDGET", '{"per_minute": 60, "per_day": 4}')
    told = run(*DAYS)
    assert (told.exit_code, "takes 3 days" in told.output) == (3, True), told.output


def test_json_for_machines() -> None:
    """The same numbers."""
    told = run(*DAYS, "--json")
    assert told.exit_code == 0
    found = json.loads(told.stdout)
    assert {
        name: found[name] for name in ("partitions", "requests", "days_needed", "fits_today", "seconds", "bytes")
    } == {
        "partitions": 22,
        "requests": 10,
        "days_needed": 1,
        "fits_today": True,
        "seconds": None,
        "bytes": None,
    }
    assert found["assets"][0]["requests"] == {"yahoo": 10}
    (vendor,) = found["vendors"]
    assert (vendor["vendor"], vendor["left_today"], vendor["per_day"], vendor["per_minute"]) == (
        "yahoo",
        2000,
        2000,
        60,
    )
    assert found["never_materialised"] == ["bars_minute"]


def test_an_unknown_asset_is_an_error_for_people() -> None:
    """The command's `main` prints it as one line and ends with 1."""
    told = run("bars_minit", "2026-10-29")
    assert told.exit_code == 1
    assert isinstance(told.exception, UnknownName) and "bars_minute" in str(told.exception)
