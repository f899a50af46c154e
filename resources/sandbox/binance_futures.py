"""Binance futures on the wire: USD-M under `/fapi/v1`, COIN-M under `/dapi/v1`.

A page of settled funding has 500 rows at most, whatever `limit` says (seen 2026-09-06). Both routes of funding
share 500 requests in five minutes; they are counted only where the caller of `router` asks for it.
"""

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter
from starlette.responses import PlainTextResponse, Response

from resources.sandbox.desk import Desk, json_response
from resources.sandbox.exchange_desk import Endpoints, Listings, Question, Refused, Respond, milliseconds, text, texts
from resources.sandbox.fault_events import Part
from resources.sandbox.perpetuals import Perpetual, Quote

USDM, COINM = "binance_usdm", "binance_coinm"
#: rows of a page; of an answer without limit; of one without window
PAGE, DEFAULT, NEWEST = 500, 100, 200
#: requests of both funding routes together
REQUESTS, WINDOW_S = 500, 300.0

_HIGHEST_LIMIT = 1000
_USUAL_HOURS = 8.0
#: what Binance says for "never" of a perpetual's delivery
_NEVER_MS = 4_133_404_800_000
_ERRORS = {
    400: (-1100, "Illegal characters found in a parameter."),
    401: (-2015, "Invalid API-key, IP, or permissions for action."),
    404: (-5000, "Path not found."),
    418: (-1003, "Way too many requests; IP banned until 1573000000000. Please use the websocket for live updates."),
    429: (-1003, "Too many requests; current limit is 500 requests per 5 minutes."),
    451: (
        0,
        "Service unavailable from a restricted location according to 'b. Eligibility' in "
        "https://www.binance.com/en/terms. Please contact customer service if you believe you received this "
        "message in error.",
    ),
    503: (-1008, "Server is currently overloaded with other requests. Please try again in a few minutes."),
}
_FIREWALL = "<html><head><title>403 Forbidden</title></head><body><h1>403 Forbidden</h1></body></html>"


@dataclass(frozen=True)
class House:
    """What tells the two exchanges apart on the wire."""

    exchange: str
    root: str
    futures_type: str
    #: member of a contract that says whether it trades
    status: str
    #: one contract's premium index is an object, not a list of one
    single: bool
    #: rows of history state rate type and mark price
    wide: bool


HOUSES = (
    House(USDM, "/fapi/v1", "U_MARGINED", "status", single=True, wide=True),
    House(COINM, "/dapi/v1", "COIN_MARGINED", "contractStatus", single=False, wide=False),
)


class FundingBudget:
    """Requests of the funding routes within the last five minutes."""

    def __init__(self, requests: int | None, now: Callable[[], float] = time.monotonic) -> None:
        self.requests, self.now = requests, now
        self._asked: deque[float] = deque()

    def spend(self) -> int | None:
        """Count a request: the seconds to wait where it is one too many, else None."""
        if self.requests is None:
            return None
        now = self.now()
        while self._asked and self._asked[0] <= now - WINDOW_S:
            self._asked.popleft()
        if len(self._asked) >= self.requests:
            return max(int(self._asked[0] + WINDOW_S - now), 1)
        self._asked.append(now)
        return None


def router(desk: Desk, requests: int | None = None, now: Callable[[], float] = time.monotonic) -> APIRouter:
    """The routes of both, under `/binance_usdm` and `/binance_coinm`.

    `requests` is what each allows of its funding routes in five minutes (seconds of `now`); None does not count.
    """
    routes = APIRouter()
    listings = Listings(desk)
    for house in HOUSES:
        futures = BinanceFutures(house, FundingBudget(requests, now))
        root = f"/{house.exchange}{house.root}"
        served: dict[str, Respond] = {
            f"{root}/exchangeInfo": futures.exchange_info,
            f"{root}/premiumIndex": futures.premium_index,
            f"{root}/fundingInfo": futures.funding_info,
            f"{root}/fundingRate": futures.funding_rate,
            f"{root}/openInterest": futures.open_interest,
        }
        Endpoints(listings=listings, exchange=house.exchange, refuse=_refused).serve(routes, served)
    return routes


class BinanceFutures:
    """The answers of one of the two."""

    def __init__(self, house: House, budget: FundingBudget) -> None:
        self.house, self.budget = house, budget

    def exchange_info(self, question: Question) -> Response:
        """`exchangeInfo`: every contract, a dated one among them."""
        _check(question)
        listed = list(question.contracts.values())
        symbols = [self._described(contract, question) for contract in listed]
        symbols += [self._dated(contract, question) for contract in listed[:1]]
        return json_response(
            {
                "timezone": "UTC",
                "serverTime": question.now_ms,
                "futuresType": self.house.futures_type,
                "rateLimits": [
                    {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 2400}
                ],
                "exchangeFilters": [],
                "assets": [],
                "symbols": symbols,
            }
        )

    def premium_index(self, question: Question) -> Response:
        """`premiumIndex[?symbol]`: the rate under way, prices, the next settlement."""
        _check(question, "symbol", *(() if self.house.single else ("pair",)))
        quotes = question.quotes
        if question.text("symbol"):
            contract = _contract(question)
            found = self._premium(contract, quotes[contract.native_symbol], question)
            return json_response(found if self.house.single else [found])
        rows = [self._premium(one, quotes[one.native_symbol], question) for one in question.open()]
        rows += [{**row, **_DATED_PREMIUM, "symbol": _dated_name(row["symbol"], question)} for row in rows[:1]]
        return json_response(rows)

    def funding_info(self, question: Question) -> Response:
        """`fundingInfo`: contracts whose interval or cap was ever adjusted; the others settle every 8 hours."""
        _check(question)
        self._spend()
        rows = [
            {
                "symbol": contract.native_symbol,
                "adjustedFundingRateCap": "0.02000000",
                "adjustedFundingRateFloor": "-0.02000000",
                "fundingIntervalHours": int(contract.interval_hours),
                "disclaimer": False,
                "updateTime": milliseconds(contract.listed_at),
            }
            for index, contract in enumerate(question.open())
            if contract.interval_hours != _USUAL_HOURS or index % 2
        ]
        return json_response(rows)

    def funding_rate(self, question: Question) -> Response:
        """`fundingRate?symbol&startTime&endTime&limit`: settled rates, oldest first, both ends included."""
        _check(question, "symbol", "startTime", "endTime", "limit")
        self._spend()
        contract = _contract(question, must_trade=False)
        start, end, limit = (question.whole(name, _illegal) for name in ("startTime", "endTime", "limit"))
        if limit is not None and not 1 <= limit <= _HIGHEST_LIMIT:
            raise _refusal(400, -1130, "Data sent for parameter 'limit' is not valid.")
        windowless = start is None and end is None
        rows = min(limit or (NEWEST if windowless else DEFAULT), NEWEST if windowless else PAGE)
        until = None if end is None else end + 1
        part = Part(first_ms=start, until_ms=until, rows=rows, newest_first=start is None)
        page = question.page(contract.native_symbol, part)
        page = page.reversed() if start is None else page
        columns = zip(page.time_ms.tolist(), texts(page.rate, 8), texts(page.mark, 8, ""), strict=True)
        symbol = contract.native_symbol
        if not self.house.wide:
            return json_response([{"symbol": symbol, "fundingTime": t, "fundingRate": r} for t, r, _ in columns])
        more = {"rateType": "FUNDING_RATE"}
        return json_response(
            [{"symbol": symbol, "fundingTime": t, "fundingRate": r, "markPrice": m, **more} for t, r, m in columns]
        )

    def open_interest(self, question: Question) -> Response:
        """`openInterest?symbol`: in base units at USD-M, in contracts at COIN-M."""
        _check(question, "symbol")
        contract = _contract(question)
        symbol, quote = contract.native_symbol, question.quotes[contract.native_symbol]
        decimals = 3 if contract.oi_unit == "base" else 0
        body = {"symbol": symbol, "openInterest": text(quote.open_interest, decimals), "time": question.now_ms}
        pair = {} if self.house.single else {"pair": _pair(symbol), "contractType": "PERPETUAL"}
        return json_response({**body, **pair})

    def _spend(self) -> None:
        wait = self.budget.spend()
        if wait is not None:
            refusal = _refused(429)
            refusal.headers["Retry-After"] = str(wait)
            raise Refused(refusal)

    def _described(self, contract: Perpetual, question: Question) -> dict[str, Any]:
        status = "TRADING" if contract.is_open else "SETTLING"
        size = {} if contract.kind == "linear" else {"contractSize": int(contract.contract_size)}
        closing = contract.delisted_at
        return {
            "symbol": contract.native_symbol,
            "pair": _pair(contract.native_symbol),
            "contractType": "PERPETUAL",
            "deliveryDate": _NEVER_MS if closing is None else milliseconds(closing),
            "onboardDate": milliseconds(contract.listed_at),
            self.house.status: status,
            **size,
            "maintMarginPercent": "2.5000",
            "requiredMarginPercent": "5.0000",
            "baseAsset": contract.native_base,
            "quoteAsset": contract.quote,
            "marginAsset": contract.settle,
            "pricePrecision": 8,
            "quantityPrecision": 3,
            "baseAssetPrecision": 8,
            "quotePrecision": 8,
            "underlyingType": "COIN",
            "underlyingSubType": [],
            "filters": [{"filterType": "PRICE_FILTER", "tickSize": "0.00000001"}],
            "orderTypes": ["LIMIT", "MARKET"],
            "timeInForce": ["GTC", "IOC", "FOK", "GTX"],
        }

    def _dated(self, contract: Perpetual, question: Question) -> dict[str, Any]:
        symbol = _dated_name(contract.native_symbol, question)
        delivery = question.now_ms + 90 * 86_400_000
        row = self._described(contract, question)
        return {**row, "symbol": symbol, "contractType": "CURRENT_QUARTER", "deliveryDate": delivery}

    def _premium(self, contract: Perpetual, quote: Quote, question: Question) -> dict[str, Any]:
        pair = {} if self.house.single else {"pair": _pair(contract.native_symbol)}
        return {
            "symbol": contract.native_symbol,
            **pair,
            "markPrice": _fixed(quote.mark),
            "indexPrice": _fixed(quote.index),
            "estimatedSettlePrice": _fixed(quote.index),
            "lastFundingRate": _fixed(quote.predicted_rate),
            "interestRate": "0.00010000",
            "nextFundingTime": quote.next_funding_ms or 0,
            "time": question.now_ms,
        }


#: what a dated contract's premium index does not have
_DATED_PREMIUM = {"lastFundingRate": "", "interestRate": "", "nextFundingTime": 0}


def _fixed(value: float | None) -> str:
    return "" if value is None else format(value, ".8f")


def _pair(symbol: str) -> str:
    return symbol.removesuffix("_PERP")


def _dated_name(symbol: str, question: Question) -> str:
    return f"{_pair(symbol)}_{question.at.year % 100 + 1:02d}0326"


def _contract(question: Question, *, must_trade: bool = True) -> Perpetual:
    """The contract asked for. Raises Refused."""
    symbol = question.text("symbol")
    if not symbol:
        raise _refusal(400, -1102, "Mandatory parameter 'symbol' was not sent, was empty/null, or malformed.")
    contract = question.contracts.get(symbol)
    if contract is None:
        raise _refusal(400, -1121, "Invalid symbol.")
    if must_trade and not contract.is_open:
        raise _refusal(400, -4108, "Symbol is on delivering or delivered or settling or closed or pre-trading.")
    return contract


def _check(question: Question, *known: str) -> None:
    """Binance reads every option it is sent, or refuses. Raises Refused."""
    read, sent = len(set(question.options) & set(known)), len(question.options)
    if read < sent:
        counts = f"read '{read}' parameter(s) but was sent '{sent}'"
        raise _refusal(400, -1104, f"Not all sent parameters were read; {counts}.")


def _illegal(option: str) -> Refused:
    return _refusal(400, -1100, f"Illegal characters found in parameter '{option}'; legal range is '^[0-9]{{1,20}}$'.")


def _refusal(status: int, code: int, message: str) -> Refused:
    return Refused(json_response({"code": code, "msg": message}, status))


def _refused(status: int) -> Response:
    """The answer of a status fault."""
    if status == 403:
        return PlainTextResponse(_FIREWALL, 403, media_type="text/html")
    code, message = _ERRORS.get(status, (-1001, "Internal error; unable to process your request. Please try again."))
    return json_response({"code": code, "msg": message}, status)
