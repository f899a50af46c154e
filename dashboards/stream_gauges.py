"""The gauges that every collector has, whatever it collects: label `stream` is its domain.

Other processes measure them; they are read when they are scraped. A collector counts since its own start.
"""

from collections.abc import Iterator, Sequence

from dashboards.streams import StreamFacts
from dashboards.telemetry import Family, GaugeSample

_OF_STREAM = ("stream",)
#: gauge or counter, its help, the field of the collector's status; a collector without the field has no sample
_SAID = (
    ("stream_reconnects_total", "Connections after the first, since the collector's start", "reconnects"),
    ("stream_late_bars_total", "Closed candles, or quotes, that came late or again, and were not applied", "late_bars"),
    ("stream_filled_bars_total", "Candles asked for by REST because the stream did not bring them", "filled_bars"),
    ("stream_given_up_bars_total", "Minutes that REST did not have either", "given_up_bars"),
    ("stream_dropped_bars_total", "Candles that had to go because nothing could be stored", "dropped_bars"),
    ("stream_flushed_rows_total", "Closed candles stored", "flushed_rows"),
    ("stream_unflushed_bars", "Closed candles that are not stored yet", "unflushed_bars"),
    ("stream_flush_seconds", "Time that the last storing took", "flush_s"),
    ("stream_cycles_total", "Cycles of a collector that works in cycles", "cycles"),
    ("stream_missed_seconds_total", "Whole seconds that passed without a cycle", "missed_seconds"),
)


def stream_gauges(found: Sequence[StreamFacts]) -> Iterator[Family]:
    """Every collector that ever ran with this home."""
    told = [one for one in found if one.status is not None]
    yield (
        "stream_up",
        "1 while it hears its sources and stores, 0 where it should and does not; left out once it was stopped",
        _OF_STREAM,
        [((one.domain,), float(one.state == "running")) for one in told if one.is_meant_to_run],
    )
    yield (
        "stream_data_freshness_seconds",
        "Time since the newest message about a symbol, of bars market time while the market is open; "
        "left out once the collector was stopped",
        ("stream", "symbol"),
        [((one.domain, symbol), age_s) for one in told if one.is_meant_to_run for symbol, age_s in one.ages.items()],
    )
    for name, text, field in _SAID:
        samples: list[GaugeSample] = [((one.domain,), getattr(one.status, field, None)) for one in told]
        yield name, text, _OF_STREAM, samples
