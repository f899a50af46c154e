"""Aster: Binance's wire format under v3, without its default interval.

A contract that `fundingInfo` does not name has an unknown interval; unknown parameters are refused. Rows of
history have no mark price. `openInterest` is not documented, but served (one side, base units).
"""

from resources.venues.binance import Market

MARKET = Market(exchange="aster", root="/fapi/v3", kind="linear", oi_unit="base", default_hours=None, page_rows=1000)
VENUE = MARKET.venue()
