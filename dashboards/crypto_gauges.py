"""The gauges of collectors and of the crypto domain. Measured by other processes, read when they are scraped.

A collector counts since its own start. What overlays cost is stored by the runs that compute them: the newest
partition of each symbol is told by nearest ranks. No histogram of it would be honest, because its buckets count
everything since a start, and partitions are replaced and computed again.
"""

from collections.abc import Iterable, Iterator

import polars as pl

from dashboards.crypto import health
from dashboards.services import Services
from dashboards.streams import StreamFacts, streams
from dashboards.telemetry import GaugeSample, nearest_rank
from market_assets.core import clock
from market_assets.crypto.schemas import CryptoFeatureTelemetry
from resources.stream.symbols import listed

Family = tuple[str, str, tuple[str, ...], list[GaugeSample]]

_TELEMETRY = CryptoFeatureTelemetry.contract()
_RANKS = {"0.5": 0.5, "0.95": 0.95, "1": 1.0}
_OF_STREAM = ("stream",)
#: gauge or counter, its help, the field of the collector's status
_SAID = (
    ("stream_reconnects_total", "Connections after the first, since the collector's start", "reconnects"),
    ("stream_late_bars_total", "Closed candles that came late or again, and were not applied", "late_bars"),
    ("stream_filled_bars_total", "Candles asked for by REST because the stream did not bring them", "filled_bars"),
    ("stream_given_up_bars_total", "Minutes that REST did not have either", "given_up_bars"),
    ("stream_dropped_bars_total", "Candles that had to go because nothing could be stored", "dropped_bars"),
    ("stream_flushed_rows_total", "Closed candles stored", "flushed_rows"),
    ("stream_unflushed_bars", "Closed candles that are not stored yet", "unflushed_bars"),
    ("stream_flush_seconds", "Time that the last storing took", "flush_s"),
)


def stream_gauges(app: Services) -> Iterator[Family]:
    """Every collector that ever ran with this home."""
    now, found = clock.now(), [one for one in streams(app.settings) if one.status is not None]
    yield (
        "stream_up",
        "1 while it hears its venue and stores, 0 where it should and does not; left out once it was stopped",
        _OF_STREAM,
        [((one.domain,), float(one.state == "running")) for one in found if one.is_meant_to_run],
    )
    yield (
        "stream_data_freshness_seconds",
        "Time since the newest message about a symbol; left out once the collector was stopped",
        ("stream", "symbol"),
        [
            ((one.domain, update.candle.symbol), max(0.0, (now - update.at).total_seconds()))
            for one in found
            if one.is_meant_to_run
            for update in one.newest
        ],
    )
    for name, text, field in _SAID:
        yield name, text, _OF_STREAM, [((one.domain,), getattr(one.status, field)) for one in found]
    yield (
        "stream_collect_latency_ms",
        "From the venue's instant of a message to its arrival, nearest rank of the last thousand",
        ("stream", "quantile"),
        [sample for one in found for sample in _latencies(one)],
    )


def _latencies(one: StreamFacts) -> list[GaugeSample]:
    assert one.status is not None
    ranks = {"0.5": one.status.collect_p50_ms, "0.95": one.status.collect_p95_ms}
    return [((one.domain, rank), value) for rank, value in ranks.items()]


def candle_ages(app: Services) -> list[GaugeSample]:
    """Seconds since the newest stored candle of each listed symbol closed, table by table."""
    crypto, now = app.settings.crypto, clock.now()
    symbols = listed(crypto, now.date())
    found: list[GaugeSample] = []
    for table, length in health.tables(crypto.signals.timeframe).items():
        closed = health.newest_close(app.data.manifests(table), length)
        found += [((table, name), (now - closed[name]).total_seconds()) for name in symbols if name in closed]
    return found


def overlay_gauges(app: Services) -> Iterable[Family]:
    """What computing each overlay cost, of the newest partition of each symbol."""
    newest: dict[str, str] = {}
    for manifest in app.data.manifests(_TELEMETRY.name):
        if manifest.rows:
            symbol = manifest.partition.rpartition("|")[2]
            newest[symbol] = max(newest.get(symbol, ""), manifest.partition)
    samples: list[GaugeSample] = []
    if newest:
        keys = sorted(newest.values())
        rows = app.data.kept(
            "newest crypto telemetry",
            [_TELEMETRY.name],
            lambda: app.data.store.read(_TELEMETRY, keys, columns=[*_TELEMETRY.key, "latency_ms"]),
        )
        costs = rows.group_by("overlay", "timeframe", maintain_order=True).agg(pl.col("latency_ms").sort())
        samples = [
            ((overlay, frame, quantile), nearest_rank(latencies, share))
            for overlay, frame, latencies in costs.iter_rows()
            for quantile, share in _RANKS.items()
        ]
    yield (
        "overlay_latency_ms",
        "Time to compute an overlay, nearest rank over the newest partition of each symbol",
        ("overlay", "timeframe", "quantile"),
        samples,
    )
