"""One Dagster instance on disk for all: it takes a second to make."""

from collections.abc import Iterator

import dagster as dg
import pytest


@pytest.fixture(scope="session")
def made_on_disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dg.DagsterInstance]:
    """An instance whose storage is SQLite."""
    home = tmp_path_factory.mktemp("dagster")
    (home / "dagster.yaml").write_text("telemetry:\n  enabled: false\n")
    with dg.DagsterInstance.from_config(str(home)) as instance:
        yield instance


@pytest.fixture
def on_disk(made_on_disk: dg.DagsterInstance) -> dg.DagsterInstance:
    """It with nothing in it."""
    made_on_disk.wipe()
    assert made_on_disk.schedule_storage is not None
    made_on_disk.schedule_storage.wipe()
    return made_on_disk
