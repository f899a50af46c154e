"""Which perpetuals the simulated exchanges list, since when, and how often each settles.

Data and what follows from it; prices and rates are simulated elsewhere. Every date is fixed: a contract
looks the same whenever it is asked for. What happens to which contract:

- LAYERUSDT of Binance settled every 4 hours and settles every hour since 2025-05-06, as the real one;
- WIFUSDT of Binance changes between 8 and 4 hours with every month, TIAUSDT with every quarter;
- a coin of each month (`NEW2510` is that of October 2025) is listed on the 11th and closed four months later;
- MATICUSDT of Binance ended on 2024-09-11 and POLUSDT began on 2024-09-13: one coin under two names;
- 1000SHIB and SHIB stand side by side at Binance; KAITO and KAS only look like thousands of something;
- 1000CHEEMS is a thousand CHEEMS though no table says so: prices of other exchanges tell;
- `Z000`, `Z001`, ... are for benchmarks: as many contracts as are wanted, all settling every hour.
"""

import functools
import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import numpy as np

from resources.sandbox import perpetual_paths as paths
from resources.sandbox.perpetual_venues import HOUSES, Form, House

#: base -> typical price (USD), year and month since when exchanges list it
BASES: dict[str, tuple[float, int, int]] = {
    **{"BTC": (60000.0, 2020, 1), "ETH": (2500.0, 2020, 1), "SOL": (140.0, 2020, 9), "XRP": (1.2, 2020, 1)},
    **{"BNB": (550.0, 2020, 2), "DOGE": (0.16, 2020, 7), "ADA": (0.6, 2020, 1), "AVAX": (28.0, 2020, 9)},
    **{"LINK": (15.0, 2020, 1), "DOT": (6.0, 2020, 8), "LTC": (85.0, 2020, 1), "BCH": (380.0, 2020, 1)},
    **{"TRX": (0.2, 2020, 1), "UNI": (8.0, 2020, 9), "AAVE": (150.0, 2020, 10), "NEAR": (4.0, 2020, 10)},
    **{"ATOM": (6.0, 2020, 2), "FIL": (4.5, 2020, 10), "ETC": (20.0, 2020, 1), "1INCH": (0.3, 2020, 12)},
    **{"APT": (8.0, 2022, 10), "OP": (1.3, 2022, 6), "ARB": (0.7, 2023, 3), "SUI": (2.6, 2023, 5)},
    **{"INJ": (17.0, 2022, 8), "SEI": (0.3, 2023, 8), "TIA": (4.0, 2023, 11), "KAS": (0.1, 2023, 11)},
    **{"PEPE": (1e-5, 2023, 5), "SHIB": (1.5e-5, 2021, 5), "BONK": (2e-5, 2023, 11), "FLOKI": (1.1e-4, 2023, 5)},
    **{"CHEEMS": (1.3e-6, 2024, 11), "JUP": (0.7, 2024, 2), "WIF": (1.6, 2024, 1), "ENA": (0.5, 2024, 4)},
    **{"ONDO": (0.9, 2024, 1), "HYPE": (25.0, 2024, 12), "TRUMP": (11.0, 2025, 1), "LAYER": (1.1, 2025, 2)},
    **{"KAITO": (1.3, 2025, 2), "FARTCOIN": (0.9, 2025, 1), "TON": (4.0, 2024, 3)},
}
#: listed by the thousand where the exchange does that
_CHEAP = ("PEPE", "SHIB", "BONK", "FLOKI", "CHEEMS")
_MAJOR = ("BTC", "ETH", "SOL")
#: what lists less than everything; exchanges that are not named list the first dozen
_LISTED: dict[str, tuple[str, ...]] = {
    "binance_usdm": tuple(BASES),
    "bybit": tuple(base for base in BASES if base not in {"TRX", "1INCH"}),
    "okx": tuple(base for base in BASES if base not in {"TRX", "KAS", "FARTCOIN", "LAYER", "SEI", "ENA"}),
    "hyperliquid": tuple(base for base in BASES if base not in {"ETC", "1INCH", "FIL", "CHEEMS", "UNI"}),
    "dydx": (
        *("BTC", "ETH", "SOL", "XRP", "DOGE", "ADA", "AVAX", "LINK", "DOT", "LTC", "BCH", "UNI", "AAVE", "NEAR"),
        *("ATOM", "APT", "OP", "ARB", "SUI", "TIA", "PEPE", "SHIB", "CHEEMS", "WIF", "KAITO"),
    ),
    "deribit": ("BTC", "ETH", "SOL", "XRP", "BNB", "DOGE", "ADA", "AVAX", "LINK", "DOT", "LTC", "BCH"),
    "binance_coinm": _MAJOR,
}
_DOZEN = tuple(BASES)[:12]
#: bases of the further families of an exchange, by pattern
_ALSO: dict[str, tuple[str, ...]] = {
    **{"{}USDC": ("BTC", "ETH", "SOL"), "{}PERP": ("BTC", "ETH"), "{}USD": ("BTC", "ETH")},
    **{"{}-USD-SWAP": ("BTC", "ETH"), "{}-PERPETUAL": ("BTC", "ETH")},
}
#: exchange -> months between two changes from 8 to 4 hours or back, by base
_ALTERNATING = {("binance_usdm", "WIF"): 1, ("binance_usdm", "TIA"): 3}
#: a coin that was renamed at Binance: its price (USD), and for each name the first instant and the first one without
_RENAMED_PRICE = 0.5
_RENAMED: dict[str, tuple[datetime, datetime | None]] = {
    "MATIC": (datetime(2020, 10, 1, tzinfo=UTC), datetime(2024, 9, 11, tzinfo=UTC)),
    "POL": (datetime(2024, 9, 13, tzinfo=UTC), None),
}
_LAYER_CHANGED = datetime(2025, 5, 6, tzinfo=UTC)
#: coins of the month, and changes by the calendar, are laid out for these years
_YEARS = range(2024, 2036)
_MONTHLY_AT = ("binance_usdm", "bybit")
#: exchanges that benchmark contracts are spread over
_SCALED_AT = ("binance_usdm", "bybit", "okx", "hyperliquid", "dydx", "deribit")
_SCALED_SINCE = datetime(2024, 12, 1, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True)
class Contract:
    """One contract with what its funding and prices are drawn from."""

    exchange: str
    native_symbol: str
    native_base: str
    #: what the price is of, and how many of it are in one native base
    base: str
    multiplier: float
    form: Form
    #: USD, of one base
    price: float
    #: factor of premiums and of price moves
    wildness: float
    #: typical open interest (USD)
    open_interest: float
    listed_at: datetime
    delisted_at: datetime | None = None
    #: since when how many hours lie between settlements; the first from the listing on
    intervals: tuple[tuple[datetime, int], ...]

    @property
    def house(self) -> House:
        """Its exchange."""
        return HOUSES[self.exchange]

    @property
    def contract_size(self) -> float:
        """Native base units (linear) or USD (inverse) in one contract."""
        if self.form.usd is not None:
            return self.form.usd[self.base != "BTC"]
        if not self.form.scaled:
            return 1.0
        return 10.0 ** (2 - math.floor(math.log10(self.price * self.multiplier)))

    def interval_at(self, at: datetime) -> int:
        """Hours between settlements at an instant."""
        return [hours for since, hours in self.intervals if since <= at or since == self.intervals[0][0]][-1]


@functools.lru_cache(maxsize=64)
def contracts(exchange: str, hourly: int = 0) -> dict[str, Contract]:
    """Every contract of an exchange by native symbol, in the order of its listing answers.

    `hourly` is the number of benchmark contracts over all exchanges.
    """
    if exchange not in HOUSES:
        return {}
    found = [*_regular(exchange), *_renamed(exchange), *_of_the_month(exchange), *_scaled(exchange, hourly)]
    return {contract.native_symbol: contract for contract in found}


def _regular(exchange: str) -> Iterator[Contract]:
    main, *others = HOUSES[exchange].forms
    for base in _LISTED.get(exchange, _DOZEN):
        thousands = HOUSES[exchange].thousand if base in _CHEAP else None
        yield _contract(exchange, main, base, thousands=thousands)
        if (exchange, base) == ("binance_usdm", "SHIB"):
            yield _contract(exchange, main, base)
    for form in others:
        for base in _ALSO[form.pattern]:
            yield _contract(exchange, form, base)


def _renamed(exchange: str) -> Iterator[Contract]:
    """Both names of a coin that was renamed, each with its own days."""
    if exchange != "binance_usdm":
        return
    first = next(iter(_RENAMED))
    for name, (listed, delisted) in _RENAMED.items():
        contract = _contract(exchange, HOUSES[exchange].forms[0], name, listed=listed, delisted=delisted, hours=8)
        yield replace(contract, base=first, price=_RENAMED_PRICE, wildness=1.3)


def _of_the_month(exchange: str) -> Iterator[Contract]:
    """A coin that is listed on the 11th of each month and closed on the 5th of the fourth month after."""
    if exchange not in _MONTHLY_AT:
        return
    for year in _YEARS:
        for month in range(1, 13):
            ends = month + 4
            yield _contract(
                exchange,
                HOUSES[exchange].forms[0],
                f"NEW{year % 100:02d}{month:02d}",
                listed=datetime(year, month, 11, 10, tzinfo=UTC),
                delisted=datetime(year + (ends - 1) // 12, (ends - 1) % 12 + 1, 5, 9, tzinfo=UTC),
                hours=4,
            )


def _scaled(exchange: str, hourly: int) -> Iterator[Contract]:
    if exchange not in _SCALED_AT:
        return
    every = len(_SCALED_AT)
    for number in range(_SCALED_AT.index(exchange), hourly, every):
        name = f"Z{number // every:03d}"
        yield _contract(exchange, HOUSES[exchange].forms[0], name, listed=_SCALED_SINCE, hours=1)


def _contract(
    exchange: str,
    form: Form,
    base: str,
    *,
    thousands: str | None = None,
    listed: datetime | None = None,
    delisted: datetime | None = None,
    hours: int | None = None,
) -> Contract:
    """A contract; what is not given follows from its name."""
    house = HOUSES[exchange]
    known = BASES.get(base)
    since = listed or max(house.opened, datetime(*BASES[base][1:], 1, tzinfo=UTC))
    native_base = f"{thousands or ''}{house.names.get(base, base)}"
    native_symbol = form.pattern.format(native_base)
    rank = list(BASES).index(base) if known else 60
    return Contract(
        exchange=exchange,
        native_symbol=native_symbol,
        native_base=native_base,
        base=base,
        multiplier=1000.0 if thousands else 1.0,
        form=form,
        price=known[0] if known else round(10 ** (4 * _drawn(base, "price") - 2), 4),
        wildness={"BTC": 0.6, "ETH": 0.8}.get(base, 1.0 + 0.6 * _drawn(base, "wildness")),
        open_interest=house.size * 4e9 / (1 + rank) ** 1.3 / (1 + house.forms.index(form)),
        listed_at=since,
        delisted_at=delisted,
        intervals=((since, hours),) if hours else tuple(_intervals(house, exchange, base, since)),
    )


def _intervals(house: House, exchange: str, base: str, since: datetime) -> Iterator[tuple[datetime, int]]:
    """How often a contract settles, by exchange and base."""
    if house.hourly:
        yield since, 1
    elif (exchange, base) == ("binance_usdm", "LAYER"):
        yield from ((since, 4), (_LAYER_CHANGED, 1))
    elif (exchange, base) in _ALTERNATING:
        yield since, 8
        yield from _alternating(since, _ALTERNATING[(exchange, base)])
    elif base in _MAJOR:
        yield since, 8
    else:
        chance = _drawn(f"{exchange}/{base}", "interval")
        yield since, 8 if chance < 0.5 else 4 if chance < 0.88 else 2 if chance < 0.94 else 1


def _alternating(since: datetime, months: int) -> Iterator[tuple[datetime, int]]:
    """Changes on the first of every so many months: to 4 hours, back to 8, ..."""
    starts = [datetime(year, month, 1, tzinfo=UTC) for year in _YEARS for month in range(1, 13, months)]
    for number, start in enumerate(starts):
        if start > since:
            yield start, (8, 4)[number % 2]


def _drawn(name: str, quantity: str) -> float:
    """A number of [0, 1) that is always the same for a name: listings do not depend on the seed."""
    return float(paths.uniform(paths.key(0, name, quantity), np.zeros(1, np.int64))[0])
