"""Deribit on the wire: JSON-RPC answers, errors with a code of their own, numbers as numbers.

Settled funding comes oldest first, a row for every hour: `interest_1h` is what that hour cost, `interest_8h`
the sum of the last eight. `start_timestamp` is not included, `end_timestamp` is. Of a longer window only the
newest 744 rows come (ccxt issues 20876 and 24921).
"""

from typing import Any

import numpy as np
from fastapi import APIRouter
from starlette.responses import Response

from resources.sandbox.desk import Desk, json_response
from resources.sandbox.exchange_desk import Endpoints, Listings, Question, Refused, Respond, milliseconds
from resources.sandbox.fault_events import Part
from resources.sandbox.perpetuals import DAY_MS, Floats, Perpetual, Settlements

EXCHANGE = "deribit"
#: rows of a page of history; hours of the trailing rate
PAGE, TRAILING = 744, 8

_ROOT = f"/{EXCHANGE}/api/v2/public"
_NEVER_MS = 32_503_708_800_000
_INVALID = -32602


def router(desk: Desk) -> APIRouter:
    """The routes, under `/deribit/api/v2/public`."""
    routes = APIRouter()

    def refuse(status: int) -> Response:
        return _refused(status, milliseconds(desk.now()))

    served: dict[str, Respond] = {
        f"{_ROOT}/get_instruments": get_instruments,
        f"{_ROOT}/ticker": ticker,
        f"{_ROOT}/get_funding_rate_history": get_funding_rate_history,
    }
    counter = Endpoints(listings=Listings(desk), exchange=EXCHANGE, refuse=refuse, symbol="instrument_name")
    counter.serve(routes, served)
    return routes


def get_instruments(question: Question) -> Response:
    """`get_instruments?currency&kind&expired`: perpetuals, and a dated future of each settlement currency."""
    if question.text("kind") not in ("", "any", "future"):
        return _ok([], question)
    expired = question.text("expired").lower() == "true"
    currency = question.text("currency")
    rows = [_described(one) for one in question.contracts.values() if one.is_open != expired]
    if not expired:
        rows += [_dated(row, question) for row in {row["settlement_currency"]: row for row in rows}.values()]
    return _ok([row for row in rows if currency in ("", "any", row["settlement_currency"])], question)


def ticker(question: Question) -> Response:
    """`ticker?instrument_name`: `current_funding` for eight hours, `funding_8h` of the last eight."""
    contract = _contract(question)
    if not contract.is_open:
        raise _refusal(question, 400, 13020, "not_found")
    name, quote = contract.native_symbol, question.quotes[contract.native_symbol]
    funding = None if quote.predicted_rate is None else quote.predicted_rate * TRAILING
    trailing = float(np.nansum(question.settled(name).newest(TRAILING).rate))
    result = {
        "timestamp": question.now_ms,
        "state": "open",
        "stats": {"volume": 0.0, "low": quote.mark, "high": quote.mark},
        "settlement_price": quote.mark,
        "open_interest": quote.open_interest,
        "min_price": quote.mark,
        "max_price": quote.mark,
        "mark_price": quote.mark,
        "last_price": quote.mark,
        "interest_value": funding,
        "instrument_name": name,
        "index_price": quote.index,
        "funding_8h": trailing,
        "estimated_delivery_price": quote.index,
        "current_funding": funding,
        "best_bid_price": quote.mark,
        "best_ask_price": quote.mark,
    }
    return _ok(result, question)


def get_funding_rate_history(question: Question) -> Response:
    """`get_funding_rate_history?instrument_name&start_timestamp&end_timestamp` (ms)."""
    contract = _contract(question)
    start, end = (_required(question, name) for name in ("start_timestamp", "end_timestamp"))
    settled = question.settled(contract.native_symbol)
    part = Part(first_ms=start + 1, until_ms=end + 1, rows=PAGE, newest_first=True)
    page = question.page(contract.native_symbol, part).reversed()
    earlier, trailing = _before(settled, page)
    columns = (page.time_ms, page.mark, earlier, trailing, page.rate)
    names = ("timestamp", "index_price", "prev_index_price", "interest_8h", "interest_1h")
    rows = [dict(zip(names, row, strict=True)) for row in zip(*(column.tolist() for column in columns), strict=True)]
    return _ok(rows, question)


def _before(settled: Settlements, page: Settlements) -> tuple[Floats, Floats]:
    """For each row of a page the price an hour earlier, and the sum of the eight hours that end with it."""
    until = np.searchsorted(settled.time_ms, page.time_ms, "right")
    paid = np.concatenate([[0.0], np.cumsum(np.nan_to_num(settled.rate))])
    trailing = np.round(paid[until] - paid[np.maximum(until - TRAILING, 0)], 14)
    return settled.mark[np.maximum(until - 2, 0)], trailing


def _described(contract: Perpetual) -> dict[str, Any]:
    is_linear = contract.kind == "linear"
    shape = "linear" if is_linear else "reversed"
    closing = contract.delisted_at
    return {
        "tick_size": 0.0001,
        "tick_size_steps": [],
        "taker_commission": 0.0005,
        "settlement_period": "perpetual",
        "settlement_currency": contract.settle,
        "quote_currency": contract.quote,
        "price_index": f"{contract.native_base}_{contract.quote}".lower(),
        "min_trade_amount": contract.contract_size,
        "max_leverage": 50,
        "maker_commission": 0.0,
        "kind": "future",
        "is_active": contract.is_open,
        "state": "open" if contract.is_open else "closed",
        "instrument_name": contract.native_symbol,
        "instrument_type": shape,
        "future_type": shape,
        "expiration_timestamp": _NEVER_MS if closing is None else milliseconds(closing),
        "creation_timestamp": milliseconds(contract.listed_at),
        "counter_currency": contract.quote,
        "contract_size": contract.contract_size,
        "block_trade_commission": 0.00025,
        "base_currency": contract.native_base,
    }


def _dated(row: dict[str, Any], question: Question) -> dict[str, Any]:
    name = row["instrument_name"].replace("PERPETUAL", f"26MAR{question.at.year % 100 + 1}")
    expiry = question.now_ms + 90 * DAY_MS
    return {**row, "instrument_name": name, "settlement_period": "month", "expiration_timestamp": expiry}


def _contract(question: Question) -> Perpetual:
    """The contract asked for. Raises Refused."""
    name = question.text("instrument_name")
    if not name:
        raise _invalid(question, "instrument_name")
    contract = question.contracts.get(name)
    if contract is None:
        raise _refusal(question, 400, 13020, "not_found")
    return contract


def _required(question: Question, option: str) -> int:
    found = question.whole(option, lambda name: _invalid(question, name))
    if found is None:
        raise _invalid(question, option)
    return found


def _ok(result: object, question: Question) -> Response:
    return json_response({"jsonrpc": "2.0", "result": result, **_timed(question.now_ms)})


def _invalid(question: Question, option: str) -> Refused:
    return _refusal(question, 400, _INVALID, "Invalid params", {"reason": "wrong format", "param": option})


def _refusal(question: Question, status: int, code: int, message: str, data: dict[str, str] | None = None) -> Refused:
    return Refused(_error(status, code, message, question.now_ms, data))


def _error(status: int, code: int, message: str, now_ms: int, data: dict[str, str] | None = None) -> Response:
    error = {"message": message, "code": code, **({} if data is None else {"data": data})}
    return json_response({"jsonrpc": "2.0", "error": error, **_timed(now_ms)}, status)


def _timed(now_ms: int) -> dict[str, Any]:
    us = now_ms * 1000
    return {"usIn": us, "usOut": us + 120, "usDiff": 120, "testnet": False}


def _refused(status: int, now_ms: int) -> Response:
    """The answer of a status fault."""
    code, message = {429: (10028, "too_many_requests"), 503: (10040, "retry")}.get(
        status, (11094, "internal_server_error")
    )
    return _error(status, code, message, now_ms)
