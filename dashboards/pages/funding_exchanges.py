"""The exchanges tab of the funding page: how each was last looked at, how it is asked, what it keeps."""

from datetime import datetime
from typing import Any

import polars as pl
from dash import Dash, Output, html
from dash.development.base_component import Component

from dashboards.funding.health import LATE_MIN, STALE_MIN, look_state, round_health
from dashboards.orchestrator import OrchestratorUnavailable
from dashboards.pages import widgets, wording
from dashboards.pages.funding_shared import TICK
from dashboards.pages.funding_words import hours, percent
from dashboards.pages.page import in_thread
from dashboards.services import Services
from dashboards.sources import SourceFacts
from market_assets.core import clock
from market_assets.funding import readers
from market_assets.funding.transforms.health import health_status
from resources.vendor_budgets import WindowLeft

_TONES: dict[str, widgets.Tone] = {"ok": "good", "late": "warn", "stale": "bad", "missing": "idle"}
_CHECKED = "funding_snapshot"
_LOOKS = (
    ("exchange", "left"),
    ("newest look", "left"),
    ("age", "right"),
    ("took", "right"),
    ("contracts", "right"),
    ("no rate", "right"),
    ("newest settlement", "right"),
    ("completeness", "right"),
    ("incomplete", "right"),
    ("settled rate measures", "left"),
    ("keeps", "left"),
)
_REQUESTS = (
    ("exchange", "left"),
    ("breaker", "left"),
    ("requests", "right"),
    ("success", "right"),
    ("p95", "right"),
    ("failed", "left"),
    ("history budget left", "right"),
    ("current budget left", "right"),
)


def layout(_services: Services, _search: str) -> Component:
    """The tab, empty."""
    return html.Div(id="funding-exchanges")


def register(app: Dash, services: Services) -> None:
    """Connect the tab."""

    @app.callback(Output("funding-exchanges", "children"), TICK)
    @in_thread
    def show(_tick: Any) -> Any:
        found = states(services)
        summary = widgets.cards(health_card(services, found), age_card(found.drop_nulls("snapshot_at")["age_min"]))
        return [summary, _looks(found), _requests(services, found["exchange"].to_list())]


def states(services: Services) -> pl.DataFrame:
    """`readers.exchange_states`."""
    return readers.exchange_states(store=services.data.store)


def _score(services: Services, found: pl.DataFrame) -> tuple[float, str]:
    """The health of the newest round, and what it was judged by."""
    try:
        checks = services.orchestrator.failed_checks()
    except OrchestratorUnavailable:
        return round_health(found, []), "checks unknown"
    failed = [(check.check, check.severity) for check in checks if check.asset == _CHECKED]
    return round_health(found, failed), "newest round, of 100"


def health_card(services: Services, found: pl.DataFrame) -> Component:
    """The health score; without any look there is none."""
    if found["snapshot_at"].null_count() == found.height:
        return widgets.card("Health", wording.NO_DATA, "no look at any exchange is stored", "idle")
    score, note = _score(services, found)
    status = health_status(score)
    return widgets.card("Health", f"{score:.0f}", f"{status}; {note}", widgets.TONES[status])


def health_pill(services: Services) -> Component:
    """The same as a word for the head of the page."""
    found = states(services)
    if found["snapshot_at"].null_count() == found.height:
        return widgets.pill("no looks stored", "idle")
    status = health_status(_score(services, found)[0])
    return widgets.pill(status, widgets.TONES[status])


def age_card(ages: pl.Series) -> Component:
    """The age of the newest look, and of the oldest one of an exchange that was looked at."""
    newest, oldest = ages.min(), ages.max()
    if not isinstance(newest, float) or not isinstance(oldest, float):
        return widgets.card("Newest look", wording.NO_DATA, "no look at any exchange is stored", "idle")
    tone: widgets.Tone = "bad" if oldest > STALE_MIN else "warn" if oldest > LATE_MIN else "good"
    return widgets.card(
        "Newest look", f"{wording.age(60 * newest)} ago", f"slowest exchange: {wording.age(60 * oldest)} ago", tone
    )


def _looks(found: pl.DataFrame) -> Component:
    rows = [_look(row) for row in found.iter_rows(named=True)]
    note = html.P(
        "A settled rate measures the premium of the interval that ends with it, or of the one before. What an "
        "exchange no longer keeps cannot be fetched again.",
        className="quiet",
    )
    return widgets.panel("Looks", widgets.table(_LOOKS, rows), note)


def _look(row: dict[str, Any]) -> list[Any]:
    state, age = look_state(row), row["age_min"]
    name = html.Span(
        [row["exchange"], html.Sup("trailing", title="States a trailing value")]
        if row["is_trailing"]
        else row["exchange"],
        className="strong",
    )
    return [
        name,
        widgets.pill(state, _TONES[state]),
        wording.NO_DATA if age is None else wording.age(60 * age),
        wording.milliseconds(row["latency_ms"]),
        wording.count(row["n_contracts"]),
        wording.percent(row["null_rate_share"]),
        _minute(row["newest_settlement"]),
        percent(row["completeness_pct"], 1),
        wording.count(row["n_incomplete"]),
        {"ending": "the interval that ends", "previous": "the interval before"}.get(row["measures"], wording.UNKNOWN),
        _memory(row),
    ]


def _memory(row: dict[str, Any]) -> str:
    if row["forward_only"]:
        return "newest settlements only"
    if row["measures"] is None:
        return wording.UNKNOWN
    return "all history" if row["memory_days"] is None else f"{hours(24 * row['memory_days'])} of history"


def _minute(moment: datetime | None) -> str:
    return wording.NO_DATA if moment is None else f"{moment:%Y-%m-%d %H:%M}Z"


def _requests(services: Services, exchanges: list[str]) -> Component:
    sources = {source.name: source for source in services.sources.facts()}
    if not sources:
        said = widgets.empty("no exchange was asked yet with this home.", widgets.materialise("funding_contracts"))
        return widgets.panel("Requests", said)
    rows = [_request(sources[name]) for name in exchanges if name in sources]
    return widgets.panel("Requests", widgets.table(_REQUESTS, rows))


def _request(source: SourceFacts) -> list[Any]:
    failures = ", ".join(f"{n:,} {outcome.replace('_', ' ')}" for outcome, n in source.failures.items())
    return [
        html.Span(source.name, className="strong"),
        _breaker(source),
        wording.count(source.total_calls),
        wording.percent(source.success_rate),
        wording.milliseconds(source.latency_p95_ms),
        failures or "none",
        _budget(source.lane("history")),
        _budget(source.lane("market")),
    ]


def _breaker(source: SourceFacts) -> Component:
    if source.blocked_until is not None:
        wait = (source.blocked_until - clock.wall()).total_seconds()
        return widgets.pill(f"blocked for {wording.age(wait)}", "bad")
    return widgets.pill(source.state.replace("_", " "), widgets.TONES.get(source.state))


def _budget(windows: tuple[WindowLeft, ...]) -> str:
    return (
        ", ".join(f"{each.left:,}/{each.limit:,} a {each.window.partition(' (')[0]}" for each in windows) or "no limit"
    )
