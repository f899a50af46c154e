"""Bybit v5 on the wire: refusals are HTTP 200 with a retCode, but for an address that asks too often (403).

Settled funding comes newest first, 200 rows at most, both ends of a window included; a startTime needs an
endTime. Listings page by a cursor that is spelled as in a URL.
"""

from typing import Any
from urllib.parse import parse_qs, quote_plus, unquote

from fastapi import APIRouter
from starlette.responses import PlainTextResponse, Response

from resources.sandbox.desk import Desk, json_response
from resources.sandbox.exchange_desk import (
    Endpoints,
    Listings,
    Question,
    Refused,
    Respond,
    milliseconds,
    price,
    text,
    trimmed,
)
from resources.sandbox.fault_events import Part
from resources.sandbox.perpetuals import DAY_MS, Perpetual, Quote

EXCHANGE = "bybit"
#: rows of a page of history; contracts of a page of a listing, and without limit
PAGE, LISTED, LISTED_DEFAULT = 200, 1000, 500

_ROOT = f"/{EXCHANGE}/v5/market"
_KINDS = {"linear": "LinearPerpetual", "inverse": "InversePerpetual"}
_OTHERS = ("spot", "option")
_TOO_FREQUENT = "403, access too frequent. Please try it in 10 minutes"
_INVALID_SYMBOL = "params error: symbol invalid"


def router(desk: Desk) -> APIRouter:
    """The routes, under `/bybit/v5/market`."""
    routes = APIRouter()

    def refuse(status: int) -> Response:
        return _refused(status, milliseconds(desk.now()))

    served: dict[str, Respond] = {
        f"{_ROOT}/instruments-info": instruments_info,
        f"{_ROOT}/tickers": tickers,
        f"{_ROOT}/funding/history": funding_history,
    }
    Endpoints(listings=Listings(desk), exchange=EXCHANGE, refuse=refuse).serve(routes, served)
    return routes


def instruments_info(question: Question) -> Response:
    """`instruments-info?category&symbol&status&limit&cursor`: contracts in trade, or those of `status`."""
    category = _category(question)
    limit = _whole(question, "limit") or LISTED_DEFAULT
    wanted, status = question.text("symbol"), question.text("status") or "Trading"
    found = sorted((one for one in question.contracts.values() if one.kind == category), key=lambda c: c.native_symbol)
    rows = [_described(contract) for contract in found]
    rows += [_dated(row, question) for row in rows[:1]]
    rows = [row for row in rows if row["status"] == status and wanted in ("", row["symbol"])]
    start = _place_of(question, [row["symbol"] for row in rows])
    page = rows[start : start + min(limit, LISTED)]
    cursor = ""
    if page and start + len(page) < len(rows):
        cursor = quote_plus(f"first={page[0]['symbol']}&last={page[-1]['symbol']}")
    return _ok({"category": category, "list": page, "nextPageCursor": cursor}, question)


def tickers(question: Question) -> Response:
    """`tickers?category&symbol`: the rate under way, prices, open interest (base units, or USD of inverse ones)."""
    category = _category(question)
    wanted, quotes = question.text("symbol"), question.quotes
    rows = [
        _ticker(one, quotes[one.native_symbol]) for one in question.open(category) if wanted in ("", one.native_symbol)
    ]
    if wanted and not rows:
        raise _refusal(question, 10001, _INVALID_SYMBOL)
    return _ok({"category": category, "list": rows}, question)


def funding_history(question: Question) -> Response:
    """`funding/history?category&symbol&startTime&endTime&limit`: settled rates, newest first."""
    category = _category(question)
    contract = question.contracts.get(question.text("symbol"))
    if contract is None or contract.kind != category:
        raise _refusal(question, 10001, _INVALID_SYMBOL)
    start, end, limit = (_whole(question, name) for name in ("startTime", "endTime", "limit"))
    if start is not None and end is None:
        raise _refusal(question, 10001, "params error: endTime must be given with startTime")
    if start is not None and end is not None and start > end:
        raise _refusal(question, 10001, "The start time must be less than the end time")
    part = Part(
        first_ms=start, until_ms=None if end is None else end + 1, rows=min(limit or PAGE, PAGE), newest_first=True
    )
    page = question.page(contract.native_symbol, part)
    symbol, columns = contract.native_symbol, zip(page.time_ms.tolist(), trimmed(page.rate, 10, ""), strict=True)
    rows = [{"symbol": symbol, "fundingRate": rate, "fundingRateTimestamp": str(time)} for time, rate in columns]
    return _ok({"category": category, "list": rows}, question)


def _described(contract: Perpetual) -> dict[str, Any]:
    closing = contract.delisted_at
    return {
        "symbol": contract.native_symbol,
        "contractType": _KINDS[contract.kind],
        "status": "Trading" if contract.is_open else "Closed",
        "baseCoin": contract.native_base,
        "quoteCoin": contract.quote,
        "launchTime": str(milliseconds(contract.listed_at)),
        "deliveryTime": "0" if closing is None else str(milliseconds(closing)),
        "deliveryFeeRate": "",
        "priceScale": "8",
        "leverageFilter": {"minLeverage": "1", "maxLeverage": "100.00", "leverageStep": "0.01"},
        "priceFilter": {"minPrice": "0.00000001", "maxPrice": "1999999.98", "tickSize": "0.00000001"},
        "lotSizeFilter": {"maxOrderQty": "1190.000", "minOrderQty": "1", "qtyStep": "0.001", "minNotionalValue": "5"},
        "unifiedMarginTrade": True,
        "fundingInterval": int(contract.interval_hours * 60),
        "settleCoin": contract.settle,
        "copyTrading": "both",
        "upperFundingRate": "0.005",
        "lowerFundingRate": "-0.005",
        "isPreListing": False,
        "preListingInfo": None,
    }


def _dated(row: dict[str, Any], question: Question) -> dict[str, Any]:
    """A dated future beside the perpetuals, which has no funding."""
    future = {"LinearPerpetual": "LinearFutures", "InversePerpetual": "InverseFutures"}[row["contractType"]]
    more = {"status": "Trading", "fundingInterval": 0, "deliveryTime": str(question.now_ms + 90 * DAY_MS)}
    return {**row, "symbol": f"{row['baseCoin']}-26MAR{question.at.year % 100 + 1}", "contractType": future, **more}


def _ticker(contract: Perpetual, quote: Quote) -> dict[str, Any]:
    mark, open_interest = price(quote.mark), quote.open_interest
    value = None
    if quote.mark and open_interest is not None:
        value = open_interest * quote.mark if contract.kind == "linear" else open_interest / quote.mark
    return {
        "symbol": contract.native_symbol,
        "lastPrice": mark,
        "indexPrice": price(quote.index),
        "markPrice": mark,
        "prevPrice24h": mark,
        "price24hPcnt": "0",
        "openInterest": text(open_interest, 3 if contract.kind == "linear" else 0),
        "openInterestValue": text(value, 2),
        "turnover24h": "0",
        "volume24h": "0",
        "fundingRate": text(quote.predicted_rate, 10),
        "nextFundingTime": "0" if quote.next_funding_ms is None else str(quote.next_funding_ms),
        "fundingIntervalHour": text(quote.interval_hours, 0),
        "fundingCap": "0.005",
        "predictedDeliveryPrice": "",
        "basisRate": "",
        "deliveryFeeRate": "",
        "deliveryTime": "0",
        "bid1Price": mark,
        "ask1Price": mark,
    }


def _category(question: Question) -> str:
    """Linear or inverse. Raises Refused; categories without funding have no rows."""
    category = question.text("category")
    if category in _OTHERS:
        raise Refused(_ok({"category": category, "list": [], "nextPageCursor": ""}, question))
    if category not in _KINDS:
        raise _refusal(question, 10001, "params error: Category is invalid")
    return category


def _place_of(question: Question, symbols: list[str]) -> int:
    """Where the page of the cursor begins. Raises Refused."""
    cursor = question.text("cursor")
    if not cursor:
        return 0
    last = parse_qs(unquote(cursor)).get("last", [""])[0]
    if last not in symbols:
        raise _refusal(question, 10001, "params error: cursor invalid")
    return symbols.index(last) + 1


def _whole(question: Question, option: str) -> int | None:
    return question.whole(option, lambda name: _refusal(question, 10001, f"params error: {name} invalid"))


def _ok(result: dict[str, Any], question: Question) -> Response:
    body = {"retCode": 0, "retMsg": "OK", "result": result, "retExtInfo": {}, "time": question.now_ms}
    return json_response(body)


def _refusal(question: Question, code: int, message: str) -> Refused:
    return Refused(_error(code, message, question.now_ms))


def _error(code: int, message: str, now_ms: int, status: int = 200) -> Response:
    body = {"retCode": code, "retMsg": message, "result": {}, "retExtInfo": {}, "time": now_ms}
    return json_response(body, status)


def _refused(status: int, now_ms: int) -> Response:
    """The answer of a status fault; a spent quota (429) is HTTP 200, as Bybit says it."""
    if status == 403:
        return PlainTextResponse(_TOO_FREQUENT, 403, media_type="text/html")
    if status == 429:
        return _error(10006, "Too many visits. Exceeded the API Rate Limit.", now_ms)
    return _error(10016, "Server error.", now_ms, status)
