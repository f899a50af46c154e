"""dYdX v4 on the wire: the indexer, whose stamps are ISO texts some milliseconds off the hour.

Settled funding comes newest first, 100 rows at most, up to and including `effectiveBeforeOrAt`; there is no
start. Errors are lists; a ticker it does not know is HTTP 400 (as the indexer's own tests have it).
"""

from datetime import UTC, datetime
from typing import Any

from fastapi import APIRouter
from starlette.responses import Response

from resources.sandbox.desk import Desk, json_response
from resources.sandbox.exchange_desk import (
    Endpoints,
    Listings,
    Question,
    Refused,
    Respond,
    instant,
    milliseconds,
    price,
    text,
    trimmed,
)
from resources.sandbox.fault_events import Part
from resources.sandbox.perpetuals import Perpetual, Quote

EXCHANGE = "dydx"
#: rows of a page of history
PAGE = 100

_DECIMALS = 10
#: blocks of the chain: the first of the sandbox, and milliseconds of one
_GENESIS_MS, _BLOCK_MS = 1_698_278_400_000, 1_100
_STATUSES = {429: "Too many requests", 403: "GEOBLOCKED", 503: "Service unavailable"}


def router(desk: Desk) -> APIRouter:
    """The routes, under `/dydx/v4`."""
    routes = APIRouter()
    served: dict[str, Respond] = {
        f"/{EXCHANGE}/v4/perpetualMarkets": perpetual_markets,
        f"/{EXCHANGE}/v4/historicalFunding/{{ticker}}": historical_funding,
    }
    Endpoints(listings=Listings(desk), exchange=EXCHANGE, refuse=_refused, symbol="ticker").serve(routes, served)
    return routes


def perpetual_markets(question: Question) -> Response:
    """`perpetualMarkets[?ticker]`: every market by ticker, closed ones in final settlement."""
    wanted, quotes = question.text("ticker"), question.quotes
    if wanted and wanted not in question.contracts:
        raise _unknown("query", wanted)
    listed = [one for one in question.contracts.values() if wanted in ("", one.native_symbol)]
    found = {
        one.native_symbol: _described(one, quotes[one.native_symbol] if one.is_open else None, place)
        for place, one in enumerate(listed)
    }
    return json_response({"markets": found})


def historical_funding(question: Question) -> Response:
    """`historicalFunding/{ticker}?limit&effectiveBeforeOrAt`: what each hour cost, and the oracle price of then."""
    ticker = question.path["ticker"]
    if ticker not in question.contracts:
        raise _unknown("params", ticker)
    limit = question.whole("limit", _no_number)
    if limit == 0:
        raise _no_number("limit")
    part = Part(until_ms=_before(question), rows=min(limit or PAGE, PAGE), newest_first=True)
    page = question.page(ticker, part)
    columns = zip(page.time_ms.tolist(), trimmed(page.rate, _DECIMALS), trimmed(page.mark, _DECIMALS), strict=True)
    rows = [
        {
            "ticker": ticker,
            "rate": rate,
            "price": paid_at,
            "effectiveAt": _iso(time),
            "effectiveAtHeight": str((time - _GENESIS_MS) // _BLOCK_MS),
        }
        for time, rate, paid_at in columns
    ]
    return json_response({"historicalFunding": rows})


def _described(contract: Perpetual, quote: Quote | None, place: int) -> dict[str, Any]:
    oracle = "0" if quote is None else price(quote.index) or None
    rate = "0" if quote is None else text(quote.predicted_rate, _DECIMALS) or None
    open_interest = "0" if quote is None else text(quote.open_interest, 3) or None
    return {
        "clobPairId": str(place),
        "ticker": contract.native_symbol,
        "status": "ACTIVE" if contract.is_open else "FINAL_SETTLEMENT",
        "oraclePrice": oracle,
        "priceChange24H": "0",
        "volume24H": "0",
        "trades24H": 0,
        "nextFundingRate": rate,
        "initialMarginFraction": "0.02",
        "maintenanceMarginFraction": "0.012",
        "openInterest": open_interest,
        "atomicResolution": -10,
        "quantumConversionExponent": -9,
        "tickSize": "0.00000001",
        "stepSize": "0.001",
        "stepBaseQuantums": 1_000_000,
        "subticksPerTick": 100_000,
        "marketType": "CROSS",
        "openInterestLowerCap": "0",
        "openInterestUpperCap": "0",
        "baseOpenInterest": open_interest,
        "defaultFundingRate1H": "0",
    }


def _before(question: Question) -> int | None:
    """The first millisecond that is not asked for any more; None is no bound. Raises Refused."""
    latest = question.text("effectiveBeforeOrAt")
    if not latest:
        return None
    try:
        at = datetime.fromisoformat(latest)
    except ValueError:
        raise _invalid("effectiveBeforeOrAt", "query", "Invalid value", latest) from None
    return milliseconds(at if at.tzinfo else at.replace(tzinfo=UTC)) + 1


def _iso(epoch_ms: int) -> str:
    return instant(epoch_ms).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _unknown(place: str, ticker: str) -> Refused:
    return _invalid("ticker", place, "ticker must be a valid ticker (BTC-USD, etc)", ticker)


def _no_number(option: str) -> Refused:
    return _invalid(option, "query", f"{option} must be a positive integer that is not greater than max: 1000", "")


def _invalid(option: str, place: str, message: str, value: str) -> Refused:
    error = {"msg": message, "param": option, "location": place, "value": value}
    return Refused(json_response({"errors": [error]}, 400))


def _refused(status: int) -> Response:
    """The answer of a status fault."""
    return json_response({"errors": [{"msg": _STATUSES.get(status, "Internal Server Error")}]}, status)
