"""Yahoo's minute bars (chart) and last prices (spark, up to 20 symbols a request). Unofficial, no key.

Quirks beyond those of `yahoo_wire` (seen 2020 to 2026, see vendors.md): minutes of the last 30 days only, 7 days a
request; the last row may be a live quote off the grid; prices are float32; currencies and indices have a volume of
0; spark leaves out what it does not know, and answers 404 where it knows none of the symbols.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, ClassVar, Self

import orjson
import polars as pl

from market_assets.bars.instruments import WITH_VOLUME, Bound, Source
from market_assets.core.settings import RateBudget
from market_assets.settings import Settings
from resources.http.errors import BadRequest, Malformed, NotEntitled, VendorError
from resources.http.transport import Reply, Timing
from resources.vendors import json_shape
from resources.vendors.minute import (
    MINUTES,
    PRICES,
    FetchedMinutes,
    MinuteClient,
    Quote,
    answered,
    by_vendor_id,
    fetch_of_bars,
    span,
)
from resources.vendors.yahoo_wire import (
    NAME,
    chart_path,
    chart_result,
    check_asked,
    client,
    is_before_first_bar,
    parse_rows,
    read_body,
    refusal,
)
from resources.venues.wire import seconds

HISTORY = timedelta(days=30)
_SPARK = "/v7/finance/spark"
_BEYOND_HISTORY = "within the last"
_ELSEWHERE = "Another source has to serve it: Yahoo keeps minutes of the last 30 days only"


def parse_chart_minutes(body: Any, bound: Bound, received_at: datetime) -> pl.DataFrame:
    """MINUTES of the JSON of a chart answer; rows without any price are left out.

    Raises Malformed naming the first offence, NotFound, BadRequest.
    """
    result, meta = chart_result(body)
    check_asked(meta, bound.vendor_id, "1m")
    rows = parse_rows(result).with_columns(
        ts=pl.col("at"),
        **{name: denoised(name) for name in PRICES},
        volume=pl.col("volume") if bound.kind in WITH_VOLUME else pl.lit(None),
        trade_count=pl.lit(None),
        ingested_at=pl.lit(received_at),
    )
    priced = rows.filter(pl.any_horizontal(pl.col(name).is_not_null() for name in PRICES))
    return priced.select(pl.col(name).cast(dtype) for name, dtype in MINUTES.items())


def denoised(name: str) -> pl.Expr:
    """The shortest decimal that is the same float32: 129.0399932861328 is 129.04, 104123.453125 is 104123.45.

    Rounding to so many digits instead would cut what large prices have, or keep the noise of small ones. A number
    that is no float32 was none at Yahoo either, and stays.
    """
    single = pl.col(name).cast(pl.Float32)
    shortest = single.cast(pl.String).cast(pl.Float64)
    return pl.when(single.cast(pl.Float64) == pl.col(name)).then(shortest).otherwise(pl.col(name))


def parse_spark(body: Any, bounds: Sequence[Bound], received_at: datetime) -> list[Quote]:
    """The quotes in the JSON of a spark answer; a symbol that has no price is left out. Raises Malformed."""
    spark = json_shape.member(NAME, body, "spark", dict)
    if spark.get("error"):
        raise refusal(spark["error"])
    asked = {vendor_id.casefold(): of for vendor_id, of in by_vendor_id(bounds).items()}
    quotes = []
    for index, entry in enumerate(json_shape.listing(NAME, spark, "spark.result")):
        where = f"spark.result[{index}]"
        said = str(json_shape.member(NAME, entry, f"{where}.symbol", str))
        if said.casefold() not in asked:
            raise Malformed(NAME, f"{where}.symbol must be one of {', '.join(asked)}, as asked, was {said!r}")
        answers = json_shape.member(NAME, entry, f"{where}.response", list)
        if len(answers) != 1:
            raise Malformed(NAME, f"{where}.response must have one entry, has {len(answers)}")
        meta = json_shape.member(NAME, answers[0], f"{where}.response[0].meta", dict)
        named = json_shape.text(NAME, meta, f"{where}.response[0].meta.symbol") or said
        if named.casefold() != said.casefold():
            raise Malformed(NAME, f"{where}.response[0].meta.symbol must be {said!r}, was {named!r}")
        for bound in asked[said.casefold()]:
            quotes += _quote(meta, f"{where}.response[0].meta", bound, received_at)
    return quotes


@dataclass(frozen=True)
class YahooMinutes(MinuteClient):
    """Asks Yahoo for minutes and quotes, on the budget and breaker that its daily bars are on."""

    name: ClassVar[Source] = NAME
    most_quotes: ClassVar[int] = 20
    most_minutes: ClassVar[int] = 7 * 24 * 60

    @classmethod
    def connect(cls, settings: Settings, *, rates: RateBudget | None = None, timing: Timing | None = None) -> Self:
        """The client by the settings, each request within `bars.timeout_s`."""
        return cls.of(settings, client(settings, fetch=fetch_of_bars(settings), rates=rates, timing=timing))

    def minutes(self, bound: Bound, first: datetime, until: datetime) -> FetchedMinutes:
        """The minutes that open in [first, until), as stated; the running one may be among them.

        Raises NotEntitled, before anything is sent, where the window begins before Yahoo's 30 days.
        """
        path, asked = chart_path(bound.vendor_id), span(bound, first, until)
        oldest = self.http.timing.now() - HISTORY
        if first < oldest:
            raise NotEntitled(
                NAME,
                f"minutes are served from {oldest:%F %H:%M}Z on; nothing was sent",
                endpoint=path,
                context=asked,
                advice=_ELSEWHERE,
            )
        page = self.http.get(
            path,
            {
                "interval": "1m",
                "period1": seconds(first),
                "period2": seconds(until),
                "includePrePost": "false",
            },
            read=lambda reply: _read_minutes(reply, bound),
            context=asked,
        )
        return answered(NAME, [page])

    def quotes(self, bounds: Sequence[Bound]) -> list[Quote]:
        """The last prices of at most 20 instruments; those that Yahoo has no price of are left out."""
        if not bounds:
            return []
        found, _ = self.http.get(
            _SPARK,
            # the price is in the meta part: minutes of the whole day beside it would be half a megabyte
            {"symbols": ",".join(by_vendor_id(bounds)), "range": "1d", "interval": "1d"},
            read=lambda reply: _read_quotes(reply, bounds),
            context=f"{len(bounds)} quote(s)",
            record=False,
        )
        return found


def _read_minutes(reply: Reply, bound: Bound) -> pl.DataFrame:
    if is_before_first_bar(reply):
        return pl.DataFrame(schema=MINUTES)
    return parse_chart_minutes(read_body(reply, {422: _beyond}), bound, reply.received_at)


def _read_quotes(reply: Reply, bounds: Sequence[Bound]) -> list[Quote]:
    if reply.status == 404 and _knows_none(reply.body):
        return []
    return parse_spark(read_body(reply), bounds, reply.received_at)


def _knows_none(body: bytes) -> bool:
    """Whether a 404 is spark's own, with its result of null, and not that of a route that is gone."""
    try:
        said = orjson.loads(body)
    except orjson.JSONDecodeError:
        return False
    return isinstance(said, dict) and isinstance(said.get("spark"), dict) and not said["spark"].get("result")


def _beyond(detail: str) -> VendorError:
    """422 means a window too long, or one that begins too early by Yahoo's clock."""
    if _BEYOND_HISTORY in detail:
        return NotEntitled(NAME, detail, advice=_ELSEWHERE)
    return BadRequest(NAME, detail)


def _quote(meta: Any, where: str, bound: Bound, received_at: datetime) -> list[Quote]:
    price = json_shape.number(NAME, meta, f"{where}.regularMarketPrice")
    volume = json_shape.number(NAME, meta, f"{where}.regularMarketVolume")
    if price is None or not price > 0:
        return []
    at = json_shape.instant(NAME, meta.get("regularMarketTime"), f"{where}.regularMarketTime", "s")
    measured = volume if bound.kind in WITH_VOLUME else None
    return [Quote(bound.symbol, NAME, price, at, received_at, day_volume=measured)]
