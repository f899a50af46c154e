"""Alpha Vantage on the wire: minutes of currencies, coins and stocks, newest first, and rates of now.

Every refusal has status 200: of a key that is unknown, of a free one that asked for minutes, more than once a second
or more than 25 times a day, of a symbol that is unknown. Minutes of currencies and coins are those of the last thirty
days, of stocks those of a month of New York. Rows are members of an object: none can be there twice.
"""

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import orjson
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from resources.sandbox import bar_wire, fault_minutes
from resources.sandbox.bar_minutes import BarListing, MinuteBars, MinuteMarket, regular
from resources.sandbox.bar_wire import NAMES, NEW_YORK, UTC_ZONE, WRONG_SYMBOL
from resources.sandbox.desk import Desk, json_response
from resources.sandbox.faults import Fault
from resources.sandbox.keys import UNKNOWN, Budget, Plan
from resources.sandbox.minutes import DAY_MS, milliseconds

VENDOR = "alphavantage"
FREE_PER_DAY = 25
COMPACT = 100
_DAYS = 30
_DAY_S = 86_400
#: days of pairs kept as they are sent, about 150 kB each
_KEPT = 256
_HALF_SPREAD = 0.00005

_PREMIUM = "https://www.alphavantage.co/premium/"
BURST = {
    "Information": "Thank you for using Alpha Vantage! Please consider spreading out your free API requests more "
    f"sparingly (1 request per second). You may subscribe to any of the premium plans at {_PREMIUM} to lift the free "
    "key rate limit (25 requests per day), raise the per-second burst limit, and instantly unlock all premium endpoints"
}
PREMIUM = {
    "Information": "Thank you for using Alpha Vantage! This is a premium endpoint. You may subscribe to any of the "
    f"premium plans at {_PREMIUM} to instantly unlock all premium endpoints"
}
MINUTE_LIMIT = {
    "Note": "Thank you for using Alpha Vantage! Our standard API call frequency is 5 calls per minute and 500 calls "
    f"per day. Please visit {_PREMIUM} if you would like to target a higher API call frequency."
}
BAD_KEY = {
    "Error Message": "the parameter apikey is invalid or missing. Please claim your free API key on "
    "(https://www.alphavantage.co/support/#api-key). It should take less than 20 seconds."
}
#: status of a fault -> the vendor's words; others are those of a server that fails
_REFUSALS = {429: BURST, 403: PREMIUM, 401: BAD_KEY}


class Refused(Exception):
    """An answer of status 200 that says why there is none."""

    def __init__(self, body: dict[str, str]) -> None:
        self.body = body
        super().__init__(next(iter(body.values())))


@dataclass(frozen=True)
class Query:
    """One question, at the vendor's clock, with the faults that strike it."""

    options: Mapping[str, str]
    at: datetime
    listing: BarListing | None
    struck: Sequence[Fault]

    @property
    def function(self) -> str:
        """What is asked."""
        return self.options.get("function", "")

    @property
    def at_ms(self) -> int:
        """Now, in epoch milliseconds."""
        return milliseconds(self.at)

    @property
    def compact(self) -> bool:
        """Whether only the last minutes are asked for, which is the default."""
        return self.options.get("outputsize", "compact") != "full"

    def known(self, *kinds: str) -> BarListing:
        """The instrument asked for, of one of these kinds. Raises Refused."""
        minutes = self.function != "CURRENCY_EXCHANGE_RATE"
        if self.listing is None or self.listing.kind not in kinds:
            raise Refused(invalid(self.function))
        if minutes and self.options.get("interval") != "1min":
            raise Refused(invalid(self.function))
        return self.listing

    def month(self) -> tuple[datetime, datetime]:
        """The month asked for, as New York has it; without one the last thirty days. Raises Refused."""
        text = self.options.get("month")
        if text is None:
            midnight = datetime.combine(self.at.date(), time(), UTC)
            return midnight - timedelta(days=_DAYS - 1), midnight + timedelta(days=1)
        try:
            first = datetime.strptime(text, "%Y-%m").replace(tzinfo=ZoneInfo(NEW_YORK))
        except ValueError:
            raise Refused(invalid(self.function)) from None
        return first, (first + timedelta(days=32)).replace(day=1)

    def spoilt(self, rows: MinuteBars) -> MinuteBars:
        """The rows to send after the faults that strike."""
        return fault_minutes.spoilt(rows.newest(COMPACT) if self.compact else rows, self.struck)

    def pair_names(self, listing: BarListing) -> tuple[str, str]:
        """Both currencies, or another one where the fault says so."""
        base, _, quote = listing.ids[VENDOR].partition(",")
        return (WRONG_SYMBOL if any(fault.kind == "wrong_symbol" for fault in self.struck) else base), quote


def router(desk: Desk) -> APIRouter:
    """The vendor's one route, under `/alphavantage`."""
    routes = APIRouter()
    routes.add_route(f"/{VENDOR}/query", AlphaVantage(desk).query, methods=["GET"])
    return routes


class AlphaVantage:
    """Alpha Vantage's answers."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.market: MinuteMarket = desk.backend.minute_market()
        self.listed = self.market.listed(VENDOR)
        self.per_second, self.per_minute = Budget(desk.now(), 1), Budget(desk.now())
        self.per_day = Budget(desk.now(), _DAY_S)
        self._day = functools.lru_cache(maxsize=_KEPT)(self._whole_day)
        self._functions: dict[str, Callable[[Query], Response]] = {
            "FX_INTRADAY": self.pair,
            "CRYPTO_INTRADAY": self.pair,
            "TIME_SERIES_INTRADAY": self.stock,
            "CURRENCY_EXCHANGE_RATE": self.rate,
        }

    async def query(self, request: Request) -> Response:
        """`/query?function=`."""
        options = dict(request.query_params)
        asked = _asked(options)
        listing = self.listed.get(asked)
        names = [asked, *listing.names] if listing else [asked] * bool(asked)

        def respond(struck: list[Fault]) -> Response:
            query = Query(options, self.desk.now(), listing, struck)
            try:
                self._admit(query)
                return self._functions[query.function](query)
            except Refused as refusal:
                return json_response(refusal.body)

        return await self.desk.answer(VENDOR, request, names, respond, _refused)

    def pair(self, query: Query) -> Response:
        """`FX_INTRADAY`, `CRYPTO_INTRADAY`: the newest thirty days, or 100 minutes."""
        listing = query.known("spot" if query.function == "FX_INTRADAY" else "crypto")
        today = query.at_ms // DAY_MS
        if query.compact or query.struck:
            rows = self.market.bars(listing, VENDOR, (today - _DAYS + 1) * DAY_MS, query.at_ms + 1, query.at_ms)
            parts = [_members(query.spoilt(rows), listing, UTC_ZONE)]
        else:
            parts = [self._part(listing, day, query.at_ms) for day in range(today, today - _DAYS, -1)]
        return _series(query, listing, parts, UTC_ZONE)

    def stock(self, query: Query) -> Response:
        """`TIME_SERIES_INTRADAY`: a month, or without one the newest thirty days; or the last 100 minutes of it."""
        listing = query.known("stock")
        first, until = query.month()
        rows = self.market.bars(listing, VENDOR, milliseconds(first), milliseconds(until), query.at_ms)
        if query.options.get("extended_hours", "true") == "false":
            rows = regular(rows, listing.calendar)
        return _series(query, listing, [_members(query.spoilt(rows), listing, NEW_YORK)], NEW_YORK)

    def rate(self, query: Query) -> Response:
        """`CURRENCY_EXCHANGE_RATE`: the price now, or the last one."""
        listing = query.known("spot", "crypto")
        price = self.market.price(listing, VENDOR, query.at_ms)
        if price is None:
            return json_response({})
        price = fault_minutes.mispriced(price, query.struck)
        base, quote = query.pair_names(listing)
        half = price.price * _HALF_SPREAD
        told = {
            "1. From_Currency Code": base,
            "2. From_Currency Name": NAMES.get(base, base),
            "3. To_Currency Code": quote,
            "4. To_Currency Name": NAMES.get(quote, quote),
            "5. Exchange Rate": f"{price.price:.8f}",
            "6. Last Refreshed": bar_wire.stamp(price.at_ms),
            "7. Time Zone": UTC_ZONE,
            "8. Bid Price": f"{price.price - half:.8f}",
            "9. Ask Price": f"{price.price + half:.8f}",
        }
        return json_response({"Realtime Currency Exchange Rate": told})

    def _admit(self, query: Query) -> None:
        """Raise Refused by the faults that strike, the key and its plan, and for functions there are none of."""
        kinds, key = {fault.kind for fault in query.struck}, query.options.get("apikey", "")
        if key in UNKNOWN:
            raise Refused(BAD_KEY)
        plan = Plan.of(key)
        if "daily_limit" in kinds or not self.per_day.spend(key, FREE_PER_DAY if plan.free else None):
            raise Refused(daily_limit(key))
        if "burst" in kinds or not self.per_second.spend(key, 1 if plan.free else None):
            raise Refused(BURST)
        if not self.per_minute.spend(key, plan.per_minute):
            raise Refused(MINUTE_LIMIT)
        if query.function not in self._functions:
            raise Refused(invalid(query.function))
        if "premium" in kinds or (plan.free and query.function != "CURRENCY_EXCHANGE_RATE"):
            raise Refused(PREMIUM)

    def _part(self, listing: BarListing, day: int, at_ms: int) -> bytes:
        """One day as members; days that are over are written once."""
        if (day + 1) * DAY_MS <= at_ms:
            return self._day(listing.ids[VENDOR], day)
        return _members(self.market.bars(listing, VENDOR, day * DAY_MS, at_ms + 1, at_ms), listing, UTC_ZONE)

    def _whole_day(self, vendor_id: str, day: int) -> bytes:
        listing, until_ms = self.listed[vendor_id], (day + 1) * DAY_MS
        return _members(self.market.bars(listing, VENDOR, day * DAY_MS, until_ms, until_ms), listing, UTC_ZONE)


def daily_limit(key: str) -> dict[str, str]:
    """The refusal that repeats the key."""
    return {
        "Information": f"We have detected your API key as {key} and our standard API rate limit is {FREE_PER_DAY} "
        f"requests per day. Please subscribe to any of the premium plans at {_PREMIUM} to instantly remove all daily "
        "rate limits."
    }


def invalid(function: str) -> dict[str, str]:
    """The refusal of a symbol or function that is unknown, or of options that cannot be read."""
    documentation = "https://www.alphavantage.co/documentation/"
    return {
        "Error Message": f"Invalid API call. Please retry or visit the documentation ({documentation}) for {function}."
    }


def _asked(options: Mapping[str, str]) -> str:
    """The id that a question names: both currencies of a pair, or a ticker."""
    base = options.get("from_symbol") or options.get("from_currency") or options.get("symbol") or ""
    quote = options.get("to_symbol") or options.get("to_currency") or options.get("market")
    return f"{base},{quote}" if quote else base


def _series(query: Query, listing: BarListing, parts: Sequence[bytes], zone: str) -> Response:
    """The head, and the rows written by `_members`, newest part first."""
    written = [part for part in parts if part]
    if not written:
        return json_response({})
    newest = written[0][1 : 1 + len("2026-10-05 12:00:00")].decode()
    size = "Compact" if query.compact else "Full size"
    head, name = _head(query, listing, newest, size, zone)
    numbered = {f"{number}. {member}": value for number, (member, value) in enumerate(head.items(), 1)}
    body = b'{"Meta Data":%b,"%b":{%b}}' % (orjson.dumps(numbered), name.encode(), b",".join(written))
    return Response(body, 200, media_type="application/json")


def _head(query: Query, listing: BarListing, newest: str, size: str, zone: str) -> tuple[dict[str, str], str]:
    """Members of `Meta Data` without their numbers, and the name of the series."""
    base, quote = query.pair_names(listing)
    last = {"Last Refreshed": newest, "Interval": "1min", "Output Size": size, "Time Zone": zone}
    if listing.kind == "stock":
        told = {"Information": "Intraday (1min) open, high, low, close prices and volume", "Symbol": base}
        return {**told, **last, "Time Zone": "US/Eastern"}, "Time Series (1min)"
    if listing.kind == "spot":
        told = {"Information": "FX Intraday (1min) Time Series", "From Symbol": base, "To Symbol": quote}
        return {**told, **last}, "Time Series FX (1min)"
    told = {
        "Information": "Crypto Intraday (1min) Time Series",
        "Digital Currency Code": base,
        "Digital Currency Name": NAMES.get(base, base),
        "Market Code": quote,
        "Market Name": NAMES.get(quote, quote),
    }
    return {**told, **last}, "Time Series Crypto (1min)"


def _members(rows: MinuteBars, listing: BarListing, zone: str) -> bytes:
    """Rows as members of an object, in JSON without its braces, the last row first; b"" of none."""
    latest_first = rows.take(slice(None, None, -1))
    columns = bar_wire.columns(latest_first, listing, max(listing.decimals, 4))
    names = [f"{number}. {name}" for number, name in enumerate(columns, 1)]
    values = zip(*columns.values(), strict=True)
    stamps = bar_wire.local_stamps(latest_first.time_ms, zone)
    series = {at: dict(zip(names, row, strict=True)) for at, row in zip(stamps, values, strict=True)}
    return orjson.dumps(series)[1:-1]


def _refused(status: int) -> Response:
    if status in _REFUSALS:
        return json_response(_REFUSALS[status])
    return PlainTextResponse("Service Temporarily Unavailable", status)
