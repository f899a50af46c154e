"""What the routes of all exchanges share: how a question is read and answered, and how numbers are written."""

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import orjson
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from resources.sandbox import fault_events
from resources.sandbox.desk import Desk
from resources.sandbox.fault_events import Part
from resources.sandbox.faults import Fault
from resources.sandbox.perpetuals import Floats, Perpetual, Quote, Settlements

Endpoint = Callable[[Request], Awaitable[Response]]
Respond = Callable[["Question"], Response]

_THOUSANDS = re.compile(r"(?:1000000|100000|10000|1000|1M|1K|k)(?=[A-Z])")
_DIGITS = 18
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Refused(Exception):
    """An answer that is an error, as its exchange words it."""

    def __init__(self, response: Response) -> None:
        self.response = response
        super().__init__(f"HTTP {response.status_code}")


class Listings:
    """What exchanges list, read once for each minute of their clocks."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self._read: dict[str, tuple[datetime, dict[str, Perpetual]]] = {}

    def at(self, exchange: str, at: datetime) -> Mapping[str, Perpetual]:
        """Native symbol -> contract, closed ones included."""
        minute = at.replace(second=0, microsecond=0)
        read = self._read.get(exchange)
        if read is None or read[0] != minute:
            listed = self.desk.backend.perpetuals(exchange, minute)
            read = self._read[exchange] = minute, {contract.native_symbol: contract for contract in listed}
        return read[1]


@dataclass(frozen=True)
class Question:
    """One request to one exchange, at the exchange's own clock."""

    desk: Desk
    exchange: str
    at: datetime
    #: every contract, closed ones included
    contracts: Mapping[str, Perpetual]
    options: Mapping[str, Any]
    struck: Sequence[Fault]
    path: Mapping[str, str]

    @property
    def now_ms(self) -> int:
        """The exchange's clock (epoch milliseconds)."""
        return milliseconds(self.at)

    @property
    def quotes(self) -> Mapping[str, Quote]:
        """The current state of every open contract."""
        return self.desk.backend.quotes(self.exchange, self.at)

    def open(self, kind: str | None = None) -> list[Perpetual]:
        """The contracts that trade now: all, or the linear or inverse ones."""
        return [one for one in self.contracts.values() if one.is_open and kind in (None, one.kind)]

    def text(self, option: str) -> str:
        """An option; "" where it was not sent."""
        return str(self.options.get(option, ""))

    def whole(self, option: str, wrong: Callable[[str], Refused]) -> int | None:
        """An option that is a whole number from 0 on; None where it was not sent. Raises what `wrong` makes of it."""
        text = self.text(option)
        if not text:
            return None
        if not text.isdecimal() or len(text) > _DIGITS:
            raise wrong(option)
        return int(text)

    def settled(self, native_symbol: str) -> Settlements:
        """Everything that was settled by now and is still kept."""
        return self.desk.backend.settlements(self.exchange, native_symbol, self.at)

    def page(self, native_symbol: str, part: Part) -> Settlements:
        """The rows of one answer of history, after the faults that strike it."""
        return fault_events.page(self.settled(native_symbol), part, self.struck)


@dataclass(frozen=True, kw_only=True)
class Endpoints:
    """Where the questions of one exchange arrive: faults, then the answer."""

    listings: Listings
    exchange: str
    #: words the answer of a status fault
    refuse: Callable[[int], Response]
    #: option or part of the path that names the contract asked for
    symbol: str = "symbol"
    #: options are the members of a posted JSON object; none where the body is no object
    posted: bool = False
    #: whose faults strike, where that is not the exchange
    vendor: str | None = None

    def serve(self, routes: APIRouter, served: Mapping[str, Respond]) -> None:
        """Answer each of these paths."""
        for path, respond in served.items():
            routes.add_route(path, self._endpoint(respond), methods=["POST" if self.posted else "GET"])

    def _endpoint(self, respond: Respond) -> Endpoint:
        desk = self.listings.desk

        async def answer(request: Request) -> Response:
            options = await _posted(request) if self.posted else dict(request.query_params)
            asked = str(request.path_params.get(self.symbol, options.get(self.symbol, "")))
            at = desk.now()
            contracts = self.listings.at(self.exchange, at)

            def answered(struck: list[Fault]) -> Response:
                question = Question(desk, self.exchange, at, contracts, options, struck, request.path_params)
                try:
                    return respond(question)
                except Refused as refusal:
                    return refusal.response

            called = names(asked, contracts.get(asked))
            return await desk.answer(self.vendor or self.exchange, request, called, answered, self.refuse)

        return answer


def names(asked: str, contract: Perpetual | None) -> list[str]:
    """What a fault's `symbol` may call the contract asked for: its native symbol, or its base as the house says it."""
    bases = [] if contract is None else [house_base(contract.native_base)]
    return [asked] * bool(asked) + bases


def house_base(native_base: str) -> str:
    """A base without what exchanges put before it: PEPE of 1000PEPE and kPEPE, BTC of XBT."""
    return "BTC" if native_base == "XBT" else _THOUSANDS.sub("", native_base, count=1)


def milliseconds(at: datetime) -> int:
    """Epoch milliseconds of an instant."""
    return (at - _EPOCH) // timedelta(milliseconds=1)


def instant(epoch_ms: int) -> datetime:
    """The instant of epoch milliseconds."""
    return _EPOCH + timedelta(milliseconds=epoch_ms)


def texts(values: Floats, decimals: int, missing: str | None = None) -> list[str | None]:
    """Numbers as text with so many decimals; NaN is `missing`."""
    form = f".{decimals}f"
    return [missing if value != value else format(value, form) for value in values.tolist()]  # noqa: PLR0124


def trimmed(values: Floats, decimals: int, missing: str | None = None) -> list[str | None]:
    """Numbers as text with at most so many decimals and no zeros at the end; NaN is `missing`."""
    return [text and _trim(text) for text in texts(values, decimals, missing)]


def text(value: float | None, decimals: int) -> str:
    """A number as text with at most so many decimals; "" is None."""
    return "" if value is None else _trim(format(value, f".{decimals}f"))


def price(value: float | None) -> str:
    """A price as text, to eight figures; "" is None."""
    if value is None:
        return ""
    magnitude = int(np.floor(np.log10(abs(value)))) if value else 0
    return _trim(format(value, f".{max(7 - magnitude, 0)}f"))


def _trim(number: str) -> str:
    short = number.rstrip("0").rstrip(".") if "." in number else number
    return "0" if short == "-0" else short


async def _posted(request: Request) -> Mapping[str, Any]:
    try:
        body = orjson.loads(await request.body())
    except orjson.JSONDecodeError:
        return {}
    return body if isinstance(body, dict) else {}
