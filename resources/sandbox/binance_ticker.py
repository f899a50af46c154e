"""The members of Binance's `ticker/24hr`, and of a symbol in the `exchangeInfo` of spot."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from resources.sandbox.kline_wire import Digits
from resources.sandbox.minutes import DAY_MS, SPOT, Coin, Minutes

#: open, close and size of a last trade where there was none
_NONE = (0.0, 0.0, 0.0)


def ticker(coin: Coin, day: Minutes, now_ms: int) -> dict[str, Any]:
    """What the last 24 hours of minutes come to; zeros where there are none."""
    digits = Digits.of(coin)
    price, size, quote = (_form(decimals) for decimals in (digits.price, digits.volume, digits.quote))
    opened, last, last_size = (float(day.open[0]), float(day.close[-1]), float(day.volume[-1])) if len(day) else _NONE
    volume, turnover = float(day.volume.sum()), float(day.quote_volume.sum())
    high, low = (float(day.high.max()), float(day.low.min())) if len(day) else _NONE[:2]
    book = {
        "prevClosePrice": price(opened),
        **{"bidPrice": price(last), "bidQty": size(last_size), "askPrice": price(last), "askQty": size(last_size)},
    }
    return {
        "symbol": coin.symbol,
        "priceChange": price(last - opened),
        "priceChangePercent": format(100 * (last / opened - 1) if opened else 0.0, ".3f"),
        "weightedAvgPrice": price(turnover / volume if volume else 0.0),
        **(book if coin.market == SPOT else {}),
        "lastPrice": price(last),
        "lastQty": size(last_size),
        "openPrice": price(opened),
        "highPrice": price(high),
        "lowPrice": price(low),
        "volume": size(volume),
        "quoteVolume": quote(turnover),
        "openTime": now_ms - DAY_MS,
        "closeTime": now_ms,
        "firstId": -1,
        "lastId": -1,
        "count": int(day.trades.sum()),
    }


def listed(coin: Coin, at: datetime) -> dict[str, Any]:
    """A symbol of spot, which does not say since when it is listed."""
    tick, step = (format(10.0**-decimals, ".8f") for decimals in (coin.price_decimals, coin.volume_decimals))
    return {
        "symbol": coin.symbol,
        "status": "TRADING" if coin.trades(at) else "BREAK",
        "baseAsset": coin.base,
        "baseAssetPrecision": 8,
        "quoteAsset": coin.quote,
        "quotePrecision": 8,
        "quoteAssetPrecision": 8,
        "orderTypes": ["LIMIT", "MARKET"],
        "icebergAllowed": True,
        "isSpotTradingAllowed": True,
        "isMarginTradingAllowed": False,
        "filters": [
            {"filterType": "PRICE_FILTER", "minPrice": tick, "maxPrice": "1000000.00000000", "tickSize": tick},
            {"filterType": "LOT_SIZE", "minQty": step, "maxQty": "9000000.00000000", "stepSize": step},
        ],
        "permissions": [],
        "permissionSets": [["SPOT"]],
    }


def _form(decimals: int) -> Callable[[float], str]:
    return f"{{:.{decimals}f}}".format
