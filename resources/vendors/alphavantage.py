"""Alpha Vantage: minutes of pairs, coins and stocks, for a premium key, and the exchange rate of a pair now.

Quirks (seen 2017 to 2026, see vendors.md): every failure is an answer of status 200 that says so in words, and the
words for the day's limit repeat the key; names of members differ by function and are numbered; newest first; stocks
are stamped in New York's local time, pairs in UTC. Minutes of a pair cannot be asked for by date: the answer is
always the newest 30 days. A stock is asked for by whole months, of which `outputsize` compact would be the last 100
minutes.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, ClassVar, Final, Self
from zoneinfo import ZoneInfo

import polars as pl

from market_assets.bars.instruments import Bound, Source
from market_assets.core.settings import RateBudget
from market_assets.settings import Settings
from resources.http import judge, redact
from resources.http.budget import DAY_S, MINUTE_S, until_next
from resources.http.client import connect
from resources.http.errors import BadRequest, Malformed, NotEntitled, RateLimited, Unauthorized
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
)
from resources.venues.rows import Rows, show

NAME: Final = "alphavantage"
KEY_VARIABLE = "ALPHAVANTAGE_API_KEY"
INTERVAL = "1min"
_PATH = "/query"
_RATE = "Realtime Currency Exchange Rate"
_DAYS = 30
#: as the vendor names a zone -> as the zone is called today
_ZONES = {"UTC": "UTC", "US/Eastern": "America/New_York"}
_NEW_YORK = ZoneInfo("America/New_York")
#: members that hold what the vendor says in place of data
_NOTICES = ("Information", "Note", "Error Message")
_BURST_S = 1.0
_SHOWN = 200

Row = Mapping[str, Any]
Params = dict[str, str | int]


def parse_minutes(body: Row, bound: Bound, received_at: datetime) -> pl.DataFrame:
    """MINUTES of an answer, newest first as stated; an empty object has none. Raises Malformed."""
    if not body:
        return MINUTES.to_frame()
    meta = _unnumbered(json_shape.member(NAME, body, "Meta Data", dict))
    _check(meta, "Meta Data", {**_instrument(bound), "Interval": INTERVAL})
    place = next((name for name in body if name.startswith("Time Series")), None)
    if place is None or f"({INTERVAL})" not in place:
        raise Malformed(NAME, f"one member must be a Time Series ({INTERVAL}); present: {', '.join(body)}")
    series = json_shape.member(NAME, body, place, dict)
    ts = json_shape.local_times(NAME, list(series), lambda index: f"{place}[{index}]", _zone(meta, "Meta Data"))
    rows = Rows.of(NAME, list(series.values()), place)
    return as_stated(rows, ts, _keys(rows), received_at)


def parse_quote(body: Row, bound: Bound, received_at: datetime) -> Quote | None:
    """The exchange rate of an answer; None where it has none. Raises Malformed."""
    if not body:
        return None
    told = _unnumbered(json_shape.member(NAME, body, _RATE, dict))
    base, quote = bound.vendor_id.split(",")
    _check(told, _RATE, {"From_Currency Code": base, "To_Currency Code": quote})
    # a side that nobody offers is a dash
    rows = Rows.of(NAME, [{name: None if value == "-" else value for name, value in told.items()}], _RATE)
    price, bid, ask = (rows.numbers(name)[0] for name in ("Exchange Rate", "Bid Price", "Ask Price"))
    if price is None or price <= 0:
        raise Malformed(NAME, f"{_RATE}.Exchange Rate must be above 0, was {show(told.get('Exchange Rate'))}")
    stamps = [told.get("Last Refreshed")]
    at = json_shape.local_times(NAME, stamps, lambda _: f"{_RATE}.Last Refreshed", _zone(told, _RATE))
    return Quote(bound.symbol, NAME, price, at[0], received_at, bid, ask)


@dataclass(frozen=True)
class AlphaVantage(MinuteClient):
    """Asks Alpha Vantage. Threads may share it. Every method raises VendorError."""

    name: ClassVar[Source] = NAME
    most_quotes: ClassVar[int] = 1
    most_minutes: ClassVar[int] = _DAYS * 1440

    @classmethod
    def connect(cls, settings: Settings, *, rates: RateBudget | None = None, timing: Timing | None = None) -> Self:
        """The client by the settings. A missing key is told by the first request, before it is sent."""
        secret = settings.alphavantage_api_key
        http = connect(
            settings,
            NAME,
            key_variable=KEY_VARIABLE,
            key=secret.get_secret_value() if secret else None,
            key_query="apikey",
            key_advice="or take alphavantage out of bars.sources",
            fetch=fetch_of_bars(settings),
            rates=rates,
            spaced=True,
            budget_setting="bars.alphavantage.budget",
            timing=timing,
        )
        return cls.of(settings, http)

    def minutes(self, bound: Bound, first: datetime, until: datetime) -> FetchedMinutes:
        """The minutes that open in [first, until), newest first. A pair's history that begins later is NotEntitled."""
        found = FetchedMinutes(MINUTES.to_frame())
        for params in _asked(bound, first, until):
            found = found.with_(self._minutes(params, bound, first, until))
        return found

    def quotes(self, bounds: Sequence[Bound]) -> list[Quote]:
        """The rates of pairs, a request for each. What it says of a stock now has no instant, so there is none."""
        found = [self._quote(bound) for bound in bounds if _is_pair(bound)]
        return [quote for quote in found if quote is not None]

    def _minutes(self, params: Params, bound: Bound, first: datetime, until: datetime) -> FetchedMinutes:
        context = span(bound, first, until)
        stated, reply = self.http.get(
            _PATH,
            params,
            read=lambda reply: parse_minutes(self._body(reply), bound, reply.received_at),
            context=context,
        )
        inside = stated.filter(pl.col("ts").is_between(first, until, closed="left"))
        oldest = stated["ts"].min()
        if inside.is_empty() and isinstance(oldest, datetime) and oldest >= until and _is_pair(bound):
            raise NotEntitled(
                NAME,
                f"the history of {bound.vendor_id} begins at {oldest:%F %H:%M}Z, after the window",
                endpoint=_PATH,
                context=context,
                advice=f"Nothing was stored; minutes of a pair are the newest {_DAYS} days",
            )
        return FetchedMinutes(
            frame=inside,
            requests=reply.requests,
            credits=reply.requests,
            bytes=len(reply.body),
            latency_ms=reply.latency_ms,
            trace=(f"{NAME}: {inside.height} of {stated.height} rows of {params['function']} are of {context}",),
        )

    def _quote(self, bound: Bound) -> Quote | None:
        base, quote = bound.vendor_id.split(",")
        found, _ = self.http.get(
            _PATH,
            {"function": "CURRENCY_EXCHANGE_RATE", "from_currency": base, "to_currency": quote},
            read=lambda reply: parse_quote(self._body(reply), bound, reply.received_at),
            context=f"{bound.symbol} now",
            record=False,
        )
        return found

    def _body(self, reply: Reply) -> Row:
        """The JSON object of an answer that is a success. Raises what anything else means."""
        judge.refuse(NAME, reply)
        found = json_shape.parse(NAME, reply.body)
        if not isinstance(found, dict):
            raise Malformed(NAME, f"the body must be an object, was {show(found)}")
        said = next((found[name] for name in _NOTICES if name in found), None)
        if said is not None:
            # before it is read, and cut: the words may hold the key
            self._refuse(redact.text(str(said)))
        return found

    def _refuse(self, said: str) -> None:
        """Raise what a notice means. The order matters: words for one limit name others, and all praise premium."""
        words, shown, at = said.lower(), said[:_SHOWN], self.http.timing.wall()
        if "sparingly" in words or "request per second" in words:
            raise RateLimited(NAME, shown, retry_after_s=_BURST_S)
        if "per minute" in words:
            raise RateLimited(NAME, shown, retry_after_s=until_next(MINUTE_S, at))
        if "per day" in words:
            self.http.budget.spent("day")
            raise RateLimited(NAME, shown, retry_after_s=until_next(DAY_S, at))
        if "apikey is invalid" in words or "demo purposes" in words:
            raise Unauthorized.of_key(NAME, KEY_VARIABLE, shown)
        if "premium" in words:
            raise NotEntitled(
                NAME,
                f"the plan does not include what was asked ({shown})",
                advice="Nothing was stored, no retry was made; minutes need a premium key",
            )
        if "invalid api call" in words:
            raise BadRequest(NAME, shown)
        raise Malformed(NAME, f"the answer is a notice: {shown}")


def _is_pair(bound: Bound) -> bool:
    return "," in bound.vendor_id


def _asked(bound: Bound, first: datetime, until: datetime) -> Iterator[Params]:
    """The parameters of each request that the window needs."""
    common: Params = {"interval": INTERVAL, "outputsize": "full"}
    if not _is_pair(bound):
        for month in _months(first, until):
            yield {
                "function": "TIME_SERIES_INTRADAY",
                "symbol": bound.vendor_id,
                **common,
                "adjusted": "false",
                "extended_hours": "false",
                "month": month,
            }
        return
    base, quote = bound.vendor_id.split(",")
    if bound.kind == "crypto":
        yield {"function": "CRYPTO_INTRADAY", "symbol": base, "market": quote, **common}
    else:
        yield {"function": "FX_INTRADAY", "from_symbol": base, "to_symbol": quote, **common}


def _months(first: datetime, until: datetime) -> list[str]:
    """The months, as New York has them, that minutes from `first` before `until` are of."""
    if first >= until:
        return []
    at, last = (
        instant.astimezone(_NEW_YORK).replace(tzinfo=None) for instant in (first, until - timedelta(microseconds=1))
    )
    months = range(at.year * 12 + at.month - 1, last.year * 12 + last.month)
    return [f"{month // 12}-{month % 12 + 1:02}" for month in months]


def _instrument(bound: Bound) -> dict[str, str]:
    """What the answer's head must say of the instrument."""
    if not _is_pair(bound):
        return {"Symbol": bound.vendor_id}
    base, quote = bound.vendor_id.split(",")
    if bound.kind == "crypto":
        return {"Digital Currency Code": base, "Market Code": quote}
    return {"From Symbol": base, "To Symbol": quote}


def _unnumbered(holder: Row) -> Row:
    """Members without the numbers before their names: `6. Time Zone` is 7 in another function."""
    return {name.partition(". ")[2] or name: value for name, value in holder.items()}


def _check(told: Row, where: str, asked: Mapping[str, str]) -> None:
    for name, value in asked.items():
        if told.get(name) != value:
            raise Malformed(NAME, f"{where}.{name} must be {value!r}, as asked, was {show(told.get(name))}")


def _zone(told: Row, where: str) -> str:
    named = told.get("Time Zone")
    if named not in _ZONES:
        raise Malformed(NAME, f"{where}.Time Zone must be one of {', '.join(_ZONES)}, was {show(named)}")
    return _ZONES[named]


def _keys(rows: Rows) -> dict[str, str]:
    """Column -> member, by the first row. Raises Malformed where it lacks a price."""
    first = rows.rows[0] if rows.rows else {}
    named = {name.partition(". ")[2]: name for name in first}
    absent = [price for price in PRICES if price not in named]
    if rows.rows and absent:
        raise Malformed(NAME, f"{rows.where}[0].{absent[0]} is missing; present: {', '.join(first)}")
    return {column: named[column] for column in (*PRICES, "volume") if column in named}
