"""What a vendor's route asks of a backend: instruments, daily bars, splits, dividends, hours of bitcoin, perpetuals,
minute candles of coins, minute bars.

Everything is vendor-neutral, and by house symbol but for perpetuals and coins, which are by exchange or market and
its own name of them, and minute bars, which are by vendor and its id; wire formats are the vendors' business.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from resources.sandbox.arrays import Parallel
from resources.sandbox.bar_minutes import MinuteMarket
from resources.sandbox.hours import Hours
from resources.sandbox.minutes import Coin, Minutes
from resources.sandbox.perpetuals import Perpetual, Quote, Settlements

AssetClass = Literal["stock", "etf", "index", "crypto"]
Floats = NDArray[np.float64]
Days = NDArray[np.datetime64]

#: of simulated prices, and of what is simulated beside recorded ones
DEFAULT_SEED = 7

#: Yahoo and Polygon spell the same index differently; other indices have no id at Yahoo here.
YAHOO_INDICES = {"VIX": "^VIX", "SPX": "^GSPC", "NDX": "^NDX", "DJI": "^DJI"}


@dataclass(frozen=True, kw_only=True)
class Instrument:
    """One listing: house symbol, class, and the id each vendor knows it by."""

    symbol: str
    asset_class: AssetClass
    name: str
    listed: date
    delisted: date | None = None
    polygon_id: str
    yahoo_id: str

    @property
    def calendar(self) -> str:
        """`XNYS`, or `always` for crypto."""
        return "always" if self.asset_class == "crypto" else "XNYS"


def vendor_ids(symbol: str, asset_class: AssetClass) -> dict[str, str]:
    """The id of a house symbol at Polygon and Yahoo, by the mapping rules of its class."""
    if asset_class == "index":
        return {"polygon_id": f"I:{symbol}", "yahoo_id": YAHOO_INDICES.get(symbol, f"^{symbol}")}
    if asset_class == "crypto":
        return {"polygon_id": f"X:{symbol.replace('-', '')}", "yahoo_id": symbol}
    return {"polygon_id": symbol, "yahoo_id": symbol.replace(".", "-")}


@dataclass(frozen=True)
class Split:
    """`new` shares for `old` shares, from the session `ex_date` on."""

    ex_date: date
    old: float
    new: float

    @property
    def ratio(self) -> float:
        """New shares per old share; 2-for-1 is 2.0."""
        return self.new / self.old


@dataclass(frozen=True)
class Dividend:
    """One cash dividend, as paid per share of its day (USD)."""

    ex_date: date
    amount: float
    declared: date | None = None
    record: date | None = None
    pay: date | None = None
    #: payments a year
    frequency: int | None = None


@dataclass(frozen=True)
class Bars(Parallel):
    """Daily bars of one symbol in parallel arrays, raw and unadjusted, oldest first.

    `day` is datetime64[D], the rest float64. NaN is a value the vendor does not state.
    """

    day: Days
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats
    vwap: Floats
    trades: Floats

    def window(self, first: date | None, last: date | None) -> Self:
        """The rows from `first` to `last`, both included; None is no bound."""
        start = 0 if first is None else int(np.searchsorted(self.day, np.datetime64(first), "left"))
        stop = len(self) if last is None else int(np.searchsorted(self.day, np.datetime64(last), "right"))
        return self.take(slice(start, stop))

    def rounded(self, decimals: int) -> Self:
        """The same rows with prices rounded."""
        names = ("open", "high", "low", "close", "vwap")
        return self.with_columns(**{name: np.round(getattr(self, name), decimals) for name in names})

    @classmethod
    def empty(cls) -> Self:
        """No rows."""
        none = np.empty(0)
        return cls(np.empty(0, "datetime64[D]"), *([none] * 7))


class Backend(Protocol):
    """A source of prices. `at` is the instant of the request: later knowledge is not served."""

    #: how health names it: `synthetic` or `replay`
    kind: str

    def instruments(self) -> Sequence[Instrument]:
        """Every instrument this backend knows."""
        ...

    def market(self) -> Sequence[Instrument]:
        """The stocks and ETFs that a whole-market answer covers."""
        ...

    def bars(self, symbol: str, vendor: str, at: datetime) -> Bars:
        """All closed sessions as `vendor` states them. Vendors differ a little."""
        ...

    def live(self, symbol: str, vendor: str, at: datetime) -> Bars:
        """The unfinished session, one row; none where the market is closed."""
        ...

    def splits(self, symbol: str, at: datetime) -> Sequence[Split]:
        """Splits announced by `at`, oldest first; the newest may lie ahead."""
        ...

    def dividends(self, symbol: str, at: datetime) -> Sequence[Dividend]:
        """Dividends declared by `at`, oldest first; the newest may lie ahead."""
        ...

    def btc_price(self, at: datetime) -> Hours:
        """Open, high, low, close (USD) of the hours begun by `at`; the one still running as far as it has come."""
        ...

    def btc_liquidations(self, at: datetime) -> Hours:
        """Liquidated futures volume `long`, `short` (BTC) of the hours begun by `at`, the running one in part."""
        ...

    def perpetuals(self, exchange: str, at: datetime) -> Sequence[Perpetual]:
        """Every contract the exchange had listed by `at`, closed ones included; none of an exchange it lacks."""
        ...

    def settlements(self, exchange: str, native_symbol: str, at: datetime) -> Settlements:
        """What was settled by `at` and is still kept by the exchange; none of a contract it does not know."""
        ...

    def quotes(self, exchange: str, at: datetime) -> Mapping[str, Quote]:
        """The current state of every open contract by native symbol. Worked out when looked up, not before."""
        ...

    def coins(self, market: str, at: datetime) -> Sequence[Coin]:
        """Every symbol the market (`binance_usdm`, `binance_spot`) had listed by `at`, closed ones included."""
        ...

    def candles(self, market: str, symbol: str, first: datetime, until: datetime, at: datetime) -> Minutes:
        """Minute candles begun in [first, until) and by `at`; the one still running, the last, as far as it has come.

        None of a symbol the market does not know.
        """
        ...

    def minute_market(self) -> MinuteMarket:
        """Minute bars and last prices of every bars vendor; an empty market where there are none."""
        ...
