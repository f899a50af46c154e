"""The machine as a component of health."""

from typing import Any

import pytest

from dashboards.components.machine import machine
from dashboards.services import Services
from market_assets.ops.settings import AlertSettings
from market_assets.settings import load

NEVER = {"disk_used": (1, 1), "memory_used": (1, 1), "cpu_used": (1e6, 1e6)}


@pytest.mark.parametrize(
    ("limit", "status"),
    [("disk_used", "degraded"), ("memory_used", "degraded"), ("cpu_used", "healthy"), ("", "healthy")],
)
def test_disk_and_memory_degrade_and_a_high_load_does_not(home: object, limit: str, status: str):
    """Whatever is used is too much where the limit is nothing."""
    limits: dict[str, Any] = NEVER | ({limit: (0, 0)} if limit else {})
    told = machine(Services.of(load(alerts=AlertSettings(**limits))))
    assert told["status"] == status
    assert (told["detail"] is None) == (status == "healthy")
    assert 0 < told["disk_used_ratio"] < 1 and 0 < told["memory_used_ratio"] < 1
    assert "of the processors" in told["note"]
