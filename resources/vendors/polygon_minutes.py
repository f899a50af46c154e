"""Polygon's minute bars (aggregates) and last prices (snapshot, up to 250 tickers a request).

Quirks beyond those of `polygon_wire` (seen 2022 to 2026, see vendors.md): `v` of a currency counts quotes; index rows
have no volume; a window that begins before the plan's history is cut off silently; a minute without trades is no
row; in a snapshot an unknown ticker is an entry with an error, and a price stands in another place for every kind.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, NamedTuple, Self
from urllib.parse import quote

import polars as pl

from market_assets.bars.instruments import WITH_VOLUME, Bound, Kind, Source
from market_assets.core.settings import RateBudget
from market_assets.settings import Settings
from resources.http.errors import Clipped, Malformed
from resources.http.transport import Timing
from resources.vendors import json_shape
from resources.vendors.minute import (
    MINUTES,
    FetchedMinutes,
    MinuteClient,
    Quote,
    answered,
    by_vendor_id,
    fetch_of_bars,
    span,
)
from resources.vendors.polygon_wire import MOST_AGGREGATES, NAME, Row, check_asked, client, pages
from resources.venues.wire import millis

_SNAPSHOT = "/v3/snapshot"
_KEYS = {"open": "o", "high": "h", "low": "l", "close": "c"}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_2000_S, _2100_S = 946_684_800, 4_102_444_800
#: no market of the calendars is closed for longer; coins trade all the time
_LONGEST_CLOSURE, _LONGEST_PAUSE = timedelta(days=5), timedelta(hours=1)
#: instants of a trade, the best first
_TRADED_AT = ("sip_timestamp", "participant_timestamp", "last_updated")


class _Price(NamedTuple):
    value: float
    at: datetime


def parse_aggregate_minutes(body: Row, bound: Bound, received_at: datetime) -> pl.DataFrame:
    """MINUTES of one page of aggregates. Raises Malformed naming the first offence."""
    check_asked(body, bound.vendor_id, adjusted=False)
    rows = json_shape.objects(NAME, body, "results")
    at = json_shape.instants(NAME, [row.get("t") for row in rows], lambda index: f"results[{index}].t", "ms")
    measured = bound.kind in WITH_VOLUME
    volume, count = (
        json_shape.numbers(NAME, rows, key, "results", optional=optional)
        for key, optional in (("v", not measured), ("n", True))
    )
    columns = {name: json_shape.numbers(NAME, rows, key, "results") for name, key in _KEYS.items()}
    return pl.DataFrame(
        {
            "ts": at,
            **columns,
            "volume": volume if measured else [None] * len(rows),
            # what a market without volume counts is quotes
            "trade_count": (count if measured else volume).round().cast(pl.Int64, strict=False),
            "ingested_at": [received_at] * len(rows),
        },
        schema_overrides=dict(MINUTES),
    ).select(list(MINUTES))


def check_not_clipped(frame: pl.DataFrame, kind: Kind, first: datetime, context: str) -> None:
    """Raise Clipped where the first row comes later after `first` than any market of the kind is closed.

    Shorter cuts are for coverage to find: a window may begin while its market is closed.
    """
    oldest = frame["ts"].min()
    if not isinstance(oldest, datetime):
        return
    longest = _LONGEST_PAUSE if kind == "crypto" else _LONGEST_CLOSURE
    if oldest - first > longest:
        raise Clipped(
            NAME, f"the first bar is of {oldest:%F %H:%M}Z, asked was from {first:%F %H:%M}Z", context=context
        )


def parse_snapshot(body: Row, bounds: Sequence[Bound], received_at: datetime) -> list[Quote]:
    """The quotes of one page of a snapshot; a ticker that has an error or no price is left out. Raises Malformed."""
    asked = by_vendor_id(bounds)
    quotes = []
    for index, row in enumerate(json_shape.objects(NAME, body, "results")):
        where = f"results[{index}]"
        ticker = json_shape.member(NAME, row, f"{where}.ticker", str)
        if ticker not in asked:
            raise Malformed(NAME, f"{where}.ticker must be one of {', '.join(asked)}, as asked, was {ticker!r}")
        if not row.get("error"):
            quotes += [one for bound in asked[ticker] for one in _quote(row, where, bound, received_at)]
    return quotes


@dataclass(frozen=True)
class PolygonMinutes(MinuteClient):
    """Asks Polygon for minutes and quotes, on the budget and breaker that its daily bars are on."""

    name: ClassVar[Source] = NAME
    most_quotes: ClassVar[int] = 250
    most_minutes: ClassVar[int] = MOST_AGGREGATES

    @classmethod
    def connect(cls, settings: Settings, *, rates: RateBudget | None = None, timing: Timing | None = None) -> Self:
        """The client by the settings, each request within `bars.timeout_s`."""
        return cls.of(settings, client(settings, fetch=fetch_of_bars(settings), rates=rates, timing=timing))

    def minutes(self, bound: Bound, first: datetime, until: datetime) -> FetchedMinutes:
        """The minutes that open in [first, until), as stated, unadjusted; the running one may be among them."""
        asked = span(bound, first, until)
        # the vendor includes both ends
        window = f"{millis(first)}/{millis(until) - 1}"
        found = pages(
            self.http,
            f"/v2/aggs/ticker/{quote(bound.vendor_id, safe=':')}/range/1/minute/{window}",
            {"adjusted": "false", "sort": "asc", "limit": MOST_AGGREGATES},
            asked,
            lambda body, at: parse_aggregate_minutes(body, bound, at),
        )
        answer = answered(NAME, found)
        check_not_clipped(answer.frame, bound.kind, first, asked)
        return answer

    def quotes(self, bounds: Sequence[Bound]) -> list[Quote]:
        """The last prices of at most 250 instruments; those that Polygon has no price of are left out."""
        if not bounds:
            return []
        found = pages(
            self.http,
            _SNAPSHOT,
            {"ticker.any_of": ",".join(by_vendor_id(bounds)), "limit": self.most_quotes},
            f"{len(bounds)} quote(s)",
            lambda body, at: parse_snapshot(body, bounds, at),
            record=False,
        )
        return [one for page, _ in found for one in page]


def _quote(row: Row, where: str, bound: Bound, received_at: datetime) -> list[Quote]:
    """The quote in an entry of a snapshot, or none."""
    last_quote, session = (json_shape.mapping(NAME, row, f"{where}.{name}") for name in ("last_quote", "session"))
    bid, ask = (_positive(last_quote, f"{where}.last_quote.{name}") for name in ("bid", "ask"))
    price = _traded(row, where) or _quoted(last_quote, bid, ask, where) or _stated(row, session, where)
    if price is None:
        return []
    volume = json_shape.number(NAME, session, f"{where}.session.volume") if bound.kind in WITH_VOLUME else None
    return [Quote(bound.symbol, NAME, *price, received_at, bid=bid, ask=ask, day_volume=volume)]


def _traded(row: Row, where: str) -> _Price | None:
    trade = json_shape.mapping(NAME, row, f"{where}.last_trade")
    price = _positive(trade, f"{where}.last_trade.price")
    if price is None:
        return None
    named = next((name for name in _TRADED_AT if name in trade), None)
    at = _instant(trade, f"{where}.last_trade.{named}") if named else _instant(row, f"{where}.last_updated")
    return _Price(price, at)


def _quoted(last_quote: Row, bid: float | None, ask: float | None, where: str) -> _Price | None:
    if bid is None or ask is None:
        return None
    return _Price((bid + ask) / 2, _instant(last_quote, f"{where}.last_quote.last_updated"))


def _stated(row: Row, session: Row, where: str) -> _Price | None:
    price = _positive(row, f"{where}.value") or _positive(session, f"{where}.session.close")
    return _Price(price, _instant(row, f"{where}.last_updated")) if price is not None else None


def _positive(holder: Row, path: str) -> float | None:
    found = json_shape.number(NAME, holder, path)
    return found if found is not None and found > 0 else None


def _instant(holder: Mapping[str, Any], path: str) -> datetime:
    """The UTC instant at `path`, which counts nanoseconds since 1970."""
    stated: int = json_shape.member(NAME, holder, path, int)
    if not _2000_S <= stated / 1e9 <= _2100_S:
        raise Malformed(NAME, f"{path} must be in nanoseconds since 1970, was {stated}")
    return _EPOCH + timedelta(microseconds=stated // 1000)
