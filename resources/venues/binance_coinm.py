"""Binance COIN-M: inverse perpetuals of a fixed number of USD, margined in the base. Open interest is in contracts."""

from resources.venues.binance import Market

MARKET = Market(exchange="binance_coinm", root="/dapi/v1", kind="inverse", oi_unit="contracts", status="contractStatus")
VENUE = MARKET.venue()
