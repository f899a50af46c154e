"""Shares of the machine that are used."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from market_assets.ops.settings import AlertSettings
from resources.alerting.findings_machine import Machine, machine

NOW = datetime(2026, 10, 6, 12, tzinfo=UTC)
IDLE = {"disk": 0.1, "disk_free_bytes": 3 * 2**30, "memory": 0.1, "cpu": 0.1}


@pytest.mark.parametrize(
    ("part", "warns", "fails"),
    [("disk", (0.80, 0.81), 0.91), ("memory", (0.75, 0.76), 0.91), ("cpu", (0.70, 0.71), 0.91)],
)
def test_each_share_warns_and_fails_above_its_own(part: str, warns: tuple[float, float], fails: float) -> None:
    """Disk 80/90 %, memory 75/90 %, load 70/90 %: at the limit nothing is told, above it is."""
    found = {share: machine(Machine(**IDLE | {part: share}), AlertSettings(), NOW) for share in (*warns, 0.90, fails)}
    assert found[warns[0]] == []
    told = [(one.subject, one.check, one.severity) for share in (warns[1], 0.90, fails) for one in found[share]]
    assert told == [(part, f"{part}_used", "WARN"), (part, f"{part}_used", "WARN"), (part, f"{part}_used", "ERROR")]


def test_a_full_disk_says_what_is_free() -> None:
    """A share of a large disk says little."""
    (found,) = machine(Machine(**IDLE | {"disk": 0.95}), AlertSettings(), NOW)
    assert found.said == "95% of the disk is used; 3.0 GiB are free."


def test_this_machine_is_measured_also_before_its_home_exists(tmp_path: Path) -> None:
    """The disk is that on which the home will be."""
    found = Machine.measured(tmp_path / "not" / "there")
    assert 0 < found.disk <= 1 and 0 < found.memory <= 1 and found.cpu >= 0 and found.disk_free_bytes > 0
