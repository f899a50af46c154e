"""The whole domain materialised once, for tests that only look at it."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.desk import Desk, Results, Sandbox, opened

#: the first Tuesday of 2024, before the open: the newest due session is Friday 2023-12-29
TUESDAY = "2024-01-02T12:00:00Z"
SYMBOLS = ("AAPL", "EGAP", "HALT", "SPLT")
YEARS = (2022, 2023)


@dataclass(frozen=True)
class Chain:
    """A desk whose domain is materialised, and what Dagster said of each asset."""

    desk: Desk
    results: dict[str, Results]


@pytest.fixture(scope="module")
def built(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chain]:
    """Four symbols, two years: a quiet one, an earnings gap, a halt and a split."""
    with (
        pytest.MonkeyPatch.context() as patch,
        opened(tmp_path_factory.mktemp("chain"), sandbox, patch, now=TUESDAY) as desk,
    ):
        desk.list_symbols(*SYMBOLS)
        yield Chain(desk, desk.chain(SYMBOLS, YEARS))


@pytest.fixture
def chain(built: Chain, home: Path, monkeypatch: pytest.MonkeyPatch) -> Chain:
    """That desk, to be read; each test has a home of its own otherwise."""
    built.desk.enter(monkeypatch)
    return built
