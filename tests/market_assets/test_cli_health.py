"""`market-assets health`: what it prints, and its exit codes."""

import json
from pathlib import Path

import pytest
from typer import Typer
from typer.testing import CliRunner, Result

from market_assets.cli.health import health
from market_assets.settings import settings


def run(*arguments: str) -> Result:
    app = Typer()
    app.command()(health)
    settings.cache_clear()
    return CliRunner().invoke(app, list(arguments))


def test_a_line_for_every_component(home: Path) -> None:
    """Name, status, how it stands and what is wrong, without colours where no terminal reads it: degraded is 1."""
    told = run()
    overall, head, *lines = told.stdout.splitlines()
    assert (told.exit_code, overall, head.split()) == (
        1,
        "overall degraded",
        ["component", "status", "how", "it", "stands"],
    )
    stated = {line.split()[0]: line for line in lines}
    assert list(stated) == list(json.loads(run("--json").stdout)["components"])
    assert stated["redis"].split(maxsplit=2)[1:] == ["not_configured", "not used"]
    assert "no Dagster instance here: Dagster's state needs a dagster.yaml in DAGSTER_HOME" in stated["scheduler"]
    assert "\x1b" not in told.stdout
    assert all(line == line.rstrip() for line in lines)


def test_json_is_the_body_of_the_route(home: Path) -> None:
    """With the same exit code."""
    told = run("--json")
    body = json.loads(told.stdout)
    assert (told.exit_code, body["status"]) == (1, "degraded")
    assert body["components"]["backup"]["age_s"] is None


def test_a_store_that_cannot_be_read_is_2(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Unhealthy, and the line says why."""
    monkeypatch.setenv("MARKET_ASSETS_STORE", "postgres")
    monkeypatch.setenv("MARKET_ASSETS_POSTGRES_URL", "postgresql://u:hunter2@127.0.0.1:9/none")
    told = run()
    assert told.exit_code == 2
    assert "overall unhealthy" in told.stdout
    assert "hunter2" not in told.stdout
