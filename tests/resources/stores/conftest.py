"""The two real stores; every test that takes `store` runs on both."""

from collections.abc import Callable
from pathlib import Path

import pytest

from market_assets.core.settings import RetentionSettings
from resources.stores.lake import LakeStore
from resources.stores.postgres import PostgresStore
from resources.stores.protocol import PartitionStore

BOTH = ["duckdb", pytest.param("postgres", marks=pytest.mark.postgres)]
OpenStore = Callable[..., PartitionStore]


@pytest.fixture(params=BOTH)
def reopened(request: pytest.FixtureRequest, home: Path) -> OpenStore:
    """Opens the same store anew, as another process would; retention settings may be given."""
    if request.param == "duckdb":
        return lambda **retention: LakeStore(home, RetentionSettings(**retention))
    url = request.getfixturevalue("postgres_url")
    return lambda **retention: PostgresStore(url, RetentionSettings(**retention))


@pytest.fixture
def store(reopened: OpenStore) -> PartitionStore:
    """An empty store."""
    return reopened()
