"""Which instruments the simulated bars vendors have: the curated ones, some stocks, and `LOAD000`..`LOAD999`.

Data and what follows from it. An index, gold, and the future on each share one price but for the future's basis.
Load instruments are coins that every vendor has.
"""

import functools
import random
from collections.abc import Iterator
from dataclasses import dataclass

from market_assets.bars.instruments import CURATED, InstrumentRow
from resources.sandbox.bar_minutes import VENDORS, BarListing

LOAD_SYMBOLS = tuple(f"LOAD{number:03d}" for number in range(1000))


@dataclass(frozen=True, kw_only=True)
class Simulated:
    """One instrument with what its bars are drawn from."""

    listing: BarListing
    #: whose price it has
    base: str
    #: USD, around which the price stays
    price: float
    #: factor of price moves
    wildness: float
    #: median volume of a minute; median count of quotes where no volume is measured
    turnover: float

    @property
    def has_basis(self) -> bool:
        """Whether it costs a little more than its base."""
        return self.listing.kind == "future"


@dataclass(frozen=True)
class _Shape:
    """Price level, wildness and decimals of an underlying, and what is traded of it in a minute."""

    price: float
    wildness: float
    decimals: int
    turnover: float
    of_future: float = 0.0


_SHAPES = {
    "NAS100": _Shape(24_000.0, 0.55, 2, 60.0, of_future=450.0),
    "US500": _Shape(6_700.0, 0.42, 2, 60.0, of_future=1_200.0),
    "US30": _Shape(46_000.0, 0.42, 2, 60.0, of_future=110.0),
    "XAUUSD": _Shape(4_000.0, 0.4, 2, 140.0, of_future=220.0),
    "EURUSD": _Shape(1.16, 0.16, 5, 90.0),
    "GBPUSD": _Shape(1.33, 0.18, 5, 80.0),
    "BTCUSD": _Shape(95_000.0, 0.9, 2, 14.0),
}
_STOCKS = {"AAPL": _Shape(270.0, 0.8, 2, 95_000.0), "MSFT": _Shape(510.0, 0.75, 2, 45_000.0)}
_COIN_VOLUME_DECIMALS = 4


@functools.cache
def simulated() -> dict[str, Simulated]:
    """Every instrument by its house symbol."""
    return {one.listing.symbol: one for one in (*_curated(), *_stocks(), *_loads())}


def _curated() -> Iterator[Simulated]:
    for row in CURATED:
        base = row.symbol.removesuffix("_FUT")
        shape = _SHAPES[base]
        yield Simulated(
            listing=listed(row, shape.decimals),
            base=base,
            price=shape.price,
            wildness=shape.wildness,
            turnover=shape.of_future if row.kind == "future" else shape.turnover,
        )


def _stocks() -> Iterator[Simulated]:
    for symbol, shape in _STOCKS.items():
        listing = stock(symbol, shape.decimals)
        yield Simulated(
            listing=listing, base=symbol, price=shape.price, wildness=shape.wildness, turnover=shape.turnover
        )


def _loads() -> Iterator[Simulated]:
    for symbol in LOAD_SYMBOLS:
        draw = random.Random(f"bars/{symbol}")
        ids = {
            "yahoo": f"{symbol}-USD",
            "alphavantage": f"{symbol},USD",
            "twelvedata": f"{symbol}/USD",
            "polygon": f"X:{symbol}USD",
        }
        yield Simulated(
            listing=BarListing(
                symbol=symbol, kind="crypto", calendar="always", ids=ids, volume_decimals=_COIN_VOLUME_DECIMALS
            ),
            base=symbol,
            price=round(10 ** draw.uniform(1, 4), 2),
            wildness=draw.uniform(0.4, 1.0),
            turnover=round(10 ** draw.uniform(1, 3), 1),
        )


def listed(row: InstrumentRow, decimals: int) -> BarListing:
    """An instrument of the domain as the vendors have it."""
    return BarListing(
        symbol=row.symbol,
        kind=row.kind,
        calendar=row.calendar,
        ids={str(vendor): vendor_id for vendor, vendor_id in row.ids.items()},
        decimals=decimals,
        volume_decimals=_COIN_VOLUME_DECIMALS if row.kind == "crypto" else 0,
    )


def stock(symbol: str, decimals: int) -> BarListing:
    """A stock, which every vendor calls by its ticker."""
    return BarListing(
        symbol=symbol, kind="stock", calendar="XNYS", ids=dict.fromkeys(VENDORS, symbol), decimals=decimals
    )
