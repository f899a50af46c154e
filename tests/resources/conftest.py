"""Fixtures of everything that talks to vendors."""

from collections.abc import Iterator

import pytest

from tests.resources.vendor_host import Host, StillTime


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> Iterator[Host]:
    """A scripted vendor on 127.0.0.1; no key is in the environment."""
    monkeypatch.delenv("POLYGON_API_KEY", raising=False)
    monkeypatch.delenv("GLASSNODE_API_KEY", raising=False)
    running = Host()
    yield running
    running.close()


@pytest.fixture
def still() -> StillTime:
    """A clock that stands at 2026-11-20 12:00:00Z until someone sleeps."""
    return StillTime()
