"""Several threads ask by way of one client, and see what their maker sees."""

import threading
from pathlib import Path

import pytest

from market_assets.core import clock
from market_assets.core.settings import RateBudget
from resources.http import judge
from resources.http.client import connect
from resources.http.errors import BudgetExhausted
from resources.http.state import VendorState
from resources.http.transport import Timing
from resources.http.workers import Abandoned, Workers
from resources.vendors import json_shape
from tests.resources.vendor_host import Asked, Host, Says, StillTime, live_settings

N_THREADS, N_CALLS = 8, 96


def read(reply):
    judge.refuse("polygon", reply)
    return json_shape.parse("polygon", reply.body)


def test_threads_share_one_client(host: Host, still: StillTime, home: Path):
    """96 calls of 8 threads: each gets its own answer; every call is counted, paid for and noted once."""
    together = threading.Barrier(N_THREADS)

    def answer(asked: Asked) -> Says:
        # no answer before all threads have asked: they are at work at the same time
        together.wait(20)
        # half of the bodies are equal: two threads may write the same file
        return Says({"is": asked.query["n"] if int(asked.query["n"]) % 2 else "even", "of": asked.path})

    host.script = answer
    client = connect(live_settings(host), "polygon", rates=RateBudget(per_day=10_000), timing=still.timing)
    with Workers(N_THREADS) as threads:
        found = list(threads.map(lambda n: client.get("/thing", {"n": n}, read=read)[0]["is"], range(N_CALLS)))
    assert found == [str(n) if n % 2 else "even" for n in range(N_CALLS)]
    state = VendorState.of(home)
    assert state.call_stats("polygon").outcomes == {"ok": N_CALLS}
    assert [use.used for use in client.budget.use()] == [N_CALLS]
    notes = state.rows("SELECT url, sha256 FROM raw_responses")
    assert {url for url, _ in notes} == {f"{host.url}/thing?n={n}" for n in range(N_CALLS)}
    assert len(notes) == N_CALLS
    assert len(list((home / "raw").glob("*/*/*.zst"))) == len({digest for _, digest in notes}) == N_CALLS // 2 + 1


def test_threads_share_a_budget_to_the_last_request(host: Host, still: StillTime):
    """A day of 50, asked for 96 times by 8 threads: 50 are sent, 46 refused."""
    client = connect(live_settings(host), "polygon", rates=RateBudget(per_day=50), timing=still.timing)

    def ask(_: int) -> str:
        try:
            client.get("/thing", read=read)
        except BudgetExhausted:
            return "refused"
        return "sent"

    with Workers(N_THREADS) as threads:
        found = list(threads.map(ask, range(N_CALLS)))
    assert (found.count("sent"), found.count("refused"), len(host.asked)) == (50, 46, 50)


def test_workers_see_the_stopped_clock():
    """A thread of a pool has the clock of the thread that gave it the work, at the time it did."""
    with Workers(2) as threads:
        with clock.frozen("2026-11-20T12:00:00Z") as noon:
            told = [*threads.map(lambda _: clock.now(), range(4)), threads.submit(clock.now).result()]
        with clock.frozen("2026-11-20T13:00:00Z") as later:
            assert threads.submit(clock.now).result() == later
    assert told == [noon] * 5


def test_a_worker_s_error_arrives():
    """What a thread raises is raised where its result is taken."""
    with Workers(1) as threads, pytest.raises(ZeroDivisionError):
        threads.submit(lambda: 1 // 0).result()


def test_what_nobody_waits_for_is_not_sent(host: Host):
    """A pool that is left by an error stops the work under way, also that of pools within, and asleep."""
    asleep, ended = threading.Event(), list[str]()
    client = connect(live_settings(host), "polygon")

    def wait() -> None:
        asleep.set()
        Timing().sleep(60)

    def pool_within() -> None:
        try:
            with Workers(1) as within:
                within.submit(wait).result()
        except Abandoned:
            ended.append("waiting")

    def ask() -> None:
        try:
            while True:
                client.get("/thing", read=read)
        except Abandoned:
            ended.append("asking")

    with pytest.raises(KeyError), Workers(2) as threads:
        threads.submit(pool_within)
        threads.submit(ask)
        assert asleep.wait(20)
        raise KeyError
    assert sorted(ended) == ["asking", "waiting"]


def test_a_pool_within_does_not_end_the_work_around_it(host: Host):
    """One of several requests fails: its siblings end, and the thread that asked goes on with the next."""
    client = connect(live_settings(host), "polygon")

    def fetch() -> str:
        with pytest.raises(ZeroDivisionError), Workers(2) as within:
            within.submit(lambda: 1 // 0).result()
        client.get("/thing", read=read)
        return "went on"

    with Workers(1) as threads:
        assert threads.submit(fetch).result() == "went on"
