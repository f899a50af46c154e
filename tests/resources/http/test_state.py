"""The file all processes share: statistics, entitlements, first use by many at once."""

import multiprocessing
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from resources.http.state import VendorState, fingerprint

AT = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.fixture
def state(tmp_path: Path) -> VendorState:
    return VendorState.of(tmp_path)


def test_the_file_is_made_on_first_use(tmp_path: Path):
    """Making the object touches nothing; the first statement creates <home>/state/vendors.sqlite."""
    state = VendorState.of(tmp_path)
    assert not state.path.exists()
    assert state.call_stats("polygon").total_calls == 0
    assert state.path == tmp_path / "state" / "vendors.sqlite"
    assert state.path.exists()


def test_percentiles_are_the_nearest_rank(state: VendorState):
    """Of latencies 10, 20, ..., 200 ms the p50 is the 10th (100) and the p95 the 19th (190)."""
    for latency in range(200, 0, -10):
        state.record_call("polygon", "ok", AT, float(latency))
    stats = state.call_stats("polygon")
    assert (stats.latency_p50_ms, stats.latency_p95_ms, stats.total_calls) == (100.0, 190.0, 20)
    assert stats.last_success_at == AT


def test_what_was_not_sent_counts_neither_way(state: VendorState):
    """Success rate is 3 of 4 sent; calls refused by breaker and budget are outside of it."""
    for outcome in ("ok", "ok", "ok", "unavailable", "circuit_open", "budget", "blocked"):
        state.record_call("yahoo", outcome, AT)
    stats = state.call_stats("yahoo")
    assert (stats.total_calls, stats.success_rate) == (4, 0.75)
    assert stats.outcomes["circuit_open"] == 1
    assert state.call_stats("polygon").success_rate is None


def test_the_error_share_is_of_a_window(state: VendorState):
    """Only requests since the given instant count."""
    for minutes, outcome in ((30, "unavailable"), (10, "ok"), (5, "malformed")):
        state.record_call("yahoo", outcome, AT - timedelta(minutes=minutes))
    assert state.error_share("yahoo", AT - timedelta(minutes=15)) == 0.5
    assert state.error_share("yahoo", AT) is None


def test_old_calls_are_forgotten_but_not_their_count(state: VendorState):
    """The table of single calls stays bounded at about 10,000 rows; totals keep counting."""
    with state.transaction() as db:
        db.executemany(
            "INSERT INTO recent_calls (source, at, outcome) VALUES ('yahoo', ?, 'ok')", [(n,) for n in range(10_250)]
        )
    for _ in range(100):
        state.record_call("polygon", "ok", AT)
    assert state.rows("SELECT count(*) FROM recent_calls")[0][0] <= 10_100
    assert state.call_stats("polygon").total_calls == 100


def test_a_refusal_holds_for_windows_that_start_as_early(state: VendorState):
    """Refused from 2015 on means: not 2015, not 2014, but 2016 may be asked; and only for its time."""
    state.refuse("polygon", "AAPL", date(2015, 1, 1), AT + timedelta(hours=24))
    until = AT + timedelta(hours=24)
    assert state.refused_until("polygon", "AAPL", date(2015, 1, 1), AT) == until
    assert state.refused_until("polygon", "AAPL", date(2014, 1, 1), AT) == until
    assert state.refused_until("polygon", "AAPL", date(2016, 1, 1), AT) is None
    assert state.refused_until("polygon", "MSFT", date(2015, 1, 1), AT) is None
    assert state.refused_until("yahoo", "AAPL", date(2015, 1, 1), AT) is None
    assert state.refused_until("polygon", "AAPL", date(2015, 1, 1), until) is None


def test_a_failed_transaction_leaves_nothing(state: VendorState):
    """What a transaction wrote before an error is rolled back, and the lock is free again."""
    with pytest.raises(KeyError), state.transaction() as db:
        db.execute("INSERT INTO source_state (source) VALUES ('polygon')")
        raise KeyError
    assert state.rows("SELECT * FROM source_state") == []
    with state.transaction() as db:
        db.execute("INSERT INTO source_state (source) VALUES ('polygon')")


def test_a_key_is_named_by_a_fingerprint():
    """The same key has the same name, another key or vendor another, and none shows the key."""
    assert fingerprint("polygon", "key-1") == fingerprint("polygon", "key-1")
    assert len({fingerprint("polygon", "key-1"), fingerprint("polygon", "key-2"), fingerprint("yahoo", "key-1")}) == 3
    assert "key-1" not in fingerprint("polygon", "key-1")


def test_a_lane_is_told_from_the_vendor_s_other_lanes():
    """With or without a key, a lane has a name of its own."""
    names = {fingerprint("okx", key, lane) for key in (None, "key-1") for lane in ("", "market")}
    assert len(names) == 4
    assert fingerprint("okx", None, "") == "okx"


def _count_up(home: Path, gate) -> None:
    gate.wait()
    state = VendorState.of(home)
    for _ in range(25):
        state.record_call("polygon", "ok", AT, 1.0)


def test_eight_processes_create_and_use_it_at_once(tmp_path: Path):
    """First use by eight processes at the same moment loses no count and fails in none."""
    context = multiprocessing.get_context("fork")
    gate = context.Barrier(8)
    workers = [context.Process(target=_count_up, args=(tmp_path, gate)) for _ in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(30)
    assert [worker.exitcode for worker in workers] == [0] * 8
    assert VendorState.of(tmp_path).call_stats("polygon").total_calls == 200
