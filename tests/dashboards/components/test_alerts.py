"""Open incidents as a component of health."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from dashboards.components.alerts import alerts
from dashboards.services import Services
from market_assets.core import clock
from market_assets.ops.settings import AlertSettings
from market_assets.ops.transforms.incidents import Finding, Severity
from market_assets.settings import load
from resources.alerting.book import IncidentBook
from resources.alerting.round import AlertRound, Collected

NOON = datetime(2026, 11, 3, 12, tzinfo=UTC)


def told(home: Path, *findings: Finding) -> dict:
    """Health a minute after a round that found this."""
    AlertRound(AlertSettings(settle_s=0), IncidentBook(home), lambda now: Collected(findings)).run(NOON)
    with clock.frozen(NOON + timedelta(minutes=1)):
        return alerts(Services.of(load()))


def finding(subject: str, severity: Severity, **more: frozenset[str]) -> Finding:
    return Finding(subject, "some_check", "", severity, f"{subject} is wrong.", NOON, **more)


def test_before_the_first_round_nobody_knows(home: Path):
    """Idle, and no count is zero."""
    nothing = alerts(Services.of(load()))
    assert (nothing["status"], nothing["errors"], nothing["last_round_age_s"]) == ("idle", None, None)


@pytest.mark.parametrize(
    ("subject", "severity", "status"),
    [("btc_price", "ERROR", "degraded"), ("btc_price", "WARN", "healthy"), ("cpu", "ERROR", "healthy")],
)
def test_an_open_error_degrades_and_a_warning_or_a_busy_machine_does_not(
    home: Path, subject: str, severity: Severity, status: str
):
    """Each is counted all the same."""
    one = told(home, finding(subject, severity))
    assert (one["status"], one["errors"], one["warnings"]) == (status, severity == "ERROR", severity == "WARN")
    assert one["last_round_age_s"] == 60
    assert one["detail"] == (f"{subject} some_check: {subject} is wrong" if status == "degraded" else None)


def test_what_another_explains_counts_with_it(home: Path):
    """One warning that explains an error is one error."""
    source = finding("source:glassnode", "WARN")
    one = told(home, source, finding("btc_price", "ERROR", upstream=frozenset({source.subject})))
    assert (one["status"], one["errors"], one["warnings"]) == ("degraded", 1, 0)


def test_what_is_silenced_does_not_degrade(home: Path):
    """Somebody knows, and wants to hear nothing of it."""
    with clock.frozen(NOON):
        IncidentBook(home).silence("btc_*", NOON + timedelta(hours=1))
    one = told(home, finding("btc_price", "ERROR"))
    assert (one["status"], one["errors"], one["silenced"]) == ("healthy", 0, 1)
