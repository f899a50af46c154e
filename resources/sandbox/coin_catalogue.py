"""Which coins the simulated Binance trades by the minute: every perpetual of USD-M, and the same bases on spot.

Data and what follows from it. Price level, price moves and listing of a coin are those of its perpetual in
`perpetual_catalogue.py`, so that a coin costs the same wherever it is asked for. What happens to which coin:

- MATICUSDT ended on 2024-09-11 and POLUSDT began on 2024-09-13, as the real ones;
- BTCBUSD is on spot alone and ended on 2023-12-15;
- the venue was down on 2024-03-05 from 14:10 to 14:17 UTC: those minutes exist nowhere.
"""

import functools
import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from resources.sandbox.minutes import SPOT, USDM, Coin
from resources.sandbox.perpetual_catalogue import Contract, contracts

#: first minute that is missing everywhere, and the first that is there again
OUTAGE = (datetime(2024, 3, 5, 14, 10, tzinfo=UTC), datetime(2024, 3, 5, 14, 17, tzinfo=UTC))

_BUSD_ENDED = datetime(2023, 12, 15, tzinfo=UTC)
#: minutes in which open interest is traded once on USD-M, and how much more that is than on spot
_TURNED_OVER_MIN = 600
_SPOT_SHARE = 0.25


@dataclass(frozen=True, kw_only=True)
class Traded:
    """One coin with what its candles are drawn from."""

    coin: Coin
    #: what its price is of, and how many of those are in one coin
    base: str
    multiplier: float
    #: USD, of one base
    price: float
    #: factor of price moves
    wildness: float
    #: median quote units in a minute
    turnover: float


@functools.cache
def traded(market: str) -> dict[str, Traded]:
    """Every coin of a market by symbol, closed ones included; none of a market that is not simulated."""
    found = {USDM: _usdm, SPOT: _spot}.get(market)
    return {} if found is None else {one.coin.symbol: one for one in found()}


def _usdm() -> Iterator[Traded]:
    for contract in contracts(USDM).values():
        yield _traded(USDM, contract)


def _spot() -> Iterator[Traded]:
    """Single coins against USDT: no thousands, no other quote but BUSD."""
    for contract in contracts(USDM).values():
        if contract.form.quote == "USDT" and contract.multiplier == 1.0:
            yield _traded(SPOT, contract)
        if contract.native_symbol == "BTCUSDT":
            busd = _traded(SPOT, contract)
            coin = replace(busd.coin, symbol="BTCBUSD", quote="BUSD", closed_at=_BUSD_ENDED)
            yield replace(busd, coin=coin, turnover=busd.turnover / 2)


def _traded(market: str, contract: Contract) -> Traded:
    magnitude = math.floor(math.log10(contract.price * contract.multiplier))
    coin = Coin(
        market=market,
        symbol=contract.native_symbol,
        base=contract.native_base,
        quote=contract.form.quote,
        listed_at=contract.listed_at,
        closed_at=contract.delisted_at,
        # five or six digits of a price, and steps of a volume that are worth some cents to some dollars
        price_decimals=min(max(5 - magnitude, 2), 8),
        volume_decimals=min(max(magnitude - 1, 0), 3) + (2 if market == SPOT else 0),
    )
    return Traded(
        coin=coin,
        base=contract.base,
        multiplier=contract.multiplier,
        price=contract.price,
        wildness=contract.wildness,
        turnover=contract.open_interest / _TURNED_OVER_MIN * (_SPOT_SHARE if market == SPOT else 1.0),
    )
