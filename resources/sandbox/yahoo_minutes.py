"""Yahoo's minutes on the wire: the chart with `interval=1m`, and `spark`, the last prices of up to twenty symbols.

The minute that runs has no row of its own; the last price is one more row, stamped with the instant of the request.
Volume is 0 where none is measured.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import orjson
from starlette.requests import Request
from starlette.responses import Response

from market_assets.core import trading_hours
from resources.sandbox import fault_minutes, sessions, yahoo_wire
from resources.sandbox.bar_minutes import BarListing, LastPrice, MinuteBars, MinuteMarket, regular
from resources.sandbox.desk import Desk, json_response
from resources.sandbox.faults import Fault
from resources.sandbox.minutes import DAY_MS, MINUTE_MS, milliseconds
from resources.sandbox.yahoo_wire import RANGES, VENDOR, WRONG_SYMBOL, Refused

#: symbols of one spark; days of minutes in one chart, and from now back
SPARK_MOST = 20
_CHART_DAYS, _HISTORY_DAYS = timedelta(days=7), timedelta(days=30)
#: 2000-01-03
_FIRST_TRADE = 946_857_600
_TYPES = {
    "stock": ("EQUITY", "NMS", "NasdaqGS", sessions.NEW_YORK),
    "index": ("INDEX", "SNP", "SNP", sessions.NEW_YORK),
    "future": ("FUTURE", "CME", "CME", sessions.NEW_YORK),
    "spot": ("CURRENCY", "CCY", "CCY", "Europe/London"),
    "crypto": ("CRYPTOCURRENCY", "CCC", "CCC", "UTC"),
}


class YahooMinutes:
    """Yahoo's answers about minutes."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.market: MinuteMarket = desk.backend.minute_market()
        self.listed: Mapping[str, BarListing] = self.market.listed(VENDOR)
        #: closed minutes of the day of an instrument as sent, by the minute they are of
        self._series: dict[str, tuple[int, dict[str, Any]]] = {}

    def names(self, asked: str) -> Sequence[str]:
        """What a fault's `symbol` may call an id; nothing for an unknown one."""
        return self.listed[asked].names if asked in self.listed else ()

    def chart(self, request: Request, asked: str, at: datetime, struck: Sequence[Fault]) -> dict[str, Any]:
        """The body of a chart of minutes. Raises Refused."""
        listing = self.listed.get(asked)
        if listing is None:
            raise Refused(404)
        start, end = yahoo_wire.span(request, at)
        _check(start, end, at)
        rows = self._closed(listing, milliseconds(start), milliseconds(end), milliseconds(at))
        if listing.kind == "stock" and request.query_params.get("includePrePost", "false") != "true":
            rows = regular(rows, listing.calendar)
        rows = fault_minutes.spoilt(rows, struck)
        price = self.market.price(listing, VENDOR, milliseconds(at))
        if price is not None:
            price = fault_minutes.mispriced(price, struck)
        live = price if price is not None and price.is_open and start <= at < end else None
        result: dict[str, Any] = {"meta": {**self._meta(listing, price, at, struck), "range": ""}}
        if len(rows) or live:
            result["timestamp"] = [*(rows.time_ms // 1000).tolist(), *([int(at.timestamp())] if live else [])]
        result["indicators"] = {"quote": [_quote(rows, live)]}
        return {"chart": {"result": [result], "error": None}}

    async def spark(self, request: Request) -> Response:
        """`/v7/finance/spark?symbols=&range=1d&interval=1m|1d`: unknown symbols are left out."""
        asked = [symbol for symbol in request.query_params.get("symbols", "").split(",") if symbol]
        found = [self.listed[symbol] for symbol in asked if symbol in self.listed]
        names = [*asked, *(one.symbol for one in found)]

        def respond(struck: list[Fault]) -> Response:
            query = request.query_params
            if not yahoo_wire.is_browser(request):
                return yahoo_wire.error(429)
            if len(asked) > SPARK_MOST:
                return yahoo_wire.error(400, f"Only {SPARK_MOST} symbols are allowed", "spark")
            interval = query.get("interval", "1m")
            if query.get("range", "1d") != "1d" or interval not in {"1m", "1d"}:
                return yahoo_wire.error(422, "the sandbox serves range=1d with interval=1m or 1d", "spark")
            at = self.desk.now()
            results = [self._spark(one, at, fault_minutes.concerning(struck, one.names), interval) for one in found]
            if not results:
                return yahoo_wire.error(404, "No data found for spark symbols", "spark")
            return json_response({"spark": {"result": results, "error": None}})

        return await self.desk.answer(
            VENDOR, request, names, respond, lambda status: yahoo_wire.error(status, root="spark")
        )

    def _spark(self, listing: BarListing, at: datetime, struck: Sequence[Fault], interval: str) -> dict[str, Any]:
        at_ms, vendor_id = milliseconds(at), listing.ids[VENDOR]
        price = self.market.price(listing, VENDOR, at_ms)
        if price is None:
            return {"symbol": vendor_id, "response": [{"meta": {"symbol": vendor_id}, "indicators": {"quote": [{}]}}]}
        price = fault_minutes.mispriced(price, struck)
        meta = self._meta(listing, price, at, struck, brief=True)
        if interval == "1d":
            # one bar, that of the running day
            day_s = (price.at_ms - 1) // DAY_MS * DAY_MS // 1000
            day = {"timestamp": [day_s], "indicators": {"quote": [{"close": [float(np.float32(price.price))]}]}}
            return {
                "symbol": vendor_id,
                "response": [{"meta": {**meta, "range": "1d", "dataGranularity": "1d"}, **day}],
            }
        # one more or one less fault may strike each request: only what no fault touches is kept
        series = _series(self._today(listing, price, struck)) if struck else self._kept(listing, price)
        return {"symbol": vendor_id, "response": [{"meta": {**meta, "range": "1d"}, **series}]}

    def _kept(self, listing: BarListing, price: LastPrice) -> dict[str, Any]:
        minute = price.at_ms // MINUTE_MS
        kept = self._series.get(listing.symbol)
        if kept is None or kept[0] != minute:
            kept = self._series[listing.symbol] = minute, _series(self._today(listing, price, ()))
        return kept[1]

    def _today(self, listing: BarListing, price: LastPrice, struck: Sequence[Fault]) -> MinuteBars:
        """Closed minutes of the UTC day that a price is of."""
        first_ms = (price.at_ms - 1) // DAY_MS * DAY_MS
        return fault_minutes.spoilt(self._closed(listing, first_ms, price.at_ms, price.at_ms), struck)

    def _closed(self, listing: BarListing, first_ms: int, until_ms: int, at_ms: int) -> MinuteBars:
        return self.market.bars(listing, VENDOR, first_ms, until_ms, at_ms).window(None, at_ms - MINUTE_MS + 1)

    def _meta(
        self,
        listing: BarListing,
        price: LastPrice | None,
        at: datetime,
        struck: Sequence[Fault],
        *,
        brief: bool = False,
    ) -> dict[str, Any]:
        """What an answer says of its instrument; of a spark only what is agreed to be read."""
        kind, exchange, exchange_name, zone = _TYPES[listing.kind]
        wrong = any(fault.kind == "wrong_symbol" for fault in struck)
        meta: dict[str, Any] = {
            "currency": "USD",
            "symbol": WRONG_SYMBOL if wrong else listing.ids[VENDOR],
            "exchangeName": exchange,
            "fullExchangeName": exchange_name,
            "instrumentType": kind,
            "firstTradeDate": _FIRST_TRADE,
            "exchangeTimezoneName": zone,
            "dataGranularity": "1m",
        }
        if price is not None:
            meta |= _prices(listing, price)
        if brief:
            return meta
        local = at.astimezone(ZoneInfo(zone))
        offset = int((local.utcoffset() or timedelta()).total_seconds())
        return meta | {
            "hasPrePostMarketData": listing.kind == "stock",
            "gmtoffset": offset,
            "timezone": local.tzname(),
            "longName": listing.symbol,
            "shortName": listing.symbol,
            "scale": 3,
            "priceHint": listing.decimals,
            "currentTradingPeriod": _trading_period(listing, at, local.tzname() or "UTC", offset),
            "validRanges": RANGES,
        }


def _check(start: datetime, end: datetime, at: datetime) -> None:
    """Refuse windows of more than seven days, or of more than thirty days ago. Raises Refused."""
    asked = f"1m data not available for startTime={int(start.timestamp())} and endTime={int(end.timestamp())}."
    if min(end, at) - start > _CHART_DAYS:
        days = "Only 7 days worth of 1m granularity data are allowed to be fetched per request."
        raise Refused(422, f"{asked} {days}")
    if start < at - _HISTORY_DAYS:
        raise Refused(422, f"{asked} The requested range must be within the last 30 days.")


def _quote(rows: MinuteBars, live: LastPrice | None) -> dict[str, Any]:
    if not len(rows) and live is None:
        return {}
    columns = {name: yahoo_wire.wire(getattr(rows, name)) for name in ("open", "high", "low", "close")}
    columns["volume"] = _volumes(rows)
    if live is not None:
        last = float(np.float32(live.price))
        columns = {name: [*values, 0 if name == "volume" else last] for name, values in columns.items()}
    return columns


def _volumes(rows: MinuteBars) -> list[Any]:
    """Whole numbers, 0 where none is measured, null beside null prices."""
    # parts of a coin are traded; none is written as none only where nothing was
    whole = np.maximum(np.round(rows.volume), rows.volume > 0)
    known = np.where(np.isnan(rows.volume), 0, whole).astype(np.int64).tolist()
    return [None if gone else value for gone, value in zip(np.isnan(rows.close).tolist(), known, strict=True)]


def _series(rows: MinuteBars) -> dict[str, Any]:
    """Stamps and closes, written once for all answers that have them."""
    stamps = orjson.dumps(rows.time_ms // 1000, option=orjson.OPT_SERIALIZE_NUMPY)
    closes = orjson.dumps(yahoo_wire.float32(rows.close), option=orjson.OPT_SERIALIZE_NUMPY)
    return {
        "timestamp": orjson.Fragment(stamps),
        "indicators": {"quote": [{"close": orjson.Fragment(closes)}]},
    }


def _prices(listing: BarListing, price: LastPrice) -> dict[str, Any]:
    measured = price.volume == price.volume
    places = listing.places(VENDOR)
    return {
        "regularMarketTime": price.at_ms // 1000,
        "regularMarketPrice": price.price,
        "regularMarketDayHigh": price.high,
        "regularMarketDayLow": price.low,
        "regularMarketVolume": round(price.volume) if measured else 0,
        "fiftyTwoWeekHigh": round(price.high * 1.1, places),
        "fiftyTwoWeekLow": round(price.low * 0.9, places),
        "chartPreviousClose": price.previous,
        "previousClose": price.previous,
    }


def _trading_period(listing: BarListing, at: datetime, zone: str, offset: int) -> dict[str, Any]:
    """Pre, regular and post session of the current or next session; only stocks trade beside their sessions."""
    session = trading_hours.sessions(listing.calendar, at, at + timedelta(days=7))[0]
    beside = listing.kind == "stock"
    before, after = timedelta(hours=5, minutes=30) * beside, timedelta(hours=4) * beside
    bounds = [session.open - before, session.open, session.close, session.close + after]
    stamps = [int(bound.timestamp()) for bound in bounds]
    named = zip(("pre", "regular", "post"), stamps[:-1], stamps[1:], strict=True)
    return {name: {"timezone": zone, "start": s, "end": e, "gmtoffset": offset} for name, s, e in named}
