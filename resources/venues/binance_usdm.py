"""Binance USD-M: linear perpetuals, margined in USDT or USDC. Open interest is in base units."""

from resources.venues.binance import Market

MARKET = Market(exchange="binance_usdm", root="/fapi/v1", kind="linear", oi_unit="base")
VENUE = MARKET.venue()
