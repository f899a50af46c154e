"""Glassnode: hourly series of Bitcoin, and what the vendor says of a metric.

Quirks (seen 2026, see vendors.md): no pages, one request brings any range; `t` is the start of the
hour, `u` the exclusive end; `v` is null or absent where there is nothing, and 0 is a measured zero;
an answer is a bare list or holds one as `data`; the unit of liquidations is that of `c`, which may be
left out and then is BTC; refusals are JSON or plain text; a 429 tells the wait in
`x-rate-limit-reset`, not in Retry-After. The key travels in a header of its own, never in the URL.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, Self
from urllib.parse import quote

import polars as pl

from market_assets.btc.settings import EndpointSettings, GlassnodeSettings
from market_assets.core.settings import FetchSettings, RateBudget
from market_assets.settings import Settings
from resources.http import judge, redact
from resources.http.client import VendorClient, connect
from resources.http.errors import Malformed, NotEntitled, NotFound, RateLimited, Unauthorized, VendorError
from resources.http.retry import retry_after
from resources.http.transport import Reply, Timing
from resources.vendors import json_shape

NAME = "glassnode"
KEY_VARIABLE = "GLASSNODE_API_KEY"
KEY_HEADER = "X-Api-Key"
ASSET, RESOLUTION = "BTC", "1h"
#: column -> member of `o` in an answer of several values
OHLC = {"open": "o", "high": "h", "low": "l", "close": "c"}
_METRICS, _METADATA = "/v1/metrics/", "/v1/metadata/metric"
#: a longer wait is no number of seconds until a window resets
_LONGEST_RESET_S = 86_400
_SHOWN = 80

Row = Mapping[str, Any]


@dataclass(frozen=True)
class RequestFacts:
    """What one request asked and what became of it."""

    endpoint: str
    #: the range asked for: from `start`, before `until`
    start: datetime
    until: datetime
    #: hours kept
    rows: int
    #: of them, hours with a value missing
    nulls: int
    #: entries that a later one of the same hour replaced
    duplicates: int
    #: entries left out because they are not on the hour
    off_hour: int
    #: entries left out because they lie outside the range
    outside: int
    #: with all waits and retries
    duration_ms: int
    status: int
    #: requests the vendor counts, retries included
    credits: int
    received_at: datetime

    def metadata(self) -> dict[str, Any]:
        """The facts as JSON."""
        counts = {name: getattr(self, name) for name in ("rows", "nulls", "duplicates", "off_hour", "outside")}
        return {
            "endpoint": self.endpoint,
            "range": _range(self.start, self.until),
            **counts,
            "duration_ms": self.duration_ms,
            "status": self.status,
            "credits": self.credits,
        }


@dataclass(frozen=True)
class FetchedPoints:
    """One answer: `ts` (start of the hour, unique, sorted), the values, `row_number` (position in the answer)."""

    frame: pl.DataFrame
    facts: RequestFacts


def parse_points(body: Any) -> pl.DataFrame:
    """Columns ts, v, row_number of an answer of single values. Raises Malformed."""
    rows = _entries(body, "v")
    return _frame(rows, {"v": json_shape.numbers(NAME, rows, "v", "", optional=True)})


def parse_ohlc(body: Any) -> pl.DataFrame:
    """Columns ts, open, high, low, close, row_number of an answer of several values. Raises Malformed."""
    rows = _entries(body, "o")
    values = [json_shape.mapping(NAME, row, f"[{index}].o") for index, row in enumerate(rows)]
    return _frame(rows, {name: json_shape.numbers(NAME, values, key, "o", optional=True) for name, key in OHLC.items()})


def point_in_time_variant(described: Row) -> str | None:
    """Path of the variant of a metric that is never revised, by its metadata; None where there is none."""
    refs = json_shape.mapping(NAME, described, "refs")
    return json_shape.text(NAME, json_shape.mapping(NAME, refs, "refs.metric_variant"), "refs.metric_variant.pit")


@dataclass(frozen=True)
class Glassnode:
    """Asks Glassnode. Every method raises VendorError; nothing is returned from half an answer."""

    http: VendorClient
    #: as configured: a refusal names the setting it concerns
    endpoints: EndpointSettings
    name: ClassVar[str] = NAME

    @classmethod
    def connect(cls, settings: Settings, *, rates: RateBudget | None = None, timing: Timing | None = None) -> Self:
        """The client by the settings. A missing key is told by the first request, before it is sent.

        Live requests start at least 60 s / `requests_per_minute` apart; the sandbox has neither budget
        nor spacing unless `rates` gives one.
        """
        secret = settings.glassnode_api_key
        http = connect(
            settings,
            NAME,
            key_variable=KEY_VARIABLE,
            key=secret.get_secret_value() if secret else None,
            key_header=KEY_HEADER,
            key_advice="or use the sandbox (vendors: sandbox)",
            fetch=_rules(settings.fetch, settings.btc.glassnode),
            rates=rates,
            spaced=True,
            budget_setting="btc.glassnode.requests_per_minute or requests_per_day",
            timing=timing,
        )
        return cls(http, settings.btc.glassnode.endpoints)

    def points(self, endpoint: str, start: datetime, until: datetime, *, currency: str | None = None) -> FetchedPoints:
        """Hourly values `v` from `start` before `until`; `currency` (`native`: BTC, `usd`) where a metric has both."""
        return self._fetch(endpoint, start, until, {"c": currency} if currency else {}, parse_points)

    def ohlc(self, endpoint: str, start: datetime, until: datetime) -> FetchedPoints:
        """Hourly open, high, low, close from `start` before `until`."""
        return self._fetch(endpoint, start, until, {}, parse_ohlc)

    def metric(self, path: str) -> dict[str, Any]:
        """What the vendor says of a metric: tier, parameters, refs. Raises NotFound for one it does not know."""
        named = path.strip("/")

        def read(reply: Reply) -> dict[str, Any]:
            found = self._body(reply, named)
            if not isinstance(found, dict):
                raise Malformed(NAME, f"the body must be an object, was {_kind(found)}")
            return found

        described, _ = self.http.get(_METADATA, {"path": f"/{named}"}, read=read, context=named)
        return described

    def _fetch(
        self,
        endpoint: str,
        start: datetime,
        until: datetime,
        extra: Mapping[str, str],
        parse: Callable[[Any], pl.DataFrame],
    ) -> FetchedPoints:
        named = endpoint.strip("/")
        asked: dict[str, str | int] = {"a": ASSET, "i": RESOLUTION}
        asked |= {"s": int(start.timestamp()), "u": int(until.timestamp())}
        asked |= {"f": "json", "timestamp_format": "unix", **extra}
        began = self.http.timing.monotonic()
        found, reply = self.http.get(
            f"{_METRICS}{quote(named, safe='/')}",
            asked,
            read=lambda reply: parse(self._body(reply, named)),
            context=f"{ASSET} {RESOLUTION} {_range(start, until)}",
        )
        duration_ms = round((self.http.timing.monotonic() - began) * 1000)
        inside = found.filter((pl.col("ts") >= start) & (pl.col("ts") < until))
        on_hour = inside.filter(pl.col("ts") == pl.col("ts").dt.truncate("1h"))
        kept = on_hour.unique("ts", keep="last", maintain_order=True).sort("ts")
        facts = RequestFacts(
            endpoint=named,
            start=start,
            until=until,
            rows=kept.height,
            nulls=int(kept.select(pl.any_horizontal(pl.all().is_null()).sum()).item()),
            duplicates=on_hour.height - kept.height,
            off_hour=inside.height - on_hour.height,
            outside=found.height - inside.height,
            duration_ms=duration_ms,
            status=reply.status,
            credits=reply.requests,
            received_at=reply.received_at,
        )
        return FetchedPoints(kept, facts)

    def _body(self, reply: Reply, endpoint: str) -> Any:
        """The JSON value of an answer that is a success. Raises what anything else means."""
        judge.refuse(
            NAME,
            reply,
            {
                401: _bad_key,
                403: _not_entitled,
                404: lambda detail: self._unknown(detail, endpoint),
                429: lambda detail: RateLimited(NAME, detail, retry_after_s=_reset(reply)),
            },
        )
        return json_shape.parse(NAME, reply.body)

    def _unknown(self, detail: str, endpoint: str) -> VendorError:
        configured = self.endpoints.model_dump()
        names = [name for name, path in configured.items() if path.strip("/") == endpoint]
        setting = " and ".join(f"btc.glassnode.endpoints.{name}" for name in names) or "btc.glassnode.endpoints"
        return NotFound(NAME, f"the vendor has no metric {endpoint} ({detail})", advice=f"Correct {setting}")


def _rules(common: FetchSettings, own: GlassnodeSettings) -> FetchSettings:
    """The rules of asking: more attempts and longer answers than other vendors', each request with its full time."""
    return common.model_copy(
        update={
            "attempts": own.max_attempts,
            "first_wait_s": own.first_wait_s,
            "timeout_s": own.timeout_s,
            "deadline_s": own.max_attempts * (own.timeout_s + common.max_wait_s),
        }
    )


def _entries(body: Any, value: str) -> Sequence[Row]:
    """The list of {t, `value`}, bare or under `data`. Raises Malformed where an entry holds something else."""
    rows = body.get("data") if isinstance(body, dict) else body
    if not isinstance(rows, list):
        raise Malformed(NAME, f"the body must be a list of t and {value}, or hold one as data; was {_kind(body)}")
    for index, row in enumerate(rows):
        if not isinstance(row, dict):
            raise Malformed(NAME, f"[{index}] must be an object, was {_kind(row)}")
        # an hour without a value has its time alone: with other members it is another kind of answer
        if value not in row and len(row) > 1:
            raise Malformed(NAME, f"[{index}].{value} is missing; present: {', '.join(map(str, row))}")
    return rows


def _frame(rows: Sequence[Row], columns: Mapping[str, pl.Series]) -> pl.DataFrame:
    at = json_shape.instants(NAME, [row.get("t") for row in rows], lambda index: f"[{index}].t", "s")
    return pl.DataFrame({"ts": at.dt.cast_time_unit("us"), **columns}).with_columns(
        row_number=pl.int_range(pl.len(), dtype=pl.Int64)
    )


def _reset(reply: Reply) -> float | None:
    """Seconds the vendor asks us to wait: Retry-After, else until its window resets."""
    stated = retry_after(reply.headers.get("retry-after"), reply.received_at)
    if stated is not None:
        return stated
    seconds = retry_after(reply.headers.get("x-rate-limit-reset"), reply.received_at)
    return seconds if seconds is not None and seconds <= _LONGEST_RESET_S else None


def _bad_key(detail: str) -> VendorError:
    return Unauthorized.of_key(NAME, KEY_VARIABLE, detail)


def _not_entitled(detail: str) -> VendorError:
    return NotEntitled(
        NAME,
        f"the plan does not include what was asked ({detail})",
        advice=f"Nothing was stored, no retry was made; the btc domain needs resolution {RESOLUTION}: upgrade the plan",
    )


def _range(start: datetime, until: datetime) -> str:
    return f"{start:%Y-%m-%dT%H:%MZ}..{until:%Y-%m-%dT%H:%MZ}"


def _kind(value: Any) -> str:
    shown = redact.text(repr(value))
    return f"{type(value).__name__} {shown[:_SHOWN]}" + ("..." if len(shown) > _SHOWN else "")
