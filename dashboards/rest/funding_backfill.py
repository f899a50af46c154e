"""`/api/backfill`: what settled history lacks, and backfills of `funding_rates` by hand."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import polars as pl
from fastapi import APIRouter, Body, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from dashboards.rest.answers import json_answer, rows
from dashboards.rest.auth import Writer
from dashboards.rest.errors import RESPONSES, ApiError, ErrorBody
from dashboards.rest.funding_history_bodies import BackfillStarted, VerifyBody
from dashboards.rest.funding_rows import OneExchange, known_contracts, known_exchange, moment
from dashboards.rest.requests import AsOf, ServicesOf, cached, marked
from dashboards.services import Services
from market_assets.core import clock
from market_assets.funding import readers
from market_assets.funding.transforms import completeness
from market_assets.funding.transforms.gaps import gap_days
from resources.fetch_log import FetchLog

if TYPE_CHECKING:
    from dagster import PartitionsDefinition

router = APIRouter(prefix="/api/backfill", tags=["funding"], responses=RESPONSES)

_RATES = "funding_rates"
_TABLES = (_RATES, "funding_contracts", "funding_completeness")
_COLUMNS = ("exchange", "symbol", "native_symbol", "base_asset", "funding_time", "rate_1h", "interval_hours")
_SHOWN = (
    *("exchange", "symbol", "native_symbol", "expected_slots", "hit_slots", "surplus_rows", "completeness_pct"),
    *("completeness_class", "n_unrecoverable", "history_floor"),
)
_DAY = timedelta(days=1)
#: settlements of the last hours may still come by themselves
_SETTLING = timedelta(hours=3)
_MOST_DAYS, _DEFAULT_DAYS = 366, 30
_BAD: dict[int | str, dict[str, Any]] = {
    400: {"model": ErrorBody, "description": "A range that cannot be fetched, or nothing to fetch"}
}


@router.get("/verify", response_model=VerifyBody)
def verify(
    *,
    request: Request,
    app: ServicesOf,
    as_of: AsOf,
    days: Annotated[int | None, Query(ge=1, le=90, description="Days back; funding.window_days by default")] = None,
    exchange: OneExchange = None,
    symbol: Annotated[str | None, Query(max_length=60, description="Only this contract")] = None,
    threshold: Annotated[float, Query(ge=0, le=100, description="Percent that counts as complete")] = 95.0,
) -> Response:
    """How much of the settled history of open contracts is stored, worst first, and what to fetch again."""
    window = days or app.settings.funding.window_days
    name = known_exchange(app, exchange) if exchange is not None else None
    meant = known_contracts(app, symbol, name) if symbol is not None else None

    def build() -> dict[str, Any]:
        found = _completeness(app, window, name, as_of).filter("is_active")
        if meant is not None:
            found = found.join(meant, on=["exchange", "symbol"], how="semi")
        below = found.filter(pl.col("completeness_pct") < threshold)
        worst = found.sort("completeness_pct", "exchange", "symbol", nulls_last=True)
        return {
            "days": window,
            "threshold": threshold,
            "total_contracts": found.height,
            "complete": found.filter(pl.col("completeness_pct") >= threshold).height,
            "below": below.height,
            "unknown": found["completeness_pct"].null_count(),
            "data": [_verified(row) for row in worst.iter_rows(named=True)],
            "repair_candidates": _candidates(below, moment(as_of)),
            "timestamp": clock.now(),
            "as_of": as_of,
        }

    return cached(request, app, _TABLES, app.settings.api.cache_ttl_grid_s, build)


def _completeness(app: Services, window: int, exchange: str | None, as_of: datetime | None) -> pl.DataFrame:
    """FundingCompleteness of the newest day: as stored, or over another window by the same function."""
    store, now = app.data.store, moment(as_of)
    if window == app.settings.funding.window_days:
        stored = readers.completeness(as_of=as_of, store=store)
        return stored if exchange is None else stored.filter(pl.col("exchange") == exchange)
    start = now - (window + 1) * _DAY
    rates = readers.settled(exchange=exchange, start=start, end=now, as_of=as_of, store=store).select(_COLUMNS)
    contracts = app.data.load("funding_contracts", as_of=as_of)
    if exchange is not None:
        contracts = contracts.filter(pl.col("exchange") == exchange)
    floors = FetchLog(app.settings.home).floors()
    first = app.settings.funding.start_date
    return completeness.completeness(
        rates, contracts, floors, days=[now.date()], window_days=window, now=now, start=first
    )


def _verified(row: dict[str, Any]) -> dict[str, Any]:
    gaps = zip(row["gap_starts"], row["gap_ends"], row["gap_slots"], strict=True)
    shown = {name: row[name] for name in _SHOWN}
    return shown | {"gaps": [{"first": first, "last": last, "n": int(n)} for first, last, n in gaps]}


def _candidates(below: pl.DataFrame, now: datetime) -> list[dict[str, Any]]:
    """The partitions of each exchange that lack settlements it still serves."""
    key = pl.concat_str(pl.col("day").dt.strftime("%Y-%m-%d"), "exchange", separator="|")
    lacking = gap_days(below, before=now - _SETTLING).with_columns(partitions=key)
    return rows(lacking.group_by("exchange", maintain_order=True).agg("partitions"))


class StartBackfill(BaseModel):
    """Which days of which exchanges: the newest `days`, or from start_date to end_date (today by default)."""

    model_config = ConfigDict(extra="forbid")

    days: int | None = Field(None, description=f"The newest days, today included; {_DEFAULT_DAYS} by default")
    start_date: date | None = Field(None, description="First day")
    end_date: date | None = Field(None, description="Last day, inclusive")
    exchanges: list[str] | None = Field(None, max_length=100, description="Exchanges in use; all by default")


class RetryBackfill(BaseModel):
    """Which backfill."""

    model_config = ConfigDict(extra="forbid")

    backfill_id: str | None = Field(None, max_length=60, description="The newest one of funding_rates by default")


@router.post("/start", response_model=BackfillStarted, status_code=202, responses=_BAD)
def start(app: ServicesOf, _writer: Writer, asked: Annotated[StartBackfill | None, Body()] = None) -> Response:
    """Hand Dagster a backfill of settled rates. What follows from them is brought up to date by its sensors."""
    wanted = asked or StartBackfill()
    first, last = _span(app, wanted)
    known = [known_exchange(app, name) for name in wanted.exchanges or app.settings.funding.enabled]
    exchanges = list(dict.fromkeys(known))
    if wanted.exchanges == []:
        raise ApiError(400, "bad_request", "exchanges must name one at least; leave it out for all of them")
    _in_use(app, exchanges)
    span = [first + n * _DAY for n in range((last - first).days + 1)]
    keys = [f"{day}|{exchange}" for exchange in exchanges for day in span]
    return _launched(app, keys, "settled funding, asked for by REST")


@router.post("/retry", response_model=BackfillStarted, status_code=202, responses=_BAD)
def retry(app: ServicesOf, _writer: Writer, asked: Annotated[RetryBackfill | None, Body()] = None) -> Response:
    """Hand Dagster a backfill of what an earlier one has left undone: failed, cancelled, or never begun."""
    found = app.orchestrator.unfinished(_RATES, asked.backfill_id if asked else None)
    if found is None:
        raise ApiError(400, "bad_request", f"there is no backfill of {_RATES} to retry; POST /api/backfill/start")
    if found.running:
        raise ApiError(400, "bad_request", f"backfill {found.id} is still running; wait for its end, or cancel it")
    if not found.keys:
        raise ApiError(400, "bad_request", f"backfill {found.id} has stored every partition; there is nothing to retry")
    return _launched(app, found.keys, f"what backfill {found.id} has left undone")


def _span(app: Services, asked: StartBackfill) -> tuple[date, date]:
    """First and last day. Raises ApiError 400 for days that are none, or that Dagster has no partition for."""
    first_of_all, today = app.settings.funding.start_date, clock.today()
    if asked.start_date is None:
        if asked.end_date is not None:
            raise ApiError(400, "bad_request", "end_date needs a start_date; leave both out for the newest days")
        days = _DEFAULT_DAYS if asked.days is None else asked.days
        if not 1 <= days <= _MOST_DAYS:
            raise ApiError(400, "bad_request", f"days must be from 1 to {_MOST_DAYS}; was {days}")
        return max(first_of_all, today - (days - 1) * _DAY), today
    if asked.days is not None:
        raise ApiError(400, "bad_request", "a range is either days, or start_date with end_date; both were given")
    first, last = asked.start_date, asked.end_date or today
    if not first_of_all <= first <= last <= today:
        raise ApiError(
            400,
            "bad_request",
            f"days go from {first_of_all} (funding.start_date) to {today}, the first not after the last; "
            f"were {first} to {last}",
        )
    if (last - first).days >= _MOST_DAYS:
        raise ApiError(
            400, "bad_request", f"a backfill has at most {_MOST_DAYS} days; were {first} to {last}. Ask year by year"
        )
    return first, last


def _in_use(app: Services, exchanges: Sequence[str]) -> None:
    """Raise ApiError 400 for an exchange that is not asked any more."""
    enabled = app.settings.funding.enabled
    closed = [name for name in exchanges if name not in enabled]
    if closed:
        raise ApiError(
            400,
            "bad_request",
            f"exchanges are some of {', '.join(enabled)} (funding.exchanges); was {', '.join(closed)}",
        )


def _launched(app: Services, keys: Sequence[str], title: str) -> Response:
    days, exchanges = zip(*(key.split("|") for key in keys), strict=True)
    first, last = min(days), max(days)
    backfill_id = app.orchestrator.launch(_RATES, _cut, keys, title)
    body = {
        "status": "success",
        "message": f"Dagster has taken {len(keys)} partitions; its daemon works them off. GET /api/backfill/status",
        "backfill_id": backfill_id,
        "partitions": len(keys),
        "first_day": first,
        "last_day": last,
        "exchanges": list(dict.fromkeys(exchanges)),
        "limited": _limited(app, set(exchanges), date.fromisoformat(first)),
    }
    return json_answer(marked(app, body), 202)


def _cut() -> "PartitionsDefinition":
    """How funding_rates is cut. Read here and not before: it takes importing Dagster."""
    from market_assets.funding.partitions import EXCHANGE_DAY

    return EXCHANGE_DAY


def _limited(app: Services, exchanges: set[str], first: date) -> list[str]:
    """What cannot be had of the days asked for, exchange by exchange."""
    found = []
    for state in readers.exchange_states(store=app.data.store).iter_rows(named=True):
        name, memory = state["exchange"], state["memory_days"]
        if name not in exchanges:
            continue
        if state["forward_only"]:
            found.append(f"{name} serves its newest settlements only")
        elif memory is not None and first < clock.today() - timedelta(days=memory):
            found.append(f"{name} keeps {memory:.0f} days")
    return found
