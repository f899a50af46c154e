"""What the app counted of itself."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from market_assets.ops.settings import AlertSettings
from resources import app_counts
from resources.alerting.findings_app import app
from resources.alerting.looking import NotNow
from resources.app_counts import AppCounts

NOON = datetime(2026, 10, 6, 12, tzinfo=UTC)


def told(now: datetime = NOON, **counts: int) -> list[tuple[str, str]]:
    found = AppCounts(NOON, **{"n_answers": 0, "n_errors": 0, "n_lookups": 0, "n_hits": 0} | counts)
    return [(one.check, one.severity) for one in app(found, AlertSettings(), now)]


@pytest.mark.parametrize(("errors", "severity"), [(5, None), (6, "WARN"), (10, "WARN"), (11, "ERROR")])
def test_answers_that_are_errors(errors: int, severity: str | None) -> None:
    """More than 5 of 100 warn, more than 10 are an error; a single one of a few says nothing."""
    assert told(n_answers=100, n_errors=errors) == ([("api_errors", severity)] if severity else [])
    assert told(n_answers=3, n_errors=3) == []


@pytest.mark.parametrize(("hits", "severity"), [(600, None), (599, "WARN"), (200, "WARN"), (199, "ERROR")])
def test_a_busy_cache_that_has_hardly_anything(hits: int, severity: str | None) -> None:
    """Below 30 % of 2,000 lookups an hour it warns, below 10 % it is an error; an idle one says nothing."""
    assert told(n_lookups=2000, n_hits=hits) == ([("cache_hits", severity)] if severity else [])
    assert told(n_lookups=1000, n_hits=0) == []


def test_of_a_silent_app_nothing_is_known_for_an_hour() -> None:
    """An app that hangs has not recovered; one that ended long ago has nothing wrong."""
    with pytest.raises(NotNow, match="12:00:00Z"):
        told(NOON + timedelta(minutes=3), n_answers=100, n_errors=100)
    assert told(NOON + timedelta(minutes=61), n_answers=100, n_errors=100) == []
    assert app(None, AlertSettings(), NOON) == []


def test_counts_are_read_as_they_were_written(home: Path) -> None:
    """One process writes the file, another one reads it; before that there is none."""
    assert app_counts.read(home) is None
    written = AppCounts(NOON, 100, 5, 2000, 1999)
    app_counts.write(home, written)
    assert app_counts.read(home) == written
    assert [file.name for file in (home / "state").iterdir()] == ["app.json"]
