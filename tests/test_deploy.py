"""The files in deploy/ work as they are."""

import shutil
from pathlib import Path

import dagster as dg
import pytest

DEPLOY = Path(__file__).parents[1] / "deploy"


@dg.asset
def answer() -> int:
    return 42


@pytest.mark.postgres
def test_dagster_keeps_its_storage_in_postgres(
    postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An instance made from dagster-postgres.yaml records a run and its events in the database."""
    shutil.copyfile(DEPLOY / "dagster-postgres.yaml", tmp_path / "dagster.yaml")
    monkeypatch.setenv("MARKET_ASSETS_DAGSTER_POSTGRES_URL", postgres_url)
    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        assert dg.materialize([answer], instance=instance).success
    with dg.DagsterInstance.from_config(str(tmp_path)) as again:
        assert again.get_latest_materialization_event(dg.AssetKey("answer")) is not None
    assert not list(tmp_path.glob("**/*.db"))
