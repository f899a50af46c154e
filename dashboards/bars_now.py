"""How every symbol of minute bars stands this moment, in memory: one thread reads for all who ask.

It runs while somebody watches or has asked lately. An answer then waits for nothing: no file, no Redis, no store.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import structlog

from dashboards.rest.answers import encode
from market_assets.bars.instruments import spelled
from market_assets.bars.readers_live import better, is_alive, of_hot, stands
from market_assets.bars.standing import Latest, nothing, stored_latest
from market_assets.core import clock
from market_assets.core.errors import MarketAssetsError, UnknownName
from market_assets.settings import Settings
from resources.stores.protocol import PartitionStore
from resources.stream.bars.reading import HotBars
from resources.stream.hot import Features

_log = structlog.get_logger(__name__)

_POLL_S = 0.25
#: after the last question the thread goes on for so long
_LINGER_S = 30.0
#: older than this a look is no answer: the thread has only just begun, or hangs
_OLD_S = 2.0
#: stored rows are looked at again after so long
_STORED_S = 5.0


@dataclass(frozen=True)
class Look:
    """What one look brought."""

    #: monotonic
    at_s: float
    features: dict[str, Features] = field(default_factory=dict)
    is_alive: bool = False
    #: what the collector asks: live, or sandbox; None where none ever ran
    vendors: str | None = None
    #: symbols that the hot cache has nothing good of, what is stored of them, and when that was read
    lacking: frozenset[str] = frozenset()
    stored: dict[str, Latest] = field(default_factory=dict)
    stored_at_s: float = 0.0


def message(one: Latest, *, is_demo: bool) -> dict[str, Any]:
    """What a watcher is told of a symbol. A closed market does not age."""
    return {
        "symbol": one.symbol,
        "ts": one.ts,
        "price": one.price,
        "indicators": dict(one.values),
        "freshness_s": one.age_s if one.market_open else None,
        "state": one.state,
        "feature_level": one.feature_level,
        "is_warm": one.is_warm,
        **({"demo": True} if is_demo else {}),
    }


class BarsNow:
    """The newest look. Safe to use from many threads; `latest` and `all` never wait."""

    def __init__(self, found: Settings, counted: HotBars, store: Callable[[], PartitionStore]) -> None:
        self._settings, self._counted, self._store = found, counted, store
        # apart from the reader that is counted: what the thread asks is nobody's question
        self._hot = HotBars.of(found)
        self._names = spelled(found.bars.instrument(symbol) for symbol in found.bars.symbols)
        self._lock = threading.Lock()
        self._look: Look | None = None
        self._asked_s = 0.0
        self._thread: threading.Thread | None = None
        self.watchers = 0
        #: what watchers are sent, made once for all of them
        self.messages: list[str] = []

    def known(self, name: str) -> str:
        """The house symbol of a name. Raises UnknownName with the near ones."""
        symbol = self._names.get(name.upper())
        if symbol is None:
            raise UnknownName("symbol", name, self._settings.bars.symbols)
        return symbol

    def is_ready(self) -> bool:
        """Whether there is a look young enough to answer from. Asking keeps the thread going, or has it begin."""
        self._asked_s = time.monotonic()
        if self._thread is None:
            self._begin()
        look = self._look
        return look is not None and time.monotonic() - look.at_s <= _OLD_S

    def read(self) -> None:
        """Look now; for a thread that may wait."""
        self._look = self._seen(self._look)

    def write(self) -> None:
        """Make the messages of the newest look."""
        self.messages = [encode(message(one, is_demo=self.is_demo)).decode() for one in self.all()]

    def latest(self, symbol: str) -> Latest:
        """One symbol by the newest look; its age counts to now."""
        found = self._of(symbol, self._newest(), clock.now())
        self._counted.count(hit=found.feature_level in (1, 2))
        return found

    def all(self) -> list[Latest]:
        """The same of every symbol, in the order of the settings."""
        look, now = self._newest(), clock.now()
        return [self._of(symbol, look, now) for symbol in self._settings.bars.symbols]

    @property
    def is_demo(self) -> bool:
        """Whether what is shown comes from the sandbox."""
        look = self._look
        told = look is not None and (
            look.vendors == "sandbox" or any((one.source or "").endswith("-sandbox") for one in look.stored.values())
        )
        return told or self._settings.vendors == "sandbox"

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Have it go on while the block lasts."""
        with self._lock:
            self.watchers += 1
        try:
            yield
        finally:
            with self._lock:
                self.watchers -= 1

    def forget(self) -> int:
        """Drop what was read; how many symbols that were."""
        look, self._look, self.messages = self._look, None, []
        return len(look.features | look.stored) if look else 0

    def _newest(self) -> Look:
        # none only where somebody has it forgotten this very moment
        if (look := self._look) is None:
            look = self._look = self._seen(None)
        return look

    def _of(self, symbol: str, look: Look, now: datetime) -> Latest:
        features, stored = look.features.get(symbol), look.stored.get(symbol)
        hot = None if features is None else of_hot(features, self._settings, now)
        if stands(hot, alive=look.is_alive):
            stored = None
        elif stored is not None and stored.at is not None:
            stored = replace(stored, age_s=max(0.0, (now - stored.at).total_seconds()))
        return better(hot, stored) or nothing(symbol, self._settings, now)

    def _begin(self) -> None:
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="bars-now", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        try:
            while self.watchers or time.monotonic() - self._asked_s <= _LINGER_S:
                self.read()
                if self.watchers:
                    self.write()
                time.sleep(_POLL_S)
        finally:
            # whoever asks next has another one begin
            self._thread = None

    def _seen(self, before: Look | None) -> Look:
        began, now = time.monotonic(), clock.now()
        try:
            look = self._hot_look(began, now)
        except Exception as broken:  # noqa: BLE001 - whatever is in the cache, stored rows can still be told
            _log.warning("the hot cache is not readable", error=f"{type(broken).__name__}: {broken}")
            look = Look(began, lacking=frozenset(self._settings.bars.symbols))
        if not look.lacking:
            return look
        known = before or Look(0.0)
        if began - known.stored_at_s <= _STORED_S and known.lacking >= look.lacking:
            return replace(look, lacking=known.lacking, stored=known.stored, stored_at_s=known.stored_at_s)
        return replace(look, stored=self._stored(sorted(look.lacking), now, known.stored), stored_at_s=began)

    def _hot_look(self, began: float, now: datetime) -> Look:
        features = {one.symbol: one for one in self._hot.latest_all()}
        status = self._hot.status()
        alive = is_alive(status, now)
        found = {symbol: of_hot(one, self._settings, now) for symbol, one in features.items()}
        lacking = {symbol for symbol in self._settings.bars.symbols if not stands(found.get(symbol), alive=alive)}
        return Look(began, features, alive, status.vendors if status else None, frozenset(lacking))

    def _stored(self, symbols: list[str], now: datetime, known: dict[str, Latest]) -> dict[str, Latest]:
        try:
            return stored_latest(symbols, self._store(), self._settings, None, now)
        except MarketAssetsError as broken:
            _log.warning("stored bars are not readable", error=str(broken))
            return known
