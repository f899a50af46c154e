"""Polygon (now Massive) on the wire: aggregates, grouped daily, splits, dividends, tickers, market status.

Minutes and snapshots are in `polygon_minutes.py`.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from resources.sandbox import adjust, fault_rows, paging, polygon_wire, sessions
from resources.sandbox.backend import Bars, Instrument
from resources.sandbox.desk import Desk, json_response
from resources.sandbox.faults import Fault
from resources.sandbox.keys import UNKNOWN, Budget, Plan
from resources.sandbox.polygon_minutes import PolygonMinutes
from resources.sandbox.polygon_wire import AGGREGATES_DEFAULT, AGGREGATES_MOST, VENDOR, WRONG_TICKER, Ask, Refused

REFERENCE_DEFAULT, REFERENCE_MOST = 10, 1000

_TYPES = {"stock": "CS", "etf": "ETF", "index": "INDEX"}
_MARKETS = {"stock": "stocks", "etf": "stocks", "index": "indices", "crypto": "crypto"}
#: the zone whose midnight starts a daily bar
_ZONES = {"stock": sessions.NEW_YORK, "etf": sessions.NEW_YORK, "index": sessions.CHICAGO, "crypto": "UTC"}


def router(desk: Desk) -> APIRouter:
    """The vendor's routes, under `/polygon`."""
    vendor = Polygon(desk)
    routes = APIRouter()
    served: dict[str, Callable[[Ask], Response]] = {
        "/v2/aggs/ticker/{ticker}/range/{multiplier}/{timespan}/{start}/{end}": vendor.aggregates,
        "/v2/aggs/grouped/locale/us/market/stocks/{date}": vendor.grouped,
        "/v3/reference/splits": vendor.splits,
        "/v3/reference/dividends": vendor.dividends,
        "/v3/reference/tickers": vendor.tickers,
        "/v3/reference/tickers/{ticker}": vendor.ticker,
        "/v3/snapshot": vendor.minutes.snapshot,
        "/v1/marketstatus/now": vendor.market_now,
        "/v1/marketstatus/upcoming": vendor.market_upcoming,
    }
    for path, respond in served.items():
        routes.add_route(f"/{VENDOR}{path}", vendor.endpoint(respond), methods=["GET"])
    return routes


class Polygon:
    """Polygon's answers."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.budget = Budget(desk.now())
        self.by_id = {instrument.polygon_id: instrument for instrument in desk.backend.instruments()}
        self.minutes = PolygonMinutes(desk)

    def endpoint(self, respond: Callable[[Ask], Response]) -> Callable[[Request], Any]:
        """An endpoint: faults, then key and budget, then the answer."""

        async def answer(request: Request) -> Response:
            asked = request.path_params.get("ticker") or request.query_params.get("ticker") or ""
            daily = _names(self.by_id[asked]) if asked in self.by_id else [asked] * bool(asked)
            names = [*daily, *self.minutes.names(asked, request.query_params.get("ticker.any_of", ""))]
            request_id = polygon_wire.request_id(request)
            return await self.desk.answer(
                VENDOR,
                request,
                names,
                lambda struck: self._authorised(request, request_id, struck, respond),
                lambda status: polygon_wire.error(Refused(status), request_id),
            )

        return answer

    def aggregates(self, ask: Ask) -> Response:
        """`/v2/aggs/ticker/{ticker}/range/1/day/{from}/{to}`, and `range/1/minute`."""
        if (ask.path["multiplier"], ask.path["timespan"]) == ("1", "minute"):
            return self.minutes.aggregates(ask)
        if (ask.path["multiplier"], ask.path["timespan"]) != ("1", "day"):
            raise Refused(400, "the sandbox serves range/1/day and range/1/minute")
        ticker, start, end = ask.path["ticker"], ask.path["start"], ask.path["end"]
        known = self.by_id.get(ticker)
        zone = _ZONES[known.asset_class] if known else sessions.NEW_YORK
        limit = polygon_wire.limit(ask, AGGREGATES_DEFAULT, AGGREGATES_MOST)
        sort = ask.options.get("sort", "asc")
        adjusted = ask.options.get("adjusted", "true").lower() != "false"
        bars = self._window(ask, known, _day(start, zone), _day(end, zone), adjusted) if known else Bars.empty()
        if sort == "desc":
            bars = bars.take(slice(None, None, -1))
        page, rest = bars.take(slice(limit)), bars.take(slice(limit, None))
        page = fault_rows.order(page, ask.struck, _names(known) if known else [])
        wrong = any(fault.kind == "wrong_symbol" for fault in ask.struck)
        # an index body has neither resultsCount nor adjusted (recorded I:NDX)
        is_index = known is not None and known.asset_class == "index"
        body: dict[str, Any] = {"ticker": WRONG_TICKER if wrong else ticker, "queryCount": len(page)}
        body |= {} if is_index else {"resultsCount": len(page), "adjusted": adjusted}
        if len(page):
            body["results"] = _rows(page, sessions.stamps(page.day, zone).tolist())
        body |= {**ask.tail(), "count": len(page)}
        if len(rest):
            stamp = int(sessions.stamps(rest.day[:1], zone)[0])
            span = f"{start}/{stamp}" if sort == "desc" else f"{stamp}/{end}"
            cursor = paging.encode({"adjusted": str(adjusted).lower(), "limit": limit, "sort": sort})
            body["next_url"] = f"{ask.base}/v2/aggs/ticker/{ticker}/range/1/day/{span}?cursor={cursor}"
        return json_response(body)

    def grouped(self, ask: Ask) -> Response:
        """`/v2/aggs/grouped/locale/us/market/stocks/{date}`: `t` is the END of the window."""
        day = _day(ask.path["date"], sessions.NEW_YORK)
        adjusted = ask.options.get("adjusted", "true").lower() != "false"
        end = int(sessions.stamps(np.array([day], "datetime64[D]"), sessions.NEW_YORK, sessions.CLOSE)[0])
        rows: list[dict[str, Any]] = []
        for instrument in self.desk.backend.market():
            bars = self._window(ask, instrument, day, day, adjusted)
            bars = fault_rows.order(bars, ask.struck, _names(instrument))
            rows += [{"T": instrument.polygon_id, **row} for row in _rows(bars, [end] * len(bars))]
        found = {"results": rows} if rows else {}
        counts = {"queryCount": len(rows), "resultsCount": len(rows), "adjusted": adjusted}
        return json_response({**counts, **found, **ask.tail(), "count": len(rows)})

    def splits(self, ask: Ask) -> Response:
        """`/v3/reference/splits`."""
        rows = [
            {
                "execution_date": split.ex_date.isoformat(),
                "split_from": _number(split.old),
                "split_to": _number(split.new),
                "ticker": listed.polygon_id,
            }
            for listed in self._listed(ask)
            for split in fault_rows.remaining(
                self.desk.backend.splits(listed.symbol, ask.at), ask.struck, _names(listed)
            )
        ]
        return _listing(ask, rows, "splits", "execution_date")

    def dividends(self, ask: Ask) -> Response:
        """`/v3/reference/dividends`: amounts as paid."""
        rows = [
            {
                "cash_amount": dividend.amount,
                "currency": "USD",
                "declaration_date": dividend.declared and dividend.declared.isoformat(),
                "dividend_type": "CD",
                "ex_dividend_date": dividend.ex_date.isoformat(),
                "frequency": dividend.frequency,
                "pay_date": dividend.pay and dividend.pay.isoformat(),
                "record_date": dividend.record and dividend.record.isoformat(),
                "ticker": listed.polygon_id,
            }
            for listed in self._listed(ask)
            for dividend in fault_rows.remaining(
                self.desk.backend.dividends(listed.symbol, ask.at), ask.struck, _names(listed)
            )
        ]
        return _listing(ask, [_stated(row) for row in rows], "dividends", "ex_dividend_date")

    def tickers(self, ask: Ask) -> Response:
        """`/v3/reference/tickers`: only active ones unless `active=false`, as the vendor does."""
        active = ask.options.get("active", "true") == "true"
        rows = [_reference(listed, ask.at) for listed in self._listed(ask, everything=True)]
        return _listing(ask, [row for row in rows if row["active"] is active], "tickers", "ticker", order="asc")

    def ticker(self, ask: Ask) -> Response:
        """`/v3/reference/tickers/{ticker}`, delisted ones included."""
        known = self.by_id.get(ask.path["ticker"])
        if known is None or known.listed > ask.at.date():
            raise Refused(404)
        return json_response({**ask.tail(), "results": _reference(known, ask.at)})

    def market_now(self, ask: Ask) -> Response:
        """`/v1/marketstatus/now`."""
        local = ask.at.astimezone(ZoneInfo(sessions.NEW_YORK))
        day = np.datetime64(local.date())
        trading = day in sessions.days("XNYS", local.date())[-1:]
        is_open = sessions.open_session("XNYS", ask.at) is not None
        extended = trading and not is_open and 4 <= local.hour < 20
        state = "open" if is_open else "extended-hours" if extended else "closed"
        body = {
            "market": state,
            "earlyHours": extended and local.time() < sessions.OPEN,
            "afterHours": extended and local.time() >= sessions.OPEN,
            "serverTime": local.isoformat(timespec="seconds"),
            "exchanges": dict.fromkeys(("nyse", "nasdaq", "otc"), state),
            "currencies": {"fx": "closed" if local.weekday() == 5 else "open", "crypto": "open"},
        }
        return json_response(body)

    def market_upcoming(self, ask: Ask) -> Response:
        """`/v1/marketstatus/upcoming`: closed and early-close days of both exchanges."""
        rows: list[dict[str, str]] = []
        for day, name, closes in sessions.upcoming(ask.at):
            row = {"name": name, "date": day.isoformat(), "status": "early-close" if closes else "closed"}
            if closes:
                row |= {"open": _zulu(sessions.open_of("XNYS", day)), "close": _zulu(closes)}
            rows += [{"exchange": exchange, **row} for exchange in ("NYSE", "NASDAQ")]
        return json_response(rows)

    def _authorised(
        self, request: Request, request_id: str, struck: Sequence[Fault], respond: Callable[[Ask], Response]
    ) -> Response:
        header = request.headers.get("Authorization", "")
        key = header.removeprefix("Bearer ") if header else request.query_params.get("apiKey", "")
        plan = Plan.of(key)
        try:
            if key in UNKNOWN:
                raise Refused(401)
            if not self.budget.spend(key, plan.per_minute):
                raise Refused(429)
            base = f"{request.url.scheme}://{request.url.netloc}/{VENDOR}"
            return respond(
                Ask(request.path_params, polygon_wire.options(request), plan, self.desk.now(), struck, request_id, base)
            )
        except Refused as refusal:
            return polygon_wire.error(refusal, request_id)

    def _window(self, ask: Ask, listed: Instrument, first: date, last: date, adjusted: bool) -> Bars:
        """Bars from `first` to `last`: 403 where the plan has none of them, clipped where it has some."""
        earliest = ask.plan.earliest(ask.at)
        if last < earliest:
            raise Refused(403)
        bars = self.desk.backend.bars(listed.symbol, VENDOR, ask.at)
        bars = fault_rows.window(bars, max(first, earliest), last, ask.struck, _names(listed))
        splits = self.desk.backend.splits(listed.symbol, ask.at)
        if not adjusted or not splits:
            return bars
        return adjust.split_adjusted(bars, splits, ask.at.date()).rounded(4)

    def _listed(self, ask: Ask, everything: bool = False) -> Iterable[Instrument]:
        """The ticker asked for, or all of them."""
        if "ticker" in ask.options:
            return [self.by_id[ask.options["ticker"]]] if ask.options["ticker"] in self.by_id else []
        backend = self.desk.backend
        return [i for i in (backend.instruments() if everything else backend.market()) if i.listed <= ask.at.date()]


def _listing(ask: Ask, rows: Sequence[dict[str, Any]], name: str, by: str, order: str = "desc") -> Response:
    """A page of reference rows: filtered and sorted by a column, `next_url` where more follow."""
    limit = polygon_wire.limit(ask, REFERENCE_DEFAULT, REFERENCE_MOST)
    kept = [row for row in rows if _in_range(row[by], by, ask.options)]
    kept.sort(key=lambda row: str(row[by]), reverse=ask.options.get("order", order) == "desc")
    start = int(ask.options.get("offset", 0))
    body: dict[str, Any] = {"results": kept[start : start + limit], **ask.tail()}
    if start + limit < len(kept):
        cursor = paging.encode({**ask.options, "limit": limit, "offset": start + limit})
        body["next_url"] = f"{ask.base}/v3/reference/{name}?cursor={cursor}"
    return json_response(body)


def _in_range(value: str, column: str, options: Mapping[str, str]) -> bool:
    bounds = {bound: options.get(f"{column}.{bound}") for bound in ("gte", "gt", "lte", "lt")}
    return not (
        (column in options and value != options[column])
        or (bounds["gte"] is not None and value < bounds["gte"])
        or (bounds["gt"] is not None and value <= bounds["gt"])
        or (bounds["lte"] is not None and value > bounds["lte"])
        or (bounds["lt"] is not None and value >= bounds["lt"])
    )


def _rows(bars: Bars, stamps: Sequence[int]) -> list[dict[str, Any]]:
    """Wire rows in the vendor's column order; `v`, `vw` and `n` only where they are stated."""
    columns: dict[str, list[Any]] = {}
    for key, values in (("v", bars.volume), ("vw", bars.vwap)):
        if not np.isnan(values).all():
            whole = key == "v" and bool(np.all(values == np.floor(values)))
            columns[key] = values.astype(np.int64).tolist() if whole else values.tolist()
    columns |= {"o": bars.open.tolist(), "c": bars.close.tolist(), "h": bars.high.tolist(), "l": bars.low.tolist()}
    columns["t"] = list(stamps)
    if not np.isnan(bars.trades).any():
        columns["n"] = bars.trades.astype(np.int64).tolist()
    names = tuple(columns)
    return [dict(zip(names, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def _reference(listed: Instrument, at: datetime) -> dict[str, Any]:
    active = listed.delisted is None or listed.delisted >= at.date()
    return _stated(
        {
            "ticker": listed.polygon_id,
            "name": listed.name,
            "market": _MARKETS[listed.asset_class],
            "locale": "global" if listed.asset_class == "crypto" else "us",
            "primary_exchange": "XNYS" if listed.asset_class in {"stock", "etf"} else None,
            "type": _TYPES.get(listed.asset_class),
            "active": active,
            "currency_name": "usd",
            "list_date": None if listed.asset_class == "crypto" else listed.listed.isoformat(),
            "delisted_utc": None if active else f"{listed.delisted}T00:00:00Z",
            "last_updated_utc": f"{at.date()}T00:00:00Z",
        }
    )


def _stated(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if value is not None}


def _names(listed: Instrument) -> list[str]:
    return [listed.symbol, listed.polygon_id]


def _day(text: str, zone: str) -> date:
    """A day of the path: a date, or epoch milliseconds in the market's zone."""
    try:
        if len(text) > 10 and text.isdigit():
            return datetime.fromtimestamp(int(text) / 1000, ZoneInfo(zone)).date()
        return date.fromisoformat(text)
    except (ValueError, OverflowError):
        raise Refused(400, polygon_wire.NO_DATE) from None


def _number(value: float) -> float | int:
    return int(value) if value == int(value) else value


def _zulu(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
