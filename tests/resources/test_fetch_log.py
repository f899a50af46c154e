"""The memory of how fetches ended."""

import multiprocessing
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from market_assets.core import clock
from market_assets.core.contracts import UTC_MICROS
from resources.fetch_log import FetchLog


def test_a_retry_knows_what_its_group_finished(home: Path) -> None:
    """Only successes of the same run group are skipped."""
    log = FetchLog(home)
    log.succeeded("bars", ["AAPL|2020"], "run-1")
    log.failed("bars", ["BAC|2020"], "run-1", "unavailable", "polygon did not answer")
    log.succeeded("bars", ["XOM|2020"], "run-2")
    assert log.finished_by("bars", "run-1") == {"AAPL|2020"}


def test_a_failure_keeps_the_last_success(home: Path) -> None:
    """The last success stays on record beside the error that followed it."""
    log = FetchLog(home)
    with clock.frozen("2021-01-04T23:00:00Z"):
        log.succeeded("bars", ["AAPL|2020"], "run-1")
    with clock.frozen("2021-01-05T23:00:00Z") as failed_at:
        log.failed("bars", ["AAPL|2020"], "run-2", "rate_limited", "429")
    row = log.outcomes("bars").row(0, named=True)
    assert row["finished_at"] == failed_at
    assert row["succeeded_at"] == clock.instant("2021-01-04T23:00:00Z")
    assert (row["outcome"], row["error"]) == ("rate_limited", "429")


def test_a_success_clears_the_error(home: Path) -> None:
    """What works again is no longer failing."""
    log = FetchLog(home)
    log.failed("bars", ["AAPL|2020"], "run-1", "clipped", "starts late")
    log.succeeded("bars", ["AAPL|2020"], "run-2")
    assert log.outcomes("bars")["error"].to_list() == [None]


def test_repairs_are_known_by_their_last_time(home: Path) -> None:
    """Asked again twice: the later time counts, per asset; what is whole again is forgotten."""
    log, at = FetchLog(home), datetime(2026, 11, 20, 12, 30, tzinfo=UTC)
    log.repair_asked_at("funding_rates", ["okx|2026-11-18", "okx|2026-11-19"], at)
    log.repair_asked_at("funding_rates", ["okx|2026-11-19"], at + timedelta(hours=6))
    log.repair_asked_at("others", ["okx|2026-11-18"], at + timedelta(hours=9))
    assert log.repair_tries("funding_rates") == {
        "okx|2026-11-18": (at, 1),
        "okx|2026-11-19": (at + timedelta(hours=6), 2),
    }
    log.repaired("funding_rates", ["okx|2026-11-19"])
    assert log.repair_tries("funding_rates") == {"okx|2026-11-18": (at, 1)}
    assert log.repair_tries("others").keys() == {"okx|2026-11-18"}


def test_repairs_by_day_and_by_time_are_forgotten_together(home: Path) -> None:
    """Both kinds of note stand side by side until the gap is closed."""
    log = FetchLog(home)
    log.repair_asked("bars", ["AAPL|2020"], date(2026, 11, 20))
    log.repair_asked_at("bars", ["AAPL|2020"], datetime(2026, 11, 20, tzinfo=UTC))
    assert log.repair_days("bars") == {"AAPL|2020": [date(2026, 11, 20)]}
    log.repaired("bars", ["AAPL|2020"])
    assert (log.repair_days("bars"), log.repair_tries("bars")) == ({}, {})


def test_the_newest_floor_counts(home: Path) -> None:
    """One row per exchange and contract, sorted; a later note replaces the earlier one, upwards and downwards."""
    log, at = FetchLog(home), datetime(2026, 8, 20, tzinfo=UTC)
    assert log.floors().equals(pl.DataFrame(schema=_FLOORS))
    log.note_floors("okx", {"BTC-USDT-SWAP": at})
    log.note_floors("kucoin", {"XBTUSDTM": at + timedelta(days=9), "ETHUSDTM": at})
    log.note_floors("okx", {"BTC-USDT-SWAP": at + timedelta(hours=8)})
    log.note_floors("kucoin", {"XBTUSDTM": at - timedelta(days=9)})
    expected = [
        ("kucoin", "ETHUSDTM", at),
        ("kucoin", "XBTUSDTM", at - timedelta(days=9)),
        ("okx", "BTC-USDT-SWAP", at + timedelta(hours=8)),
    ]
    assert log.floors().equals(pl.DataFrame(expected, schema=_FLOORS, orient="row"))


def test_an_instant_without_zone_is_refused(home: Path) -> None:
    """Before it is written, where the mistake was made."""
    log, naive = FetchLog(home), datetime(2026, 8, 20)
    with pytest.raises(ValueError, match="needs an offset"):
        log.note_floors("okx", {"BTC-USDT-SWAP": naive})
    with pytest.raises(ValueError, match="needs an offset"):
        log.repair_asked_at("funding_rates", ["okx|2026-11-18"], naive)
    assert log.floors().is_empty()


def test_many_names_are_one_transaction(home: Path) -> None:
    """A call whose names cannot all be written writes none."""
    log = FetchLog(home)
    log.succeeded("bars", ["AAPL"], "run-1")
    names = [f"okx|{n}" for n in range(600)]
    log.failed("bars", names, "run-2", "unavailable", "HTTP 503")
    log.succeeded("bars", names[:599], "run-2")
    assert log.finished_by("bars", "run-2") == set(names[:599])

    def breaks_off():
        yield from names
        raise KeyError

    with pytest.raises(KeyError):
        log.succeeded("bars", breaks_off(), "run-3")
    with pytest.raises(KeyError):
        log.repair_asked_at("bars", breaks_off(), datetime(2026, 11, 20, tzinfo=UTC))
    assert log.finished_by("bars", "run-3") == set()
    assert log.repair_tries("bars") == {}


_FLOORS = {"exchange": pl.String, "native_symbol": pl.String, "history_floor": UTC_MICROS}


def _note(home: Path, gate, name: str) -> None:
    gate.wait()
    for n in range(5):
        FetchLog(home).succeeded("bars", [f"{name}|{n}"], "run-1")


def test_eight_processes_open_a_new_home_at_once(tmp_path: Path) -> None:
    """First use by eight processes at the same moment loses no note and fails in none, ten times over."""
    context = multiprocessing.get_context("fork")
    for attempt in range(10):
        home, gate = tmp_path / str(attempt), context.Barrier(8)
        workers = [context.Process(target=_note, args=(home, gate, f"{n}")) for n in range(8)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join(60)
        assert [worker.exitcode for worker in workers] == [0] * 8
        assert len(FetchLog(home).finished_by("bars", "run-1")) == 40
