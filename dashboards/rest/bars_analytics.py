"""`/api/analytics`: how recorded signals of minute bars did."""

from collections.abc import Callable
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response

from dashboards.rest.answers import rows
from dashboards.rest.bars_bodies import AlphasBody, ComplianceBody, OverviewBody, RiskBody
from dashboards.rest.bars_rows import Equity
from dashboards.rest.errors import RESPONSES
from dashboards.rest.requests import AsOf, ServicesOf, SpanOf, cached
from market_assets.bars import readers

router = APIRouter(prefix="/api/analytics", tags=["bars"], responses=RESPONSES)

_OUTCOMES, _SIGNALS, _MINUTE = "bars_outcomes", "bars_signals", "bars_minute"


class Asked:
    """Which outcomes are asked for, and the answer about them."""

    def __init__(
        self,
        *,
        request: Request,
        app: ServicesOf,
        within: SpanOf,
        as_of: AsOf,
        accepted: Annotated[bool, Query(description="Only outcomes of signals that were accepted")] = False,
    ) -> None:
        self.request, self.app, self.within, self.as_of, self.accepted = request, app, within, as_of, accepted

    @property
    def when(self) -> dict[str, Any]:
        """How the readers are asked."""
        return {"start": self.within.start, "end": self.within.end, "as_of": self.as_of, "store": self.app.data.store}

    def answer(self, build: Callable[[], dict[str, Any]]) -> Response:
        """What `build` gives, with the time it is of; kept while nothing was published."""

        def told() -> dict[str, Any]:
            return {"start": self.within.start, "end": self.within.end, **build(), "as_of": self.as_of}

        kept_s = self.app.settings.api.cache_ttl_summary_s
        return cached(self.request, self.app, [_OUTCOMES, _SIGNALS, _MINUTE], kept_s, told)


AskedOf = Annotated[Asked, Depends()]


@router.get("/overview", response_model=OverviewBody)
def overview(asked: AskedOf, equity: Equity = 1000.0) -> Response:
    """Equity and drawdown of the recorded outcomes, each risking 1 % of the equity it began with."""

    def build() -> dict[str, Any]:
        found = readers.analytics_overview(equity=equity, accepted=asked.accepted, **asked.when)
        return {
            "start_equity": equity,
            "n_outcomes": found.curve.height,
            "metrics": asdict(found.metrics),
            "n_points": found.curve.height,
            "curve": rows(found.curve.tail(asked.app.settings.api.page_rows)),
        }

    return asked.answer(build)


@router.get("/alphas", response_model=AlphasBody)
def alphas(asked: AskedOf) -> Response:
    """How each alpha did, and its p_win against what came."""

    def build() -> dict[str, Any]:
        found = readers.analytics_alphas(accepted=asked.accepted, **asked.when)
        told = readers.reliability(**asked.when)
        return {"count": found.height, "alphas": rows(found), "reliability": rows(told)}

    return asked.answer(build)


@router.get("/risk", response_model=RiskBody)
def risk(
    asked: AskedOf,
    equity: Equity = 1000.0,
    days: Annotated[int, Query(ge=1, le=30, description="Newest stored days that correlations are of")] = 5,
) -> Response:
    """Value at risk and expected shortfall of a day, and how symbols move together."""

    def build() -> dict[str, Any]:
        found = readers.analytics_risk(equity=equity, accepted=asked.accepted, days=days, **asked.when)
        return {**found._asdict(), "correlations": rows(found.correlations)}

    return asked.answer(build)


@router.get("/compliance", response_model=ComplianceBody)
def compliance(asked: AskedOf, equity: Equity = 1000.0) -> Response:
    """Which rules of bars.risk the outcomes kept: daily loss, drawdown, days traded, flat before the close."""

    def build() -> dict[str, Any]:
        return {"rules": rows(readers.analytics_compliance(equity=equity, accepted=asked.accepted, **asked.when))}

    return asked.answer(build)
