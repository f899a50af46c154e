"""Polygon, called Massive since 2025-10: daily aggregates, the whole market's day, splits, dividends, tickers.

Quirks (seen 2022 to 2026, see vendors.md): no data is an absent `results`; status DELAYED is as good
as OK; `next_url` is absolute, may name the vendor's other host and lacks the key; `t` is the start
of a day's window, in grouped answers its end; indices count days in Chicago and have no volume; a
window that begins before the plan's history is cut off silently.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from hashlib import sha256
from typing import Any, ClassVar, Self, TypeVar
from urllib.parse import parse_qsl, quote, urlsplit

import orjson
import polars as pl

from market_assets.core.settings import RateBudget
from market_assets.settings import Settings
from resources.http import judge
from resources.http.client import VendorClient, connect
from resources.http.errors import BadRequest, Malformed, NotEntitled, NotFound, RateLimited, Unauthorized, VendorError
from resources.http.transport import Reply, Timing
from resources.vendors import json_shape
from resources.vendors.daily import (
    PARSED,
    FetchedActions,
    FetchedBars,
    Instrument,
    Listing,
    costs,
    finished,
    finished_actions,
    nothing,
    together,
)

NAME = "polygon"
KEY_VARIABLE = "POLYGON_API_KEY"
MOST_AGGREGATES, MOST_REFERENCE = 50_000, 1000
_MOST_PAGES = 1000
_ZONES = {"stock": "America/New_York", "etf": "America/New_York", "index": "America/Chicago", "crypto": "UTC"}

Row = Mapping[str, Any]
Page = TypeVar("Page")
#: a path below the base URL and its query
Link = tuple[str, Mapping[str, str | int]]


def read_body(reply: Reply) -> Row:
    """The JSON object of an answer that is a success. Raises what anything else means."""
    judge.refuse(NAME, reply, {401: _bad_key, 403: _not_entitled})
    found: Any = json_shape.parse(NAME, reply.body)
    if not isinstance(found, dict):
        raise Malformed(NAME, f"the body must be an object, was {type(found).__name__}")
    if json_shape.text(NAME, found, "status") in {"OK", "DELAYED"}:
        return found
    raise _refusal(found)


def parse_aggregates(
    body: Row, instrument: Instrument, received_at: datetime, *, adjusted: bool = False
) -> pl.DataFrame:
    """Rows of PARSED from one page of aggregates. `adjusted` is what was asked for."""
    _check_basis(body, adjusted)
    vendor_id = instrument.id_at(NAME)
    if body.get("ticker", vendor_id) != vendor_id:
        raise Malformed(NAME, f"ticker must be {vendor_id!r}, as asked, was {body['ticker']!r}")
    return _bars(json_shape.objects(NAME, body, "results"), [instrument.symbol], instrument, received_at)


def parse_grouped(
    body: Row, day: date, instruments: Sequence[Instrument], received_at: datetime, *, adjusted: bool = False
) -> pl.DataFrame:
    """Rows of PARSED for those `instruments` that a whole market's answer has. Raises Malformed on another day's."""
    _check_basis(body, adjusted)
    wanted = {instrument.id_at(NAME): instrument for instrument in instruments}
    everything = json_shape.objects(NAME, body, "results")
    tickers = [json_shape.member(NAME, row, f"results[{index}].T", str) for index, row in enumerate(everything)]
    rows = [row for ticker, row in zip(tickers, everything, strict=True) if ticker in wanted]
    if not rows:
        return pl.DataFrame(schema=PARSED)
    parsed = _bars(rows, [wanted[row["T"]].symbol for row in rows], wanted[rows[0]["T"]], received_at)
    other = parsed.filter(pl.col("session_date") != day)
    if other.height:
        raise Malformed(
            NAME, f"results must be of {day}, as asked; {other['symbol'][0]} is of {other['session_date'][0]}"
        )
    return parsed


def parse_splits(body: Row, instrument: Instrument) -> list[Row]:
    """Rows of ACTIONS (as far as a split has them) from one page of splits."""
    return [
        {
            "symbol": instrument.symbol,
            "ex_date": json_shape.day(NAME, row, f"results[{index}].execution_date"),
            "kind": "split",
            "split_from": json_shape.positive(NAME, row, f"results[{index}].split_from"),
            "split_to": json_shape.positive(NAME, row, f"results[{index}].split_to"),
        }
        for index, row in _rows_of(body, instrument)
    ]


def parse_dividends(body: Row, instrument: Instrument) -> list[Row]:
    """Rows of ACTIONS from one page of dividends; amounts are as paid."""
    return [
        {
            "symbol": instrument.symbol,
            "ex_date": json_shape.day(NAME, row, f"results[{index}].ex_dividend_date"),
            "kind": "cash_dividend",
            "amount": float(json_shape.member(NAME, row, f"results[{index}].cash_amount", (int, float))),
            "amount_basis": "as_paid",
            "currency": json_shape.text(NAME, row, f"results[{index}].currency"),
            "dividend_type": json_shape.text(NAME, row, f"results[{index}].dividend_type"),
            "declared_date": json_shape.day(NAME, row, f"results[{index}].declaration_date", optional=True),
            "record_date": json_shape.day(NAME, row, f"results[{index}].record_date", optional=True),
            "pay_date": json_shape.day(NAME, row, f"results[{index}].pay_date", optional=True),
        }
        for index, row in _rows_of(body, instrument)
    ]


def next_page(body: Row, base_url: str) -> Link | None:
    """Path (below the base URL) and query of the page after this one; None on the last.

    Only path and query of `next_url` are used: the key goes to the configured host alone.
    """
    following = body.get("next_url")
    if following is None:
        return None
    try:
        parts = urlsplit(following if isinstance(following, str) else "")
    except ValueError:
        parts = urlsplit("")
    path = parts.path.removeprefix(urlsplit(base_url).path.rstrip("/"))
    # without the slash, `@elsewhere/` after our host would make it a user name at another host
    if not path.startswith("/"):
        raise Malformed(NAME, f"next_url must be an address, was {following!r}")
    query: dict[str, str | int] = {name: value for name, value in parse_qsl(parts.query) if name.lower() != "apikey"}
    return path, query


@dataclass(frozen=True)
class Polygon:
    """Asks Polygon. Every method raises VendorError; nothing is returned from half an answer."""

    http: VendorClient
    #: how rows name their source
    source: str
    vendor_delay_min: int
    name: ClassVar[str] = NAME

    @classmethod
    def connect(cls, settings: Settings, *, rates: RateBudget | None = None, timing: Timing | None = None) -> Self:
        """The client by the settings. A missing key is told by the first request, before it is sent."""
        secret = settings.polygon_api_key
        key = secret.get_secret_value() if secret else None
        http = connect(settings, NAME, key_variable=KEY_VARIABLE, key=key, rates=rates, timing=timing)
        return cls(http, settings.source_name(NAME), settings.equities.vendor_delay_min)

    def daily_bars(self, instrument: Instrument, start: date, end: date, *, as_of: datetime) -> FetchedBars:
        """The unadjusted sessions from `start` to `end` that are listed and due at `as_of`."""
        window = instrument.window(start, end, as_of, self.vendor_delay_min)
        if window is None:
            return nothing(f"{NAME}: nothing of {instrument.symbol} {start}..{end} is due, nothing was asked")
        first, last = window
        ticker = quote(instrument.id_at(NAME), safe=":")
        pages = self._pages(
            f"/v2/aggs/ticker/{ticker}/range/1/day/{first}/{last}",
            {"adjusted": "false", "sort": "asc", "limit": MOST_AGGREGATES},
            f"{instrument.symbol} {first}..{last}",
            lambda body, at: parse_aggregates(body, instrument, at),
        )
        rows = pl.concat(page for page, _ in pages).with_columns(row_number=pl.int_range(pl.len(), dtype=pl.Int64))
        if rows.height and not rows["session_date"].is_between(first, last).any():
            found_first, found_last = rows.select(a=pl.col("session_date").min(), b=pl.col("session_date").max()).row(0)
            raise Malformed(
                NAME,
                f"asked for {first}..{last}, the answer covers {found_first}..{found_last}",
                context=instrument.symbol,
            )
        found = finished(rows, source=self.source, price_basis="unadjusted", first=first, last=last)
        return replace(found, **costs(NAME, found.frame.height, [reply for _, reply in pages]))

    def grouped_daily(self, day: date, instruments: Sequence[Instrument], *, as_of: datetime) -> FetchedBars:
        """One session of many stocks and ETFs in one request. Who did not trade is not in the answer."""
        due = [one for one in instruments if one.window(day, day, as_of, self.vendor_delay_min)]
        if not due:
            return nothing(f"{NAME}: {day} is not due, nothing was asked")
        rows, reply = self.http.get(
            f"/v2/aggs/grouped/locale/us/market/stocks/{day}",
            {"adjusted": "false", "include_otc": "false"},
            read=lambda reply: parse_grouped(read_body(reply), day, due, reply.received_at),
            context=f"all stocks {day}",
        )
        found = finished(rows, source=self.source, price_basis="unadjusted", first=day, last=day)
        return replace(found, **costs(NAME, found.frame.height, [reply]))

    def splits(self, instrument: Instrument) -> FetchedActions:
        """Every split inside the listing window, announced ones included."""
        return self._actions(instrument, "splits", parse_splits)

    def dividends(self, instrument: Instrument) -> FetchedActions:
        """Every cash dividend inside the listing window, declared ones included; amounts as paid."""
        return self._actions(instrument, "dividends", parse_dividends)

    def actions(self, instrument: Instrument) -> FetchedActions:
        """Splits and dividends together."""
        return together(self.splits(instrument), self.dividends(instrument))

    def ticker(self, vendor_id: str) -> dict[str, Any]:
        """What the vendor knows of an id (name, list_date, ...). Raises NotFound with its answer."""
        found, _ = self.http.get(
            f"/v3/reference/tickers/{quote(vendor_id, safe=':')}",
            read=lambda reply: dict(json_shape.member(NAME, read_body(reply), "results", dict)),
            context=vendor_id,
        )
        return found

    def listing(self, vendor_id: str) -> Listing:
        """Name and listing dates of an id. Raises NotFound with the vendor's answer."""
        found = self.ticker(vendor_id)
        delisted = (json_shape.text(NAME, found, "results.delisted_utc") or "")[:10]
        return Listing(
            name=json_shape.text(NAME, found, "results.name"),
            listed_from=json_shape.day(NAME, found, "results.list_date", optional=True),
            listed_to=json_shape.day(NAME, {"delisted_utc": delisted}, "results.delisted_utc", optional=True),
        )

    def _actions(
        self, instrument: Instrument, kind: str, parse: Callable[[Row, Instrument], list[Row]]
    ) -> FetchedActions:
        if instrument.asset_class not in {"stock", "etf"}:
            return FetchedActions(trace=(f"{NAME}: {instrument.symbol} has no {kind}, nothing was asked",))
        pages = self._pages(
            f"/v3/reference/{kind}",
            {"ticker": instrument.id_at(NAME), "limit": MOST_REFERENCE},
            f"{instrument.symbol} {kind}",
            lambda body, at: [{**row, "source": self.source, "ingested_at": at} for row in parse(body, instrument)],
        )
        rows = [row for page, _ in pages for row in page]
        replies = [reply for _, reply in pages]
        return replace(finished_actions(rows, instrument), **costs(NAME, len(rows), replies))

    def _pages(
        self, path: str, params: Mapping[str, str | int], context: str, parse: Callable[[Row, datetime], Page]
    ) -> list[tuple[Page, Reply]]:
        """Every page from `path` on. Raises Malformed where the vendor leads in a circle."""
        pages: list[tuple[Page, Reply]] = []
        seen: set[str] = set()
        here: Link | None = (path, params)
        while here is not None:
            (page, following, digest), reply = self.http.get(
                here[0],
                here[1],
                read=lambda reply: _read_page(reply, self.http.base_url, seen, parse),
                context=context,
            )
            seen.update(digest)
            pages.append((page, reply))
            here = following
        return pages


def _read_page(
    reply: Reply, base_url: str, seen: set[str], parse: Callable[[Row, datetime], Page]
) -> tuple[Page, Link | None, set[str]]:
    body = read_body(reply)
    following = next_page(body, base_url)
    # an empty page may repeat; rows or the way onwards may not
    marks = {sha256(orjson.dumps(part)).hexdigest() for part in (body.get("results"), following) if part}
    if marks & seen or len(seen) > 2 * _MOST_PAGES:
        raise Malformed(NAME, f"next_url leads in a circle: page {len(seen) // 2 + 1} was there before")
    return parse(body, reply.received_at), following, marks


def _bars(rows: Sequence[Row], symbols: Sequence[str], like: Instrument, received_at: datetime) -> pl.DataFrame:
    """Rows of PARSED; `symbols` is one for all rows, or one for each. Dates are those of the market's zone."""
    at = json_shape.instants(NAME, [row.get("t") for row in rows], lambda index: f"results[{index}].t", "ms")
    optional = {"volume": not like.has_volume, "vwap_vendor": True, "trade_count": True}
    keys = {"open": "o", "high": "h", "low": "l", "close": "c", "volume": "v", "vwap_vendor": "vw", "trade_count": "n"}
    columns = {
        name: json_shape.numbers(NAME, rows, key, "results", optional=optional.get(name, False))
        for name, key in keys.items()
    }
    return (
        pl.DataFrame({"session_date": at.dt.convert_time_zone(_ZONES[like.asset_class]).dt.date(), **columns})
        .with_columns(
            symbol=pl.lit(symbols[0]) if len(symbols) == 1 else pl.Series(symbols, dtype=pl.String),
            volume=pl.col("volume") if like.has_volume else pl.lit(None, dtype=pl.Float64),
            trade_count=pl.col("trade_count").cast(pl.Int64),
            ingested_at=pl.lit(received_at),
            row_number=pl.int_range(pl.len(), dtype=pl.Int64),
        )
        .select(pl.col(name).cast(dtype) for name, dtype in PARSED.items())
    )


def _rows_of(body: Row, instrument: Instrument) -> list[tuple[int, Row]]:
    rows = list(enumerate(json_shape.objects(NAME, body, "results")))
    for index, row in rows:
        if row.get("ticker") != instrument.id_at(NAME):
            raise Malformed(
                NAME, f"results[{index}].ticker must be {instrument.id_at(NAME)!r}, as asked, was {row.get('ticker')!r}"
            )
    return rows


def _check_basis(body: Row, adjusted: bool) -> None:
    if body.get("adjusted", adjusted) is not adjusted:
        raise Malformed(NAME, f"adjusted must be {adjusted}, as asked, was {body['adjusted']}")


def _refusal(body: Row) -> VendorError:
    """What a body with another status than OK means, although HTTP said 200."""
    status, said = body.get("status"), str(body.get("error") or body.get("message") or "")
    text = f"status {status}: {said}"
    if status == "NOT_AUTHORIZED":
        return _not_entitled(text)
    if status == "NOT_FOUND":
        return NotFound(NAME, text)
    if "exceeded the maximum requests" in said:
        return RateLimited(NAME, text)
    if "api key" in said.lower():
        return _bad_key(text)
    if status == "ERROR":
        return BadRequest(NAME, text)
    return Malformed(NAME, f"status must be OK or DELAYED, was {status!r}")


def _bad_key(detail: str) -> VendorError:
    return Unauthorized(
        NAME,
        f"the key in {KEY_VARIABLE} is refused ({detail})",
        advice=f"Set {KEY_VARIABLE} to a valid key; no retry was made",
    )


def _not_entitled(detail: str) -> VendorError:
    return NotEntitled(NAME, f"the plan does not include this history ({detail})")
