"""Twelve Data: minutes of a day a request, and quotes of several instruments in one.

Quirks (seen 2023 to 2026, see vendors.md): an error is an object with `code`, `message` and status `error`, whatever
the HTTP status, which may be 200; a 404 that speaks of a plan is a gate, not an unknown symbol; a day without data is
an error of its own; numbers are text, currencies have no volume. What a request costs is told only with its answer,
in headers that count the wall-clock minute. `timezone=UTC` is asked for, so stamps are UTC.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, Final, NamedTuple, Self

import orjson
import polars as pl

from market_assets.bars.instruments import Bound, Source
from market_assets.core.settings import RateBudget
from market_assets.settings import Settings
from resources.http import judge, redact
from resources.http.budget import DAY_S, MINUTE_S, until_next
from resources.http.client import connect
from resources.http.errors import (
    BadRequest,
    Malformed,
    NotEntitled,
    NotFound,
    RateLimited,
    Unauthorized,
    Unavailable,
    VendorError,
)
from resources.http.retry import retry_after
from resources.http.transport import Reply, Timing
from resources.vendors import json_shape
from resources.vendors.minute import (
    MINUTES,
    PRICES,
    FetchedMinutes,
    MinuteClient,
    Quote,
    as_stated,
    fetch_of_bars,
    span,
    windows,
)
from resources.venues.rows import Row, Rows, show

NAME: Final = "twelvedata"
KEY_VARIABLE = "TWELVEDATA_API_KEY"
INTERVAL = "1min"
_MOST_ROWS = 5000
_USED = "api-credits-used"
_NO_DATA = "no data is available"
_SHOWN = 200


class Refused(NamedTuple):
    """An error object."""

    #: 0 where it states none
    code: int
    said: str


def refused(body: Any) -> Refused | None:
    """What an error object says; None of anything else."""
    if not isinstance(body, dict) or body.get("status") != "error":
        return None
    code = body.get("code")
    # before it is cut: the words may hold the key
    return Refused(code if isinstance(code, int) else 0, redact.text(str(body.get("message") or "")))


def parse_minutes(body: Any, bound: Bound, received_at: datetime) -> pl.DataFrame:
    """MINUTES of an answer, in its order. Raises Malformed."""
    meta = json_shape.member(NAME, body, "meta", dict)
    for name, asked in (("symbol", bound.vendor_id), ("interval", INTERVAL)):
        if meta.get(name) != asked:
            raise Malformed(NAME, f"meta.{name} must be {asked!r}, as asked, was {show(meta.get(name))}")
    rows = Rows.at(NAME, body, "values")
    stamps = [row.get("datetime") for row in rows.rows]
    ts = json_shape.local_times(NAME, stamps, lambda index: f"values[{index}].datetime")
    return as_stated(rows, ts, {name: name for name in (*PRICES, "volume")}, received_at)


def parse_quotes(body: Any, bounds: Sequence[Bound], received_at: datetime) -> list[Quote]:
    """The quotes of an answer that has entries by id, in the order asked for. Raises Malformed.

    An id without an entry or a price is left out.
    """
    found = [(bound, body[bound.vendor_id]) for bound in bounds if bound.vendor_id in body]
    if not found:
        raise Malformed(NAME, f"the body must have entries by symbol; present: {', '.join(body) or 'nothing'}")
    rows = Rows.of(NAME, [entry for _, entry in found], "quotes")
    for (bound, _), named in zip(found, rows.text("symbol"), strict=True):
        if named != bound.vendor_id:
            raise Malformed(NAME, f"{bound.vendor_id}.symbol must be as asked, was {show(named)}")
    # `timestamp` is that of the day's candle where the minute of the last quote is told apart
    ats = rows.instants("last_quote_at", "s").fill_null(rows.instants("timestamp", "s", required=True))
    values = zip(found, rows.numbers("close"), ats, rows.numbers("volume"), strict=True)
    return [
        Quote(bound.symbol, NAME, price, at, received_at, day_volume=volume)
        for (bound, _), price, at, volume in values
        if price is not None and price > 0
    ]


@dataclass(frozen=True)
class TwelveData(MinuteClient):
    """Asks Twelve Data. Threads may share it. Every method raises VendorError."""

    name: ClassVar[Source] = NAME
    most_quotes: ClassVar[int] = 120
    #: a day, which the vendor charges least for
    most_minutes: ClassVar[int] = 1440

    @classmethod
    def connect(cls, settings: Settings, *, rates: RateBudget | None = None, timing: Timing | None = None) -> Self:
        """The client by the settings. A missing key is told by the first request, before it is sent."""
        secret = settings.twelvedata_api_key
        http = connect(
            settings,
            NAME,
            key_variable=KEY_VARIABLE,
            key=secret.get_secret_value() if secret else None,
            key_scheme="apikey",
            key_advice="or take twelvedata out of bars.sources",
            fetch=fetch_of_bars(settings),
            rates=rates,
            budget_setting="bars.twelvedata.budget",
            timing=timing,
        )
        return cls.of(settings, http)

    @property
    def quote_batch(self) -> int:
        """As many as a minute has credits for, a request's most where it has no such limit."""
        limits = [window.limit for window in self.http.budget.windows if window.seconds <= MINUTE_S]
        return min([self.most_quotes, *limits])

    def minutes(self, bound: Bound, first: datetime, until: datetime) -> FetchedMinutes:
        """The minutes that open in [first, until), oldest first, a request a day. A row of `until` may come too."""
        found = FetchedMinutes(MINUTES.to_frame())
        for window in windows(first, until, self.most_minutes):
            found = found.with_(self._minutes(bound, *window))
        return found

    def quotes(self, bounds: Sequence[Bound]) -> list[Quote]:
        """The last prices. One that it refuses is left out, unless what it says is of the key and not of the symbol."""
        if not bounds:
            return []
        found, _ = self.http.get(
            "/quote",
            {"symbol": ",".join(bound.vendor_id for bound in bounds), "timezone": "UTC"},
            read=lambda reply: self._quotes(reply, bounds),
            context=f"{', '.join(bound.symbol for bound in bounds)} now",
            cost=self.quote_cost(len(bounds)),
            record=False,
        )
        return found

    def quote_cost(self, n: int) -> int:
        """A credit an instrument."""
        return n

    def _minutes(self, bound: Bound, first: datetime, until: datetime) -> FetchedMinutes:
        def read(reply: Reply) -> tuple[pl.DataFrame, int]:
            more = self._count(reply)
            body = self._body(reply)
            return MINUTES.to_frame() if body is None else parse_minutes(body, bound, reply.received_at), more

        (frame, more), reply = self.http.get(
            "/time_series",
            {
                "symbol": bound.vendor_id,
                "interval": INTERVAL,
                "start_date": f"{first:%F %T}",
                "end_date": f"{until:%F %T}",
                "timezone": "UTC",
                "order": "ASC",
                "outputsize": _MOST_ROWS,
            },
            read=read,
            context=span(bound, first, until),
        )
        return FetchedMinutes(frame, reply.requests, reply.requests + more, len(reply.body), reply.latency_ms)

    def _quotes(self, reply: Reply, bounds: Sequence[Bound]) -> list[Quote]:
        self._count(reply)
        body = self._body(reply)
        if body is None:
            return []
        # one symbol is answered bare
        entries = {bounds[0].vendor_id: body} if len(bounds) == 1 else body
        for symbol, entry in entries.items():
            if (error := refused(entry)) is not None:
                failed = self._meaning(error, reply)
                if not isinstance(failed, NotFound | NotEntitled | BadRequest):
                    raise failed.located("", symbol)
        served = {symbol: entry for symbol, entry in entries.items() if refused(entry) is None}
        return parse_quotes(served, bounds, reply.received_at) if served else []

    def _count(self, reply: Reply) -> int:
        """Correct the budget by what the vendor counted in this minute; credits that it cost beyond those reserved."""
        used = reply.headers.get(_USED, "")
        return self.http.budget.counted("minute", int(used)) if used.isdecimal() else 0

    def _body(self, reply: Reply) -> Row | None:
        """The JSON object of an answer that is a success, None where there is no data. Raises what else it means."""
        error = _error(reply)
        if error is None:
            judge.refuse(NAME, reply)
        elif error.code == 400 and _NO_DATA in error.said.lower():
            return None
        else:
            raise self._meaning(error, reply)
        found = json_shape.parse(NAME, reply.body)
        if not isinstance(found, dict):
            raise Malformed(NAME, f"the body must be an object, was {show(found)}")
        return found

    def _meaning(self, error: Refused, reply: Reply) -> VendorError:
        code, words = error.code or reply.status, error.said.lower()
        shown = f"code {code}: {error.said[:_SHOWN]}"
        stated_s = retry_after(reply.headers.get("retry-after"), reply.received_at)
        if code == 429:
            window, seconds = ("day", DAY_S) if "day" in words and "minute" not in words else ("minute", MINUTE_S)
            self.http.budget.spent(window)
            left_s = until_next(seconds, self.http.timing.wall())
            return RateLimited(NAME, shown, retry_after_s=left_s if stated_s is None else stated_s)
        if code == 401:
            return Unauthorized.of_key(NAME, KEY_VARIABLE, shown)
        if code == 403 or (code == 404 and " plan" in words):
            return NotEntitled(NAME, f"the plan does not include what was asked ({shown})")
        if code == 404:
            return NotFound(NAME, shown)
        if code >= 500:
            return Unavailable(NAME, shown, retry_after_s=stated_s)
        return BadRequest(NAME, shown)


def _error(reply: Reply) -> Refused | None:
    try:
        return refused(orjson.loads(reply.body))
    except orjson.JSONDecodeError:
        return None
