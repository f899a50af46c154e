"""The first command of the README."""

import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from market_assets.tables import TABLES

#: filled by people, not by an asset
BY_HAND = {"equities_symbol_overrides"}


@pytest.mark.slow
@pytest.mark.timeout(420)
def test_the_demo_runs_once_and_leaves_nothing_running(tmp_path: Path) -> None:
    """It exits 0, its table names every asset, and what it started is gone."""
    home = tmp_path / "demo"
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("MARKET_ASSETS_", "DAGSTER_"))}
    command = Path(sys.executable).parent / "market-assets"
    said = subprocess.run(
        [command, "demo", "--once", "--home", home],
        env=environment | {"COLUMNS": "100"},
        cwd=Path(__file__).parents[1],
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )
    assert said.returncode == 0, said.stdout + said.stderr
    assert {name for name in TABLES if name in said.stdout} == set(TABLES) - BY_HAND
    assert "http://127.0.0.1:" in said.stdout
    mine = [
        p for p in psutil.process_iter(["environ"]) if (p.info["environ"] or {}).get("MARKET_ASSETS_HOME") == str(home)
    ]
    assert mine == []
