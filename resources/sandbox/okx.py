"""OKX v5 on the wire: `{code, msg, data}`, all numbers as text.

Settled funding comes newest first, 400 rows at most; `before` and `after` name instants between which rows
lie, neither included. What the exchange still keeps, three months, is the backend's business. A row's
fundingRate is what was last predicted, its realizedRate what was paid.
"""

from typing import Any

import numpy as np
from fastapi import APIRouter
from starlette.responses import Response

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
from resources.sandbox.perpetuals import HOUR_MS, Perpetual

EXCHANGE = "okx"
#: rows of a page of history
PAGE = 400

_ROOT = f"/{EXCHANGE}/api/v5/public"
_SWAP, _ANY = "SWAP", "ANY"
_DECIMALS = 16
#: by how much the last prediction of a settled rate was off
_OFF = 0.98
_UNKNOWN = "Instrument ID, Instrument ID code, or Spread ID doesn't exist."
#: a contract that is announced has hardly any of its facts
_ANNOUNCED = {"instId": "SOON-USDT-SWAP", "instType": _SWAP, "state": "preopen"}


def router(desk: Desk) -> APIRouter:
    """The routes, under `/okx/api/v5/public`."""
    routes = APIRouter()
    served: dict[str, Respond] = {
        f"{_ROOT}/instruments": instruments,
        f"{_ROOT}/funding-rate": funding_rate,
        f"{_ROOT}/mark-price": mark_price,
        f"{_ROOT}/open-interest": open_interest,
        f"{_ROOT}/funding-rate-history": funding_rate_history,
    }
    Endpoints(listings=Listings(desk), exchange=EXCHANGE, refuse=_refused, symbol="instId").serve(routes, served)
    return routes


def instruments(question: Question) -> Response:
    """`public/instruments?instType=SWAP[&instId]`: contracts in trade and one that is announced."""
    found = [_described(contract) for contract in _asked(question)]
    if not question.text("instId"):
        found.append({**dict.fromkeys(found[0] if found else (), ""), **_ANNOUNCED})
    return _ok(found)


def funding_rate(question: Question) -> Response:
    """`public/funding-rate?instId=ANY` or one: the rate under way, its settlement and the one after."""
    quotes, rows = question.quotes, []
    for contract in _asked(question, by_type=False):
        quote = quotes[contract.native_symbol]
        following = None
        if quote.next_funding_ms is not None and quote.interval_hours is not None:
            following = quote.next_funding_ms + round(quote.interval_hours * HOUR_MS)
        row = {
            "formulaType": "withRate",
            "fundingRate": text(quote.predicted_rate, _DECIMALS),
            "fundingTime": _stamp(quote.next_funding_ms),
            "impactValue": "20000",
            "instId": contract.native_symbol,
            "instType": _SWAP,
            "interestRate": "0.0001",
            "maxFundingRate": "0.00375",
            "method": "current_period",
            "minFundingRate": "-0.00375",
            "nextFundingRate": "",
            "nextFundingTime": _stamp(following),
            "premium": "0",
            "settFundingRate": "",
            "settState": "settled",
            "ts": str(question.now_ms),
        }
        rows.append(row)
    return _ok(rows)


def mark_price(question: Question) -> Response:
    """`public/mark-price?instType=SWAP[&instId]`."""
    quotes, ts = question.quotes, str(question.now_ms)
    rows = [
        {"instId": one.native_symbol, "instType": _SWAP, "markPx": price(quotes[one.native_symbol].mark), "ts": ts}
        for one in _asked(question)
    ]
    return _ok(rows)


def open_interest(question: Question) -> Response:
    """`public/open-interest?instType=SWAP[&instId]`: in contracts, in base units, in USD."""
    quotes, rows = question.quotes, []
    for contract in _asked(question):
        quote = quotes[contract.native_symbol]
        coins = usd = None
        if quote.open_interest is not None and quote.mark:
            size = quote.open_interest * contract.contract_size
            coins, usd = (size, size * quote.mark) if contract.kind == "linear" else (size / quote.mark, size)
        row = {
            "instId": contract.native_symbol,
            "instType": _SWAP,
            "oi": text(quote.open_interest, 2),
            "oiCcy": text(coins, 8),
            "oiUsd": text(usd, 2),
            "ts": str(question.now_ms),
        }
        rows.append(row)
    return _ok(rows)


def funding_rate_history(question: Question) -> Response:
    """`public/funding-rate-history?instId&before&after&limit`: rows newer than `before` and older than `after`."""
    symbol = question.text("instId")
    if not symbol:
        raise _refusal(400, "50014", "Parameter instId can not be empty.")
    if symbol not in question.contracts:
        raise _refusal(200, "51001", _UNKNOWN)
    before, after, limit = (question.whole(name, _malformed) for name in ("before", "after", "limit"))
    if limit is not None and not 1 <= limit <= PAGE:
        raise _malformed("limit")
    first = None if before is None else before + 1
    page = question.page(symbol, Part(first_ms=first, until_ms=after, rows=limit or PAGE, newest_first=True))
    paid, predicted = trimmed(page.rate, _DECIMALS, ""), trimmed(np.round(page.rate * _OFF, 12), _DECIMALS, "")
    rows = [
        {
            "formulaType": "withRate",
            "fundingRate": foreseen,
            "fundingTime": str(time),
            "instId": symbol,
            "instType": _SWAP,
            "method": "current_period",
            "realizedRate": rate,
        }
        for time, rate, foreseen in zip(page.time_ms.tolist(), paid, predicted, strict=True)
    ]
    return _ok(rows)


def _described(contract: Perpetual) -> dict[str, Any]:
    is_linear = contract.kind == "linear"
    size = text(contract.contract_size, 8)
    return {
        "alias": "",
        "baseCcy": "",
        "category": "1",
        "ctMult": "1",
        "ctType": contract.kind,
        "ctVal": size,
        "ctValCcy": contract.native_base if is_linear else "USD",
        "expTime": "",
        "instFamily": _pair(contract),
        "instId": contract.native_symbol,
        "instType": _SWAP,
        "lever": "100",
        "listTime": str(milliseconds(contract.listed_at)),
        "lotSz": "0.01",
        "minSz": "0.01",
        "optType": "",
        "quoteCcy": "",
        "ruleType": "normal",
        "settleCcy": contract.settle,
        "state": "live",
        "stk": "",
        "tickSz": "0.00000001",
        "uly": _pair(contract),
    }


def _pair(contract: Perpetual) -> str:
    return f"{contract.native_base}-{contract.quote}"


def _stamp(epoch_ms: int | None) -> str:
    return "" if epoch_ms is None else str(epoch_ms)


def _asked(question: Question, *, by_type: bool = True) -> list[Perpetual]:
    """The contracts in trade that are asked for. Raises Refused.

    Where `by_type`, all of an instType and of those the one named; else the one named, or all for ANY.
    """
    wanted, kind = question.text("instId"), question.text("instType")
    if by_type and kind != _SWAP:
        raise _malformed("instType")
    if not by_type and not wanted:
        raise _refusal(400, "50014", "Parameter instId can not be empty.")
    if not wanted or (wanted == _ANY and not by_type):
        return question.open()
    contract = question.contracts.get(wanted)
    if contract is None or not contract.is_open:
        raise _refusal(200, "51001", _UNKNOWN)
    return [contract]


def _malformed(option: str) -> Refused:
    return _refusal(400, "51000", f"Parameter {option} error")


def _ok(rows: list[dict[str, Any]]) -> Response:
    return json_response({"code": "0", "msg": "", "data": rows})


def _refusal(status: int, code: str, message: str) -> Refused:
    return Refused(json_response({"code": code, "msg": message, "data": []}, status))


def _refused(status: int) -> Response:
    """The answer of a status fault."""
    code, message = {
        429: ("50011", "Too Many Requests"),
        404: ("404", "Not Found"),
        503: ("50001", "Service temporarily unavailable. Try again later"),
    }.get(status, ("50026", "System error. Try again later."))
    return json_response({"code": code, "msg": message, "data": []}, status)
