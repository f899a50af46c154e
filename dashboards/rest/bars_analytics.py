"""`/api/analytics`: how recorded signals of minute bars did."""

from collections.abc import Callable
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from dashboards.rest.answers import rows
from dashboards.rest.bars_bodies import AlphasBody, ComplianceBody, OverviewBody, RiskBody
from dashboards.rest.bars_rows import Equity
from dashboards.rest.errors import RESPONSES
from dashboards.rest.requests import AsOf, ServicesOf, Span, SpanOf, cached
from dashboards.services import Services
from market_assets.bars import readers

router = APIRouter(prefix="/api/analytics", tags=["bars"], responses=RESPONSES)

_OUTCOMES, _SIGNALS, _MINUTE = "bars_outcomes", "bars_signals", "bars_minute"
Accepted = Annotated[bool, Query(description="Only outcomes of signals that were accepted")]


@router.get("/overview", response_model=OverviewBody)
def overview(
    *,
    request: Request,
    app: ServicesOf,
    within: SpanOf,
    as_of: AsOf,
    equity: Equity = 1000.0,
    accepted: Accepted = False,
) -> Response:
    """Equity and drawdown of the recorded outcomes, each risking 1 % of the equity it began with."""

    def build() -> dict[str, Any]:
        found = readers.analytics_overview(equity=equity, accepted=accepted, **_within(app, within, as_of))
        return {
            "start_equity": equity,
            "n_outcomes": found.curve.height,
            "metrics": asdict(found.metrics),
            "n_points": found.curve.height,
            "curve": rows(found.curve.tail(app.settings.api.page_rows)),
        }

    return _answer(request, app, within, as_of, build)


@router.get("/alphas", response_model=AlphasBody)
def alphas(*, request: Request, app: ServicesOf, within: SpanOf, as_of: AsOf, accepted: Accepted = False) -> Response:
    """How each alpha did, and its p_win against what came."""

    def build() -> dict[str, Any]:
        asked = _within(app, within, as_of)
        found = readers.analytics_alphas(accepted=accepted, **asked)
        told = readers.reliability(**asked)
        return {"count": found.height, "alphas": rows(found), "reliability": rows(told)}

    return _answer(request, app, within, as_of, build)


@router.get("/risk", response_model=RiskBody)
def risk(
    *,
    request: Request,
    app: ServicesOf,
    within: SpanOf,
    as_of: AsOf,
    equity: Equity = 1000.0,
    accepted: Accepted = False,
    days: Annotated[int, Query(ge=1, le=30, description="Newest stored days that correlations are of")] = 5,
) -> Response:
    """Value at risk and expected shortfall of a day, and how symbols move together."""

    def build() -> dict[str, Any]:
        found = readers.analytics_risk(equity=equity, accepted=accepted, days=days, **_within(app, within, as_of))
        return {**found._asdict(), "correlations": rows(found.correlations)}

    return _answer(request, app, within, as_of, build)


@router.get("/compliance", response_model=ComplianceBody)
def compliance(
    *,
    request: Request,
    app: ServicesOf,
    within: SpanOf,
    as_of: AsOf,
    equity: Equity = 1000.0,
    accepted: Accepted = False,
) -> Response:
    """Which rules of bars.risk the outcomes kept: daily loss, drawdown, days traded, flat before the close."""

    def build() -> dict[str, Any]:
        return {
            "rules": rows(readers.analytics_compliance(equity=equity, accepted=accepted, **_within(app, within, as_of)))
        }

    return _answer(request, app, within, as_of, build)


def _within(app: Services, within: Span, as_of: AsOf) -> dict[str, Any]:
    return {"start": within.start, "end": within.end, "as_of": as_of, "store": app.data.store}


def _answer(
    request: Request, app: Services, within: Span, as_of: AsOf, build: Callable[[], dict[str, Any]]
) -> Response:
    def told() -> dict[str, Any]:
        return {"start": within.start, "end": within.end, **build(), "as_of": as_of}

    return cached(request, app, [_OUTCOMES, _SIGNALS, _MINUTE], app.settings.api.cache_ttl_summary_s, told)
