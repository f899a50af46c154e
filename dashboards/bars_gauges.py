"""The gauges of the bars domain: what its collector measures of its cycles and sources, and how old its tables are.

The collector's own, beside those that every collector has (`stream_gauges`); label `stream` is `bars`:

    stream_effective_interval_seconds{stream,symbol,source}   between two quotes of a symbol at a source
    stream_collect_latency_ms{stream,source}                  histogram: a source's answer to a request for quotes
    stream_update_latency_ms{stream}                          histogram: the 16 values of one symbol
    stream_cycle_latency_ms{stream,quantile}                  p50, p95, p99 of the newest ten thousand cycles
    stream_warm{stream,symbol}                                1 where its values have all the bars that they need
    stream_market_open{stream,symbol}                         1 while its market trades

and the app's own count of reads from the hot cache: `hot_cache_hits_total`, `hot_cache_misses_total`. Breakers, calls
and budgets are those of all processes, for every source in use: `source_state`, `source_calls_total`,
`budget_remaining` (`gauges`). Histograms count since the collector's start; `/metrics/json` tells the percentiles of
one by the upper ends of its buckets.
"""

from collections.abc import Iterator, Sequence

from dashboards.bars import health
from dashboards.services import Services
from dashboards.streams import StreamFacts
from dashboards.telemetry import Family, GaugeSample
from market_assets.core import clock
from resources.stream.bars.status import BarsStatus


def bars_gauges(app: Services, found: Sequence[StreamFacts]) -> Iterator[Family]:
    """The collector of bars, where one ever ran with this home, and reads from the hot cache."""
    yield "hot_cache_hits_total", "Reads of hot bars that had an answer", (), [((), float(app.bars_hot.hits))]
    yield "hot_cache_misses_total", "Reads of hot bars without one", (), [((), float(app.bars_hot.misses))]
    for one in found:
        if isinstance(one.status, BarsStatus):
            yield from _measured(one.domain, one.status)
            if one.is_meant_to_run:
                yield from _standing(one.domain, one.status)


def _measured(domain: str, status: BarsStatus) -> Iterator[Family]:
    """What stays true of a collector that has ended."""
    yield (
        "stream_collect_latency_ms",
        "Time that a source took to answer a request for quotes, since the collector's start",
        ("stream", "source"),
        [((domain, source.name), source.collect_ms) for source in status.sources],
    )
    yield (
        "stream_update_latency_ms",
        "Time to bring the 16 values of one symbol up to date, since the collector's start",
        ("stream",),
        [((domain,), status.update_ms)],
    )
    ranks = {"0.5": status.cycle_p50_ms, "0.95": status.cycle_p95_ms, "0.99": status.cycle_p99_ms}
    yield (
        "stream_cycle_latency_ms",
        "From the start of a second to everything readable, nearest rank of the newest ten thousand",
        ("stream", "quantile"),
        [((domain, rank), value) for rank, value in ranks.items()],
    )


def _standing(domain: str, status: BarsStatus) -> Iterator[Family]:
    """What holds only while it runs."""
    yield (
        "stream_effective_interval_seconds",
        "Time between two quotes of a symbol at a source, as budgets allow; left out while it is not asked for",
        ("stream", "symbol", "source"),
        [((domain, *which), seconds) for which, seconds in status.intervals().items()],
    )
    yield (
        "stream_warm",
        "1 where a symbol's values have all the bars that they need",
        ("stream", "symbol"),
        [((domain, one.symbol), float(one.is_warm)) for one in status.symbols],
    )
    yield (
        "stream_market_open",
        "1 while a symbol's market trades",
        ("stream", "symbol"),
        [((domain, one.symbol), float(one.market_open)) for one in status.symbols],
    )


def minute_ages(app: Services) -> list[GaugeSample]:
    """Seconds of market time since the newest stored minute of each symbol closed, table by table."""
    bars, now = app.settings.bars, clock.now()
    return [
        ((table, symbol), age_s)
        for table in health.MINUTES
        for symbol, age_s in health.ages_s(bars, health.closes(app.data.manifests(table)), now).items()
    ]
