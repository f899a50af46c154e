"""What Binance's two futures markets and its descendants have in common on the wire.

Quirks (vendors.md 6 and 7): errors are `{"code", "msg"}` with status 400, or 200; `fundingTime` is stamped
up to 47 ms late; a price that is not known is ""; `limit=1000` brought 500 rows in September 2026;
both funding paths, `fundingRate` and `fundingInfo`, count in one budget of 500 requests in 5 minutes
apart from everything else. `fundingInfo` names contracts whose interval was adjusted: on Binance one it
does not name settles every 8 hours.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
import polars as pl

from resources.http.errors import BadRequest, NotFound, RateLimited, Unavailable, VendorError
from resources.http.transport import Reply
from resources.vendors import json_shape
from resources.venues.rows import Row, Rows, frame
from resources.venues.venue import CURRENT, EVENTS, LISTED, Ask, Caller, Instrument, Page, Venue, Windowed
from resources.venues.wire import millis, refuse

#: Binance's documented interval of a contract that fundingInfo does not name (h)
DEFAULT_HOURS = 8.0
#: rows of history an answer brings at most: documented 1,000, seen 500
PAGE_ROWS = 500
_LIMIT = 1000
#: invalid symbol; the contract is being delivered, settled or closed
_UNKNOWN = {-1121, -4108}
_BUSY = {-1000, -1001, -1007, -1008, -1016}
_TOO_MANY = {-1003, -1015}
#: the second is of shares and metals, listed since the end of 2025
_PERPETUAL = {"PERPETUAL", "TRADIFI_PERPETUAL"}
_TRADING = "TRADING"


@dataclass(frozen=True)
class Market:
    """One market of the family."""

    exchange: str
    #: `/fapi/v1`
    root: str
    #: linear or inverse
    kind: str
    #: base or contracts
    oi_unit: str
    #: member of a listed contract that says whether it trades
    status: str = "status"
    #: interval of a contract that fundingInfo does not name
    default_hours: float | None = DEFAULT_HOURS
    page_rows: int = PAGE_ROWS

    def venue(self) -> Venue:
        """Its record."""
        return Venue(
            exchange=self.exchange,
            read=reader(self.exchange),
            listing=self._listing,
            current=self._current,
            history=Windowed(page_rows=self.page_rows, ask=self._ask),
            events=lambda value, _: Page(events(self.exchange, value)),
        )

    def _listing(self, caller: Caller) -> pl.DataFrame:
        info, intervals = caller.many(
            [
                Ask(f"{self.root}/exchangeInfo", context="listing"),
                Ask(f"{self.root}/fundingInfo", context="intervals", history_budget=True),
            ]
        )
        return self.listed(info, intervals)

    def listed(self, info: Any, intervals: Any) -> pl.DataFrame:
        """LISTED out of `exchangeInfo` and `fundingInfo`. Raises Malformed."""
        rows = Rows.at(self.exchange, info, "symbols").keep(self._is_open)
        symbols = rows.text("symbol")
        return frame(
            LISTED,
            native_symbol=symbols,
            request_id=symbols,
            native_base=rows.text("baseAsset"),
            quote=rows.text("quoteAsset"),
            settle=rows.text("marginAsset"),
            kind=self.kind,
            contract_size=rows.numbers("contractSize") if self.kind == "inverse" else 1.0,
            oi_unit=self.oi_unit,
            interval_hours=self._hours(symbols, intervals),
            listed_at=rows.instants("onboardDate", "ms"),
        )

    def _is_open(self, row: Row) -> bool:
        return row.get("contractType") in _PERPETUAL and row.get(self.status) == _TRADING

    def _hours(self, symbols: pl.Series, intervals: Any) -> list[float | None]:
        stated = Rows.of(self.exchange, intervals)
        hours = dict(zip(stated.text("symbol"), stated.numbers("fundingIntervalHours"), strict=True))
        return [hours.get(symbol, self.default_hours) for symbol in symbols]

    def _current(self, caller: Caller, instruments: Sequence[Instrument]) -> pl.DataFrame:
        premiums = caller.one(Ask(f"{self.root}/premiumIndex", context="premiums"))
        wanted = {one.native_symbol for one in instruments}
        rows = Rows.of(self.exchange, premiums).keep(lambda row: row.get("symbol") in wanted)
        symbols = rows.text("symbol").to_list()
        answers = caller.many([self._open_interest(symbol) for symbol in symbols])
        return self.state(rows, dict(zip(symbols, answers, strict=True)))

    def _open_interest(self, symbol: str) -> Ask:
        return Ask(f"{self.root}/openInterest", {"symbol": symbol}, context=symbol, may_be_unknown=True)

    def state(self, rows: Rows, open_interest: Mapping[str, Any]) -> pl.DataFrame:
        """CURRENT out of rows of `premiumIndex` and the answers of `openInterest` by symbol. Raises Malformed."""
        symbols = rows.text("symbol")
        stated = Rows.of(self.exchange, [open_interest.get(symbol) or {} for symbol in symbols], "openInterest")
        return frame(
            CURRENT,
            native_symbol=symbols,
            predicted_rate_native=rows.numbers("lastFundingRate"),
            next_funding_time=rows.instants("nextFundingTime", "ms"),
            mark_price=rows.numbers("markPrice"),
            index_price=rows.numbers("indexPrice"),
            open_interest_native=stated.numbers("openInterest"),
            is_trailing=False,
        )

    def _ask(self, instrument: Instrument, first: datetime, until: datetime) -> Ask:
        return Ask(
            f"{self.root}/fundingRate",
            {
                "symbol": instrument.request_id,
                "startTime": millis(first),
                # the venue includes both ends
                "endTime": millis(until) - 1,
                "limit": _LIMIT,
            },
        )


def events(exchange: str, value: Any) -> pl.DataFrame:
    """EVENTS out of `fundingRate`, old to new. Raises Malformed."""
    rows = Rows.of(exchange, value)
    return frame(
        EVENTS,
        native_symbol=rows.text("symbol"),
        funding_time_native=rows.instants("fundingTime", "ms", required=True),
        rate_native=rows.numbers("fundingRate"),
        mark_price=rows.numbers("markPrice"),
    )


def reader(exchange: str) -> Callable[[Reply], Any]:
    """Reads an answer of `exchange`: its JSON value, or the VendorError that status and body mean together."""

    def read(reply: Reply) -> Any:
        if reply.status < 500 and reply.status not in {418, 429, 451}:
            _refuse_code(exchange, reply)
        refuse(exchange, reply, {403: lambda said: RateLimited(exchange, f"{said} (its firewall)")})
        return json_shape.parse(exchange, reply.body)

    return read


def _refuse_code(exchange: str, reply: Reply) -> None:
    """Raise what an in-body error means, whatever the status; nothing where the body is none."""
    try:
        said = orjson.loads(reply.body)
    except orjson.JSONDecodeError:
        return
    if not isinstance(said, dict) or not {"code", "msg"} <= said.keys():
        return
    code, detail = said["code"], f"HTTP {reply.status}, code {said['code']}: {said['msg']}"
    meanings: list[tuple[set[int], type[VendorError]]] = [
        (_UNKNOWN, NotFound),
        (_TOO_MANY, RateLimited),
        (_BUSY, Unavailable),
    ]
    raise next((kind for codes, kind in meanings if code in codes), BadRequest)(exchange, detail)
