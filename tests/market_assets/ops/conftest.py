"""The two real stores, a home with the real graph's Dagster instance, and time that passes by looking."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import dagster as dg
import pytest

from market_assets.instance import prepare
from market_assets.settings import settings
from tests.resources.stores.conftest import reopened, store

__all__ = ["reopened", "store"]


@pytest.fixture(scope="session")
def empty_instance(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An instance's home by the project's own dagster.yaml, its databases made: a copy is a second faster."""
    made = tmp_path_factory.mktemp("dagster")
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("DAGSTER_HOME", str(made))
        prepare(settings())
        with dg.DagsterInstance.from_config(str(made)) as fresh:
            assert list(fresh.all_instigator_state()) == list(fresh.get_runs()) == []
            assert fresh.event_log_storage.get_maximum_record_id() in (None, 0)
    return made


@pytest.fixture
def instance(home: Path, empty_instance: Path) -> Iterator[dg.DagsterInstance]:
    """The instance of this home: real files, real storage."""
    shutil.copytree(empty_instance, home / "dagster", dirs_exist_ok=True)
    with dg.DagsterInstance.from_config(str(home / "dagster")) as fresh:
        yield fresh


@dataclass
class Watch:
    """A clock that moves by sleeping alone. `then` is called at each sleep, with the number of sleeps so far."""

    at: float = 0.0
    slept: int = 0
    then: Callable[[int], None] = field(default=lambda _: None)

    def sleep(self, seconds: float) -> None:
        self.at += seconds
        self.slept += 1
        self.then(self.slept)

    def monotonic(self) -> float:
        return self.at


@pytest.fixture
def watch() -> Watch:
    return Watch()
