"""The gauges of `/metrics`, read when they are scraped. Unknown is left out, never zero."""

from collections.abc import Iterable

from dashboards import incidents
from dashboards.bars_gauges import bars_gauges, minute_ages
from dashboards.components.machine import measured
from dashboards.crypto_gauges import candle_ages, message_gauges, overlay_gauges
from dashboards.freshness import overdue_seconds
from dashboards.orchestrator import OrchestratorUnavailable
from dashboards.services import Services
from dashboards.stream_gauges import stream_gauges
from dashboards.streams import streams
from dashboards.telemetry import Family, GaugeSample
from dashboards.upkeep_gauges import upkeep_gauges
from market_assets.core import clock

_BREAKER_STATES = {"closed": 0.0, "half_open": 1.0, "open": 2.0}


def gauges(app: Services) -> Iterable[Family]:
    """What is read at scrape time: of tables, collectors, sources, cache, machine, backups, alerts, scheduler."""
    tables = app.data.tables()
    yield "table_rows", "Stored rows", ("asset",), [((t.name,), float(t.rows)) for t in tables]
    yield "table_partitions", "Stored partitions", ("asset",), [((t.name,), float(t.partitions)) for t in tables]
    yield "table_bytes", "Stored bytes", ("asset",), [((t.name,), float(t.bytes)) for t in tables]
    now = clock.now()
    yield (
        "table_publication_age_seconds",
        "Time since the newest publication",
        ("asset",),
        [((t.name,), (now - t.published_at).total_seconds() if t.published_at else None) for t in tables],
    )
    yield (
        "data_freshness_seconds",
        "Sessions: time since the first missing one was due, 0 while none is; snapshots: time since the newest look; "
        "candles: time since the newest one closed; minute bars: the same in time of their market",
        ("asset", "symbol"),
        [*_freshness(app), *_looks(app), *candle_ages(app), *minute_ages(app)],
    )
    collectors = streams(app.settings)
    yield from stream_gauges(collectors)
    yield from message_gauges(collectors)
    yield from bars_gauges(app, collectors)
    yield from overlay_gauges(app)
    sources = app.sources.facts()
    yield (
        "source_state",
        "0 closed, 1 half open, 2 open",
        ("source",),
        [((s.name,), _BREAKER_STATES.get(s.state)) for s in sources],
    )
    yield (
        "source_calls_total",
        "Requests by what became of them, those that were held back included",
        ("source", "outcome"),
        [((s.name, outcome), float(n)) for s in sources for outcome, n in s.calls.items()],
    )
    yield (
        "budget_remaining",
        "Requests or credits left",
        ("source", "window"),
        [((s.name, w.window), float(w.left)) for s in sources for w in s.budget],
    )
    cache = app.cache.facts()
    yield "response_cache_entries", "Answers kept", (), [((), float(cache.entries))]
    yield "response_cache_hit_ratio", "Hits / lookups", (), [((), cache.hit_rate)]
    for name, value in measured(app.settings.home).items():
        yield name, "This process and its machine", (), [((), float(value) if value is not None else None)]
    yield from upkeep_gauges(app)
    yield from _alerts(app)
    yield "scheduler_running", "1 while the scheduler's heartbeat is recent", (), [((), _scheduler(app))]


def _alerts(app: Services) -> Iterable[Family]:
    """Left out until somebody looked for the first time: nobody knows then whether anything is wrong."""
    now, last = clock.wall(), app.incidents.last_round_at()
    found = incidents.tally(incidents.current(app.incidents, now)) if last else None
    yield (
        "alerts_open",
        "Incidents that no other explains and that are not silenced, by the worst of each",
        ("severity",),
        [(("ERROR",), float(found.errors)), (("WARN",), float(found.warnings))] if found else [],
    )
    age = (now - last).total_seconds() if last else None
    yield "alerts_round_age_seconds", "Time since a round of alerts ended", (), [((), age)]


def _freshness(app: Services) -> list[GaugeSample]:
    """Seconds since the first missing session was due; a closed market never ages."""
    status = app.data.load_or_none("equities_symbol_status")
    if status is None:
        return []
    return [
        (("equities_daily_bars", symbol), seconds)
        for symbol, seconds in overdue_seconds(status, clock.now(), app.settings.equities.vendor_delay_min).items()
    ]


def _looks(app: Services) -> list[GaugeSample]:
    """Seconds since the newest look at each exchange in use; left out where there was none."""
    newest = {
        manifest.partition.rpartition("|")[2]: manifest.max_time
        for manifest in app.data.manifests("funding_snapshot")
        if manifest.max_time is not None
    }
    now, enabled = clock.now(), app.settings.funding.enabled
    return [(("funding_snapshot", name), (now - newest[name]).total_seconds()) for name in enabled if name in newest]


def _scheduler(app: Services) -> float | None:
    try:
        return float(app.orchestrator.scheduler_running())
    except OrchestratorUnavailable:
        return None
