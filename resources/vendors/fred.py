"""FRED, the economic data of the Federal Reserve Bank of St. Louis: daily macro series, by key or as public files.

Quirks (seen 2025 to 2026): a day without a value is ".", in files also nothing; the first column of a file was DATE
and is observation_date; an answer by key does not say which series it is of; every refusal by key, that of the key
included, is an HTTP 400.
"""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, ClassVar, Self

import polars as pl

from market_assets.core.settings import RateBudget
from market_assets.settings import Settings
from resources.http import judge
from resources.http.budget import WindowUse
from resources.http.client import VendorClient, connect
from resources.http.errors import BadRequest, Malformed, NotFound, Unauthorized, VendorError
from resources.http.transport import Reply, Timing
from resources.vendors import json_shape
from resources.vendors.minute import fetch_of_bars
from resources.venues.rows import Rows, show

NAME = "fred"
KEY_VARIABLE = "FRED_API_KEY"
#: `value` is null on a day without one
OBSERVED = pl.Schema({"obs_date": pl.Date(), "value": pl.Float64()})
_BY_KEY, _FILE = "/fred/series/observations", "/graph/fredgraph.csv"
_DATES = ("observation_date", "DATE")


@dataclass(frozen=True)
class FetchedSeries:
    """One series."""

    #: OBSERVED, sorted by day
    frame: pl.DataFrame
    requests: int
    bytes: int
    received_at: datetime


def parse_observations(body: Any, first: date) -> pl.DataFrame:
    """OBSERVED of an answer by key. Raises Malformed, also where it is not all from `first` on."""
    rows = Rows.at(NAME, body, "observations")
    stated = json_shape.day(NAME, body, "observation_start", optional=True)
    if stated not in {None, first}:
        raise Malformed(NAME, f"observation_start must be {first}, as asked, was {stated}")
    if body.get("count", len(rows.rows)) != len(rows.rows):
        raise Malformed(NAME, f"count is {show(body['count'])}, {len(rows.rows)} observations came")
    return _observed(rows, "date", "value")


def parse_file(body: bytes, series_id: str) -> pl.DataFrame:
    """OBSERVED of a file. Raises Malformed, also where it is of another series."""
    lines = list(csv.reader(body.decode("utf-8-sig", "replace").splitlines()))
    head = lines[0] if lines else []
    if len(head) != 2 or head[0] not in _DATES or head[1] != series_id:
        raise Malformed(NAME, f"the head must be {_DATES[0]},{series_id}, was {show(','.join(head))}")
    for number, line in enumerate(lines[1:], 2):
        if len(line) != 2:
            raise Malformed(NAME, f"line {number} must have 2 values, was {show(','.join(line))}")
    return _observed(Rows.of(NAME, [dict(zip(head, line, strict=True)) for line in lines[1:]], "lines"), *head)


@dataclass(frozen=True)
class Fred:
    """Asks FRED. Threads may share it. Every method raises VendorError."""

    http: VendorClient
    #: how rows name their source
    source: str
    name: ClassVar[str] = NAME

    @classmethod
    def connect(cls, settings: Settings, *, rates: RateBudget | None = None, timing: Timing | None = None) -> Self:
        """The client by the settings: of the service with a key, of its public files without one."""
        secret = settings.fred_api_key
        key = secret.get_secret_value() if secret else None
        files = None if key or settings.vendors == "sandbox" else settings.bars.macro.fred.csv_url
        http = connect(
            settings,
            NAME,
            base_url=files,
            key_variable=KEY_VARIABLE if key else None,
            key=key,
            key_query="api_key",
            fetch=fetch_of_bars(settings),
            rates=rates,
            budget_setting="bars.macro.fred.budget",
            timing=timing,
        )
        return cls(http, settings.source_name(NAME))

    def observations(self, series_id: str, first: date) -> FetchedSeries:
        """A series from the day `first` on, as published now; it may have no day yet."""
        context = f"{series_id} from {first}"

        def by_key(reply: Reply) -> pl.DataFrame:
            judge.refuse(NAME, reply, {400: _refusal})
            return parse_observations(json_shape.parse(NAME, reply.body), first)

        def file(reply: Reply) -> pl.DataFrame:
            judge.refuse(NAME, reply)
            return parse_file(reply.body, series_id)

        if self.http.key_variable is not None:
            asked = {"series_id": series_id, "observation_start": str(first), "file_type": "json"}
            found, reply = self.http.get(_BY_KEY, asked, read=by_key, context=context)
        else:
            found, reply = self.http.get(_FILE, {"id": series_id, "cosd": str(first)}, read=file, context=context)
        inside = found.filter(pl.col("obs_date") >= first)
        once = inside.unique("obs_date", keep="last", maintain_order=True).sort("obs_date")
        return FetchedSeries(once, reply.requests, len(reply.body), reply.received_at)

    def budget(self) -> list[WindowUse]:
        """Requests of this minute."""
        return self.http.budget.use()

    def close(self) -> None:
        """Close the connection pool."""
        self.http.close()


def _observed(rows: Rows, day: str, value: str) -> pl.DataFrame:
    # "." is how it says that there is none
    known = Rows.of(
        NAME, [{**row, value: None if row.get(value) == "." else row.get(value)} for row in rows.rows], rows.where
    )
    return pl.DataFrame({"obs_date": _days(rows, day), "value": known.numbers(value)}, schema=OBSERVED)


def _days(rows: Rows, key: str) -> Sequence[date]:
    found = [json_shape.day(NAME, row, f"{rows.where}[{index}].{key}") for index, row in enumerate(rows.rows)]
    return [day for day in found if day is not None]


def _refusal(detail: str) -> VendorError:
    words = detail.lower()
    if "api_key" in words:
        return Unauthorized(
            NAME,
            f"the key in {KEY_VARIABLE} is refused ({detail})",
            advice=f"Set {KEY_VARIABLE} to a valid key, or unset it: files need none",
        )
    if "does not exist" in words:
        return NotFound(NAME, detail, advice="Check bars.macro.series")
    return BadRequest(NAME, detail)
