"""How Binance writes candles: text with eight digits on spot, with each coin's own on USD-M."""

from dataclasses import dataclass
from typing import Any, Self

from resources.sandbox.exchange_desk import texts
from resources.sandbox.minutes import SPOT, Coin, Minutes

_EIGHT = 8
_QUOTE = 5


@dataclass(frozen=True)
class Digits:
    """Decimals of prices, of volumes and of quote volumes."""

    price: int
    volume: int
    quote: int

    @classmethod
    def of(cls, coin: Coin) -> Self:
        """Those of a coin on its market."""
        if coin.market == SPOT:
            return cls(_EIGHT, _EIGHT, _EIGHT)
        return cls(coin.price_decimals, coin.volume_decimals, _QUOTE)


def lines(rows: Minutes, coin: Coin, step_ms: int) -> list[tuple[Any, ...]]:
    """The twelve members of each candle; a value that is not stated is None."""
    digits = Digits.of(coin)
    prices = (texts(column, digits.price) for column in (rows.open, rows.high, rows.low, rows.close))
    opens, trades = rows.time_ms.tolist(), rows.trades.tolist()
    return list(
        zip(
            opens,
            *prices,
            texts(rows.volume, digits.volume),
            [start + step_ms - 1 for start in opens],
            texts(rows.quote_volume, digits.quote),
            trades,
            texts(rows.taker_base, digits.volume),
            texts(rows.taker_quote, digits.quote),
            ["0"] * len(rows),
            strict=True,
        )
    )
