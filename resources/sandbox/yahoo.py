"""Yahoo's chart endpoint on the wire: split-adjusted daily bars in parallel arrays, float32 prices, events.

`interval=1m` and live prices are in `yahoo_minutes.py`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import orjson
from fastapi import APIRouter
from numpy.typing import NDArray
from starlette.requests import Request
from starlette.responses import Response

from resources.sandbox import adjust, fault_rows, sessions
from resources.sandbox.backend import Bars, Days, Dividend, Floats, Instrument, Split
from resources.sandbox.desk import Desk, json_response
from resources.sandbox.faults import Fault
from resources.sandbox.yahoo_minutes import YahooMinutes
from resources.sandbox.yahoo_wire import RANGES, VENDOR, WRONG_SYMBOL, Refused, error, is_browser, span, wire

_TYPES = {"stock": "EQUITY", "etf": "ETF", "index": "INDEX", "crypto": "CRYPTOCURRENCY"}
_EXCHANGES = {
    "stock": ("NYQ", "NYSE"),
    "etf": ("PCX", "NYSEArca"),
    "index": ("CXI", "Cboe Indices"),
    "crypto": ("CCC", "CCC"),
}


def router(desk: Desk) -> APIRouter:
    """The vendor's routes, under `/yahoo`."""
    vendor = Yahoo(desk)
    routes = APIRouter()
    routes.add_route(f"/{VENDOR}/v8/finance/chart/{{symbol}}", vendor.chart, methods=["GET"])
    routes.add_route(f"/{VENDOR}/v7/finance/spark", vendor.minutes.spark, methods=["GET"])
    return routes


class Yahoo:
    """Yahoo's answers."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.by_id = {instrument.yahoo_id: instrument for instrument in desk.backend.instruments()}
        self.minutes = YahooMinutes(desk)

    async def chart(self, request: Request) -> Response:
        """`/v8/finance/chart/{symbol}`; user agents that are no browser's get 429, as seen in 2026."""
        asked = request.path_params["symbol"]
        daily = _names(self.by_id[asked]) if asked in self.by_id else [asked]
        names = [*daily, *self.minutes.names(asked)]
        return await self.desk.answer(
            VENDOR, request, names, lambda struck: self._respond(request, asked, struck), error
        )

    def _respond(self, request: Request, asked: str, struck: Sequence[Fault]) -> Response:
        if not is_browser(request):
            return error(429)
        try:
            at = self.desk.now()
            interval = request.query_params.get("interval", "1d")
            if interval == "1m":
                return json_response(self.minutes.chart(request, asked, at, struck))
            known = self.by_id.get(asked)
            if known is None or known.listed > at.date():
                raise Refused(404)
            if interval != "1d":
                raise Refused(422, "the sandbox serves interval=1d and interval=1m")
            start, end = span(request, at)
            chart = self._chart(known, start, end, at, struck)
            return json_response({"chart": {"result": [chart.body("events" in request.query_params)], "error": None}})
        except Refused as refusal:
            return error(refusal.status, refusal.description)

    def _chart(
        self, known: Instrument, start: datetime, end: datetime, at: datetime, struck: Sequence[Fault]
    ) -> "Chart":
        backend, symbol = self.desk.backend, known.symbol
        return Chart(
            known=known,
            start=start,
            end=end,
            at=at,
            struck=struck,
            raw=backend.bars(symbol, VENDOR, at),
            live=backend.live(symbol, VENDOR, at),
            splits=fault_rows.remaining(backend.splits(symbol, at), struck, _names(known)),
            dividends=fault_rows.remaining(backend.dividends(symbol, at), struck, _names(known)),
        )


@dataclass(frozen=True, kw_only=True)
class Chart:
    """One answer: an instrument, the window asked for, and what is known of it at `at`."""

    known: Instrument
    start: datetime
    end: datetime
    at: datetime
    struck: Sequence[Fault]
    #: all closed sessions, unadjusted
    raw: Bars
    #: the unfinished session, if there is one
    live: Bars
    splits: Sequence[Split]
    dividends: Sequence[Dividend]

    def body(self, with_events: bool) -> dict[str, Any]:
        """The element of `chart.result`. Raises Refused for a window before the first bar."""
        opens = self._open_seconds(self.raw.day[:1])
        if len(opens) and self.end.timestamp() <= opens[0]:
            span = f"startDate = {int(self.start.timestamp())}, endDate = {int(self.end.timestamp())}"
            raise Refused(400, f"Data doesn't exist for {span}")
        shown, stamps = self._shown()
        if not len(shown):
            return {"meta": self._meta(self.start.date()), "indicators": {"quote": [{}]}}
        events = self._events() if with_events else {}
        adjusted = adjust.split_adjusted(shown, self.splits, self.at.date())
        quote = {name: wire(getattr(adjusted, name)) for name in ("open", "high", "low", "close")}
        quote["volume"] = self._volumes(adjusted)
        total = wire(adjusted.close * self._dividend_factors(shown.day))
        return {
            "meta": self._meta(shown.day[0].item()),
            "timestamp": stamps.tolist(),
            **({"events": events} if events else {}),
            "indicators": {"quote": [quote], "adjclose": [{"adjclose": total}]},
        }

    def _shown(self) -> tuple[Bars, NDArray[np.int64]]:
        """Rows of the window with their stamps; the live day is an extra last row stamped now."""
        names = _names(self.known)
        nearby = fault_rows.window(self.raw, self.start.date() - timedelta(days=1), self.end.date(), self.struck, names)
        stamps = self._open_seconds(nearby.day)
        inside = (stamps >= self.start.timestamp()) & (stamps < self.end.timestamp())
        rows = fault_rows.order(nearby.take(inside), self.struck, names)
        stamps = self._open_seconds(rows.day)
        if not len(self.live) or not self.start <= self.at < self.end:
            return rows, stamps
        return rows.append(self.live), np.append(stamps, int(self.at.timestamp()))

    def _open_seconds(self, of: Days) -> NDArray[np.int64]:
        """Yahoo stamps a daily row with the instant its session opens."""
        if self.known.calendar == "always":
            return sessions.stamps(of, "UTC") // 1000
        return sessions.stamps(of, sessions.NEW_YORK, sessions.OPEN) // 1000

    def _volumes(self, adjusted: Bars) -> list[Any]:
        """Whole shares; 0 for an index, null beside null prices."""
        if self.known.asset_class == "index":
            return [0] * len(adjusted)
        missing = np.isnan(adjusted.close) | np.isnan(adjusted.volume)
        whole = np.where(missing, 0, np.round(adjusted.volume)).astype(np.int64).tolist()
        return [None if gone else value for gone, value in zip(missing.tolist(), whole, strict=True)]

    def _dividend_factors(self, of: Days) -> Floats:
        """What turns each split-adjusted close into the adjusted close; 1 after the last closed session."""
        factors = adjust.dividend_factors(self.raw, self.splits, self.dividends, self.at.date())
        return np.append(factors, 1.0)[np.searchsorted(self.raw.day, of)]

    def _events(self) -> dict[str, Any]:
        """Splits and dividends that took effect in the window, dividend amounts in today's shares."""
        found: dict[str, dict[str, Any]] = {"dividends": {}, "splits": {}}
        for dividend in self.dividends:
            if stamp := self._effective(dividend.ex_date):
                day = np.array([dividend.ex_date], "datetime64[D]")
                amount = dividend.amount / float(adjust.shares_since(day, self.splits, self.at.date())[0])
                found["dividends"][str(stamp)] = {"amount": round(amount, 6), "date": stamp}
        for split in self.splits:
            if stamp := self._effective(split.ex_date):
                new, old = f"{split.new:g}", f"{split.old:g}"
                terms = {"numerator": orjson.loads(new), "denominator": orjson.loads(old)}
                found["splits"][str(stamp)] = {"date": stamp, **terms, "splitRatio": f"{new}:{old}"}
        return {kind: events for kind, events in found.items() if events}

    def _effective(self, day: date) -> int | None:
        """The stamp of an event's session, where that opened inside the window and before now."""
        opens = sessions.open_of(self.known.calendar, day)
        return int(opens.timestamp()) if self.start <= opens < self.end and opens <= self.at else None

    def _meta(self, first_shown: date) -> dict[str, Any]:
        known, zone = self.known, ZoneInfo(_zone(self.known))
        local = self.at.astimezone(zone)
        offset = int((local.utcoffset() or timedelta()).total_seconds())
        exchange, exchange_name = _EXCHANGES[known.asset_class]
        opens = self._open_seconds(self.raw.day[:1])
        wrong = any(fault.kind == "wrong_symbol" for fault in self.struck)
        return {
            "currency": "USD",
            "symbol": WRONG_SYMBOL if wrong else known.yahoo_id,
            "exchangeName": exchange,
            "fullExchangeName": exchange_name,
            "instrumentType": _TYPES[known.asset_class],
            "firstTradeDate": int(opens[0]) if len(opens) else None,
            "regularMarketTime": self._last_trade(),
            "hasPrePostMarketData": known.asset_class in {"stock", "etf"},
            "gmtoffset": offset,
            "timezone": local.tzname(),
            "exchangeTimezoneName": zone.key,
            **self._market_prices(first_shown),
            "longName": known.name,
            "shortName": known.name,
            "priceHint": 2,
            "currentTradingPeriod": _trading_period(known, self.at, local.tzname() or "UTC", offset),
            "dataGranularity": "1d",
            "range": "",
            "validRanges": RANGES,
        }

    def _market_prices(self, first_shown: date) -> dict[str, Any]:
        adjusted = adjust.split_adjusted(self.raw.append(self.live), self.splits, self.at.date())
        stated = adjusted.take(~np.isnan(adjusted.close))
        if not len(stated):
            return {}
        day, year = stated.take(slice(-1, None)), stated.take(slice(-252, None))
        before = stated.window(None, first_shown - timedelta(days=1))
        previous = {"chartPreviousClose": round(float(before.close[-1]), 3)} if len(before) else {}
        return {
            "regularMarketPrice": round(float(day.close[0]), 4),
            "fiftyTwoWeekHigh": round(float(year.high.max()), 4),
            "fiftyTwoWeekLow": round(float(year.low.min()), 4),
            "regularMarketDayHigh": round(float(day.high[0]), 4),
            "regularMarketDayLow": round(float(day.low[0]), 4),
            "regularMarketVolume": self._volumes(day)[0],
            **previous,
        }

    def _last_trade(self) -> int:
        if len(self.live) or not len(self.raw):
            return int(self.at.timestamp())
        return int(sessions.close_of(self.known.calendar, self.raw.day[-1].item()).timestamp()) + 1


def _trading_period(known: Instrument, at: datetime, zone: str, offset: int) -> dict[str, Any]:
    """Pre, regular and post session of the current or next trading day."""
    if known.calendar == "always":
        day = datetime.combine(at.date(), time(), UTC)
        bounds = [day, day, day + timedelta(days=1), day + timedelta(days=1)]
    else:
        ahead = sessions.days("XNYS", at.date() + timedelta(days=7))[-8:].tolist()
        session = next(day for day in ahead if sessions.close_of("XNYS", day) > at)
        opens, closes = sessions.open_of("XNYS", session), sessions.close_of("XNYS", session)
        bounds = [opens - timedelta(hours=5, minutes=30), opens, closes, closes + timedelta(hours=4)]
    stamps = [int(bound.timestamp()) for bound in bounds]
    named = zip(("pre", "regular", "post"), stamps[:-1], stamps[1:], strict=True)
    return {name: {"timezone": zone, "start": s, "end": e, "gmtoffset": offset} for name, s, e in named}


def _zone(known: Instrument) -> str:
    if known.asset_class == "crypto":
        return "UTC"
    return sessions.CHICAGO if known.symbol == "VIX" else sessions.NEW_YORK


def _names(known: Instrument) -> list[str]:
    return [known.symbol, known.yahoo_id]
