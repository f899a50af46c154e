"""Polygon, called Massive since 2025-10: daily aggregates, the whole market's day, splits, dividends, tickers.

Quirks beyond those of `polygon_wire` (seen 2022 to 2026, see vendors.md): `t` is the start of a day's
window, in grouped answers its end; indices count days in Chicago and have no volume; a window that
begins before the plan's history is cut off silently.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any, ClassVar, Self
from urllib.parse import quote

import polars as pl

from market_assets.core.settings import RateBudget
from market_assets.settings import Settings
from resources.http.client import VendorClient
from resources.http.errors import Malformed
from resources.http.transport import Timing
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
from resources.vendors.polygon_wire import (
    MOST_AGGREGATES,
    NAME,
    Row,
    check_asked,
    check_basis,
    client,
    pages,
    read_body,
)

MOST_REFERENCE = 1000
_ZONES = {"stock": "America/New_York", "etf": "America/New_York", "index": "America/Chicago", "crypto": "UTC"}


def parse_aggregates(
    body: Row, instrument: Instrument, received_at: datetime, *, adjusted: bool = False
) -> pl.DataFrame:
    """Rows of PARSED from one page of aggregates. `adjusted` is what was asked for."""
    check_asked(body, instrument.id_at(NAME), adjusted=adjusted)
    return _bars(json_shape.objects(NAME, body, "results"), [instrument.symbol], instrument, received_at)


def parse_grouped(
    body: Row, day: date, instruments: Sequence[Instrument], received_at: datetime, *, adjusted: bool = False
) -> pl.DataFrame:
    """Rows of PARSED for those `instruments` that a whole market's answer has. Raises Malformed on another day's."""
    check_basis(body, adjusted)
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
        http = client(settings, rates=rates, timing=timing)
        return cls(http, settings.source_name(NAME), settings.equities.vendor_delay_min)

    def daily_bars(self, instrument: Instrument, start: date, end: date, *, as_of: datetime) -> FetchedBars:
        """The unadjusted sessions from `start` to `end` that are listed and due at `as_of`."""
        window = instrument.window(start, end, as_of, self.vendor_delay_min)
        if window is None:
            return nothing(f"{NAME}: nothing of {instrument.symbol} {start}..{end} is due, nothing was asked")
        first, last = window
        ticker = quote(instrument.id_at(NAME), safe=":")
        answers = pages(
            self.http,
            f"/v2/aggs/ticker/{ticker}/range/1/day/{first}/{last}",
            {"adjusted": "false", "sort": "asc", "limit": MOST_AGGREGATES},
            f"{instrument.symbol} {first}..{last}",
            lambda body, at: parse_aggregates(body, instrument, at),
        )
        rows = pl.concat(page for page, _ in answers).with_columns(row_number=pl.int_range(pl.len(), dtype=pl.Int64))
        if rows.height and not rows["session_date"].is_between(first, last).any():
            found_first, found_last = rows.select(a=pl.col("session_date").min(), b=pl.col("session_date").max()).row(0)
            raise Malformed(
                NAME,
                f"asked for {first}..{last}, the answer covers {found_first}..{found_last}",
                context=instrument.symbol,
            )
        found = finished(rows, source=self.source, price_basis="unadjusted", first=first, last=last)
        return replace(found, **costs(NAME, found.frame.height, [reply for _, reply in answers]))

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
        answers = pages(
            self.http,
            f"/v3/reference/{kind}",
            {"ticker": instrument.id_at(NAME), "limit": MOST_REFERENCE},
            f"{instrument.symbol} {kind}",
            lambda body, at: [{**row, "source": self.source, "ingested_at": at} for row in parse(body, instrument)],
        )
        rows = [row for page, _ in answers for row in page]
        replies = [reply for _, reply in answers]
        return replace(finished_actions(rows, instrument), **costs(NAME, len(rows), replies))


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
