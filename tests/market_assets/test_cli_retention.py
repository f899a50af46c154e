"""`market-assets retention`: what is past its time, counted or removed."""

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from market_assets.cli.retention import retention
from market_assets.core import clock
from market_assets.settings import load, settings
from market_assets.tables import contract
from resources.stores import open_store
from tests.resources.retention.stored import store_rows

SPREADS = contract("funding_spreads")


@pytest.fixture
def app(home: Path, monkeypatch: pytest.MonkeyPatch) -> typer.Typer:
    """The command in a home of three days, two of which are due."""
    monkeypatch.setenv("MARKET_ASSETS_RETENTION__TABLES", json.dumps({"funding_spreads": 30}))
    monkeypatch.setenv("MARKET_ASSETS_NOW", "2026-08-01T12:00:00Z")
    settings.cache_clear()
    store_rows(open_store(load()), SPREADS, "2026-05-01", "2026-06-01", "2026-07-31")
    app = typer.Typer()
    app.command()(retention)
    return app


def test_a_dry_run_prints_what_would_go(app: typer.Typer) -> None:
    """As a table that names each rule; nothing is gone then."""
    done = CliRunner().invoke(app, ["--dry-run"], env={"COLUMNS": "300"})
    assert done.exit_code == 0, done.output
    line = next(line for line in done.output.splitlines() if "table:funding_spreads" in line)
    assert [cell.strip() for cell in line.split("│")[1:6]] == [
        "table:funding_spreads",
        "retention.tables.funding_spreads = 30",
        "2026-07-02",
        "3",
        "2",
    ]
    assert "would go" in done.output
    assert len(open_store(load()).partitions(SPREADS)) == 3


def test_without_it_it_goes(app: typer.Typer) -> None:
    """Told as JSON for programs."""
    done = CliRunner().invoke(app, ["--json"])
    assert done.exit_code == 0, done.output
    (row,) = [row for row in json.loads(done.stdout) if row["what"] == "table:funding_spreads"]
    assert (row["n_removed"], row["is_dry_run"]) == (2, False)
    assert clock.instant(row["kept_since"]) == clock.instant("2026-07-02T12:00:00Z")
    assert open_store(load()).partitions(SPREADS) == ["2026-07-31"]


def test_a_kind_that_breaks_off_is_a_failure(app: typer.Typer, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the exit code; its row says why, and the others were done."""
    monkeypatch.setenv("MARKET_ASSETS_RETENTION__TABLES", json.dumps({"funding_spread": 1, "funding_spreads": 30}))
    settings.cache_clear()
    done = CliRunner().invoke(app, [], env={"COLUMNS": "300"})
    assert done.exit_code == 1
    assert "did you mean funding_spreads" in done.output
    assert open_store(load()).partitions(SPREADS) == ["2026-07-31"]
