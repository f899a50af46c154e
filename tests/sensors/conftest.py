"""A desk over the simulated market."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from resources.sandbox.synthetic import SyntheticBackend
from tests.desk import Desk, Sandbox, opened, running


@pytest.fixture(scope="session")
def sandbox() -> Iterator[Sandbox]:
    """The sandbox of this test process."""
    with running(SyntheticBackend(seed=7)) as started:
        yield started


@pytest.fixture
def desk(home: Path, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    """A desk with an empty home on a Saturday of June 2024."""
    with opened(home, sandbox, monkeypatch) as fresh:
        yield fresh
