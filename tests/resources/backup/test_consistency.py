"""A backup is of one instant, however much is written meanwhile."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from market_assets.settings import Settings
from resources.backup import restore, take, taking, verify
from resources.stores import open_store
from tests.market_assets.crypto.advice_frames import signal, signals
from tests.resources.backup.conftest import Places
from tests.resources.backup.homes import DAY, SIGNALS

OTHER = "2026-10-05|ETHUSDT"


def write(settings: Settings, number: int) -> None:
    """Publish one partition, and then the other, each with the number as its price."""
    for partition, symbol in ((DAY, "BTCUSDT"), (OTHER, "ETHUSDT")):
        open_store(settings).write(SIGNALS, partition, signals(signal(symbol=symbol, price=float(number))))


@contextmanager
def writing(settings: Settings) -> Iterator[None]:
    """A thread that publishes both, over and over."""
    begun, done = threading.Event(), threading.Event()
    failed: list[BaseException] = []

    def over_and_over() -> None:
        number = 1
        try:
            while not done.is_set():
                number += 1
                write(settings, number)
                begun.set()
        except BaseException as wrong:  # noqa: BLE001 - told by the thread that waits
            failed.append(wrong)

    thread = threading.Thread(target=over_and_over)
    thread.start()
    try:
        assert begun.wait(60)
        yield
    finally:
        done.set()
        thread.join()
    assert failed == []


def test_what_is_written_meanwhile_tears_nothing(places: Places):
    """The first partition is at most one step ahead of the second, as a reader would have seen at that instant."""
    write(places.settings, 1)
    with writing(places.settings):
        taken = [take(places.settings) for _ in range(3)]
    assert [verify(backup.path).rows for backup in taken] == [2, 2, 2]
    restore(taken[-1].path, places.home, database=places.database)
    restored = open_store(places.restored())
    first, second = (restored.read(SIGNALS, [name])["price"].item() for name in (DAY, OTHER))
    assert first - second in {0.0, 1.0}
    assert first >= 2.0


@pytest.mark.postgres
@pytest.mark.parametrize("places", ["postgres"], indirect=True)
def test_a_partition_replaced_before_the_dump_begins_is_not_in_it(places: Places, monkeypatch: pytest.MonkeyPatch):
    """What the manifest states and what the dump holds are of one snapshot."""
    write(places.settings, 1)
    dump = taking.dump_postgres

    def late(address: str, to: Path, *given: Any) -> str | None:
        write(places.settings, 2)
        return dump(address, to, *given)

    monkeypatch.setattr(taking, "dump_postgres", late)
    backup = take(places.settings)
    restore(backup.path, places.home, database=places.database)
    assert open_store(places.restored()).read(SIGNALS)["price"].to_list() == [1.0, 1.0]
    assert open_store(places.settings).read(SIGNALS)["price"].to_list() == [2.0, 2.0]


def test_a_run_whose_log_goes_meanwhile_is_left_out(home: Path, monkeypatch: pytest.MonkeyPatch):
    """Retention removes it between the look and the copy; one that is there and cannot be read is an error."""
    import sqlite3

    from market_assets.settings import load

    (home / "state").mkdir()
    for name in ("a", "b"):
        (home / "state" / f"{name}.sqlite").write_bytes(b"")
    copy = taking.copy_sqlite

    def thinned_out(source: Path, to: Path) -> None:
        if source.name == "a.sqlite":
            source.unlink()
        copy(source, to)

    monkeypatch.setattr(taking, "copy_sqlite", thinned_out)
    assert take(load()).parts["state"] == "1 SQLite files"

    def locked(source: Path, to: Path) -> None:
        raise sqlite3.OperationalError("database is locked")

    monkeypatch.setattr(taking, "copy_sqlite", locked)
    with pytest.raises(sqlite3.OperationalError, match="locked"):
        take(load())
