"""The hot cache: read by many while one writes, and worth nothing when it is lost."""

import sqlite3
import threading
from datetime import timedelta
from pathlib import Path

from resources.stream.candle import MINUTE, Update
from resources.stream.hot import CANDLES, Features, HotCache, HotReader, HotWriter
from resources.stream.status import Status
from tests.resources.stream.scripted_venue import START, candle


def status(flushed: int = 0) -> Status:
    fields = dict.fromkeys(Status.__dataclass_fields__)
    return Status.of({**fields, "at": START.isoformat(), "symbols": ["BTCUSDT"], "flushed_rows": flushed})


def test_what_is_written_is_read(hot: HotCache, hot_file: Path) -> None:
    """Candles, the forming one, features and the status come back as they were."""
    closed = [candle("BTCUSDT", START + n * MINUTE) for n in range(3)]
    forming = Update(candle("BTCUSDT", START + 3 * MINUTE), False, START + 3 * MINUTE + timedelta(seconds=7))
    features = Features("BTCUSDT", "1h", START, {"st_dir": 1, "ema_10": None})
    hot.write(closed=closed, forming=[forming], features=[features], status=status(3))
    reader = HotReader(hot_file)
    assert reader.closed("BTCUSDT") == closed
    assert reader.closed("BTCUSDT", limit=1) == closed[-1:]
    assert reader.closed("BTCUSDT", after=START) == closed[1:]
    assert reader.closed("ETHUSDT") == []
    assert reader.forming("BTCUSDT") == forming
    assert reader.all_forming() == [forming]
    assert reader.features("BTCUSDT", "1h") == features
    assert reader.features("BTCUSDT", "4h") is None
    assert reader.status() == status(3)


def test_without_a_cache_nothing_is_known(hot_file: Path) -> None:
    """A reader makes no file; it knows nothing until there is one."""
    reader = HotReader(hot_file)
    assert (reader.status(), reader.forming("BTCUSDT"), reader.closed("BTCUSDT")) == (None, None, [])
    assert not hot_file.exists()
    HotCache(hot_file, keep=5).write(closed=[candle("BTCUSDT", START)])
    assert reader.closed("BTCUSDT") == [candle("BTCUSDT", START)]


def test_only_the_last_candles_are_kept(hot_file: Path) -> None:
    """Of each symbol as many as asked for, whatever holes there are."""
    hot = HotCache(hot_file, keep=3)
    for n in (0, 1, 2, 50, 99):
        hot.write(closed=[candle("BTCUSDT", START + n * MINUTE)])
    hot.write(closed=[candle("ETHUSDT", START)])
    reader = HotReader(hot_file)
    assert [one.ts for one in reader.closed("BTCUSDT")] == [START + n * MINUTE for n in (2, 50, 99)]
    assert len(reader.closed("ETHUSDT")) == 1


def test_a_writer_may_trim_now_and_then(hot_file: Path) -> None:
    """Symbols take turns, so that no write has to trim all of them; in between some more are there."""
    hot = HotWriter(hot_file, 2, CANDLES, trim_every=3)
    seen = []
    for n in range(6):
        hot.write(closed=[candle(symbol, START + n * MINUTE) for symbol in ("BTCUSDT", "ETHUSDT")])
        reader = HotReader(hot_file)
        seen.append((len(reader.closed("BTCUSDT")), len(reader.closed("ETHUSDT"))))
    assert seen == [(1, 1), (2, 2), (2, 3), (3, 4), (4, 2), (2, 3)]


def test_a_cache_of_another_layout_is_made_anew(hot_file: Path) -> None:
    """A file of another version, or that is no database, is replaced."""
    hot_file.parent.mkdir(parents=True)
    with sqlite3.connect(hot_file) as old:
        old.execute("CREATE TABLE bars (x)")
    old.close()
    for _ in range(2):
        cache = HotCache(hot_file, keep=3)
        cache.write(closed=[candle("BTCUSDT", START)])
        cache.close()
        assert HotReader(hot_file).closed("BTCUSDT") == [candle("BTCUSDT", START)]
        hot_file.write_bytes(b"no database at all" * 100)


def test_a_reader_sees_a_write_whole_or_not_at_all(hot_file: Path) -> None:
    """Read by four threads while it is written two hundred times: candles and status always belong together."""
    hot, done = HotCache(hot_file, keep=10), threading.Event()
    torn: list[str] = []

    def read() -> None:
        reader, newest = HotReader(hot_file), -1
        while not done.is_set():
            told = reader.status()
            shown = reader.forming("BTCUSDT")
            if told is None or shown is None:
                continue
            at = (shown.candle.ts - START) // MINUTE
            # the second read may see a later write, never an earlier one
            if at < told.flushed_rows or told.flushed_rows < newest:
                torn.append(f"{at} after {told.flushed_rows}")
            newest = told.flushed_rows
        reader.close()

    readers = [threading.Thread(target=read) for _ in range(4)]
    for one in readers:
        one.start()
    for n in range(200):
        one = candle("BTCUSDT", START + n * MINUTE)
        hot.write(closed=[one], forming=[Update(one, True, one.ts)], status=status(n))
    done.set()
    for thread in readers:
        thread.join()
    assert torn == []
    assert len(HotReader(hot_file).closed("BTCUSDT")) == 10
