"""KuCoin futures on the wire: refusals are HTTP 200 with a code; open interest is text, other numbers are numbers.

One answer lists every open contract and states it, dated futures included. Settled funding comes newest
first, both ends of a window included; of a window with more than 100 rows the older ones are left out. What
the exchange still keeps, the newest 100 rows of a contract, is the backend's business.
"""

from typing import Any

from fastapi import APIRouter
from starlette.responses import Response

from resources.sandbox.desk import Desk, json_response
from resources.sandbox.exchange_desk import Endpoints, Listings, Question, Refused, Respond, milliseconds, text
from resources.sandbox.fault_events import Part
from resources.sandbox.perpetuals import DAY_MS, HOUR_MS, Perpetual, Quote

EXCHANGE = "kucoin"
#: rows of a page of history
PAGE = 100

_ROOT = f"/{EXCHANGE}/api/v1"
_PERPETUAL, _DATED = "FFWCSX", "FFICSX"
_UNKNOWN = "The contract information you requested does not exist."
_TOO_MANY = "Too many requests. System-level rate limit exceeded."


def router(desk: Desk) -> APIRouter:
    """The routes, under `/kucoin/api/v1`."""
    routes = APIRouter()
    served: dict[str, Respond] = {
        f"{_ROOT}/contracts/active": contracts_active,
        f"{_ROOT}/contract/funding-rates": funding_rates,
    }
    Endpoints(listings=Listings(desk), exchange=EXCHANGE, refuse=_refused).serve(routes, served)
    return routes


def contracts_active(question: Question) -> Response:
    """`contracts/active`: terms, prices, open interest and the rate under way of every open contract."""
    quotes, listed = question.quotes, question.open()
    perpetuals = [_described(one) | _under_way(one, quotes[one.native_symbol], question.now_ms) for one in listed]
    return _ok([*perpetuals, *(_dated(one, question) for one in listed[:1])])


def funding_rates(question: Question) -> Response:
    """`contract/funding-rates?symbol&from&to`: settled rates from `from` to `to`, newest first."""
    asked = _required(question, "symbol")
    first, last = (_instant(question, name) for name in ("from", "to"))
    if asked not in question.contracts:
        raise Refused(_error("404000", _UNKNOWN))
    page = question.page(asked, Part(first_ms=first, until_ms=last + 1, rows=PAGE, newest_first=True))
    columns = zip(page.time_ms.tolist(), page.rate.tolist(), strict=True)
    return _ok([{"symbol": asked, "fundingRate": rate, "timepoint": time} for time, rate in columns])


def _described(contract: Perpetual) -> dict[str, Any]:
    """The terms of a contract; an inverse one of 1 USD has a multiplier of -1."""
    is_inverse = contract.kind == "inverse"
    return {
        "symbol": contract.native_symbol,
        "rootSymbol": contract.settle,
        "type": _PERPETUAL,
        "firstOpenDate": milliseconds(contract.listed_at),
        "expireDate": None,
        "settleDate": None,
        "baseCurrency": contract.native_base,
        "quoteCurrency": contract.quote,
        "settleCurrency": contract.settle,
        "maxOrderQty": 1_000_000,
        "maxPrice": 1_000_000.0,
        "lotSize": 1,
        "tickSize": 1e-8,
        "multiplier": -contract.contract_size if is_inverse else contract.contract_size,
        "initialMargin": 0.008,
        "maintainMargin": 0.004,
        "makerFeeRate": 0.0002,
        "takerFeeRate": 0.0006,
        "isDeleverage": True,
        "isQuanto": False,
        "isInverse": is_inverse,
        "markMethod": "FairPrice",
        "fairMethod": "FundingRate",
        "status": "Open",
        "maxLeverage": 125,
        "marketStage": "NORMAL",
    }


def _under_way(contract: Perpetual, quote: Quote, now_ms: int) -> dict[str, Any]:
    """The current state of a perpetual; what remains until the next settlement is stated beside its instant."""
    upcoming = quote.next_funding_ms
    return {
        "fundingFeeRate": quote.predicted_rate,
        "predictedFundingFeeRate": None,
        "fundingRateGranularity": _granularity(contract.interval_hours),
        "currentFundingRateGranularity": _granularity(quote.interval_hours),
        "nextFundingRateTime": None if upcoming is None else upcoming - now_ms,
        "nextFundingRateDateTime": upcoming,
        "openInterest": text(quote.open_interest, 0) or None,
        "markPrice": quote.mark,
        "indexPrice": quote.index,
        "lastTradePrice": quote.mark,
    }


def _dated(contract: Perpetual, question: Question) -> dict[str, Any]:
    """A dated future beside the perpetuals, settled in coin, which has no funding."""
    base, ends_ms = contract.native_base, question.now_ms + 90 * DAY_MS
    return _described(contract) | {
        "symbol": f"{base}MZ{question.at.year % 100}",
        "type": _DATED,
        "expireDate": ends_ms,
        "settleDate": ends_ms,
        "quoteCurrency": "USD",
        "settleCurrency": base,
        "multiplier": -1,
        "isInverse": True,
    }


def _granularity(hours: float | None) -> int | None:
    return None if hours is None else round(hours * HOUR_MS)


def _required(question: Question, option: str) -> str:
    """An option that must be sent. Raises Refused."""
    if stated := question.text(option):
        return stated
    raise Refused(_error("400100", f"{option} is required"))


def _instant(question: Question, option: str) -> int:
    """An end of the window (epoch milliseconds). Raises Refused."""
    _required(question, option)
    stated = question.whole(option, lambda name: Refused(_error("400100", f"{name} must be a number")))
    return stated or 0


def _ok(data: list[dict[str, Any]]) -> Response:
    return json_response({"code": "200000", "data": data})


def _error(code: str, message: str, status: int = 200) -> Response:
    return json_response({"code": code, "msg": message}, status)


def _refused(status: int) -> Response:
    """The answer of a status fault."""
    if status == 429:
        return _error("429000", _TOO_MANY, status)
    if status >= 500:
        return _error("500000", "Internal Server Error", status)
    return _error(str(status), "Request refused", status)
