"""Twelve Data on the wire: minutes and quotes as text, several symbols in one question nested by symbol.

An error is an object with `code`, `message` and `status`, and has the status of its code but for credits that are
used up, which an older server said with status 200 (fault `credits`). A symbol of a question costs a credit, and one
more for every thousand rows beyond the first. A free key has 8 credits a minute and 800 a day, no indices, and
everything 130 seconds late.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from market_assets.bars.instruments import WITH_VOLUME
from resources.sandbox import bar_wire, fault_minutes
from resources.sandbox.bar_minutes import BarListing, MinuteBars, MinuteMarket, regular
from resources.sandbox.bar_wire import NAMES, NEW_YORK, UTC_ZONE, WRONG_SYMBOL
from resources.sandbox.desk import Desk, json_response
from resources.sandbox.exchange_desk import text as number_text
from resources.sandbox.faults import Fault
from resources.sandbox.keys import UNKNOWN, Budget, Plan
from resources.sandbox.minutes import DAY_MS, milliseconds

VENDOR = "twelvedata"
FREE_PER_MINUTE, FREE_PER_DAY, FREE_LAG_MS = 8, 800, 130_000
USED_HEADER, LEFT_HEADER = "api-credits-used", "api-credits-left"
DEFAULT_ROWS, MOST_ROWS = 30, 5000

#: what the header says is left of a plan without a limit
_UNLIMITED = 100_000
#: rows that one credit pays for
_ROWS_A_CREDIT = 1000
#: days back that the newest rows are looked for in
_BACK_DAYS = 40
_DAY_S = 86_400
_PLACES = 5
_PRICING = "https://twelvedata.com/pricing"
_ZONES = {"spot": "Australia/Sydney", "crypto": UTC_ZONE}
_MESSAGES = {
    400: "No data is available on the specified dates. Try setting different start/end dates.",
    401: "**apikey** parameter is incorrect or not specified. You can get your free API key instantly following this "
    f"link: {_PRICING}. If you believe that everything is correct, you can contact us at "
    "https://twelvedata.com/contact/customer",
    403: "/time_series is available exclusively with grow or pro plans. Consider upgrading your API Key now at "
    f"{_PRICING}",
    404: "**symbol** or **figi** parameter is missing or invalid. Please provide a valid symbol according to API "
    "documentation: https://twelvedata.com/docs#reference-data",
    500: "Internal server error. Contact our support team or try again later.",
}
PLAN_GATED = f"This symbol is available starting with the Grow or Venture plan. Consider upgrading now at {_PRICING}"


class Refused(Exception):
    """An answer that is an error."""

    def __init__(self, code: int, message: str | None = None, *, status: int | None = None) -> None:
        self.code, self.status = code, status or code
        self.message = message or _MESSAGES.get(code, _MESSAGES[500])
        super().__init__(self.message)

    def body(self) -> dict[str, Any]:
        """As it is written, also inside an answer about several symbols."""
        return {"code": self.code, "message": self.message, "status": "error"}


@dataclass(frozen=True)
class Ask:
    """What a question asks of one symbol."""

    listing: BarListing
    options: dict[str, str]
    at_ms: int
    struck: Sequence[Fault]

    @property
    def zone(self) -> str:
        """The zone of stamps: the one asked for, else the exchange's. Raises Refused."""
        name = self.options.get("timezone", "Exchange")
        if name == "Exchange":
            return _ZONES.get(self.listing.kind, NEW_YORK)
        try:
            return ZoneInfo(name).key
        except (ZoneInfoNotFoundError, ValueError):
            raise Refused(400, f"Invalid **timezone** provided: {name}.") from None

    @property
    def symbol(self) -> str:
        """As the answer names it."""
        wrong = any(fault.kind == "wrong_symbol" for fault in self.struck)
        return WRONG_SYMBOL if wrong else self.listing.ids[VENDOR]


#: what a symbol is answered, and what that costs
Answered = tuple[dict[str, Any], int]


def router(desk: Desk) -> APIRouter:
    """The vendor's routes, under `/twelvedata`."""
    vendor = TwelveData(desk)
    routes = APIRouter()
    for path, respond in (("/time_series", vendor.series), ("/quote", vendor.quote)):
        routes.add_route(f"/{VENDOR}{path}", vendor.endpoint(respond), methods=["GET"])
    return routes


class TwelveData:
    """Twelve Data's answers."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.market: MinuteMarket = desk.backend.minute_market()
        self.listed = self.market.listed(VENDOR)
        self.minute, self.day = Budget(desk.now()), Budget(desk.now(), _DAY_S)

    def endpoint(self, respond: Callable[[Ask], Answered]) -> Callable[[Request], Any]:
        """An endpoint: faults, then the key, then each symbol, then what it cost."""

        async def answer(request: Request) -> Response:
            options = dict(request.query_params)
            symbols = [symbol for symbol in options.get("symbol", "").split(",") if symbol]
            names = [*symbols, *(self.listed[symbol].symbol for symbol in symbols if symbol in self.listed)]
            header = request.headers.get("Authorization", "")
            key = header.removeprefix("apikey ") if header else options.get("apikey", "")
            return await self.desk.answer(
                VENDOR,
                request,
                names,
                lambda struck: self._respond(key, symbols, options, struck, respond),
                lambda status: self._refused(
                    key, Refused(status, _used_up(9, FREE_PER_MINUTE) if status == 429 else None)
                ),
            )

        return answer

    def series(self, ask: Ask) -> Answered:
        """`/time_series`: the newest rows of the window, both ends included; newest first unless `order=ASC`."""
        if ask.options.get("interval") != "1min":
            raise Refused(
                400, f"Invalid **interval** provided: {ask.options.get('interval', '')}. The sandbox has 1min."
            )
        bounded = "start_date" in ask.options or "end_date" in ask.options
        size = ask.options.get("outputsize", str(MOST_ROWS if bounded else DEFAULT_ROWS))
        if not size.isdecimal() or not 1 <= int(size) <= MOST_ROWS:
            raise Refused(400, f"Invalid **outputsize** provided: {size}. It has to be from 1 to {MOST_ROWS}.")
        rows = fault_minutes.spoilt(self._newest(ask, int(size)), ask.struck)
        if not len(rows):
            raise Refused(400)
        ordered = rows if ask.options.get("order", "DESC").upper() == "ASC" else rows.take(slice(None, None, -1))
        columns: dict[str, list[str | None]] = {
            "datetime": list(bar_wire.local_stamps(ordered.time_ms, ask.zone)),
            **bar_wire.columns(ordered, ask.listing, max(ask.listing.decimals, _PLACES)),
        }
        values = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
        return {"meta": _meta(ask), "values": values, "status": "ok"}, 1 + (len(rows) - 1) // _ROWS_A_CREDIT

    def quote(self, ask: Ask) -> Answered:
        """`/quote`: the price now or the last one, and the UTC day so far."""
        price = self.market.price(ask.listing, VENDOR, ask.at_ms)
        if price is None:
            raise Refused(404)
        price = fault_minutes.mispriced(price, ask.struck)
        places, seconds = max(ask.listing.decimals, _PLACES), price.at_ms // 1000
        change = price.price - price.previous
        told: dict[str, Any] = {
            "symbol": ask.symbol,
            "name": ask.listing.symbol,
            "exchange": _exchange(ask.listing),
            "currency": "USD",
            "datetime": bar_wire.stamp(price.at_ms, ask.zone),
            "timestamp": seconds,
            "last_quote_at": seconds,
            "open": f"{price.open:.{places}f}",
            "high": f"{price.high:.{places}f}",
            "low": f"{price.low:.{places}f}",
            "close": f"{price.price:.{places}f}",
        }
        if ask.listing.kind in WITH_VOLUME:
            told["volume"] = number_text(price.volume, ask.listing.volume_decimals)
        return told | {
            "previous_close": f"{price.previous:.{places}f}",
            "change": f"{change:.{places}f}",
            "percent_change": f"{100 * change / price.previous:.{places}f}",
            "is_market_open": price.is_open,
        }, 1

    def _respond(
        self,
        key: str,
        symbols: Sequence[str],
        options: dict[str, str],
        struck: Sequence[Fault],
        respond: Callable[[Ask], Answered],
    ) -> Response:
        if key in UNKNOWN:
            return json_response(Refused(401).body(), 401)
        plan = Plan.of(key)
        at_ms = milliseconds(self.desk.now()) - FREE_LAG_MS * plan.free
        try:
            if any(fault.kind == "credits" for fault in struck):
                raise Refused(429, _used_up(self.minute.spent(key) + FREE_PER_MINUTE + 1, FREE_PER_MINUTE), status=200)
            if not symbols:
                raise Refused(404)
            answers = {symbol: self._one(symbol, options, at_ms, struck, plan, respond) for symbol in symbols}
            self._spend(key, plan, sum(cost for _, cost in answers.values()))
        except Refused as refusal:
            return self._refused(key, refusal)
        bodies = {symbol: body for symbol, (body, _) in answers.items()}
        if len(symbols) == 1:
            body = bodies[symbols[0]]
            return self._counted(key, json_response(body, body.get("code", 200)))
        return self._counted(key, json_response(bodies))

    def _one(
        self,
        symbol: str,
        options: dict[str, str],
        at_ms: int,
        struck: Sequence[Fault],
        plan: Plan,
        respond: Callable[[Ask], Answered],
    ) -> Answered:
        """What one symbol is answered: an error where it is unknown, gated or has no data."""
        listing = self.listed.get(symbol)
        own = fault_minutes.concerning(struck, [symbol, *(listing.names if listing else ())]) if struck else ()
        try:
            if listing is None:
                raise Refused(404)
            if any(fault.kind == "plan_gated" for fault in own) or (plan.free and listing.kind == "index"):
                raise Refused(404, PLAN_GATED)
            return respond(Ask(listing, options, at_ms, own))
        except Refused as refusal:
            return refusal.body(), 1

    def _spend(self, key: str, plan: Plan, credits: int) -> None:
        """Take credits from the minute and the day. Raises Refused where a plan has no more."""
        most = FREE_PER_MINUTE if plan.free else plan.per_minute
        if not self.minute.spend(key, most, credits):
            raise Refused(429, _used_up(self.minute.spent(key), most or 0))
        if not self.day.spend(key, FREE_PER_DAY if plan.free else None, credits):
            used = f"{self.day.spent(key)} API credits were used, with the current limit being {FREE_PER_DAY}."
            raise Refused(429, f"You have run out of API credits for the day. {used} Wait for the next day.")

    def _newest(self, ask: Ask, size: int) -> MinuteBars:
        """The newest rows of the window, oldest first."""
        start, end = (_instant(ask.options.get(name), ask.zone) for name in ("start_date", "end_date"))
        until_ms = ask.at_ms + 1 if end is None else end + 1
        first_ms = min(until_ms, ask.at_ms) - _BACK_DAYS * DAY_MS if start is None else start
        found = MinuteBars.empty()
        for day in self.market.days(ask.listing, VENDOR, first_ms, until_ms, ask.at_ms, newest_first=True):
            rows = regular(day, ask.listing.calendar) if ask.listing.kind == "stock" else day
            found = rows.append(found)
            if len(found) >= size:
                break
        return found.newest(size)

    def _refused(self, key: str, refusal: Refused) -> Response:
        return self._counted(key, json_response(refusal.body(), refusal.status))

    def _counted(self, key: str, response: Response) -> Response:
        """The answer with what was used of this minute."""
        plan = Plan.of(key)
        most = FREE_PER_MINUTE if plan.free else plan.per_minute
        response.headers[USED_HEADER] = str(self.minute.spent(key))
        response.headers[LEFT_HEADER] = str(self.minute.left(key, _UNLIMITED if most is None else most))
        return response


def _used_up(used: int, most: int) -> str:
    return (
        f"You have run out of API credits for the current minute. {used} API credits were used, with the current limit "
        f"being {most}. Wait for the next minute or consider switching to a higher tier plan at {_PRICING}"
    )


def _instant(text: str | None, zone: str) -> int | None:
    """Epoch milliseconds of a date or local time. Raises Refused."""
    if text is None:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise Refused(400, f"Invalid date provided: {text}. Use YYYY-MM-DD or YYYY-MM-DD hh:mm:ss.") from None
    return milliseconds(at.replace(tzinfo=at.tzinfo or ZoneInfo(zone)))


def _exchange(listing: BarListing) -> str:
    return {"spot": "PHYSICAL CURRENCY", "crypto": "Coinbase Pro"}.get(listing.kind, "NASDAQ")


def _meta(ask: Ask) -> dict[str, str]:
    meta = {"symbol": ask.symbol, "interval": "1min"}
    if ask.listing.kind in {"spot", "crypto"}:
        base, _, quote = ask.listing.ids[VENDOR].partition("/")
        meta |= {"currency_base": NAMES.get(base, base), "currency_quote": NAMES.get(quote, quote)}
        if ask.listing.kind == "spot":
            return {**meta, "type": "Physical Currency"}
        return {**meta, "exchange": _exchange(ask.listing), "type": "Digital Currency"}
    meta |= {"currency": "USD", "exchange_timezone": NEW_YORK, "exchange": _exchange(ask.listing)}
    if ask.listing.kind == "index":
        return {**meta, "type": "Index"}
    return {**meta, "mic_code": "XNGS", "type": "Common Stock"}
