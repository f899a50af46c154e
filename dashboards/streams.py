"""How a collector stands, by what it last said in the hot cache: one judgement for health, metrics, pages, status."""

import sqlite3
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from market_assets.core import clock
from market_assets.settings import Settings
from resources.stream.candle import Update
from resources.stream.hot import HotReader
from resources.stream.status import Status

#: never: none was started with this home; ended: stopped in order; running: it hears its venue and stores;
#: silent: it runs and does not; dead: it ended without a word
State = Literal["never", "ended", "running", "silent", "dead"]

#: a collector writes its status every few tenths of a second: one whose status is older has died
DEAD = timedelta(seconds=10)
#: domain with a collector -> seconds after which a venue that says nothing is silent
STREAMS: Mapping[str, Callable[[Settings], float]] = {"crypto": lambda settings: settings.crypto.stream.silent_s}


@dataclass(frozen=True)
class StreamFacts:
    """One collector as it stands. What nobody measured is None."""

    domain: str
    state: State
    #: what is wrong and what to do; None where nothing is
    detail: str | None = None
    status: Status | None = None
    #: seconds since its venue last said anything
    message_age_s: float | None = None
    #: the newest candle that was pushed, symbol by symbol
    newest: tuple[Update, ...] = ()

    @property
    def is_meant_to_run(self) -> bool:
        """Whether one was started, and not stopped."""
        return self.state in {"running", "silent", "dead"}


def streams(settings: Settings) -> list[StreamFacts]:
    """Every collector there may be, as it stands now."""
    return [_facts(settings, domain, silent_s(settings)) for domain, silent_s in STREAMS.items()]


def command(domain: str) -> str:
    """The command that starts a collector."""
    return f"market-assets stream --domain {domain}"


def _facts(settings: Settings, domain: str, silent_s: float) -> StreamFacts:
    with closing(HotReader.of(settings, domain)) as reader:
        try:
            status, newest = reader.status(), tuple(reader.all_forming())
        except (sqlite3.Error, OSError, ValueError, TypeError) as broken:
            told = f"its cache is not readable ({type(broken).__name__}); start it anew: {command(domain)}"
            return StreamFacts(domain, "dead", told)
    if status is None:
        return StreamFacts(domain, "never")
    now = clock.now()
    heard = status.last_message_at
    age_s = None if heard is None else max(0.0, (now - heard).total_seconds())
    state, detail = _judged(status, age_s, now, silent_s, command(domain))
    return StreamFacts(domain, state, detail, status, age_s, newest)


def _judged(
    status: Status, age_s: float | None, now: datetime, silent_s: float, starts: str
) -> tuple[State, str | None]:
    if not status.running:
        lost = f"{status.unflushed_bars:,} candles were not stored before it ended" if status.unflushed_bars else None
        return "ended", lost
    if now - status.at > DEAD:
        return "dead", f"it has said nothing since {status.at:%Y-%m-%d %H:%M:%S}Z, so it has died; start it: {starts}"
    if status.flush_error is not None:
        return "silent", f"it cannot store what it hears: {status.flush_error}"
    if age_s is None:
        return "silent", f"it has heard nothing since its start ({_why(status)})"
    if age_s >= silent_s:
        return "silent", f"it has heard nothing for {age_s:,.0f} s ({_why(status)})"
    return "running", None


def _why(status: Status) -> str:
    if status.last_error is not None:
        return status.last_error
    return "it is connecting" if status.connected_since is None else "it is connected"
