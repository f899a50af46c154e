"""What Binance's futures refuse, and in which words."""

import math
import time
from collections import deque
from collections.abc import Callable

from starlette.responses import PlainTextResponse, Response

from resources.sandbox.desk import json_response
from resources.sandbox.exchange_desk import Question, Refused
from resources.sandbox.perpetuals import Perpetual

#: in which requests of the funding routes are counted
WINDOW_S = 300.0

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


class FundingBudget:
    """Requests of both funding routes within the last five minutes, which Binance counts together."""

    def __init__(self, requests: int | None, now: Callable[[], float] = time.monotonic) -> None:
        """`requests` is how many are allowed (`now` in seconds); None counts none."""
        self.requests, self.now = requests, now
        self._asked: deque[float] = deque()

    def spend(self) -> None:
        """Count a request. Raises Refused, with the seconds to wait, for one too many."""
        if self.requests is None:
            return
        now = self.now()
        while self._asked and self._asked[0] <= now - WINDOW_S:
            self._asked.popleft()
        if len(self._asked) >= self.requests:
            response = refused(429)
            response.headers["Retry-After"] = str(math.ceil(self._asked[0] + WINDOW_S - now))
            raise Refused(response)
        self._asked.append(now)


def contract_of(question: Question, *, must_trade: bool = True) -> Perpetual:
    """The contract asked for. Raises Refused."""
    symbol = question.text("symbol")
    if not symbol:
        raise refusal(400, -1102, "Mandatory parameter 'symbol' was not sent, was empty/null, or malformed.")
    contract = question.contracts.get(symbol)
    if contract is None:
        raise refusal(400, -1121, "Invalid symbol.")
    if must_trade and not contract.is_open:
        raise refusal(400, -4108, "Symbol is on delivering or delivered or settling or closed or pre-trading.")
    return contract


def check(question: Question, *known: str) -> None:
    """Binance reads every option it is sent, or refuses. Raises Refused."""
    read, sent = len(set(question.options) & set(known)), len(question.options)
    if read < sent:
        counts = f"read '{read}' parameter(s) but was sent '{sent}'"
        raise refusal(400, -1104, f"Not all sent parameters were read; {counts}.")


def illegal(option: str) -> Refused:
    """An option that is no number."""
    return refusal(400, -1100, f"Illegal characters found in parameter '{option}'; legal range is '^[0-9]{{1,20}}$'.")


def refusal(status: int, code: int, message: str) -> Refused:
    """Binance's error body."""
    return Refused(json_response({"code": code, "msg": message}, status))


def refused(status: int) -> Response:
    """The answer of a status fault."""
    if status == 403:
        return PlainTextResponse(_FIREWALL, 403, media_type="text/html")
    code, message = _ERRORS.get(status, (-1001, "Internal error; unable to process your request. Please try again."))
    return json_response({"code": code, "msg": message}, status)
