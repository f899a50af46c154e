"""Four real processes against one failing host: the breaker and its probe are theirs together."""

import multiprocessing
import threading
import time
from pathlib import Path

from market_assets.core.settings import FetchSettings, RateBudget
from resources.http import judge
from resources.http.client import VendorClient
from resources.http.errors import VendorError
from resources.http.raw import RawStore
from resources.http.state import VendorState
from tests.resources.vendor_host import Host, Says

#: short times, so that several open periods pass within the test
OPEN_S = 1.0
FETCH = FetchSettings(first_wait_s=0.01, breaker_open_s=OPEN_S, deadline_s=5, timeout_s=2)


def _hammer(home: Path, url: str, gate, seconds: float, outcomes) -> None:
    state = VendorState.of(home)
    client = VendorClient(
        "polygon", url, source="polygon", fetch=FETCH, rates=RateBudget(), state=state, raw=RawStore.of(home, state)
    )
    gate.wait()
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            client.get("/x", read=lambda reply: judge.refuse("polygon", reply))
            outcomes.put("ok")
        except VendorError as failed:
            outcomes.put(failed.outcome)
        time.sleep(0.01)


def _run(tmp_path: Path, host: Host, seconds: float) -> list[str]:
    context = multiprocessing.get_context("fork")
    gate, outcomes = context.Barrier(4), context.Queue()
    workers = [context.Process(target=_hammer, args=(tmp_path, host.url, gate, seconds, outcomes)) for _ in range(4)]
    for worker in workers:
        worker.start()
    found: list[str] = []
    while any(worker.is_alive() for worker in workers) or not outcomes.empty():
        while not outcomes.empty():
            found.append(outcomes.get())
        time.sleep(0.01)
    assert [worker.exitcode for worker in workers] == [0] * 4
    return found


def test_four_processes_spare_a_failing_host(tmp_path: Path, host: Host):
    """At most 24 requests before the breaker rests (5 counted and 3 under way, 3 each), then one probe per pause."""
    host.script = lambda _: Says(b"", 503)
    seconds = 3.5 * OPEN_S
    outcomes = _run(tmp_path, host, seconds)
    probes = VendorState.of(tmp_path).call_stats("polygon").outcomes["unavailable"]
    assert probes == len(host.asked)
    assert 15 <= len(host.asked) <= 24 + 3
    assert outcomes.count("circuit_open") > 20


def test_four_processes_wait_for_two_good_probes(tmp_path: Path, host: Host):
    """Once the host recovers all processes are served again, after one pause."""
    state = VendorState.of(tmp_path)
    opened = threading.Event()

    def recovers_once_the_breaker_is_open(_) -> Says:
        if not opened.is_set() and state.rows("SELECT 1 FROM source_state WHERE state = 'open'"):
            opened.set()
        return Says(b"fine") if opened.is_set() else Says(b"", 503)

    host.script = recovers_once_the_breaker_is_open
    outcomes = _run(tmp_path, host, 3.5 * OPEN_S)
    assert state.rows("SELECT state FROM source_state") == [("closed",)]
    assert outcomes.count("circuit_open") > 20
    assert outcomes.count("ok") > 20
