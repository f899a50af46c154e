"""Yahoo's chart endpoint: daily bars with splits and dividends in one answer. Unofficial, no key.

Quirks beyond those of `yahoo_wire` (seen 2020 to 2026, see vendors.md): prices are float32 noise; prices,
volumes and dividends are in today's shares, so splits are reversed here; stamps are session opens; the
live day is an extra last row, stamped with its last trade.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, ClassVar, NamedTuple, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import polars as pl

from market_assets.core.settings import RateBudget
from market_assets.settings import Settings
from resources.http.client import VendorClient
from resources.http.errors import Malformed
from resources.http.transport import Reply, Timing
from resources.vendors import json_shape
from resources.vendors.daily import (
    PARSED,
    PRICES,
    FetchedActions,
    FetchedBars,
    Instrument,
    Listing,
    costs,
    finished,
    finished_actions,
    nothing,
)
from resources.vendors.yahoo_wire import (
    NAME,
    RESULT,
    chart_path,
    chart_result,
    check_asked,
    client,
    is_before_first_bar,
    parse_rows,
    read_body,
)

#: float32 carries about seven digits; the seventh is noise
SIGNIFICANT_DIGITS = 6


class Split(NamedTuple):
    """`new` shares for `old` from the session `ex_date` on."""

    ex_date: date
    old: float
    new: float


class Dividend(NamedTuple):
    """A cash dividend in today's shares, as Yahoo states it."""

    ex_date: date
    amount: float


class Chart(NamedTuple):
    """One answer: bars in today's shares, and the events of the window asked for."""

    #: PARSED, in Yahoo's order; rows with a null price are left out
    bars: pl.DataFrame
    splits: tuple[Split, ...]
    dividends: tuple[Dividend, ...]
    currency: str | None
    #: rows left out because a price is null
    n_null: int


def parse_chart(body: Any, instrument: Instrument, received_at: datetime) -> Chart:
    """Read the JSON of a chart answer. Raises Malformed naming the first offence, NotFound, BadRequest."""
    result, meta = chart_result(body)
    zone = _zone(meta, instrument)
    events = json_shape.mapping(NAME, result, f"{RESULT}.events")
    bars, n_null = _bars(result, instrument, zone, received_at)
    return Chart(
        bars,
        _splits(events, zone),
        _dividends(events, zone),
        json_shape.text(NAME, meta, f"{RESULT}.meta.currency"),
        n_null,
    )


def parse_listing(body: Any) -> Listing:
    """Name and first trading day from the meta part of a chart answer. Yahoo tells no last day."""
    _, meta = chart_result(body)
    first = meta.get("firstTradeDate")
    zone = _zone_of(meta)
    listed_from = None if first is None else _day(first, f"{RESULT}.meta.firstTradeDate", zone)
    names = [json_shape.text(NAME, meta, f"{RESULT}.meta.{name}") for name in ("longName", "shortName")]
    return Listing(names[0] or names[1], listed_from, None)


def unadjusted(bars: pl.DataFrame, splits: Sequence[Split]) -> pl.DataFrame:
    """Bars as they traded: prices times the ratios of all later splits, volume divided by them.

    `splits` must reach to today, because Yahoo's prices do. Rounding to six significant digits comes
    last: 124.80750 x 4 is 499.230, while 124.808 x 4 would be 499.232.
    """
    factor = pl.lit(1.0)
    for split in splits:
        factor = factor * pl.when(pl.col("session_date") < split.ex_date).then(split.new / split.old).otherwise(1.0)
    return (
        bars.with_columns(factor=factor)
        .with_columns((pl.col(name) * pl.col("factor")).round_sig_figs(SIGNIFICANT_DIGITS) for name in PRICES)
        .with_columns(volume=pl.col("volume") / pl.col("factor"))
        .drop("factor")
    )


def as_paid(dividend: Dividend, splits: Sequence[Split]) -> float:
    """The amount per share of its day: 0.265 before a 2-for-1 split was paid as 0.53."""
    factor = 1.0
    for split in splits:
        if split.ex_date > dividend.ex_date:
            factor *= split.new / split.old
    rounded: float = pl.Series([dividend.amount * factor]).round_sig_figs(SIGNIFICANT_DIGITS).item()
    return rounded


@dataclass(frozen=True)
class Yahoo:
    """Asks Yahoo. Every method raises VendorError; nothing is returned from half an answer."""

    http: VendorClient
    #: how rows name their source
    source: str
    vendor_delay_min: int
    name: ClassVar[str] = NAME

    @classmethod
    def connect(cls, settings: Settings, *, rates: RateBudget | None = None, timing: Timing | None = None) -> Self:
        """The client by the settings."""
        http = client(settings, rates=rates, timing=timing)
        return cls(http, settings.source_name(NAME), settings.equities.vendor_delay_min)

    def daily_bars(self, instrument: Instrument, start: date, end: date, *, as_of: datetime) -> FetchedBars:
        """The sessions from `start` to `end` that are listed and due at `as_of`, split adjustment reversed.

        The window asked for reaches from `start` to now: the prices of any day are in today's shares,
        and only events inside the window are told. Rows after `end` are then left out.
        """
        window = instrument.window(start, end, as_of, self.vendor_delay_min)
        if window is None:
            return nothing(f"{NAME}: nothing of {instrument.symbol} {start}..{end} is due, nothing was asked")
        first, last = window
        chart, reply = self._chart(instrument, first, f"{instrument.symbol} {first}..{last}")
        found = finished(
            unadjusted(chart.bars, chart.splits),
            source=self.source,
            price_basis="unadjusted_derived",
            first=first,
            last=last,
        )
        step = f"{NAME}: {chart.n_null} row(s) without prices left out, {len(chart.splits)} split(s) reversed"
        return replace(found, **costs(NAME, found.frame.height, [reply])).traced(step)

    def actions(self, instrument: Instrument) -> FetchedActions:
        """Splits and dividends inside the listing window, dividends converted to amounts as paid."""
        if instrument.asset_class not in {"stock", "etf"}:
            return FetchedActions(trace=(f"{NAME}: {instrument.symbol} has no actions, nothing was asked",))
        chart, reply = self._chart(instrument, instrument.valid_from, f"{instrument.symbol} actions")
        rows = [*map(_split_row, chart.splits), *(_dividend_row(one, chart) for one in chart.dividends)]
        stated = {"symbol": instrument.symbol, "source": self.source, "ingested_at": reply.received_at}
        found = finished_actions([{**row, **stated} for row in rows], instrument)
        return replace(found, **costs(NAME, found.frame.height, [reply]))

    def listing(self, vendor_id: str) -> Listing:
        """Name and first trading day of an id. Raises NotFound with the vendor's answer."""
        found, _ = self.http.get(
            chart_path(vendor_id),
            {"interval": "1d", "range": "5d"},
            read=lambda reply: parse_listing(read_body(reply)),
            context=vendor_id,
        )
        return found

    def _chart(self, instrument: Instrument, first: date, context: str) -> tuple[Chart, Reply]:
        # a day earlier: sessions east of Greenwich begin on the UTC day before
        since = datetime(first.year, first.month, first.day, tzinfo=UTC) - timedelta(days=1)
        return self.http.get(
            chart_path(instrument.id_at(NAME)),
            {
                "interval": "1d",
                "period1": int(since.timestamp()),
                "period2": int(self.http.timing.now().timestamp()),
                "events": "div,splits",
                "includePrePost": "false",
            },
            read=lambda reply: _read_chart(reply, instrument),
            context=context,
        )


def _read_chart(reply: Reply, instrument: Instrument) -> Chart:
    if is_before_first_bar(reply):
        return Chart(pl.DataFrame(schema=PARSED), (), (), None, 0)
    return parse_chart(read_body(reply), instrument, reply.received_at)


def _bars(
    result: Mapping[str, Any], instrument: Instrument, zone: str, received_at: datetime
) -> tuple[pl.DataFrame, int]:
    rows = parse_rows(result).with_columns(
        symbol=pl.lit(instrument.symbol),
        session_date=pl.col("at").dt.convert_time_zone(zone).dt.date(),
        volume=pl.col("volume") if instrument.has_volume else pl.lit(None),
        vwap_vendor=pl.lit(None),
        trade_count=pl.lit(None),
        ingested_at=pl.lit(received_at),
        row_number=pl.int_range(pl.len(), dtype=pl.Int64),
    )
    stated = rows.drop_nulls(PRICES).select(pl.col(name).cast(dtype) for name, dtype in PARSED.items())
    return stated, rows.height - stated.height


def _day(stamp: Any, path: str, zone: str) -> date:
    return json_shape.instant(NAME, stamp, path, "s").astimezone(ZoneInfo(zone)).date()


def _zone(meta: Mapping[str, Any], instrument: Instrument) -> str:
    """The exchange's time zone, once the answer is known to be about this instrument's days."""
    check_asked(meta, instrument.id_at(NAME), "1d")
    return _zone_of(meta)


def _zone_of(meta: Mapping[str, Any]) -> str:
    zone: str = json_shape.member(NAME, meta, f"{RESULT}.meta.exchangeTimezoneName", str)
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError):
        raise Malformed(NAME, f"meta.exchangeTimezoneName must be a time zone, was {zone!r}") from None
    return zone


def _splits(events: Mapping[str, Any], zone: str) -> tuple[Split, ...]:
    where = "events.splits"
    found = [
        Split(
            _event_day(event, f"{where}.{key}.date", zone),
            json_shape.positive(NAME, event, f"{where}.{key}.denominator"),
            json_shape.positive(NAME, event, f"{where}.{key}.numerator"),
        )
        for key, event in json_shape.mapping(NAME, events, where).items()
    ]
    # the same split told twice is one split
    return tuple({split.ex_date: split for split in sorted(found)}.values())


def _dividends(events: Mapping[str, Any], zone: str) -> tuple[Dividend, ...]:
    where = "events.dividends"
    return tuple(
        sorted(
            Dividend(
                _event_day(event, f"{where}.{key}.date", zone),
                float(json_shape.member(NAME, event, f"{where}.{key}.amount", (int, float))),
            )
            for key, event in json_shape.mapping(NAME, events, where).items()
        )
    )


def _event_day(event: Any, path: str, zone: str) -> date:
    return _day(json_shape.member(NAME, event, path, int), path, zone)


def _split_row(split: Split) -> dict[str, Any]:
    return {"ex_date": split.ex_date, "kind": "split", "split_from": split.old, "split_to": split.new}


def _dividend_row(dividend: Dividend, chart: Chart) -> dict[str, Any]:
    return {
        "ex_date": dividend.ex_date,
        "kind": "cash_dividend",
        "amount": as_paid(dividend, chart.splits),
        "amount_basis": "split_adjusted_converted",
        "currency": chart.currency,
    }
