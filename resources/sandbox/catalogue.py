"""Who is listed on the simulated market: the default universe, tickers with a known event, `T000`..`T999`.

Data only. Prices are simulated; listing dates and splits of well-known tickers follow the real ones
where that costs nothing, and coins are listed by the end of 2020 so that five years back are whole.
"""

import functools
import random
from dataclasses import dataclass
from datetime import date

from market_assets.equities.settings import EquitiesSettings
from resources.sandbox.backend import AssetClass, Instrument, Split, vendor_ids

FIRST_LISTING = date(2000, 1, 3)

#: What happens to which ticker, for tests that need to know.
DELISTED = ("DLST", date(2023, 6, 30))
HALTED = ("HALT", (date(2022, 3, 8), date(2022, 3, 9), date(2022, 3, 10)))
EARNINGS_GAP = ("EGAP", date(2023, 2, 2), 0.12)
IPO = ("IPOX", date(2021, 6, 15))
SPLITS: dict[str, tuple[Split, ...]] = {
    "SPLT": (Split(date(2022, 6, 6), 1, 2), Split(date(2024, 3, 11), 1, 3)),
    "REVS": (Split(date(2023, 5, 15), 10, 1),),
    "AAPL": (
        Split(date(2000, 6, 21), 1, 2),
        Split(date(2005, 2, 28), 1, 2),
        Split(date(2014, 6, 9), 1, 7),
        Split(date(2020, 8, 31), 1, 4),
    ),
    "AMZN": (Split(date(2022, 6, 6), 1, 20),),
    "GOOGL": (Split(date(2014, 4, 3), 1, 2), Split(date(2022, 7, 18), 1, 20)),
    "GOOG": (Split(date(2014, 4, 3), 1, 2), Split(date(2022, 7, 18), 1, 20)),
    "NVDA": (Split(date(2021, 7, 20), 1, 4), Split(date(2024, 6, 10), 1, 10)),
    "TSLA": (Split(date(2020, 8, 31), 1, 5), Split(date(2022, 8, 25), 1, 3)),
    "WMT": (Split(date(2024, 2, 26), 1, 3),),
    "USO": (Split(date(2020, 4, 29), 8, 1),),
}

_LISTED = {
    **{"GOOGL": date(2004, 8, 19), "GOOG": date(2004, 8, 19), "META": date(2012, 5, 18), "TSLA": date(2010, 6, 29)},
    **{"V": date(2008, 3, 19), "MA": date(2006, 5, 25), "NFLX": date(2002, 5, 23), "IWM": date(2000, 5, 26)},
    **{"VTI": date(2001, 5, 31), "VOO": date(2010, 9, 9), "EFA": date(2001, 8, 27), "EEM": date(2003, 4, 11)},
    **{"AGG": date(2003, 9, 29), "TLT": date(2002, 7, 30), "LQD": date(2002, 7, 30), "HYG": date(2007, 4, 11)},
    **{"GLD": date(2004, 11, 18), "SLV": date(2006, 4, 28), "USO": date(2006, 4, 10), "VNQ": date(2004, 9, 29)},
    **{"IPOX": IPO[1], "BTC-USD": date(2013, 1, 1), "LTC-USD": date(2014, 1, 1), "XRP-USD": date(2015, 1, 1)},
    **{"ETH-USD": date(2015, 8, 8), "DOGE-USD": date(2016, 1, 1), "XLM-USD": date(2016, 6, 1)},
    **{"ETC-USD": date(2016, 7, 25), "BCH-USD": date(2017, 8, 1), "ADA-USD": date(2017, 10, 2)},
    **{"LINK-USD": date(2017, 9, 21), "ATOM-USD": date(2019, 3, 15), "ALGO-USD": date(2019, 6, 21)},
    **{"SOL-USD": date(2020, 4, 11), "DOT-USD": date(2020, 8, 20), "AVAX-USD": date(2020, 9, 22)},
    **{"UNI-USD": date(2020, 9, 17), "FIL-USD": date(2020, 10, 15), "NEAR-USD": date(2020, 10, 14)},
    **{"AAVE-USD": date(2020, 10, 5), "APT-USD": date(2020, 12, 1)},
}
#: first price (USD) and yearly log growth, where a drawn one would look absurd
_SHAPES = {"VIX": (19.0, 0.0), "SPX": (1455.0, 0.06), "NDX": (3790.0, 0.07), "DJI": (11358.0, 0.05)}
_SHAPES |= {"BTC-USD": (13.5, 0.62), "ETH-USD": (2.8, 0.55), "DOGE-USD": (0.002, 0.4), "XRP-USD": (0.02, 0.35)}
_NO_DIVIDENDS = {"BRK.B", "AMZN", "TSLA", "NFLX", "AMD", "GLD", "SLV", "USO", "DLST", "IPOX", "REVS", "EGAP"}
_ALSO_LISTED = ("GOOG", "IBM", "NFLX", "AMD", "INTC", "PEP", "DLST", "HALT", "EGAP", "IPOX", "SPLT", "REVS")
_INDEX_NAMES = {"VIX": "Volatility Index", "SPX": "S&P 500", "NDX": "Nasdaq 100", "DJI": "Dow Jones Industrial Average"}


@dataclass(frozen=True)
class Listing:
    """One instrument with the parameters its prices are drawn from."""

    instrument: Instrument
    #: first price, in USD
    start_price: float
    #: standard deviation of a day's log return
    daily_vol: float
    #: loading on the market's common return
    beta: float
    #: expected log growth a year, of the whole series before splits
    growth: float
    #: median shares (coins) a day at the start
    base_volume: float
    #: yearly dividend as a share of the price; 0 pays none
    dividend_yield: float
    splits: tuple[Split, ...] = ()


@functools.cache
def listings() -> dict[str, Listing]:
    """Every listing by house symbol. The same in every process."""
    settings = EquitiesSettings.model_validate({})
    universe: list[tuple[str, AssetClass]] = [(line.symbol, line.asset_class) for line in settings.universe]
    known: list[tuple[str, AssetClass]] = [*universe, *((s, "stock") for s in _ALSO_LISTED)]
    known += [(symbol, "index") for symbol in _INDEX_NAMES]
    known += [(f"T{number:03d}", "stock") for number in range(1000)]
    return {symbol: _listing(symbol, asset_class) for symbol, asset_class in known}


def is_benchmark(symbol: str) -> bool:
    """Whether this is one of `T000`..`T999`."""
    return len(symbol) == 4 and symbol[0] == "T" and symbol[1:].isdigit()


def _listing(symbol: str, asset_class: AssetClass) -> Listing:
    draw = random.Random(f"listing/{symbol}")
    splits = SPLITS.get(symbol) or (_drawn_splits(draw) if is_benchmark(symbol) else ())
    instrument = Instrument(
        symbol=symbol,
        asset_class=asset_class,
        name=_INDEX_NAMES.get(symbol, f"{symbol} (simulated)"),
        listed=_LISTED.get(symbol) or (_drawn_listing(draw) if is_benchmark(symbol) else FIRST_LISTING),
        delisted=DELISTED[1] if symbol == DELISTED[0] else None,
        **vendor_ids(symbol, asset_class),
    )
    volatility = {"stock": (0.012, 0.02), "etf": (0.004, 0.009), "index": (0.008, 0.01), "crypto": (0.025, 0.04)}
    pays = asset_class in {"stock", "etf"} and symbol not in _NO_DIVIDENDS
    if is_benchmark(symbol):
        pays = draw.random() < 0.5
    drawn_start = 10 ** draw.uniform(1.4, 2.3) if asset_class != "crypto" else 10 ** draw.uniform(-0.5, 2)
    start_price, growth = _SHAPES.get(symbol, (round(drawn_start, 4), draw.uniform(0.02, 0.08)))
    return Listing(
        instrument=instrument,
        start_price=start_price,
        daily_vol=draw.uniform(*volatility[asset_class]),
        beta=draw.uniform(0.6, 1.3),
        growth=growth,
        base_volume=10 ** draw.uniform(5.8, 7.3) if asset_class != "crypto" else 10 ** draw.uniform(3.2, 6.4),
        dividend_yield=draw.uniform(0.008, 0.035) if pays else 0.0,
        splits=splits,
    )


def _drawn_listing(draw: random.Random) -> date:
    if draw.random() < 0.5:
        return FIRST_LISTING
    return date(draw.randint(2001, 2014), draw.randint(1, 12), draw.randint(1, 28))


def _drawn_splits(draw: random.Random) -> tuple[Split, ...]:
    if draw.random() > 0.4:
        return ()
    old, new = draw.choice([(1, 2), (1, 2), (1, 2), (1, 3), (10, 1)])
    return (Split(date(draw.randint(2015, 2027), draw.randint(1, 12), draw.randint(1, 28)), old, new),)
