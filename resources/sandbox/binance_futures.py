"""Binance futures on the wire: USD-M under `/fapi/v1`, COIN-M under `/dapi/v1`.

A page of settled funding has 500 rows at most, whatever `limit` says (seen 2026-09-06). Both routes of funding
share 500 requests in five minutes; they are counted only where the caller of `router` asks for it.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter
from starlette.responses import Response

from resources.sandbox.binance_refusals import FundingBudget, check, contract_of, illegal, refusal, refused
from resources.sandbox.desk import Desk, json_response
from resources.sandbox.exchange_desk import Endpoints, Listings, Question, Respond, milliseconds, text, texts
from resources.sandbox.fault_events import Part
from resources.sandbox.perpetuals import DAY_MS, Perpetual, Quote

USDM, COINM = "binance_usdm", "binance_coinm"
#: rows of a page; of an answer without limit; of one without window
PAGE, DEFAULT, NEWEST = 500, 100, 200

_HIGHEST_LIMIT = 1000
_USUAL_HOURS = 8.0
#: what Binance says for "never" of a perpetual's delivery
_NEVER_MS = 4_133_404_800_000
#: what a dated contract's premium index does not have
_DATED_PREMIUM = {"lastFundingRate": "", "interestRate": "", "nextFundingTime": 0}


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


def router(desk: Desk, requests: int | None = None, now: Callable[[], float] = time.monotonic) -> APIRouter:
    """The routes of both, under `/binance_usdm` and `/binance_coinm`.

    `requests` is how many each allows of its funding routes in five minutes (`now` in seconds), really 500;
    None counts none.
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
        Endpoints(listings=listings, exchange=house.exchange, refuse=refused).serve(routes, served)
    return routes


class BinanceFutures:
    """The answers of one of the two."""

    def __init__(self, house: House, budget: FundingBudget) -> None:
        self.house, self.budget = house, budget

    def exchange_info(self, question: Question) -> Response:
        """`exchangeInfo`: every contract, a dated one among them."""
        check(question)
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
        check(question, "symbol", *(() if self.house.single else ("pair",)))
        quotes = question.quotes
        if question.text("symbol"):
            contract = contract_of(question)
            found = self._premium(contract, quotes[contract.native_symbol], question)
            return json_response(found if self.house.single else [found])
        rows = [self._premium(one, quotes[one.native_symbol], question) for one in question.open()]
        rows += [{**row, **_DATED_PREMIUM, "symbol": _dated_name(row["symbol"], question)} for row in rows[:1]]
        return json_response(rows)

    def funding_info(self, question: Question) -> Response:
        """`fundingInfo`: contracts whose interval or cap was ever adjusted; the others settle every 8 hours."""
        check(question)
        self.budget.spend()
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
        check(question, "symbol", "startTime", "endTime", "limit")
        self.budget.spend()
        contract = contract_of(question, must_trade=False)
        start, end, limit = (question.whole(name, illegal) for name in ("startTime", "endTime", "limit"))
        if limit is not None and not 1 <= limit <= _HIGHEST_LIMIT:
            raise refusal(400, -1130, "Data sent for parameter 'limit' is not valid.")
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
        check(question, "symbol")
        contract = contract_of(question)
        symbol, quote = contract.native_symbol, question.quotes[contract.native_symbol]
        decimals = 3 if contract.oi_unit == "base" else 0
        body = {"symbol": symbol, "openInterest": text(quote.open_interest, decimals), "time": question.now_ms}
        pair = {} if self.house.single else {"pair": _pair(symbol), "contractType": "PERPETUAL"}
        return json_response({**body, **pair})

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
        delivery = question.now_ms + 90 * DAY_MS
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


def _fixed(value: float | None) -> str:
    return "" if value is None else format(value, ".8f")


def _pair(symbol: str) -> str:
    return symbol.removesuffix("_PERP")


def _dated_name(symbol: str, question: Question) -> str:
    return f"{_pair(symbol)}_{question.at.year % 100 + 1:02d}0326"
