"""Yahoo's chart endpoint: daily bars with splits and dividends in one answer. Unofficial, no key.

Quirks (seen 2020 to 2026, see vendors.md): prices are float32 noise in parallel arrays with nulls;
prices, volumes and dividends are in today's shares, so splits are reversed here; stamps are session
opens; the live day is an extra last row, stamped with its last trade; a window without bars has no
`timestamp`; one before the first bar is HTTP 400; 429 is text, per address, and curl's User-Agent
gets it at once.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, ClassVar, NamedTuple, Self
from urllib.parse import quote
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import polars as pl

from market_assets.core.settings import RateBudget
from market_assets.settings import Settings
from resources.http import judge
from resources.http.client import VendorClient, connect
from resources.http.errors import BadRequest, Malformed, NotFound
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

NAME = "yahoo"
#: float32 carries about seven digits; the seventh is noise
SIGNIFICANT_DIGITS = 6
_BEFORE_FIRST_BAR = "Data doesn't exist for startDate"
_RESULT, _QUOTE = "chart.result[0]", "chart.result[0].indicators.quote[0]"


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
    result, meta = _result(body)
    zone = _zone(meta, instrument)
    events = json_shape.mapping(NAME, result, f"{_RESULT}.events")
    bars, n_null = _bars(result, instrument, zone, received_at)
    return Chart(
        bars,
        _splits(events, zone),
        _dividends(events, zone),
        json_shape.text(NAME, meta, f"{_RESULT}.meta.currency"),
        n_null,
    )


def parse_listing(body: Any) -> Listing:
    """Name and first trading day from the meta part of a chart answer. Yahoo tells no last day."""
    _, meta = _result(body)
    first = meta.get("firstTradeDate")
    zone = _zone_of(meta)
    listed_from = None if first is None else _day(first, f"{_RESULT}.meta.firstTradeDate", zone)
    names = [json_shape.text(NAME, meta, f"{_RESULT}.meta.{name}") for name in ("longName", "shortName")]
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
        headers = {"User-Agent": settings.yahoo.user_agent}
        http = connect(settings, NAME, headers=headers, rates=rates, timing=timing)
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
            f"/v8/finance/chart/{quote(vendor_id, safe='')}",
            {"interval": "1d", "range": "5d"},
            read=lambda reply: parse_listing(_json(reply)),
            context=vendor_id,
        )
        return found

    def _chart(self, instrument: Instrument, first: date, context: str) -> tuple[Chart, Reply]:
        # a day earlier: sessions east of Greenwich begin on the UTC day before
        since = datetime(first.year, first.month, first.day, tzinfo=UTC) - timedelta(days=1)
        return self.http.get(
            f"/v8/finance/chart/{quote(instrument.id_at(NAME), safe='')}",
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
    if reply.status == 400 and _BEFORE_FIRST_BAR in judge.words(reply.body):
        return Chart(pl.DataFrame(schema=PARSED), (), (), None, 0)
    return parse_chart(_json(reply), instrument, reply.received_at)


def _result(body: Any) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """The one result of a chart answer, and its meta part."""
    chart = json_shape.member(NAME, body, "chart", dict)
    if chart.get("error"):
        raise _refusal(chart["error"])
    results = json_shape.member(NAME, chart, "chart.result", list)
    if len(results) != 1:
        raise Malformed(NAME, f"chart.result must have one entry, has {len(results)}")
    return results[0], json_shape.member(NAME, results[0], f"{_RESULT}.meta", dict)


def _json(reply: Reply) -> Any:
    judge.refuse(NAME, reply)
    return json_shape.parse(NAME, reply.body)


def _bars(
    result: Mapping[str, Any], instrument: Instrument, zone: str, received_at: datetime
) -> tuple[pl.DataFrame, int]:
    stamps = json_shape.listing(NAME, result, f"{_RESULT}.timestamp")
    indicators = json_shape.member(NAME, result, f"{_RESULT}.indicators", dict)
    quotes = json_shape.member(NAME, indicators, f"{_RESULT}.indicators.quote", list)
    arrays = json_shape.mapping(NAME, {"quote[0]": quotes[0] if quotes else None}, _QUOTE)
    if not stamps and not any(arrays.values()):
        return pl.DataFrame(schema=PARSED), 0
    columns: dict[str, pl.Series] = {}
    for name in (*PRICES, "volume"):
        values = json_shape.member(NAME, arrays, f"{_QUOTE}.{name}", list)
        if len(values) != len(stamps):
            raise Malformed(NAME, f"{_QUOTE}.{name} must have one value per timestamp: {len(values)} for {len(stamps)}")
        columns[name] = json_shape.number_series(NAME, values, _place(f"{_QUOTE}.{name}"), name)
    rows = pl.DataFrame(
        {"at": json_shape.instants(NAME, stamps, _place(f"{_RESULT}.timestamp"), "s"), **columns}
    ).with_columns(
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


def _place(where: str) -> Callable[[int], str]:
    return lambda index: f"{where}[{index}]"


def _day(stamp: Any, path: str, zone: str) -> date:
    return json_shape.instant(NAME, stamp, path, "s").astimezone(ZoneInfo(zone)).date()


def _zone(meta: Mapping[str, Any], instrument: Instrument) -> str:
    """The exchange's time zone, once the answer is known to be about this instrument's days."""
    said = str(json_shape.member(NAME, meta, f"{_RESULT}.meta.symbol", str))
    if said.casefold() != instrument.id_at(NAME).casefold():
        raise Malformed(NAME, f"meta.symbol must be {instrument.id_at(NAME)!r}, as asked, was {said!r}")
    if meta.get("dataGranularity", "1d") != "1d":
        raise Malformed(NAME, f"meta.dataGranularity must be '1d', as asked, was {meta['dataGranularity']!r}")
    return _zone_of(meta)


def _zone_of(meta: Mapping[str, Any]) -> str:
    zone: str = json_shape.member(NAME, meta, f"{_RESULT}.meta.exchangeTimezoneName", str)
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


def _refusal(error: Any) -> NotFound | BadRequest:
    said = f"{error.get('code')}: {error.get('description')}" if isinstance(error, dict) else str(error)
    return NotFound(NAME, said) if said.startswith("Not Found") else BadRequest(NAME, said)
