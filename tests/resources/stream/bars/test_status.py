"""What a collector of bars says of itself."""

from datetime import timedelta
from typing import Any

import orjson

from resources.stream.bars.measures import BOUNDS_MS, Histogram, HistogramFacts, Newest
from resources.stream.bars.status import BarsStatus, SourceStatus, SymbolStatus
from tests.resources.stream.bars.scripted_source import START


def status(**changed: Any) -> BarsStatus:
    """A status with every kind of part."""
    facts: dict[str, Any] = dict.fromkeys(BarsStatus.__dataclass_fields__)
    source = SourceStatus(
        "yahoo", "slower", "why", 43.2, ("BTCUSD",), "closed", {"day": 7}, {"ok": 3}, HistogramFacts(), START, None
    )
    symbol = SymbolStatus("BTCUSD", True, "yahoo", 0, START, 1.5, False, 43.2, 10, False)
    facts |= {
        "at": START, "started_at": START - timedelta(hours=1), "symbols": (symbol,), "sources": (source,),
        "cycle_ms": HistogramFacts(), "update_ms": HistogramFacts(), "vendors": "sandbox",
    }  # fmt: skip
    return BarsStatus(**{**facts, **changed})


def test_a_status_comes_back_as_it_was_stored() -> None:
    """Instants, histograms, sources and symbols included."""
    told = status(running=True, last_flush_at=START)
    assert BarsStatus.of(orjson.loads(orjson.dumps(told))) == told
    assert told.intervals() == {("BTCUSD", "yahoo"): 43.2}


def test_percentiles_are_the_nearest_rank_of_the_newest() -> None:
    """The p50 of 1 to 4 is 2; before anything was measured nothing is known; ten thousand are kept."""
    newest = Newest()
    assert newest.percentiles(0.5) == [None]
    for value in (4.0, 2.0, 1.0, 3.0):
        newest.add(value)
    assert newest.percentiles(0.50, 0.95, 0.99) == [2.0, 4.0, 4.0]
    for _ in range(10_000):
        newest.add(7.0)
    assert newest.percentiles(0.01) == [7.0]


def test_a_histogram_counts_what_is_no_larger_than_its_bounds() -> None:
    """The bound itself belongs to its bucket; what is above all of them has one of its own."""
    histogram = Histogram()
    for value in (0.5, 0.6, 1e9):
        histogram.add(value)
    facts = histogram.facts()
    assert facts.bounds == BOUNDS_MS
    assert (facts.counts[0], facts.counts[1], facts.counts[-1], sum(facts.counts)) == (1, 1, 1, 3)
