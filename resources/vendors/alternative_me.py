"""alternative.me: the Fear & Greed index of crypto, one value a day since 2018, no key.

Quirks (seen 2026): one answer brings the whole history, newest first; numbers are text; `timestamp` is the
midnight (UTC) that a value is published at; some days of 2018 do not exist; a failure may be an answer of
status 200 with `metadata.error`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import polars as pl

from market_assets.core.settings import RateBudget
from market_assets.crypto.schemas import CryptoSentiment
from market_assets.settings import Settings
from resources.http import judge
from resources.http.client import VendorClient, connect
from resources.http.errors import EmptyUnexpected, Malformed
from resources.http.transport import Reply, Timing
from resources.vendors import json_shape

NAME = "alternative_me"
PATH = "/fng/"
_WHOLE_NUMBER = re.compile(r"\d{1,12}")
_MOST = 100


def parse(body: Any) -> pl.DataFrame:
    """Columns obs_date, value, label of an answer, one row a day, sorted. Raises Malformed."""
    if not isinstance(body, dict):
        raise Malformed(NAME, f"the body must be an object with data, was {type(body).__name__}")
    said = json_shape.mapping(NAME, body, "metadata").get("error")
    if said:
        raise Malformed(NAME, f"the answer is an error: {str(said)[:200]}")
    json_shape.member(NAME, body, "data", list)
    rows = json_shape.objects(NAME, body, "data")
    seconds = [_whole(row, f"data[{index}].timestamp") for index, row in enumerate(rows)]
    found = pl.DataFrame(
        {
            "obs_date": json_shape.instants(NAME, seconds, lambda index: f"data[{index}].timestamp", "s").dt.date(),
            "value": pl.Series([_index(row, at) for at, row in enumerate(rows)], dtype=pl.Int16),
            "label": pl.Series(
                [json_shape.member(NAME, row, f"data[{at}].value_classification", str) for at, row in enumerate(rows)],
                dtype=pl.String,
            ),
        }
    )
    # newest first: of two values of one day the first is the last word
    return found.unique("obs_date", keep="first", maintain_order=True).sort("obs_date")


@dataclass(frozen=True)
class AlternativeMe:
    """Asks alternative.me. Every method raises VendorError."""

    http: VendorClient
    name: ClassVar[str] = NAME

    @classmethod
    def connect(cls, settings: Settings, *, rates: RateBudget | None = None, timing: Timing | None = None) -> Self:
        """The client by the settings."""
        return cls(
            connect(settings, NAME, rates=rates, budget_setting="crypto.sentiment.budget.per_minute", timing=timing)
        )

    def sentiment(self) -> pl.DataFrame:
        """The whole index, with the columns of CryptoSentiment. Raises EmptyUnexpected for an answer without a day."""

        def read(reply: Reply) -> pl.DataFrame:
            judge.refuse(NAME, reply)
            return parse(json_shape.parse(NAME, reply.body))

        found, reply = self.http.get(PATH, {"limit": 0, "format": "json"}, read=read, context="whole index")
        if found.is_empty():
            raise EmptyUnexpected(
                NAME,
                "no day of the index, although it has had one every day since 2018",
                endpoint=PATH,
                context="whole index",
                advice="Nothing was stored, the old values stay; look at the raw response",
            )
        told = found.with_columns(source=pl.lit(self.http.source), ingested_at=pl.lit(reply.received_at))
        contract = CryptoSentiment.contract()
        return contract.conform(told.cast(contract.schema))


def _index(row: Mapping[str, Any], at: int) -> int:
    found = _whole(row, f"data[{at}].value")
    if found > _MOST:
        raise Malformed(NAME, f"data[{at}].value must be 0 to {_MOST}, was {found}")
    return found


def _whole(row: Mapping[str, Any], path: str) -> int:
    said: str = json_shape.member(NAME, row, path, str)
    if not _WHOLE_NUMBER.fullmatch(said):
        raise Malformed(NAME, f"{path} must be a whole number as text, was {said[:40]!r}")
    return int(said)
