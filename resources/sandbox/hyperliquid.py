"""Hyperliquid on the wire: every question is a POST to `/info` whose body names its type.

Settled funding comes oldest first, 500 rows at most, both ends of a window included. A coin it does not know
is HTTP 500 with the body `null`, a body it cannot read HTTP 422.
"""

from typing import Any

from fastapi import APIRouter
from starlette.responses import PlainTextResponse, Response

from resources.sandbox.desk import Desk, json_response
from resources.sandbox.exchange_desk import Endpoints, Listings, Question, Refused, price, text, trimmed
from resources.sandbox.fault_events import Part
from resources.sandbox.perpetuals import Perpetual, Quote

EXCHANGE = "hyperliquid"
#: rows of a page of history
PAGE = 500

_DECIMALS = 10
_INTEREST = 0.0000125
#: the state of a coin that is closed
_CLOSED = {
    "funding": "0.0",
    "openInterest": "0.0",
    "prevDayPx": "1.0",
    "dayNtlVlm": "0.0",
    "premium": None,
    "oraclePx": "1.0",
    "markPx": "1.0",
    "midPx": None,
    "impactPxs": None,
    "dayBaseVlm": "0.0",
}
_UNREADABLE = "Failed to deserialize the JSON body into the target type"


def router(desk: Desk) -> APIRouter:
    """The one route, `/hyperliquid/info`."""
    routes = APIRouter()
    counter = Endpoints(listings=Listings(desk), exchange=EXCHANGE, refuse=_refused, symbol="coin", posted=True)
    counter.serve(routes, {f"/{EXCHANGE}/info": info})
    return routes


def info(question: Question) -> Response:
    """What the body asks for by its `type`."""
    kinds = {"meta": meta, "metaAndAssetCtxs": meta_and_contexts, "fundingHistory": funding_history}
    respond = kinds.get(question.text("type"))
    return _refused(422) if respond is None else respond(question)


def meta(question: Question) -> Response:
    """`meta`: every coin, closed ones marked."""
    return json_response({"universe": [_described(contract) for contract in question.contracts.values()]})


def meta_and_contexts(question: Question) -> Response:
    """`metaAndAssetCtxs`: every coin, and the state of each in the same order."""
    quotes, contracts = question.quotes, question.contracts.values()
    contexts = [_context(quotes[one.native_symbol]) if one.is_open else _CLOSED for one in contracts]
    return json_response([{"universe": [_described(one) for one in contracts]}, contexts])


def funding_history(question: Question) -> Response:
    """`fundingHistory` of a coin from `startTime` to `endTime` or now (ms)."""
    start, end = (question.whole(name, lambda _: Refused(_refused(422))) for name in ("startTime", "endTime"))
    if start is None:
        return _refused(422)
    coin = question.text("coin")
    if coin not in question.contracts:
        return json_response(None, 500)
    page = question.page(coin, Part(first_ms=start, until_ms=None if end is None else end + 1, rows=PAGE))
    # the rate of an hour is an eighth of interest and premium
    premiums = trimmed((page.rate - _INTEREST) * 8, _DECIMALS)
    columns = zip(page.time_ms.tolist(), trimmed(page.rate, _DECIMALS), premiums, strict=True)
    return json_response(
        [{"coin": coin, "fundingRate": rate, "premium": premium, "time": time} for time, rate, premium in columns]
    )


def _described(contract: Perpetual) -> dict[str, Any]:
    facts = {"szDecimals": 2, "name": contract.native_symbol, "maxLeverage": 40, "marginTableId": 56}
    return facts if contract.is_open else {**facts, "isDelisted": True}


def _context(quote: Quote) -> dict[str, Any]:
    """The state of an open coin; what is not known is null."""
    mark, index = price(quote.mark) or None, price(quote.index) or None
    premium = quote.mark / quote.index - 1 if quote.mark and quote.index else None
    return {
        "funding": text(quote.predicted_rate, _DECIMALS) or None,
        "openInterest": text(quote.open_interest, 3) or None,
        "prevDayPx": mark,
        "dayNtlVlm": "0.0",
        "premium": text(premium, _DECIMALS) or None,
        "oraclePx": index,
        "markPx": mark,
        "midPx": mark,
        "impactPxs": [mark, mark],
        "dayBaseVlm": "0.0",
    }


def _refused(status: int) -> Response:
    """The answer of a status fault; 422 is in words."""
    return PlainTextResponse(_UNREADABLE, status) if status == 422 else json_response(None, status)
