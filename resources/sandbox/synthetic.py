"""The simulated market as a backend: listings, calendars and events turned into bars and actions.

Deterministic for (seed, symbol, instant). Yahoo sees the same market with its own small
differences: opens, volumes, now and then a close, rarely a missing day.
"""

import functools
import math
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta

import numpy as np

from resources.sandbox import catalogue, sessions
from resources.sandbox.backend import Bars, Dividend, Instrument, Split
from resources.sandbox.catalogue import Listing
from resources.sandbox.simulation import MARKET_VOL, Path, Simulated, shocks, simulate, stream

DEFAULT_SEED = 7
SPLIT_NOTICE = timedelta(days=14)
DIVIDEND_NOTICE = timedelta(days=28)
_PAY_DELAY = timedelta(days=21)
#: calendar days simulated beyond the request, so that announced ex dates are known sessions
_AHEAD = timedelta(days=45)
_TREND_YEARS = 26

#: one of so many Yahoo days has nulls, or a close that is off by about 0.4 %
YAHOO_NULL_EVERY = 2500
YAHOO_OFF_EVERY = 1500


class SyntheticBackend:
    """A seeded market from 2000 to the instant of the request."""

    kind = "synthetic"

    def __init__(self, seed: int = DEFAULT_SEED) -> None:
        self.seed = seed
        self._listings = catalogue.listings()
        self._asked: set[str] = set()
        self._simulated = functools.lru_cache(maxsize=2048)(self._simulate)
        self._market = functools.lru_cache(maxsize=8)(self._market_returns)
        self._closed = functools.lru_cache(maxsize=4096)(self._closed_bars)

    def instruments(self) -> Sequence[Instrument]:
        """Every listing."""
        return [listing.instrument for listing in self._listings.values()]

    def market(self) -> Sequence[Instrument]:
        """Stocks and ETFs; of `T000`..`T999` only those that were asked for by name."""
        return [
            listing.instrument
            for symbol, listing in self._listings.items()
            if listing.instrument.asset_class in {"stock", "etf"}
            and (symbol in self._asked or not catalogue.is_benchmark(symbol))
        ]

    def bars(self, symbol: str, vendor: str, at: datetime) -> Bars:
        """Closed sessions up to `at`."""
        self._asked.add(symbol)
        return self._closed(symbol, vendor, sessions.last_closed(self._calendar(symbol), at))

    def live(self, symbol: str, vendor: str, at: datetime) -> Bars:
        """The session trading at `at`: its open, and the rest as far as it has come."""
        calendar = self._calendar(symbol)
        today = sessions.open_session(calendar, at)
        if today is None:
            return Bars.empty()
        done = self._as_stated(symbol, vendor, today).window(today, today)
        opened, closes = sessions.open_of(calendar, today), sessions.close_of(calendar, today)
        share = (at - opened) / (closes - opened)
        last = done.open + share * (done.close - done.open)
        return done.with_columns(
            high=np.maximum(done.open, last) + share * (done.high - np.maximum(done.open, done.close)),
            low=np.minimum(done.open, last) - share * (np.minimum(done.open, done.close) - done.low),
            close=last,
            volume=np.floor(done.volume * share),
        )

    def splits(self, symbol: str, at: datetime) -> Sequence[Split]:
        """Splits whose notice has begun."""
        horizon = at.date() + SPLIT_NOTICE
        return [split for split in self._on_sessions(symbol, at.date() + _AHEAD) if split.ex_date <= horizon]

    def dividends(self, symbol: str, at: datetime) -> Sequence[Dividend]:
        """Dividends declared by `at`."""
        calendar = self._calendar(symbol)
        closed = sessions.last_closed(calendar, at)
        path = self._path(symbol, closed)
        amounts = self._simulated(symbol, closed).amounts
        known = sessions.days(calendar, _quarter_end(closed))
        first = int(np.searchsorted(known, path.days[0])) if len(path.days) else 0
        found: list[Dividend] = []
        for _, ex, _ in path.dividends:
            ex_date, record = known[first + ex].item(), known[first + ex + 1].item()
            declared, pay = ex_date - DIVIDEND_NOTICE, record + _PAY_DELAY
            found.append(Dividend(ex_date, amounts[ex], declared, record, pay))
        return found

    def _calendar(self, symbol: str) -> str:
        return self._listings[symbol].instrument.calendar

    def _closed_bars(self, symbol: str, vendor: str, until: date) -> Bars:
        return self._as_stated(symbol, vendor, until)

    def _as_stated(self, symbol: str, vendor: str, until: date) -> Bars:
        bars = self._simulated(symbol, until).bars
        if symbol == catalogue.HALTED[0]:
            bars = bars.take(~np.isin(bars.day, np.array(catalogue.HALTED[1], "datetime64[D]")))
        return bars if vendor == "polygon" else _as_yahoo_sees(bars, self.seed, self._listings[symbol])
