"""Polygon's minutes on the wire: aggregates of one minute, and snapshots, the last prices of up to 250 tickers.

The last aggregate may be of a minute that still runs. Of currencies `v` counts quotes; an index has no `v`, `vw`, `n`.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from starlette.responses import Response

from market_assets.bars.instruments import WITH_VOLUME
from resources.sandbox import fault_minutes, paging, polygon_wire, sessions
from resources.sandbox.bar_minutes import BarListing, MinuteBars, MinuteMarket
from resources.sandbox.desk import Desk, json_response
from resources.sandbox.minutes import milliseconds
from resources.sandbox.polygon_wire import AGGREGATES_DEFAULT, AGGREGATES_MOST, VENDOR, WRONG_TICKER, Ask, Refused

SNAPSHOT_DEFAULT, SNAPSHOT_MOST = 10, 250

#: the zone of a date in the path, and what a snapshot calls the market
_ZONES = {"stock": sessions.NEW_YORK, "index": sessions.CHICAGO}
_MARKETS = {"stock": "stocks", "index": "indices", "spot": "fx", "crypto": "crypto"}
#: half of the spread, as a share of the price
_HALF_SPREAD = {"spot": 0.00005, "crypto": 0.0001, "stock": 0.0001}
_NS = 1_000_000


class PolygonMinutes:
    """Polygon's answers about minutes."""

    def __init__(self, desk: Desk) -> None:
        self.market: MinuteMarket = desk.backend.minute_market()
        self.listed: Mapping[str, BarListing] = self.market.listed(VENDOR)

    def names(self, asked: str, several: str) -> Sequence[str]:
        """What a fault's `symbol` may call one ticker, or several separated by commas."""
        tickers = [ticker for ticker in (asked, *several.split(",")) if ticker]
        known = [self.listed[ticker] for ticker in tickers if ticker in self.listed]
        return [*tickers[bool(asked) :], *(name for one in known for name in one.names)]

    def aggregates(self, ask: Ask) -> Response:
        """`/v2/aggs/ticker/{ticker}/range/1/minute/{from}/{to}`: both ends included."""
        ticker, start, end = ask.path["ticker"], ask.path["start"], ask.path["end"]
        listing = self.listed.get(ticker)
        limit = polygon_wire.limit(ask, AGGREGATES_DEFAULT, AGGREGATES_MOST)
        newest_first = ask.options.get("sort", "asc") == "desc"
        first_ms, until_ms = _span(start, end, _ZONES.get(listing.kind, "UTC") if listing else "UTC")
        rows = MinuteBars.empty() if listing is None else self._rows(ask, listing, first_ms, until_ms, limit)
        page, rest = rows.take(slice(limit)), rows.take(slice(limit, None))
        page = fault_minutes.spoilt(page, ask.struck)
        wrong = any(fault.kind == "wrong_symbol" for fault in ask.struck)
        adjusted = ask.options.get("adjusted", "true").lower() != "false"
        body: dict[str, Any] = {"ticker": WRONG_TICKER if wrong else ticker, "queryCount": len(page)}
        if listing is None or listing.kind != "index":
            body |= {"resultsCount": len(page), "adjusted": adjusted}
        if listing is not None and len(page):
            body["results"] = _wire(page, listing)
        body |= {**ask.tail(), "count": len(page)}
        if len(rest):
            stamp = int(rest.time_ms[0])
            span = f"{start}/{stamp}" if newest_first else f"{stamp}/{end}"
            carried = {"adjusted": str(adjusted).lower(), "limit": limit, "sort": ask.options.get("sort", "asc")}
            root = f"{ask.base}/v2/aggs/ticker/{ticker}/range/1/minute"
            body["next_url"] = f"{root}/{span}?cursor={paging.encode(carried)}"
        return json_response(body)

    def snapshot(self, ask: Ask) -> Response:
        """`/v3/snapshot?ticker.any_of=`: unknown tickers are answered one by one."""
        limit = polygon_wire.limit(ask, SNAPSHOT_DEFAULT, SNAPSHOT_MOST)
        tickers = [ticker for ticker in ask.options.get("ticker.any_of", "").split(",") if ticker]
        start = int(ask.options.get("offset", 0))
        at_ms = milliseconds(ask.at)
        body = {**ask.tail(), "results": [self._state(ask, ticker, at_ms) for ticker in tickers[start : start + limit]]}
        if start + limit < len(tickers):
            cursor = paging.encode({**ask.options, "limit": limit, "offset": start + limit})
            body["next_url"] = f"{ask.base}/v3/snapshot?cursor={cursor}"
        return json_response(body)

    def _rows(self, ask: Ask, listing: BarListing, first_ms: int, until_ms: int, limit: int) -> MinuteBars:
        """One row more than the page, where there is one; 403 where the plan has none of the window."""
        earliest = datetime.combine(max(ask.plan.earliest(ask.at), date(1970, 1, 1)), time(), UTC)
        if until_ms <= milliseconds(earliest):
            raise Refused(403)
        newest_first = ask.options.get("sort", "asc") == "desc"
        first_ms = max(first_ms, milliseconds(earliest))
        found = MinuteBars.empty()
        days = self.market.days(listing, VENDOR, first_ms, until_ms, milliseconds(ask.at), newest_first=newest_first)
        for day in days:
            found = found.append(day.take(slice(None, None, -1)) if newest_first else day)
            if len(found) > limit:
                break
        return found.take(slice(limit + 1))

    def _state(self, ask: Ask, ticker: str, at_ms: int) -> dict[str, Any]:
        listing = self.listed.get(ticker)
        price = None if listing is None else self.market.price(listing, VENDOR, at_ms)
        if listing is None or price is None:
            return {"ticker": ticker, "error": "NOT_FOUND", "message": "Ticker not found."}
        struck = fault_minutes.concerning(ask.struck, listing.names) if ask.struck else ()
        price = fault_minutes.mispriced(price, struck)
        session: dict[str, Any] = {"close": price.price, "open": price.open, "high": price.high, "low": price.low}
        if listing.kind in WITH_VOLUME:
            session["volume"] = price.volume
        session["previous_close"] = price.previous
        wrong = any(fault.kind == "wrong_symbol" for fault in struck)
        state: dict[str, Any] = {
            "ticker": WRONG_TICKER if wrong else ticker,
            "type": _MARKETS[listing.kind],
            "market_status": "open" if price.is_open else "closed",
            "last_updated": price.at_ms * _NS,
            "session": session,
        }
        if listing.kind == "index":
            return {**state, "value": price.price}
        half = price.price * _HALF_SPREAD[listing.kind]
        places = listing.places(VENDOR)
        bid, ask_price = round(price.price - half, places), round(price.price + half, places)
        state["last_quote"] = {"bid": bid, "ask": ask_price, "last_updated": price.at_ms * _NS}
        if listing.kind in WITH_VOLUME:
            state["last_trade"] = {"price": price.price, "sip_timestamp": price.at_ms * _NS}
        return state


def _wire(rows: MinuteBars, listing: BarListing) -> list[dict[str, Any]]:
    """Rows in the vendor's column order."""
    columns: dict[str, list[Any]] = {}
    if listing.kind == "spot":
        columns["v"] = rows.ticks.tolist()
    elif listing.kind != "index":
        columns["v"] = rows.volume.tolist()
    if listing.kind != "index":
        mean = (rows.open + rows.high + rows.low + rows.close) / 4
        columns["vw"] = np.round(mean, listing.places(VENDOR) + 1).tolist()
    columns |= {"o": rows.open.tolist(), "c": rows.close.tolist(), "h": rows.high.tolist(), "l": rows.low.tolist()}
    columns["t"] = rows.time_ms.tolist()
    if listing.kind != "index":
        columns["n"] = rows.ticks.tolist()
    names = tuple(columns)
    return [dict(zip(names, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def _span(start: str, end: str, zone: str) -> tuple[int, int]:
    """First instant and the one after the last (epoch milliseconds) of dates or instants of the path."""
    return _instant(start, zone, timedelta()), _instant(end, zone, timedelta(days=1))


def _instant(text: str, zone: str, after: timedelta) -> int:
    """An instant in milliseconds, the last one included; or midnight of a date, or of `after` it."""
    try:
        if len(text) > 10 and text.isdigit():
            return int(text) + bool(after)
        return milliseconds(datetime.combine(date.fromisoformat(text) + after, time(), ZoneInfo(zone)))
    except (ValueError, OverflowError):
        raise Refused(400, polygon_wire.NO_DATE) from None
