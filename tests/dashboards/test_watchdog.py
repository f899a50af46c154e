"""The app tells of a dead daemon, and leaves a living one alone."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from dashboards.counting import Counting
from dashboards.rest.cache import ResponseCache
from dashboards.services import Services
from dashboards.telemetry import Telemetry
from dashboards.watchdog import Watchdog
from market_assets.core import clock
from market_assets.ops.settings import AlertSettings
from market_assets.settings import load
from resources import app_counts
from resources.alerting.book import IncidentBook
from tests.dashboards import dagster_home

NOON = datetime(2026, 10, 6, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
CALM = AlertSettings(disk_used=(1, 1), memory_used=(1, 1), cpu_used=(1e6, 1e6), settle_s=0)


@pytest.fixture
def services(home: Path) -> Iterator[Services]:
    with clock.frozen(NOON):
        yield Services.of(load(home=home, alerts=CALM))


def subjects(home: Path) -> set[str]:
    return {entry.incident.finding.subject for entry in IncidentBook(home).open()}


def test_a_dead_daemon_is_told_by_the_app(home: Path, services: Services) -> None:
    """Two minutes after the last round the app runs one; it goes on until a daemon runs rounds again."""
    with dagster_home.instance() as instance:
        dagster_home.heartbeat(instance, age_s=600)
    real = datetime.now(UTC)
    book = IncidentBook(home)
    with clock.frozen(real):
        watchdog = Watchdog(services)
        book.round_ended(real - timedelta(days=1))
        assert not watchdog.look(real)
    assert not watchdog.look(real + 1.9 * MINUTE)
    assert subjects(home) == set()
    assert watchdog.look(real + 2 * MINUTE)
    assert any(subject.startswith("daemon:") for subject in subjects(home))
    assert watchdog.look(real + 2.5 * MINUTE)
    # a daemon lives again
    book.round_ended(real + 3 * MINUTE)
    assert not watchdog.look(real + 3.5 * MINUTE)
    assert watchdog.look(real + 5 * MINUTE)


def test_a_home_without_dagster_is_watched_too(home: Path, services: Services) -> None:
    """Vendors, machine, backups and the app are looked at where only collectors run."""
    watchdog = Watchdog(services)
    assert not watchdog.look(NOON + MINUTE)
    assert watchdog.look(NOON + 2 * MINUTE)
    assert IncidentBook(home).last_round_at() == NOON + 2 * MINUTE


def test_every_look_writes_what_the_app_counted(home: Path, services: Services) -> None:
    """The daemon judges the app's errors by a file."""
    watchdog = Watchdog(services)
    watchdog.look(NOON)
    services.telemetry.observe("GET", "/api/health", 200, 0.01)
    services.telemetry.observe("GET", "/api/health", 503, 0.01)
    services.telemetry.observe("GET", "/{path:path}", 500, 0.01)
    watchdog.look(NOON + MINUTE)
    found = app_counts.read(home)
    assert found is not None
    assert (found.at, found.n_answers, found.n_errors) == (NOON + MINUTE, 2, 1)


def test_counts_are_those_of_the_last_minutes() -> None:
    """Answers of 15 minutes and lookups of an hour; what came before is not counted any more."""
    telemetry, cache = Telemetry(), ResponseCache(10)
    counting = Counting(telemetry, cache)
    counting.counts(NOON)
    telemetry.observe("GET", "/api/a", 500, 0.01)
    cache.put("a", b"", 60)
    cache.get("a")
    cache.get("b")
    first = counting.counts(NOON + MINUTE)
    assert (first.n_answers, first.n_errors, first.n_lookups, first.n_hits) == (1, 1, 2, 1)
    counting.counts(NOON + 10 * MINUTE)
    telemetry.observe("GET", "/api/a", 200, 0.01)
    later = counting.counts(NOON + 17 * MINUTE)
    assert (later.n_answers, later.n_errors, later.n_lookups, later.n_hits) == (1, 0, 2, 1)
    last = counting.counts(NOON + 62 * MINUTE)
    assert (last.n_answers, last.n_lookups) == (0, 0)
