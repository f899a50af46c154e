"""The cost of a block, of this very process."""

import time
from datetime import UTC, datetime

import pytest

from market_assets.core import clock
from resources.overlay_meter import ProcessMeter

AT = datetime(2026, 10, 5, 12, tzinfo=UTC)


def test_a_block_that_waits_takes_time_but_no_processor():
    """At least as long as it slept; the processor worked for less than that."""
    with clock.frozen(AT), ProcessMeter().measure() as cost:
        time.sleep(0.2)
    assert cost.started_at == AT
    assert cost.latency_ms >= 200
    assert 0 <= cost.cpu_ms < cost.latency_ms


def test_memory_that_a_block_keeps_is_counted():
    """64 MB written to are resident; so is what was worked for them."""
    with ProcessMeter().measure() as cost:
        kept = bytearray(b"x" * 64) * 2**20
    assert cost.rss_delta_mb >= 60
    assert len(kept) == 64 * 2**20


def test_a_block_that_fails_is_measured_too():
    """The failure passes through; the cost up to it is known."""
    with pytest.raises(ZeroDivisionError), ProcessMeter().measure() as cost:
        time.sleep(0.01)
        _ = 1 / 0
    assert cost.latency_ms >= 10
