"""Yahoo's chart endpoint on the wire: split-adjusted daily bars in parallel arrays, float32 prices, events."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from fastapi import APIRouter
from numpy.typing import NDArray
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from resources.sandbox import adjust, fault_rows, sessions
from resources.sandbox.backend import Bars, Dividend, Floats, Instrument, Split
from resources.sandbox.desk import Desk, json_response
from resources.sandbox.faults import Fault

VENDOR = "yahoo"
WRONG_SYMBOL = "WRNG"

_RANGES = ["1d", "5d", "1mo", "3mo", "6mo", "1y", "2y", "5y", "10y", "ytd", "max"]
_RANGE_DAYS = {"1d": 1, "5d": 7, "1mo": 31, "3mo": 92, "6mo": 183, "1y": 366, "2y": 731, "5y": 1827, "10y": 3653}
_TYPES = {"stock": "EQUITY", "etf": "ETF", "index": "INDEX", "crypto": "CRYPTOCURRENCY"}
_EXCHANGES = {
    "stock": ("NYQ", "NYSE"),
    "etf": ("PCX", "NYSEArca"),
    "index": ("CXI", "Cboe Indices"),
    "crypto": ("CCC", "CCC"),
}
_ERRORS = {
    404: ("Not Found", "No data found, symbol may be delisted"),
    400: ("Bad Request", "Invalid input"),
    422: ("Unprocessable Entity", "Invalid input"),
}
_UNIX_START = datetime(1970, 1, 1, tzinfo=UTC)


class Refused(Exception):
    """An answer that is an error body."""

    def __init__(self, status: int, description: str | None = None) -> None:
        self.status, self.description = status, description
        super().__init__(description or str(status))


def router(desk: Desk) -> APIRouter:
    """The vendor's routes, under `/yahoo`."""
    vendor = Yahoo(desk)
    routes = APIRouter()
    routes.add_route(f"/{VENDOR}/v8/finance/chart/{{symbol}}", vendor.chart, methods=["GET"])
    return routes


class Yahoo:
    """Yahoo's answers."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.by_id = {instrument.yahoo_id: instrument for instrument in desk.backend.instruments()}

    async def chart(self, request: Request) -> Response:
        """`/v8/finance/chart/{symbol}`; user agents that are no browser's get 429, as seen in 2026."""
        asked = request.path_params["symbol"]
        names = _names(self.by_id[asked]) if asked in self.by_id else [asked]
        return await self.desk.answer(
            VENDOR, request, names, lambda struck: self._respond(request, asked, struck), _error
        )

    def _respond(self, request: Request, asked: str, struck: Sequence[Fault]) -> Response:
        if not request.headers.get("User-Agent", "").startswith("Mozilla/5.0"):
            return _error(429)
        try:
            known = self.by_id.get(asked)
            at = self.desk.now()
            if known is None or known.listed > at.date():
                raise Refused(404)
            if request.query_params.get("interval", "1d") != "1d":
                raise Refused(422, "the sandbox serves interval=1d")
            start, end = _span(request, at)
            return json_response(self._body(request, known, start, end, at, struck))
        except Refused as refusal:
            return _error(refusal.status, refusal.description)

    def _body(
        self, request: Request, known: Instrument, start: datetime, end: datetime, at: datetime, struck: Sequence[Fault]
    ) -> dict[str, Any]:
        backend = self.desk.backend
        raw = backend.bars(known.symbol, VENDOR, at)
        splits = fault_rows.remaining(backend.splits(known.symbol, at), struck, _names(known))
        dividends = fault_rows.remaining(backend.dividends(known.symbol, at), struck, _names(known))
        opens = _open_seconds(known, raw)
        if len(raw) and end.timestamp() <= opens[0]:
            span = f"startDate = {int(start.timestamp())}, endDate = {int(end.timestamp())}"
            raise Refused(400, f"Data doesn't exist for {span}")
        first, last = start.date() - timedelta(days=1), end.date()
        window = fault_rows.window(raw, first, last, struck, _names(known))
        inside = _within(_open_seconds(known, window), start, end)
        window = fault_rows.order(window.take(inside), struck, _names(known))
        shown, stamps = window, _open_seconds(known, window)
        live = backend.live(known.symbol, VENDOR, at)
        if len(live) and start <= at < end:
            shown, stamps = window.append(live), np.append(stamps, int(at.timestamp()))
        adjusted = adjust.split_adjusted(shown, splits, at.date())
        factors = adjust.dividend_factors(raw, splits, dividends, at.date())
        meta = self._meta(known, raw, live, splits, at, before=first, struck=struck)
        result: dict[str, Any] = {"meta": meta}
        if not len(shown):
            return {"chart": {"result": [{**result, "indicators": {"quote": [{}]}}], "error": None}}
        result["timestamp"] = stamps.tolist()
        events = _events(known, splits, dividends, start, end, at) if "events" in request.query_params else {}
        if events:
            result["events"] = events
        volume = np.zeros(len(shown)) if known.asset_class == "index" else adjusted.volume
        quote: dict[str, list[Any]] = {
            name: _wire(getattr(adjusted, name)) for name in ("open", "high", "low", "close")
        }
        quote["volume"] = [None if np.isnan(price) else int(v) for price, v in zip(shown.close, volume, strict=True)]
        total = _wire(adjusted.close * _factors_at(factors, raw, shown))
        result["indicators"] = {"quote": [quote], "adjclose": [{"adjclose": total}]}
        return {"chart": {"result": [result], "error": None}}

    def _meta(
        self,
        known: Instrument,
        raw: Bars,
        live: Bars,
        splits: Sequence[Split],
        at: datetime,
        before: date,
        struck: Sequence[Fault],
    ) -> dict[str, Any]:
        zone = ZoneInfo(_zone(known))
        local = at.astimezone(zone)
        offset = local.utcoffset() or timedelta()
        opens = _open_seconds(known, raw.take(slice(1)))
        adjusted = adjust.split_adjusted(raw.append(live), splits, at.date())
        stated = adjusted.take(~np.isnan(adjusted.close))
        year = stated.take(slice(-252, None))
        previous = stated.window(None, before)
        day = stated.take(slice(-1, None))
        wrong = any(fault.kind == "wrong_symbol" for fault in struck)
        period = _trading_period(known, at, local.tzname() or "UTC", int(offset.total_seconds()))
        meta: dict[str, Any] = {
            "currency": "USD",
            "symbol": WRONG_SYMBOL if wrong else known.yahoo_id,
            "exchangeName": _EXCHANGES[known.asset_class][0],
            "fullExchangeName": _EXCHANGES[known.asset_class][1],
            "instrumentType": _TYPES[known.asset_class],
            "firstTradeDate": int(opens[0]) if len(opens) else None,
            "regularMarketTime": int(at.timestamp()) if len(live) else _last_trade(known, raw, at),
            "hasPrePostMarketData": known.asset_class in {"stock", "etf"},
            "gmtoffset": int(offset.total_seconds()),
            "timezone": local.tzname(),
            "exchangeTimezoneName": zone.key,
            "longName": known.name,
            "shortName": known.name,
            "priceHint": 2,
            "currentTradingPeriod": period,
            "dataGranularity": "1d",
            "range": "",
            "validRanges": _RANGES,
        }
        if len(day):
            meta["regularMarketPrice"] = round(float(day.close[0]), 4)
            meta["regularMarketDayHigh"] = round(float(day.high[0]), 4)
            meta["regularMarketDayLow"] = round(float(day.low[0]), 4)
            meta["regularMarketVolume"] = 0 if np.isnan(day.volume[0]) else int(day.volume[0])
            meta["fiftyTwoWeekHigh"] = round(float(year.high.max()), 4)
            meta["fiftyTwoWeekLow"] = round(float(year.low.min()), 4)
        if len(previous):
            meta["chartPreviousClose"] = round(float(previous.close[-1]), 3)
        return meta


def _events(
    known: Instrument,
    splits: Sequence[Split],
    dividends: Sequence[Dividend],
    start: datetime,
    end: datetime,
    at: datetime,
) -> dict[str, Any]:
    """Splits and dividends that took effect in the window, dividend amounts in today's shares."""

    def stamp(day: date) -> int:
        return int(sessions.open_of(known.calendar, day).timestamp())

    def shown(day: date) -> bool:
        opens = sessions.open_of(known.calendar, day)
        return start <= opens < end and opens <= at

    paid: dict[str, Any] = {}
    for dividend in dividends:
        if shown(dividend.ex_date):
            since = adjust.shares_since(np.array([dividend.ex_date], "datetime64[D]"), splits, at.date())
            when = stamp(dividend.ex_date)
            paid[str(when)] = {"amount": round(dividend.amount / float(since[0]), 6), "date": when}
    split: dict[str, Any] = {}
    for event in splits:
        if shown(event.ex_date):
            when = stamp(event.ex_date)
            terms = {"numerator": _number(event.new), "denominator": _number(event.old)}
            ratio = f"{_number(event.new)}:{_number(event.old)}"
            split[str(when)] = {"date": when, **terms, "splitRatio": ratio}
    return ({"dividends": paid} if paid else {}) | ({"splits": split} if split else {})


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


def _span(request: Request, at: datetime) -> tuple[datetime, datetime]:
    """The window asked for: `period1` and `period2`, or `range`."""
    query = request.query_params
    if "period1" in query:
        try:
            start, end = int(query["period1"]), int(query.get("period2", int(at.timestamp()) + 1))
        except ValueError:
            raise Refused(400, "Invalid input - period1 and period2 are epoch seconds") from None
        if start >= end:
            raise Refused(400, f"Invalid input - start date cannot be after end date. startDate = {start}")
        return _UNIX_START + timedelta(seconds=start), _UNIX_START + timedelta(seconds=end)
    asked = query.get("range", "1mo")
    if asked not in _RANGES:
        raise Refused(422, f"Invalid input - range={asked} is not supported. Valid ranges: {_RANGES}")
    new_year = datetime(at.year, 1, 1, tzinfo=UTC)
    start_at = new_year if asked == "ytd" else at - timedelta(days=_RANGE_DAYS.get(asked, 365 * 60))
    return start_at, at + timedelta(seconds=1)


def _open_seconds(known: Instrument, bars: Bars) -> NDArray[np.int64]:
    """Yahoo stamps a daily row with the instant its session opens."""
    if known.calendar == "always":
        return sessions.stamps(bars.day, "UTC") // 1000
    return sessions.stamps(bars.day, sessions.NEW_YORK, sessions.OPEN) // 1000


def _within(stamps: NDArray[np.int64], start: datetime, end: datetime) -> NDArray[np.bool_]:
    inside: NDArray[np.bool_] = (stamps >= start.timestamp()) & (stamps < end.timestamp())
    return inside


def _last_trade(known: Instrument, raw: Bars, at: datetime) -> int:
    if not len(raw):
        return int(at.timestamp())
    return int(sessions.close_of(known.calendar, raw.day[-1].item()).timestamp()) + 1


def _factors_at(factors: Floats, raw: Bars, shown: Bars) -> Floats:
    """The dividend factor of each shown day; 1 after the last raw bar."""
    if not len(raw):
        return np.ones(len(shown))
    at = np.searchsorted(raw.day, shown.day)
    known = at < len(raw)
    return np.where(known, factors[np.minimum(at, len(raw) - 1)], 1.0)


def _wire(values: Floats) -> list[Any]:
    """Prices as Yahoo sends them: through float32, nulls for what is not stated."""
    return [None if value != value else value for value in values.astype(np.float32).astype(np.float64).tolist()]


def _zone(known: Instrument) -> str:
    if known.asset_class == "crypto":
        return "UTC"
    return sessions.CHICAGO if known.symbol == "VIX" else sessions.NEW_YORK


def _names(known: Instrument) -> list[str]:
    return [known.symbol, known.yahoo_id]


def _number(value: float) -> float | int:
    return int(value) if value == int(value) else value


def _error(status: int, description: str | None = None) -> Response:
    if status == 429:
        return PlainTextResponse("Edge: Too Many Requests", 429, media_type="text/html")
    code, text = _ERRORS.get(status, ("Internal Server Error", "Internal server error"))
    return json_response(
        {"chart": {"result": None, "error": {"code": code, "description": description or text}}}, status
    )
