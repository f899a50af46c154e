"""Binance's candles on the wire: USD-M under `/fapi/v1`, spot under `/api/v3`, and what spot lists.

Prices and volumes are text: USD-M with the coin's own digits, spot with eight. The last row of the newest candles is
one that still runs. Every answer says how much weight was used in this minute; nothing is refused for it, for
thousands of requests in a minute are what benchmarks and backfills ask of a sandbox.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter
from starlette.responses import Response

from resources.sandbox import binance_refusals
from resources.sandbox.binance_refusals import check, illegal, refusal
from resources.sandbox.binance_ticker import listed, ticker
from resources.sandbox.desk import Desk, json_response
from resources.sandbox.exchange_desk import Endpoints, Listings, Question, Refused, Respond
from resources.sandbox.fault_minutes import spoilt
from resources.sandbox.keys import Budget
from resources.sandbox.kline_pages import INTERVALS, Asked, last_day, page
from resources.sandbox.kline_wire import lines
from resources.sandbox.minutes import MINUTE_MS, SPOT, USDM, Coin

WEIGHT_HEADER = "X-MBX-USED-WEIGHT-1M"
#: candles of an answer without `limit`
DEFAULT = 500

_KLINE_OPTIONS = ("symbol", "interval", "startTime", "endTime", "limit")


@dataclass(frozen=True)
class House:
    """What tells the two markets apart on the wire."""

    market: str
    root: str
    #: candles of a page; more are refused, or quietly cut to it
    most: int
    refuses_more: bool
    options: tuple[str, ...]
    #: weight allowed in a minute
    weight: int


HOUSES = (
    House(USDM, "/fapi/v1", 1500, refuses_more=True, options=_KLINE_OPTIONS, weight=2400),
    House(SPOT, "/api/v3", 1000, refuses_more=False, options=(*_KLINE_OPTIONS, "timeZone"), weight=6000),
)


def router(desk: Desk) -> APIRouter:
    """The routes of both, under `/binance_usdm` and `/binance_spot`."""
    routes = APIRouter()
    listings = Listings(desk)
    for house in HOUSES:
        klines = BinanceKlines(house, Budget(desk.now()))
        root = f"/{house.market}{house.root}"
        served: dict[str, Respond] = {
            f"{root}/klines": klines.weighed(klines.klines, klines.kline_weight),
            f"{root}/ticker/24hr": klines.weighed(klines.ticker, klines.ticker_weight),
        }
        if house.market == SPOT:
            served[f"{root}/exchangeInfo"] = klines.weighed(klines.exchange_info, lambda _: 20)
        Endpoints(listings=listings, exchange=house.market, refuse=klines.refused).serve(routes, served)
    return routes


class BinanceKlines:
    """The answers of one of the two."""

    def __init__(self, house: House, used: Budget) -> None:
        self.house, self.used = house, used

    def weighed(self, respond: Respond, weight: Callable[[Question], int]) -> Respond:
        """The same answer, refusals too, with what was used of this minute's weight."""

        def answer(question: Question) -> Response:
            self.used.spend(self.house.market, None, weight(question))
            try:
                response = respond(question)
            except Refused as refused:
                response = refused.response
            response.headers[WEIGHT_HEADER] = str(self.used.spent(self.house.market))
            return response

        return answer

    def kline_weight(self, question: Question) -> int:
        """2 on spot; on USD-M by how many candles are asked for."""
        if self.house.market == SPOT:
            return 2
        text = question.text("limit")
        limit = int(text) if text.isdecimal() else DEFAULT
        return 1 if limit < 100 else 2 if limit < 500 else 5 if limit <= 1000 else 10

    def ticker_weight(self, question: Question) -> int:
        """Of one symbol, or of all."""
        one, every = (1, 40) if self.house.market == USDM else (2, 80)
        return one if question.text("symbol") else every

    def klines(self, question: Question) -> Response:
        """`klines?symbol&interval&startTime&endTime&limit`: oldest first, both ends included."""
        check(question, *self.house.options)
        coin = self._coin(question)
        rows = spoilt(page(question.desk.backend, self._asked(question, coin), question.at), question.struck)
        return json_response(lines(rows, coin, INTERVALS[question.text("interval")] * MINUTE_MS))

    def ticker(self, question: Question) -> Response:
        """`ticker/24hr[?symbol]`: the 24 hours that end with the minute running now."""
        check(question, "symbol")
        if question.text("symbol"):
            return json_response(self._day(self._coin(question, must_trade=True), question))
        return json_response([self._day(coin, question) for coin in self._coins(question) if coin.trades(question.at)])

    def exchange_info(self, question: Question) -> Response:
        """`exchangeInfo[?symbol]` of spot, which does not say since when a symbol is listed."""
        check(question, "symbol")
        coins = [self._coin(question)] if question.text("symbol") else self._coins(question)
        limit = {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": self.house.weight}
        return json_response(
            {
                "timezone": "UTC",
                "serverTime": question.now_ms,
                "rateLimits": [limit],
                "exchangeFilters": [],
                "symbols": [listed(coin, question.at) for coin in coins],
            }
        )

    def refused(self, status: int) -> Response:
        """The answer of a status fault."""
        if status == 429:
            allowed = f"current limit of IP(127.0.0.1) is {self.house.weight} requests per minute"
            return refusal(
                429, -1003, f"Too many requests; {allowed}. Please use the websocket for live updates."
            ).response
        return binance_refusals.refused(status)

    def _day(self, coin: Coin, question: Question) -> dict[str, Any]:
        return ticker(coin, last_day(question.desk.backend, coin, question.at), question.now_ms)

    def _coins(self, question: Question) -> list[Coin]:
        return list(question.desk.backend.coins(self.house.market, question.at))

    def _coin(self, question: Question, *, must_trade: bool = False) -> Coin:
        """The coin asked for. Raises Refused."""
        symbol = question.text("symbol")
        if not symbol:
            raise _not_sent("symbol")
        coin = next((coin for coin in self._coins(question) if coin.symbol == symbol), None)
        if coin is None or (must_trade and not coin.trades(question.at)):
            raise refusal(400, -1121, "Invalid symbol.")
        return coin

    def _asked(self, question: Question, coin: Coin) -> Asked:
        interval = question.text("interval")
        if not interval:
            raise _not_sent("interval")
        if interval not in INTERVALS:
            raise refusal(400, -1120, "Invalid interval.")
        first, last, limit = (question.whole(name, illegal) for name in ("startTime", "endTime", "limit"))
        if limit is not None and not 1 <= limit <= (self.house.most if self.house.refuses_more else limit):
            raise refusal(400, -1130, "Data sent for parameter 'limit' is not valid.")
        if any(fault.kind == "wrong_window" for fault in question.struck):
            first = last = None
        rows = min(DEFAULT if limit is None else limit, self.house.most)
        return Asked(coin=coin, step_ms=INTERVALS[interval] * MINUTE_MS, rows=rows, first_ms=first, last_ms=last)


def _not_sent(option: str) -> Refused:
    return refusal(400, -1102, f"Mandatory parameter '{option}' was not sent, was empty/null, or malformed.")
