"""The simulated market as a backend: listings, calendars and events turned into bars and actions.

Deterministic for (seed, symbol, instant). Yahoo sees the same market with its own small
differences: opens, volumes, now and then a close, rarely a missing day. Hours of bitcoin and
perpetuals with their minutes are markets of their own (`bitcoin.py`, `synthetic_perpetuals.py`,
`synthetic_minutes.py`), and so are minute bars (`synthetic_bars.py`).
"""

import functools
import math
import zlib
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta

import numpy as np

from resources.sandbox import bitcoin, catalogue, hours, sessions, synthetic_bars
from resources.sandbox.backend import DEFAULT_SEED, Bars, Days, Dividend, Floats, Instrument, Split
from resources.sandbox.bar_minutes import MinuteMarket
from resources.sandbox.catalogue import Listing
from resources.sandbox.hours import Hours
from resources.sandbox.minutes import Coin, Minutes
from resources.sandbox.perpetuals import Perpetual, Quote, Settlements
from resources.sandbox.simulation import MARKET_VOL, Path, Simulated, shocks, simulate, stream
from resources.sandbox.synthetic_minutes import SyntheticMinutes
from resources.sandbox.synthetic_perpetuals import SyntheticPerpetuals

SPLIT_NOTICE = timedelta(days=14)
DIVIDEND_NOTICE = timedelta(days=28)
_PAY_DELAY = timedelta(days=21)
#: calendar days known beyond the last closed session, so that announced ex dates are sessions
_AHEAD = timedelta(days=45)
#: splits are offset by growth over so many years, so that a price neither vanishes nor explodes
_TREND_YEARS = 26
_CRYPTO_BETA = 3.0
#: simulated symbols kept in memory, about 0.4 MB each
_KEPT = 512

#: one of so many Yahoo days has nulls, or a close that is off by about 0.4 %
YAHOO_NULL_EVERY = 2500
YAHOO_OFF_EVERY = 1500


class SyntheticBackend:
    """A seeded market from 2000 to the instant of the request."""

    kind = "synthetic"

    def __init__(self, seed: int = DEFAULT_SEED, perpetuals: int = 0) -> None:
        """`perpetuals` is the number of benchmark contracts `Z000`.. over all exchanges, all settling hourly."""
        self.seed = seed
        self._listings = catalogue.listings()
        self._asked: set[str] = set()
        self._simulated = functools.lru_cache(maxsize=_KEPT)(self._simulate)
        self._common = functools.lru_cache(maxsize=8)(self._common_returns)
        self._bitcoin = functools.lru_cache(maxsize=4)(self._bitcoin_until)
        self._perpetuals = SyntheticPerpetuals(seed, perpetuals)
        self._minutes = SyntheticMinutes(seed)
        self._minute_market = synthetic_bars.market(seed)

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
        return self._as_stated(symbol, vendor, sessions.last_closed(self._calendar(symbol), at))

    def live(self, symbol: str, vendor: str, at: datetime) -> Bars:
        """The session trading at `at`: its open, and the rest as far as it has come."""
        calendar = self._calendar(symbol)
        today = sessions.open_session(calendar, at)
        if today is None:
            return Bars.empty()
        done = self._as_stated(symbol, vendor, today).window(today, today)
        opened, closes = sessions.open_of(calendar, today), sessions.close_of(calendar, today)
        share = (at - opened) / (closes - opened)
        last = np.round(done.open + share * (done.close - done.open), 4)
        return done.with_columns(
            high=np.maximum(done.open, last) + share * (done.high - np.maximum(done.open, done.close)),
            low=np.minimum(done.open, last) - share * (np.minimum(done.open, done.close) - done.low),
            close=last,
            volume=np.floor(done.volume * share),
        )

    def splits(self, symbol: str, at: datetime) -> Sequence[Split]:
        """Splits whose notice has begun."""
        horizon = at.date() + SPLIT_NOTICE
        listing = self._listings[symbol]
        known = _sessions_of(listing.instrument, at.date() + _AHEAD)
        return [split for _, split in _splits(listing, known) if split.ex_date <= horizon]

    def dividends(self, symbol: str, at: datetime) -> Sequence[Dividend]:
        """Dividends declared by the last close before `at`."""
        listing = self._listings[symbol]
        until = sessions.last_closed(listing.instrument.calendar, at)
        known = _sessions_of(listing.instrument, until + _AHEAD)
        amounts = self._simulated(symbol, until).amounts
        return [
            Dividend(
                ex_date=known[ex].item(),
                amount=amount,
                declared=known[ex].item() - DIVIDEND_NOTICE,
                record=known[ex].item() + timedelta(days=1),
                pay=known[ex].item() + _PAY_DELAY,
                frequency=4,
            )
            for ex, amount in amounts.items()
        ]

    def btc_price(self, at: datetime) -> Hours:
        """Prices from 2017 on."""
        return hours.begun_prices(self._bitcoin(bitcoin.horizon(at))[0], at)

    def btc_liquidations(self, at: datetime) -> Hours:
        """What those prices liquidated."""
        return hours.begun_volumes(self._bitcoin(bitcoin.horizon(at))[1], at)

    def perpetuals(self, exchange: str, at: datetime) -> Sequence[Perpetual]:
        """Contracts of the catalogue, closed ones included."""
        return self._perpetuals.perpetuals(exchange, at)

    def settlements(self, exchange: str, native_symbol: str, at: datetime) -> Settlements:
        """Settled funding from the listing on, as far as the exchange keeps it."""
        return self._perpetuals.settlements(exchange, native_symbol, at)

    def quotes(self, exchange: str, at: datetime) -> Mapping[str, Quote]:
        """Current state, each contract's when it is looked up."""
        return self._perpetuals.quotes(exchange, at)

    def coins(self, market: str, at: datetime) -> Sequence[Coin]:
        """The perpetuals of Binance as coins, and their bases on spot."""
        return self._minutes.coins(market, at)

    def candles(self, market: str, symbol: str, first: datetime, until: datetime, at: datetime) -> Minutes:
        """Minutes from the listing on, drawn when they are asked for."""
        return self._minutes.candles(market, symbol, first, until, at)

    def minute_market(self) -> MinuteMarket:
        """Curated instruments, some stocks, and those of load tests, drawn when they are asked for."""
        return self._minute_market

    def _bitcoin_until(self, horizon: int) -> tuple[Hours, Hours]:
        path = bitcoin.prices(self.seed, horizon)
        return path, bitcoin.liquidations(path, self.seed)

    def _calendar(self, symbol: str) -> str:
        return self._listings[symbol].instrument.calendar

    def _as_stated(self, symbol: str, vendor: str, until: date) -> Bars:
        bars = self._simulated(symbol, until).bars
        if vendor == "yahoo":
            bars = _as_yahoo_sees(bars, self.seed, symbol)
        if symbol == catalogue.HALTED[0]:
            bars = bars.take(~np.isin(bars.day, np.array(catalogue.HALTED[1], "datetime64[D]")))
        return bars

    def _simulate(self, symbol: str, until: date) -> Simulated:
        listing = self._listings[symbol]
        known = _sessions_of(listing.instrument, until + _AHEAD)
        days = known[known <= np.datetime64(until)]
        if not len(days):
            return Simulated(Bars.empty(), {})
        calendar = listing.instrument.calendar
        started = int(np.searchsorted(_market_days(calendar, until), days[0]))
        common = self._common(calendar, until)[started : started + len(days)]
        return simulate(_path(listing, known, days), self.seed, common)

    def _common_returns(self, calendar: str, until: date) -> Floats:
        returns, _ = shocks(self.seed, f"market/{calendar}", len(_market_days(calendar, until)), MARKET_VOL)
        return returns


def _market_days(calendar: str, until: date) -> Days:
    days = sessions.days(calendar, until)
    return days[days >= np.datetime64(catalogue.FIRST_LISTING)]


def _sessions_of(instrument: Instrument, until: date) -> Days:
    """Sessions inside the listing window."""
    last = min(until, instrument.delisted or until)
    days = sessions.days(instrument.calendar, until)
    return days[(days >= np.datetime64(instrument.listed)) & (days <= np.datetime64(last))]


def _path(listing: Listing, known: Days, days: Days) -> Path:
    instrument = listing.instrument
    crypto = instrument.asset_class == "crypto"
    splits = {ex: split.ratio for ex, split in _splits(listing, known) if ex < len(days)}
    offset_by_growth = sum(math.log(split.ratio) for split in listing.splits) / _TREND_YEARS
    gap_day = np.searchsorted(days, np.datetime64(catalogue.EARNINGS_GAP[1]))
    jumps = instrument.symbol == catalogue.EARNINGS_GAP[0] and gap_day < len(days)
    return Path(
        name=instrument.symbol,
        days=days,
        half=np.zeros(len(days), bool) if crypto else sessions.half_days(days),
        start_price=listing.start_price,
        daily_vol=listing.daily_vol,
        beta=listing.beta * (_CRYPTO_BETA if crypto else 1.0),
        drift=(listing.growth + offset_by_growth) / (365 if crypto else 252),
        base_volume=listing.base_volume,
        has_volume=instrument.asset_class != "index",
        trades_all_day=crypto,
        decimals=6 if crypto and listing.start_price < 1 else 2,
        splits=splits,
        dividends=[event for event in _dividends(listing, known) if event[0] < len(days)],
        gaps={int(gap_day): catalogue.EARNINGS_GAP[2]} if jumps else {},
    )


def _splits(listing: Listing, known: Days) -> Iterator[tuple[int, Split]]:
    """Session index and split, moved to the first session on or after its date."""
    for split in listing.splits:
        ex = int(np.searchsorted(known, np.datetime64(split.ex_date)))
        if 0 < ex < len(known):
            yield ex, Split(known[ex].item(), split.old, split.new)


def _dividends(listing: Listing, known: Days) -> Iterator[tuple[int, int, float]]:
    """Quarterly (declared index, ex index, share of the price)."""
    if not listing.dividend_yield or not len(known):
        return
    mark = zlib.crc32(listing.instrument.symbol.encode())
    first_year, last_year = known[0].item().year, known[-1].item().year
    quarters = [(year, 1 + mark % 3 + 3 * q) for year in range(first_year, last_year + 1) for q in range(4)]
    for year, month in quarters:
        ex = int(np.searchsorted(known, np.datetime64(date(year, month, 5 + mark // 3 % 16))))
        if not 0 < ex < len(known):
            continue
        notice = np.datetime64(known[ex].item() - DIVIDEND_NOTICE)
        declared = int(np.searchsorted(known, notice, "right")) - 1
        if declared >= 0:
            yield declared, ex, listing.dividend_yield / 4


def _as_yahoo_sees(bars: Bars, seed: int, symbol: str) -> Bars:
    """The same days as another vendor states them: its own open, volume, and rarely its own close."""
    n = len(bars)
    noise = stream(seed, symbol, "yahoo").standard_normal((n, 3))
    chance = stream(seed, symbol, "yahoo-rare").random((n, 3))
    nudged = np.clip(0.00015 * noise[:, 0], -0.0004, 0.0004)
    off = np.where(chance[:, 0] < 0.2, nudged, 0.0)
    off = np.where(chance[:, 1] < 1 / YAHOO_OFF_EVERY, 0.004, off)
    close = _near(bars.close, off)
    opened = _near(bars.open, 0.0003 * noise[:, 1])
    missing = chance[:, 2] < 1 / YAHOO_NULL_EVERY
    unstated = np.full(n, np.nan)
    columns = {
        "open": opened,
        "high": np.maximum(bars.high, np.maximum(opened, close)),
        "low": np.minimum(bars.low, np.minimum(opened, close)),
        "close": close,
        "volume": np.floor(bars.volume * (1.03 + 0.02 * np.clip(noise[:, 2], -3, 3))),
    }
    stated = {name: np.where(missing, np.nan, values) for name, values in columns.items()}
    return bars.with_columns(**stated, vwap=unstated, trades=unstated)


def _near(prices: Floats, relative: Floats) -> Floats:
    """Prices moved by a small share, to a hundredth of a cent (six digits below 1 USD)."""
    moved = prices * (1 + relative)
    kept = np.where(prices >= 1, np.round(moved, 4), np.round(moved, 6))
    return np.where(relative == 0, prices, kept)
