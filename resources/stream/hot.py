"""The hot cache: what a collector knows this very moment, for other processes on this machine.

`<home>/hot/<domain>.sqlite`: the forming record and the last closed ones of each symbol, features, one status. What
a record is (a candle, a bar) and what a status says is the domain's; candles of `crypto` are what HotCache writes and
HotReader reads. Everything in it is stored elsewhere or worth nothing a minute later, so nothing is synced to disk,
and a file that is lost or of another layout is made anew. Readers take a fraction of a millisecond and never wait.
"""

import sqlite3
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any, Generic, NamedTuple, Self, TypeVar, get_args, get_type_hints

import orjson

from market_assets.settings import Settings
from resources.stream.candle import Candle, Update
from resources.stream.status import Status

#: raise it when the layout changes
VERSION = 1
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_BUSY_S = 2.0
#: rows of one statement
_PART = 200
_SQL = {str: "TEXT", float: "REAL", int: "INTEGER", datetime: "INTEGER"}

#: a NamedTuple whose first fields are symbol and ts
Record = TypeVar("Record", bound=tuple[Any, ...])
#: the newest record of a symbol: it, whether it is final, and when it was said
Shown = TypeVar("Shown", bound=tuple[Any, ...])
Said = TypeVar("Said")


@dataclass(frozen=True)
class Layout(Generic[Record, Shown, Said]):
    """What one domain keeps hot."""

    record: type[Record]
    shown: Callable[[Record, bool, datetime], Shown]
    #: a status as it was stored
    status: Callable[[Mapping[str, Any]], Said]

    @cached_property
    def columns(self) -> dict[str, Any]:
        """Name of each field of a record -> its type, without None."""
        return {name: _type(stated) for name, stated in get_type_hints(self.record).items()}

    @cached_property
    def instants(self) -> tuple[int, ...]:
        """Places of the fields that are instants."""
        return tuple(place for place, stated in enumerate(self.columns.values()) if stated is datetime)

    @property
    def schema(self) -> str:
        """The tables."""
        columns = ", ".join(f"{name} {_SQL[stated]}" for name, stated in self.columns.items())
        return (
            f"CREATE TABLE bars ({columns}, PRIMARY KEY (symbol, ts)) WITHOUT ROWID;"
            f"CREATE TABLE forming ({columns}, is_final INTEGER, at INTEGER, PRIMARY KEY (symbol)) WITHOUT ROWID;"
            "CREATE TABLE features (symbol TEXT, timeframe TEXT, ts INTEGER, body BLOB, "
            "PRIMARY KEY (symbol, timeframe)) WITHOUT ROWID;"
            "CREATE TABLE status (id INTEGER PRIMARY KEY CHECK (id = 1), body BLOB);"
            f"PRAGMA user_version = {VERSION};"
        )

    def row(self, record: Record) -> list[Any]:
        """A record as it is stored."""
        row = list(record)
        for place in self.instants:
            row[place] = _us(row[place])
        return row

    def of_row(self, row: Iterable[Any]) -> Record:
        """A stored record."""
        values = list(row)
        for place in self.instants:
            values[place] = _at(values[place])
        return self.record(*values)

    def shown_of(self, row: tuple[Any, ...]) -> Shown:
        """A stored newest record."""
        return self.shown(self.of_row(row[:-2]), bool(row[-2]), _at(row[-1]))


def _type(stated: Any) -> Any:
    return next((one for one in get_args(stated) if one is not type(None)), stated)


CANDLES: Layout[Candle, Update, Status] = Layout(Candle, Update, Status.of)


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


class HotWriter(Generic[Record, Shown, Said]):
    """The writing side. One process writes; what cannot be written is lost and harms nothing."""

    def __init__(self, path: Path, keep: int, layout: Layout[Record, Shown, Said], *, trim_every: int = 1) -> None:
        self._path, self._keep, self._layout, self._trim_every = path, keep, layout, trim_every
        #: symbol -> writes since its oldest records were removed
        self._untrimmed: dict[str, int] = {}
        self._db: sqlite3.Connection | None = None
        self._inode = 0

    def write(
        self,
        *,
        closed: Iterable[Record] = (),
        forming: Iterable[Shown] = (),
        features: Iterable[Features] = (),
        status: Said | None = None,
    ) -> None:
        """Put all of it there in one transaction. Raises sqlite3.Error or OSError where that fails."""
        bars = list(closed)
        db = self._connection()
        db.execute("BEGIN IMMEDIATE")
        try:
            _insert(db, "bars", [self._layout.row(one) for one in bars])
            for symbol in self._to_trim({record[0] for record in bars}):
                db.execute(
                    "DELETE FROM bars WHERE symbol = ?1 AND ts <= "
                    "(SELECT ts FROM bars WHERE symbol = ?1 ORDER BY ts DESC LIMIT 1 OFFSET ?2)",
                    (symbol, self._keep),
                )
            _insert(db, "forming", [[*self._layout.row(one), is_final, _us(at)] for one, is_final, at in forming])
            values = [(one.symbol, one.timeframe, _us(one.ts), orjson.dumps(one.values)) for one in features]
            _insert(db, "features", values)
            if status is not None:
                db.execute("INSERT OR REPLACE INTO status VALUES (1, ?)", (orjson.dumps(status),))
        except BaseException:
            db.execute("ROLLBACK")
            raise
        db.execute("COMMIT")

    def _to_trim(self, written: Iterable[str]) -> list[str]:
        """Those of the symbols whose turn it is. With many of them the turns differ, so that no write takes long."""
        due = []
        for symbol in sorted(written):
            turn = self._untrimmed.setdefault(symbol, len(self._untrimmed) % self._trim_every) + 1
            self._untrimmed[symbol] = turn % self._trim_every
            due += [symbol] if turn >= self._trim_every else []
        return due

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
        made.executescript(f"BEGIN; {self._layout.schema} COMMIT;")
        return made


class HotView(Generic[Record, Shown, Said]):
    """The reading side, for any number of threads. Where there is no cache, nothing is known."""

    def __init__(self, path: Path, layout: Layout[Record, Shown, Said]) -> None:
        self._path, self._layout = path, layout
        self._local = threading.local()

    def status(self) -> Said | None:
        """What the collector says of itself; None where none ever ran."""
        found = self._rows("SELECT body FROM status")
        return self._layout.status(orjson.loads(found[0][0])) if found else None

    def forming(self, symbol: str) -> Shown | None:
        """The newest record of a symbol, forming or just closed."""
        found = self._rows("SELECT * FROM forming WHERE symbol = ?", symbol)
        return self._layout.shown_of(found[0]) if found else None

    def all_forming(self) -> list[Shown]:
        """The newest record of every symbol."""
        return [self._layout.shown_of(row) for row in self._rows("SELECT * FROM forming ORDER BY symbol")]

    def closed(self, symbol: str, limit: int = 200, after: datetime | None = None) -> list[Record]:
        """The newest `limit` closed records that opened after `after`, oldest first."""
        newest = self._rows(
            "SELECT * FROM bars WHERE symbol = ? AND ts > ? ORDER BY ts DESC LIMIT ?",
            symbol,
            -1 if after is None else _us(after),
            limit,
        )
        return [self._layout.of_row(row) for row in reversed(newest)]

    def features(self, symbol: str, timeframe: str) -> Features | None:
        """The newest values of a symbol."""
        found = self._rows("SELECT * FROM features WHERE symbol = ? AND timeframe = ?", symbol, timeframe)
        return Features(symbol, timeframe, _at(found[0][2]), orjson.loads(found[0][3])) if found else None

    def all_features(self, timeframe: str) -> list[Features]:
        """The newest values of every symbol."""
        rows = self._rows("SELECT symbol, ts, body FROM features WHERE timeframe = ? ORDER BY symbol", timeframe)
        return [Features(symbol, timeframe, _at(ts), orjson.loads(body)) for symbol, ts, body in rows]

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


class HotCache(HotWriter[Candle, Update, Status]):
    """The writing side of candles."""

    def __init__(self, path: Path, keep: int) -> None:
        super().__init__(path, keep, CANDLES)


class HotReader(HotView[Candle, Update, Status]):
    """The reading side of candles."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, CANDLES)

    @classmethod
    def of(cls, settings: Settings, domain: str) -> Self:
        """The hot cache of a domain in the home in force."""
        return cls(hot_path(settings, domain))


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


def _insert(db: sqlite3.Connection, table: str, rows: Sequence[Sequence[Any]]) -> None:
    """Insert or replace, many rows a statement: each lets other threads run, and may have to wait for them after."""
    for at in range(0, len(rows), _PART):
        part = rows[at : at + _PART]
        one = f"({', '.join('?' * len(part[0]))})"
        values = [value for row in part for value in row]
        db.execute(f"INSERT OR REPLACE INTO {table} VALUES {', '.join([one] * len(part))}", values)  # noqa: S608 - ours


def _us(at: datetime) -> int:
    return (at - _EPOCH) // _MICROSECOND


def _at(us: int) -> datetime:
    return datetime.fromtimestamp(us / 1e6, UTC)
