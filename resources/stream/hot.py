"""The hot cache: what a collector knows this very moment, for other processes on this machine.

`<home>/hot/<domain>.sqlite`: the forming candle and the last closed ones of each symbol, features, one status.
Everything in it is stored elsewhere or worth nothing a minute later, so nothing is synced to disk, and a file
that is lost or of another layout is made anew. Readers take a fraction of a millisecond and never wait.
"""

import sqlite3
import threading
from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from market_assets.settings import Settings
from resources.stream.candle import Candle, Update
from resources.stream.status import Status

#: raise it when the layout changes
VERSION = 1
_SCHEMA = f"""
CREATE TABLE bars (
  symbol TEXT, ts INTEGER, open REAL, high REAL, low REAL, close REAL, volume REAL, quote_volume REAL,
  trade_count INTEGER, taker_buy_base REAL, taker_buy_quote REAL, source TEXT, ingested_at INTEGER,
  PRIMARY KEY (symbol, ts)
) WITHOUT ROWID;
CREATE TABLE forming (
  symbol TEXT PRIMARY KEY, ts INTEGER, open REAL, high REAL, low REAL, close REAL, volume REAL, quote_volume REAL,
  trade_count INTEGER, taker_buy_base REAL, taker_buy_quote REAL, source TEXT, ingested_at INTEGER,
  is_final INTEGER, at INTEGER
) WITHOUT ROWID;
CREATE TABLE features (
  symbol TEXT, timeframe TEXT, ts INTEGER, body BLOB, PRIMARY KEY (symbol, timeframe)
) WITHOUT ROWID;
CREATE TABLE status (id INTEGER PRIMARY KEY CHECK (id = 1), body BLOB);
PRAGMA user_version = {VERSION};"""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_BUSY_S = 2.0
_N_COLUMNS = len(Candle._fields)


class Features(NamedTuple):
    """The newest values of one symbol and timeframe."""

    symbol: str
    timeframe: str
    #: open instant of the bar that they belong to
    ts: datetime
    values: Mapping[str, Any]


def hot_path(settings: Settings, domain: str) -> Path:
    """Where the hot cache of a domain is."""
    return settings.home / "hot" / f"{domain}.sqlite"


class HotCache:
    """The writing side. One process writes; what cannot be written is lost and harms nothing."""

    def __init__(self, path: Path, keep: int) -> None:
        self._path, self._keep = path, keep
        self._db: sqlite3.Connection | None = None
        self._inode = 0

    def write(
        self,
        *,
        closed: Iterable[Candle] = (),
        forming: Iterable[Update] = (),
        features: Iterable[Features] = (),
        status: Status | None = None,
    ) -> None:
        """Put all of it there in one transaction. Raises sqlite3.Error or OSError where that fails."""
        bars = list(closed)
        db = self._connection()
        db.execute("BEGIN IMMEDIATE")
        try:
            db.executemany(_insert("bars", _N_COLUMNS), map(_row, bars))
            for symbol in {candle.symbol for candle in bars}:
                db.execute(
                    "DELETE FROM bars WHERE symbol = ?1 AND ts <= "
                    "(SELECT ts FROM bars WHERE symbol = ?1 ORDER BY ts DESC LIMIT 1 OFFSET ?2)",
                    (symbol, self._keep),
                )
            updates = [(*_row(one.candle), one.is_final, _us(one.at)) for one in forming]
            db.executemany(_insert("forming", _N_COLUMNS + 2), updates)
            values = [(one.symbol, one.timeframe, _us(one.ts), orjson.dumps(one.values)) for one in features]
            db.executemany(_insert("features", 4), values)
            if status is not None:
                db.execute("INSERT OR REPLACE INTO status VALUES (1, ?)", (orjson.dumps(status),))
        except BaseException:
            db.execute("ROLLBACK")
            raise
        db.execute("COMMIT")

    def is_lost(self) -> bool:
        """Whether the file that was written to is there no more: then it has to be filled anew."""
        return self._db is not None and _inode(self._path) != self._inode

    def close(self) -> None:
        """Close the file."""
        if self._db is not None:
            self._db.close()
            self._db = None

    def _connection(self) -> sqlite3.Connection:
        if self.is_lost():
            self.close()
        if self._db is None:
            self._db = self._opened()
            self._inode = _inode(self._path)
        return self._db

    def _opened(self) -> sqlite3.Connection:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with suppress(sqlite3.DatabaseError):
            found = _open(self._path)
            if found.execute("PRAGMA user_version").fetchone()[0] == VERSION:
                return found
            found.close()
        # of another layout, or no database at all
        for name in ("", "-wal", "-shm"):
            self._path.with_name(self._path.name + name).unlink(missing_ok=True)
        made = _open(self._path)
        made.executescript(f"BEGIN; {_SCHEMA} COMMIT;")
        return made


class HotReader:
    """The reading side, for any number of threads. Where there is no cache, nothing is known."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._local = threading.local()

    @classmethod
    def of(cls, settings: Settings, domain: str) -> "HotReader":
        """The hot cache of a domain in the home in force."""
        return cls(hot_path(settings, domain))

    def status(self) -> Status | None:
        """What the collector says of itself; None where none ever ran."""
        found = self._rows("SELECT body FROM status")
        return Status.of(orjson.loads(found[0][0])) if found else None

    def forming(self, symbol: str) -> Update | None:
        """The newest candle that was pushed, forming or just closed."""
        found = self._rows("SELECT * FROM forming WHERE symbol = ?", symbol)
        return _update(found[0]) if found else None

    def all_forming(self) -> list[Update]:
        """The newest pushed candle of every symbol."""
        return [_update(row) for row in self._rows("SELECT * FROM forming ORDER BY symbol")]

    def closed(self, symbol: str, limit: int = 200, after: datetime | None = None) -> list[Candle]:
        """The newest `limit` closed candles that opened after `after`, oldest first."""
        newest = self._rows(
            "SELECT * FROM bars WHERE symbol = ? AND ts > ? ORDER BY ts DESC LIMIT ?",
            symbol,
            -1 if after is None else _us(after),
            limit,
        )
        return [_candle(row) for row in reversed(newest)]

    def features(self, symbol: str, timeframe: str) -> Features | None:
        """The newest values of a symbol."""
        found = self._rows("SELECT * FROM features WHERE symbol = ? AND timeframe = ?", symbol, timeframe)
        return Features(symbol, timeframe, _at(found[0][2]), orjson.loads(found[0][3])) if found else None

    def close(self) -> None:
        """Close this thread's connection."""
        if (opened := getattr(self._local, "opened", None)) is not None:
            opened[1].close()
            self._local.opened = None

    def _rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        inode = _inode(self._path)
        if not inode:
            return []
        opened = getattr(self._local, "opened", None)
        try:
            if opened is None or opened[0] != inode:
                self.close()
                opened = self._local.opened = (inode, _open(self._path, readonly=True))
            rows: list[tuple[Any, ...]] = opened[1].execute(query, values).fetchall()
        except sqlite3.DatabaseError:
            # being made anew by its writer, this very moment
            self.close()
            return []
        return rows


def _open(path: Path, *, readonly: bool = False) -> sqlite3.Connection:
    mode = "?mode=ro" if readonly else ""
    db = sqlite3.connect(
        f"{path.absolute().as_uri()}{mode}", uri=True, timeout=_BUSY_S, isolation_level=None, check_same_thread=False
    )
    if not readonly:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = OFF")
    return db


def _inode(path: Path) -> int:
    try:
        return path.stat().st_ino
    except OSError:
        return 0


def _insert(table: str, n_columns: int) -> str:
    return f"INSERT OR REPLACE INTO {table} VALUES ({', '.join('?' * n_columns)})"  # noqa: S608 - names of ours


def _us(at: datetime) -> int:
    return (at - _EPOCH) // _MICROSECOND


def _at(us: int) -> datetime:
    return datetime.fromtimestamp(us / 1e6, UTC)


def _row(candle: Candle) -> tuple[Any, ...]:
    return (candle.symbol, _us(candle.ts), *candle[2:-1], _us(candle.ingested_at))


def _candle(row: tuple[Any, ...]) -> Candle:
    return Candle._make((row[0], _at(row[1]), *row[2 : _N_COLUMNS - 1], _at(row[_N_COLUMNS - 1])))


def _update(row: tuple[Any, ...]) -> Update:
    return Update(_candle(row), bool(row[_N_COLUMNS]), _at(row[_N_COLUMNS + 1]))
