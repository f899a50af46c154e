"""How collectors stand, by what each last said in its hot cache: one judgement for health, metrics, pages, status."""

import sqlite3
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal, NamedTuple

from market_assets.core import clock
from market_assets.settings import Settings
from resources.stream.bars import ages as bar_ages
from resources.stream.bars.status import BarsStatus
from resources.stream.hot import HotReader
from resources.stream.status import Status

#: never: none was started with this home; ended: stopped in order; running: it hears its sources and stores;
#: silent: it runs and does not; dead: it ended without a word
State = Literal["never", "ended", "running", "silent", "dead"]

#: a collector writes its status every second, or with every cycle that is longer: one whose status is older has died
DEAD = timedelta(seconds=10)
_CYCLES = 3
#: sources that are told of as the cause of a silence
_TOLD = 4


class Heard(NamedTuple):
    """What a collector said last, and what that means for what it hears."""

    status: Status | BarsStatus
    #: symbol -> seconds since the newest message about it; of bars those whose market is open, in market time
    ages: Mapping[str, float]
    #: since when it hears nothing and why; None where it hears
    silence: str | None


def _crypto(settings: Settings, now: datetime) -> Heard | None:
    with closing(HotReader.of(settings, "crypto")) as reader:
        status, newest = reader.status(), reader.all_forming()
    if status is None:
        return None
    ages = {update.candle.symbol: max(0.0, (now - update.at).total_seconds()) for update in newest}
    why = status.last_error or ("it is connecting" if status.connected_since is None else "it is connected")
    age_s, silence = _since(status.last_message_at, now), None
    if age_s is None:
        silence = f"since its start ({why})"
    elif age_s >= settings.crypto.stream.silent_s:
        silence = f"for {age_s:,.0f} s ({why})"
    return Heard(status, ages, silence)


def _bars(settings: Settings, now: datetime) -> Heard | None:
    """Silent where the newest quote of every open market is beyond its error limit; closed markets are never silent."""
    status = bar_ages.stored_status(settings)
    if status is None:
        return None
    found, silence = bar_ages.ages(settings.bars, status, now), None
    if found and all(age.lateness > bar_ages.ERROR for age in found.values()):
        youngest = min(age.seconds for age in found.values())
        whys = [f"{one.name}: {one.why or one.state}" for one in status.sources if one.state != "polling"]
        silence = f"of any open market for {youngest:,.0f} s ({'; '.join(whys[:_TOLD]) or 'its sources answer'})"
    return Heard(status, {symbol: age.seconds for symbol, age in found.items()}, silence)


@dataclass(frozen=True)
class Stream:
    """What is to be known of one domain's collector."""

    look: Callable[[Settings, datetime], Heard | None]
    #: what it closes
    noun: str


#: domain with a collector
STREAMS: Mapping[str, Stream] = {"crypto": Stream(_crypto, "candles"), "bars": Stream(_bars, "bars")}


@dataclass(frozen=True)
class StreamFacts:
    """One collector as it stands. What nobody measured is None."""

    domain: str
    state: State
    #: what is wrong and what to do; None where nothing is
    detail: str | None = None
    status: Status | BarsStatus | None = None
    #: seconds since any source last said anything
    message_age_s: float | None = None
    #: symbol -> seconds since the newest message about it; of bars those whose market is open, in market time
    ages: Mapping[str, float] = field(default_factory=dict)

    @property
    def is_meant_to_run(self) -> bool:
        """Whether one was started, and not stopped."""
        return self.state in {"running", "silent", "dead"}


def streams(settings: Settings) -> list[StreamFacts]:
    """Every collector there may be, as it stands now."""
    return [stream(settings, domain) for domain in STREAMS]


def stream(settings: Settings, domain: str) -> StreamFacts:
    """The collector of a domain, as it stands now."""
    now = clock.now()
    try:
        heard = STREAMS[domain].look(settings, now)
    except (sqlite3.Error, OSError, ValueError, TypeError, KeyError) as broken:
        told = f"its cache is not readable ({type(broken).__name__}); start it anew: {command(domain)}"
        return StreamFacts(domain, "dead", told)
    if heard is None:
        return StreamFacts(domain, "never")
    state, detail = _judged(heard, now, domain)
    return StreamFacts(domain, state, detail, heard.status, _since(heard.status.last_message_at, now), heard.ages)


def command(domain: str) -> str:
    """The command that starts a collector."""
    return f"market-assets stream --domain {domain}"


def _judged(heard: Heard, now: datetime, domain: str) -> tuple[State, str | None]:
    status = heard.status
    if not status.running:
        left = f"{status.unflushed_bars:,} {STREAMS[domain].noun} were not stored before it ended"
        return "ended", left if status.unflushed_bars else None
    if now - status.at > _dead_after(status):
        since = f"{status.at:%Y-%m-%d %H:%M:%S}Z"
        return "dead", f"it has said nothing since {since}, so it has died; start it: {command(domain)}"
    if status.flush_error is not None:
        return "silent", f"it cannot store what it hears: {status.flush_error}"
    if heard.silence is not None:
        return "silent", f"it has heard nothing {heard.silence}"
    return "running", None


def _dead_after(status: Status | BarsStatus) -> timedelta:
    cycle_s = status.interval_s if isinstance(status, BarsStatus) else 0.0
    return max(DEAD, timedelta(seconds=_CYCLES * cycle_s))


def _since(at: datetime | None, now: datetime) -> float | None:
    return None if at is None else max(0.0, (now - at).total_seconds())
