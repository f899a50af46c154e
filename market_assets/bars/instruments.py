"""The instruments of the bars domain: what each is, when it trades, and what every source calls it.

Explicit rows, no derivation: an index, its future and a CFD on it have different prices, and an id that merely looks
alike belongs to something else (`NDAQ` is the stock of an exchange operator).
"""

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any, Literal, NamedTuple, Self

from pydantic import Field, model_validator

from market_assets.core.settings import Section

Source = Literal["yahoo", "alphavantage", "twelvedata", "polygon"]
Kind = Literal["spot", "index", "future", "crypto", "cfd", "stock"]
Calendar = Literal["always", "fx_24x5", "cme_index", "XNYS"]

KINDS: tuple[Kind, ...] = ("spot", "index", "future", "crypto", "cfd", "stock")
#: kinds that trade a measured volume
WITH_VOLUME = frozenset({"future", "crypto", "stock"})


class Bound(NamedTuple):
    """One place that bars of a symbol may come from; its index in the chain is the fallback level."""

    source: Source
    #: what the source calls it; `EUR,USD` names both currencies
    vendor_id: str
    #: the instrument it is: the symbol itself, or an alternative of another kind
    symbol: str
    kind: Kind


class InstrumentRow(Section):
    """One instrument."""

    symbol: str = Field(pattern=r"^[A-Z0-9][A-Z0-9_.]*$", description="House symbol")
    kind: Kind
    calendar: Calendar
    yahoo: str | None = None
    alphavantage: str | None = Field(None, description="`EUR,USD` for a pair, the ticker for a stock")
    twelvedata: str | None = None
    polygon: str | None = None
    variants: tuple[str, ...] = Field((), description="Other names that the API accepts")
    point_value: float = Field(1.0, gt=0, description="Worth of one point of price per lot")
    lot_step: float = Field(0.01, gt=0)
    min_lot: float = Field(0.01, gt=0)
    has_volume: bool | None = Field(None, description="Whether volume is measured; None follows from the kind")
    expected_dollar_sign: Literal[-1, 1] = Field(-1, description="+1 where it rises with the dollar")
    allow_kind_switch: bool = Field(False, description="Whether alternatives of another kind may serve it")
    alt_symbols: tuple[str, ...] = ()
    sources: tuple[Source, ...] | None = Field(None, description="Its own chain, in place of bars.sources")
    valid_from: date | None = Field(None, description="First day it exists")
    valid_to: date | None = Field(None, description="First day it exists no more")

    @model_validator(mode="after")
    def _served(self) -> Self:
        if not self.ids:
            raise ValueError(f"{self.symbol} needs an id at one source at least")
        if self.valid_from and self.valid_to and self.valid_from >= self.valid_to:
            raise ValueError(f"{self.symbol}: valid_from must lie before valid_to")
        return self

    @property
    def ids(self) -> Mapping[Source, str]:
        """Source -> what it calls the instrument."""
        stated: dict[Source, str | None] = {
            "yahoo": self.yahoo,
            "alphavantage": self.alphavantage,
            "twelvedata": self.twelvedata,
            "polygon": self.polygon,
        }
        return {source: vendor_id for source, vendor_id in stated.items() if vendor_id}

    @property
    def measures_volume(self) -> bool:
        """Whether its bars have a volume: a cash index and spot currencies have none, whatever a source states."""
        return self.kind in WITH_VOLUME if self.has_volume is None else self.has_volume

    def exists(self, day: date) -> bool:
        """Whether the day lies inside its validity."""
        return (self.valid_from is None or self.valid_from <= day) and (self.valid_to is None or day < self.valid_to)


def spelled(rows: Iterable[InstrumentRow]) -> dict[str, str]:
    """Every accepted spelling, in upper case -> house symbol. Raises ValueError where two instruments share one."""
    known: dict[str, str] = {}
    for row in rows:
        for name in (row.symbol, *row.variants):
            taken = known.setdefault(name.upper(), row.symbol)
            if taken != row.symbol:
                raise ValueError(f"{name} is a name of both {taken} and {row.symbol}")
    return known


def _index(symbol: str, *variants: str, **ids: str) -> InstrumentRow:
    alternative = (f"{symbol}_FUT",)
    return InstrumentRow(
        symbol=symbol, kind="index", calendar="XNYS", variants=variants, alt_symbols=alternative, **ids
    )


def _spot(symbol: str, **stated: Any) -> InstrumentRow:
    return InstrumentRow(symbol=symbol, kind="spot", calendar="fx_24x5", **stated)


def _future(symbol: str, yahoo: str, *variants: str) -> InstrumentRow:
    return InstrumentRow(symbol=symbol, kind="future", calendar="cme_index", yahoo=yahoo, variants=variants)


CURATED: tuple[InstrumentRow, ...] = (
    _index(
        "NAS100", "US100", "USTEC", "NAS100.CASH", "US100.E", "NDX", "^NDX",
        yahoo="^NDX", twelvedata="NDX", polygon="I:NDX",
    ),
    _index("US500", "SPX500", "SPX", yahoo="^GSPC", twelvedata="SPX", polygon="I:SPX"),
    _index("US30", "DJ30", "DJI", yahoo="^DJI", twelvedata="DJI", polygon="I:DJI"),
    _spot("EURUSD", yahoo="EURUSD=X", alphavantage="EUR,USD", twelvedata="EUR/USD", polygon="C:EURUSD"),
    _spot("GBPUSD", yahoo="GBPUSD=X", alphavantage="GBP,USD", twelvedata="GBP/USD", polygon="C:GBPUSD"),
    InstrumentRow(
        symbol="BTCUSD", kind="crypto", calendar="always",
        yahoo="BTC-USD", alphavantage="BTC,USD", twelvedata="BTC/USD", polygon="X:BTCUSD",
    ),
    _future("NAS100_FUT", "NQ=F", "NQ"),
    _future("US500_FUT", "ES=F", "ES"),
    _future("US30_FUT", "YM=F", "YM"),
    _future("XAUUSD_FUT", "GC=F", "GC"),
    # last, because without a key nobody can be asked for it: the others are then one range
    _spot("XAUUSD", twelvedata="XAU/USD", polygon="C:XAUUSD", variants=("GOLD",), alt_symbols=("XAUUSD_FUT",)),
)  # fmt: skip
