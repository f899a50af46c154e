"""The pipeline tab of the bars page: the collector, how often it asks and why not oftener, what it stores, its cost."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from dash import Dash, Output, html
from dash.development.base_component import Component

from dashboards import streams
from dashboards.bars.style import title
from dashboards.pages import widgets, wording
from dashboards.pages.bars_shared import COMMAND, TICK, cards, poller, seconds
from dashboards.pages.page import in_thread
from dashboards.services import Services
from market_assets.core import clock
from market_assets.settings import Settings
from resources.stream.bars.measures import HistogramFacts
from resources.stream.bars.status import BarsStatus, SourceStatus

_DOMAIN = "bars"
_WORDS: dict[str, tuple[str, widgets.Tone]] = {
    "running": ("running", "good"),
    "silent": ("running, unwell", "warn"),
    "dead": ("died", "bad"),
    "ended": ("stopped", "idle"),
}
#: age of the oldest bar that waits to be stored that is a warning, and an error (s)
_WAITS_S, _TOO_LONG_S = 60.0, 300.0
#: target of a cycle, ms
_CYCLE_MS = 100.0
_PACE = (
    ("symbol", "left"),
    ("source", "left"),
    ("wanted", "right"),
    ("in force", "right"),
    ("poller", "left"),
    ("why", "left wide"),
)
_FACTS = (("measured", "left"), ("", "right"))


def layout(_services: Services, _search: str) -> Component:
    """The tab, empty."""
    return html.Div(id="bars-pipeline")


def register(app: Dash, services: Services) -> None:
    """Connect the tab."""

    @app.callback(Output("bars-pipeline", "children"), TICK)
    @in_thread
    def show(_tick: Any) -> Any:
        found = next((one for one in streams.streams(services.settings) if one.domain == _DOMAIN), None)
        status = found.status if found is not None else None
        if found is None or not isinstance(status, BarsStatus):
            reason = (
                "no collector was started with this home" if found is None or found.detail is None else found.detail
            )
            return widgets.panel("Collector", widgets.empty(reason, COMMAND))
        return pipeline(status, found.state, found.detail, services.settings, clock.now())


def pipeline(status: BarsStatus, state: str, detail: str | None, settings: Settings, now: datetime) -> list[Component]:
    """The tab of a collector that said something once."""
    told = [html.Section(html.P(detail), className="panel")] if detail else []
    stopped = [
        html.Section([html.P("What follows is what it said last."), html.Code(COMMAND, className="empty-command")],
        className="panel")
    ] if state in ("ended", "dead") else []  # fmt: skip
    return [
        *told,
        *stopped,
        _cards(status, state, settings, now),
        widgets.panel("How often quotes are asked for", _pace_note(status), _pace(status)),
        html.Div(
            [
                widgets.panel("Stored", widgets.table(_FACTS, _stored(status, now))),
                widgets.panel("Cycle and cache", widgets.table(_FACTS, _cycle(status, settings))),
            ],
            className="two-columns",
        ),
        widgets.panel("Latencies", _latencies(status)),
    ]


def _cards(status: BarsStatus, state: str, settings: Settings, now: datetime) -> Component:
    word, tone = _WORDS[state]
    oldest = _age(status.oldest_unflushed_at, now)
    waits: widgets.Tone = "good"
    if oldest is not None:
        waits = "bad" if oldest > _TOO_LONG_S else "warn" if oldest > _WAITS_S else "good"
    p99 = status.cycle_p99_ms
    return cards(
        widgets.card("Collector", word, f"process {status.pid}, {status.vendors}", tone),
        widgets.card(
            "Cycle p99",
            wording.milliseconds(p99),
            f"p50 {wording.milliseconds(status.cycle_p50_ms)}, p95 {wording.milliseconds(status.cycle_p95_ms)}",
            "plain" if p99 is None else "good" if p99 < _CYCLE_MS else "warn",
        ),
        widgets.card(
            "Missed seconds",
            wording.count(status.missed_seconds),
            f"of {status.cycles:,} cycles",
            "warn" if status.missed_seconds else "good",
        ),
        widgets.card(
            "Waiting to be stored",
            wording.count(status.unflushed_bars),
            "none waits" if oldest is None else f"oldest waits {wording.age(oldest)}",
            waits,
        ),
        widgets.card(
            "Redis",
            status.redis or "not set",
            status.redis_error or ("in process only" if status.redis is None else _write(status)),
            {"ok": "good", "error": "bad"}.get(status.redis or "", "plain"),  # type: ignore[arg-type]
        ),
        widgets.card("Memory", wording.size(status.rss_bytes), f"{settings.bars.stream.cache_bars:,} bars a symbol"),
    )


def _write(status: BarsStatus) -> str:
    return f"written in {wording.milliseconds(status.redis_write_ms)}"


def _age(at: datetime | None, now: datetime) -> float | None:
    return None if at is None else max(0.0, (now - at).total_seconds())


def _pace_note(status: BarsStatus) -> Component:
    warm = f" Symbols that still lack history: {_n_cold(status):,}." if status.warming else ""
    return html.P(
        f"Every symbol is wanted every {seconds(status.interval_s)}; a source that cannot afford it is asked less "
        f"often, and says why.{warm}",
        className="quiet",
    )


def _n_cold(status: BarsStatus) -> int:
    return sum(not one.is_warm for one in status.symbols)


def _pace(status: BarsStatus) -> Component:
    rows = list(_paces(status))
    if not rows:
        return widgets.empty("no source is asked for any symbol now; the table of sources says why", None)
    return widgets.table(_PACE, rows)


def _paces(status: BarsStatus) -> Iterator[list[Any]]:
    """A line a symbol and source that is asked for it; then one a source that is asked for nothing."""
    by_source = {one.name: one for one in status.sources}
    serving = {one.symbol: one.source for one in status.symbols}
    for (symbol, name), every in sorted(status.intervals().items()):
        source = by_source[name]
        is_serving = (serving.get(symbol) or "").removesuffix("-sandbox") == name
        yield [
            html.Span(symbol, className="strong"),
            html.Span(f"{title(name)}, serving" if is_serving else title(name)),
            seconds(status.interval_s),
            html.Span(seconds(every), className="cell-slow" if every > status.interval_s else ""),
            poller(source.state),
            source.why or "",
        ]
    for source in status.sources:
        if source.effective_interval_s is None or not source.symbols:
            yield [
                "none",
                title(source.name),
                seconds(status.interval_s),
                "not asked",
                poller(source.state),
                _why(source),
            ]


def _why(source: SourceStatus) -> str:
    return source.why or source.last_error or ""


def _stored(status: BarsStatus, now: datetime) -> list[list[str]]:
    flushed = _age(status.last_flush_at, now)
    took = "" if status.flush_s is None else f", took {wording.milliseconds(1000 * status.flush_s)}"
    lost = f", {status.dropped_bars:,} dropped" if status.dropped_bars else ""
    return [
        ["last stored", wording.NO_DATA if flushed is None else f"{wording.age(flushed)} ago{took}"],
        ["bars stored", wording.count(status.flushed_rows)],
        ["bars waiting", f"{status.unflushed_bars:,}{lost}"],
        ["filled by REST", f"{status.filled_bars:,}, {status.given_up_bars:,} given up"],
        ["late quotes, not applied", wording.count(status.late_bars)],
        ["out of order", wording.count(status.out_of_order_quotes)],
        ["from the future", wording.count(status.future_quotes)],
        ["invalid", wording.count(status.invalid_quotes)],
        *([["cannot store", status.flush_error]] if status.flush_error else []),
        *([["cannot fill", status.fill_error]] if status.fill_error else []),
    ]


def _cycle(status: BarsStatus, settings: Settings) -> list[list[str]]:
    heard = _age(status.last_message_at, status.at)
    return [
        ["running since", wording.instant(status.started_at)],
        ["said this", wording.instant(status.at)],
        ["last answer of a source", wording.NO_DATA if heard is None else f"{wording.age(heard)} before"],
        ["cycles", f"{status.cycles:,}, {status.missed_seconds:,} seconds missed"],
        ["cycle p50, p95, p99", _three(status.cycle_p50_ms, status.cycle_p95_ms, status.cycle_p99_ms)],
        ["stored every", seconds(settings.bars.stream.flush_s)],
        ["hot cache", status.hot_error or "written"],
        ["Redis", _redis(status)],
        ["memory", wording.size(status.rss_bytes)],
    ]


def _three(*values: float | None) -> str:
    return ", ".join(wording.milliseconds(value) for value in values)


def _redis(status: BarsStatus) -> str:
    if status.redis is None:
        return "not set (REDIS_URL)"
    return status.redis_error or _write(status)


def _latencies(status: BarsStatus) -> Component:
    """How many of what was measured took how long."""
    measured = [("cycle", status.cycle_ms), ("values of a symbol", status.update_ms)]
    measured += [
        (f"answer of {title(one.name)}", one.collect_ms) for one in status.sources if sum(one.collect_ms.counts)
    ]
    bounds = status.cycle_ms.bounds
    columns = [("share that took at most", "left"), ("n", "right"), *((_bound(bound), "right") for bound in bounds)]
    return widgets.table(columns, [[name, wording.count(sum(of.counts)), *_shares(of)] for name, of in measured])


def _bound(ms: float) -> str:
    return f"{ms:g} ms" if ms < 1000 else f"{ms / 1000:g} s"


def _shares(of: HistogramFacts) -> list[str]:
    total, so_far, found = sum(of.counts), 0, []
    for count in of.counts[:-1]:
        so_far += count
        found.append(wording.percent(so_far / total) if total else "")
    return found
