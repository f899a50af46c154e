"""What a collector knows this moment, for those who watch it: one thread reads for all of them.

It runs while somebody watches. Reading takes a fraction of a millisecond, but in a loop that serves others nothing
may block, and one watcher more must cost nothing.
"""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

import structlog

from market_assets.core import clock
from resources.stream.candle import MINUTE, Candle, Update
from resources.stream.hot import Features, HotReader
from resources.stream.status import Status

State = Literal["LIVE", "DELAYED", "NO DATA"]

_log = structlog.get_logger(__name__)

#: a collector writes its status every few tenths of a second: one whose status is older has died
_DEAD = timedelta(seconds=10)
#: a candle is late this long after the close of the one before
_LATE = 1.5 * MINUTE
#: newest closed candles of a view
_CLOSED = 120


@dataclass(frozen=True)
class View:
    """One symbol as it stands. What is not known is absent: nothing is made up for it."""

    state: State
    #: why it is not LIVE, and what to do
    reason: str | None
    #: what the collector asks: live, or sandbox; None where none ever ran
    vendors: str | None = None
    #: the newest candle that was pushed; None while no collector runs
    forming: Update | None = None
    #: oldest first; the last known ones also while no collector runs
    closed: tuple[Candle, ...] = ()
    #: overlays of the running candle of the primary timeframe; None while no collector runs
    features: Features | None = None


def view_of(reader: HotReader, symbol: str, command: str, timeframe: str) -> View:
    """The symbol as the hot cache has it; `command` starts the collector, overlays are of `timeframe`."""
    status, closed = reader.status(), tuple(reader.closed(symbol, _CLOSED))
    if reason := _silent(status, symbol, clock.now(), command):
        return View("NO DATA", reason, status.vendors if status else None, None, closed)
    assert status is not None
    reason = _delayed(status, closed, clock.now())
    forming, features = reader.forming(symbol), reader.features(symbol, timeframe)
    return View("DELAYED" if reason else "LIVE", reason, status.vendors, forming, closed, features)


def _silent(status: Status | None, symbol: str, now: datetime, command: str) -> str | None:
    """Why nothing is collected; None where it is."""
    if status is None or not status.running:
        return f"no stream runs; start it: {command}"
    if now - status.at > _DEAD:
        return f"the stream has said nothing since {status.at:%Y-%m-%d %H:%M:%S} UTC; start it: {command}"
    if symbol not in status.symbols:
        return f"the stream that runs does not collect {symbol}; see crypto.symbols, and start it anew: {command}"
    return None


def _delayed(status: Status, closed: tuple[Candle, ...], now: datetime) -> str | None:
    """Why candles are late; None where they are not."""
    if status.connected_since is None:
        return f"the stream is not connected to its venue ({status.last_error or 'it is connecting'})"
    if not closed:
        return "no candle has closed since the stream began"
    if now - (closed[-1].ts + MINUTE) > _LATE:
        return f"the newest closed candle opened at {closed[-1].ts:%Y-%m-%d %H:%M} UTC"
    return None


@dataclass(eq=False)
class Watch:
    """One watcher: `changed` is set, in the watcher's own loop, when its symbol has another view."""

    symbol: str
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    _loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.get_running_loop)

    def wake(self) -> None:
        """Have it look; from any thread."""
        try:
            self._loop.call_soon_threadsafe(self.changed.set)
        except RuntimeError:
            # its loop has ended, and the watch with it
            _log.debug("a watcher is gone", symbol=self.symbol)


class LiveBoard:
    """The views of the symbols that are watched, read every `poll_s` seconds."""

    def __init__(self, reader: HotReader, command: str, timeframe: str, poll_s: float = 0.25) -> None:
        self._reader, self._command, self._timeframe, self._poll_s = reader, command, timeframe, poll_s
        self._lock = threading.Lock()
        self._look = threading.Event()
        self._watches: list[Watch] = []
        self._views: dict[str, View] = {}
        self._thread: threading.Thread | None = None

    @property
    def watchers(self) -> int:
        """How many watch."""
        return len(self._watches)

    def view(self, symbol: str) -> View | None:
        """The newest view of a watched symbol; None before the first look at it."""
        return self._views.get(symbol)

    def look(self, symbol: str) -> View:
        """The symbol as it stands now, watched or not. Reads, so it is for a thread that may wait."""
        return self._seen(symbol)

    @contextmanager
    def watching(self, symbol: str) -> Iterator[Watch]:
        """Watch a symbol while the block lasts; needs a running loop."""
        watch = Watch(symbol)
        with self._lock:
            self._watches.append(watch)
            if symbol in self._views:
                watch.changed.set()
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="live-board", daemon=True)
                self._thread.start()
        self._look.set()
        try:
            yield watch
        finally:
            with self._lock:
                self._watches.remove(watch)
            self._look.set()

    def _run(self) -> None:
        try:
            while watched := self._watched():
                for symbol in watched:
                    self._publish(symbol, self._seen(symbol))
                self._look.wait(self._poll_s)
                self._look.clear()
        finally:
            self._reader.close()

    def _watched(self) -> set[str]:
        """The symbols that somebody watches; where nobody does, the thread is as good as ended."""
        with self._lock:
            watched = {watch.symbol for watch in self._watches}
            self._views = {symbol: view for symbol, view in self._views.items() if symbol in watched}
            if not watched:
                self._thread = None
            return watched

    def _publish(self, symbol: str, view: View) -> None:
        # at once with whoever begins to watch meanwhile: it is woken here, or finds the view there
        with self._lock:
            if view == self._views.get(symbol):
                return
            self._views[symbol] = view
            for watch in self._watches:
                if watch.symbol == symbol:
                    watch.wake()

    def _seen(self, symbol: str) -> View:
        try:
            return view_of(self._reader, symbol, self._command, self._timeframe)
        except Exception as broken:  # noqa: BLE001 - whatever is in the file, watchers must be told and not left waiting
            _log.warning("the hot cache is not readable", error=f"{type(broken).__name__}: {broken}")
            return View("NO DATA", f"the stream's cache is not readable ({type(broken).__name__}); start it anew")
