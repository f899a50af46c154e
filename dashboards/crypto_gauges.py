"""The gauges of the crypto domain, beside those that every collector has (`stream_gauges`).

What overlays cost is stored by the runs that compute them: the newest partition of each symbol is told by nearest
ranks. No histogram of it would be honest, because its buckets count everything since a start, and partitions are
replaced and computed again.
"""

from collections.abc import Iterable, Iterator, Sequence

import polars as pl

from dashboards.crypto import health
from dashboards.freshness import newest_close
from dashboards.services import Services
from dashboards.streams import StreamFacts
from dashboards.telemetry import Family, GaugeSample, nearest_rank
from market_assets.core import clock
from market_assets.crypto.schemas import CryptoFeatureTelemetry
from resources.stream.status import Status
from resources.stream.symbols import listed

_TELEMETRY = CryptoFeatureTelemetry.contract()
_RANKS = {"0.5": 0.5, "0.95": 0.95, "1": 1.0}


def message_gauges(found: Sequence[StreamFacts]) -> Iterator[Family]:
    """How long messages of a venue that pushes are under way."""
    yield (
        "stream_message_delay_ms",
        "From the venue's instant of a message to its arrival, nearest rank of the last thousand",
        ("stream", "quantile"),
        [
            ((one.domain, rank), value)
            for one in found
            if isinstance(one.status, Status)
            for rank, value in (("0.5", one.status.collect_p50_ms), ("0.95", one.status.collect_p95_ms))
        ],
    )


def candle_ages(app: Services) -> list[GaugeSample]:
    """Seconds since the newest stored candle of each listed symbol closed, table by table."""
    crypto, now = app.settings.crypto, clock.now()
    symbols = listed(crypto, now.date())
    found: list[GaugeSample] = []
    for table, length in health.tables(crypto.signals.timeframe).items():
        closed = newest_close(app.data.manifests(table), length)
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
