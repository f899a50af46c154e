"""What the app measures about itself: requests, durations, and the gauges read at scrape time."""

import math
import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterable
from itertools import accumulate
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from resources.stream.bars.measures import HistogramFacts

_KEPT = 10_000
#: routes that are the API; the rest are pages and their parts
_REST = ("/api", "/health", "/metrics", "/observability", "/performance")
_SECONDS = "http_request_duration_seconds"
_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)

#: label values, and what was measured; None is left out
GaugeSample = tuple[tuple[str, ...], float | None]
HistogramSample = tuple[tuple[str, ...], HistogramFacts]
#: name, help, label names, samples: of a gauge, by its name of a counter (`_total`), by its samples of a histogram
Family = tuple[str, str, tuple[str, ...], Iterable[GaugeSample | HistogramSample]]
GaugeReader = Callable[[], Iterable[Family]]


def nearest_rank(ordered: list[float], share: float) -> float | None:
    """The value at index ceil(share x n) - 1 of sorted values; None where there are none."""
    return ordered[max(math.ceil(share * len(ordered)) - 1, 0)] if ordered else None


class Telemetry:
    """Counters and durations of one app, in a registry of its own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._requests = Counter(
            "http_requests", "Requests answered", ["method", "route", "status"], registry=self.registry
        )
        self._seconds = Histogram(_SECONDS, "Time to answer", ["route"], buckets=_BUCKETS, registry=self.registry)
        self._recent: dict[str, deque[float]] = defaultdict(lambda: deque(maxlen=_KEPT))
        self._lock = threading.Lock()

    def observe(self, method: str, route: str, status: int, seconds: float) -> None:
        """Note one answered request."""
        self._requests.labels(method, route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)
        with self._lock:
            self._recent[route].append(seconds * 1e3)

    def answers(self) -> tuple[int, int]:
        """Requests to the REST routes that were answered since the start, and those answered with a 5xx."""
        samples = [one for metric in self._requests.collect() for one in metric.samples if one.name.endswith("_total")]
        rest = [one for one in samples if one.labels["route"].startswith(_REST)]
        failed = (one.value for one in rest if one.labels["status"].startswith("5"))
        return int(sum(one.value for one in rest)), int(sum(failed))

    def add_gauges(self, read: GaugeReader) -> None:
        """Have `read` called at every scrape; a None value leaves its sample out."""
        self.registry.register(_Gauges(read))

    def percentiles(self) -> dict[str, dict[str, float | int | None]]:
        """Per route: count and p50, p95, p99 in milliseconds, of the newest 10,000 requests."""
        with self._lock:
            copies = {route: sorted(values) for route, values in self._recent.items()}
        return {route: _summary(values) for route, values in sorted(copies.items())}

    def overall(self) -> dict[str, float | None]:
        """p50, p95 and p99 of the REST routes in milliseconds; None before the first request."""
        with self._lock:
            rest = [values for route, values in self._recent.items() if route.startswith(_REST)]
            merged = sorted(value for values in rest for value in values)
        return {f"p{share}_ms": nearest_rank(merged, share / 100) for share in (50, 95, 99)}

    def prometheus(self) -> bytes:
        """The text exposition format."""
        return generate_latest(self.registry)

    def as_json(self) -> dict[str, Any]:
        """`{counters, gauges, histograms{name:{count,min,max,mean,p50,p95,p99}}}`; milliseconds."""
        counters: dict[str, float] = {}
        gauges: dict[str, float] = {}
        told: dict[str, dict[str, float | int | None]] = {}
        for metric in self.registry.collect():
            for sample in metric.samples:
                if metric.type == "counter" and sample.name.endswith("_total"):
                    counters[_flat(sample.name, sample.labels)] = sample.value
                elif metric.type == "gauge":
                    gauges[_flat(sample.name, sample.labels)] = sample.value
            if metric.type == "histogram" and metric.name != _SECONDS:
                told |= _told(metric)
        with self._lock:
            copies = {route: sorted(values) for route, values in self._recent.items()}
        histograms = {
            _flat("http_request_duration_ms", {"route": route}): {
                "count": len(values),
                "min": values[0],
                "max": values[-1],
                "mean": math.fsum(values) / len(values),
                **{f"p{share}": nearest_rank(values, share / 100) for share in (50, 95, 99)},
            }
            for route, values in sorted(copies.items())
        }
        return {"counters": counters, "gauges": gauges, "histograms": {**histograms, **told}}


def _told(metric: Metric) -> dict[str, dict[str, float | int | None]]:
    """What another process counted by size: percentiles are the upper ends of their buckets, extremes are unknown."""
    buckets: dict[str, list[tuple[float, float]]] = defaultdict(list)
    sums: dict[str, float] = {}
    for sample in metric.samples:
        labels = {key: value for key, value in sample.labels.items() if key != "le"}
        name = _flat(metric.name, labels)
        if sample.name.endswith("_bucket"):
            buckets[name].append((float(sample.labels["le"]), sample.value))
        elif sample.name.endswith("_sum"):
            sums[name] = sample.value
    return {
        name: {
            "count": int(counted[-1][1]),
            "min": None,
            "max": None,
            "mean": sums[name] / counted[-1][1] if counted[-1][1] else None,
            **{f"p{share}": _upper_end(counted, share / 100) for share in (50, 95, 99)},
        }
        for name, counted in buckets.items()
    }


def _upper_end(counted: list[tuple[float, float]], share: float) -> float | None:
    """The upper end of the bucket that holds the nearest rank; None without any value, or where it has no upper end."""
    rank = max(math.ceil(share * counted[-1][1]), 1)
    end = next((end for end, below in counted if below >= rank), math.inf)
    return end if math.isfinite(end) else None


def _summary(values: list[float]) -> dict[str, float | int | None]:
    return {"count": len(values), **{f"p{share}_ms": nearest_rank(values, share / 100) for share in (50, 95, 99)}}


def _flat(name: str, labels: dict[str, str]) -> str:
    inside = ",".join(f'{key}="{value}"' for key, value in sorted(labels.items()))
    return f"{name}{{{inside}}}" if inside else name


class _Gauges(Collector):
    def __init__(self, read: GaugeReader) -> None:
        self._read = read

    def describe(self) -> Iterable[Metric]:
        return []  # the registry would otherwise read every gauge once at registration

    def collect(self) -> Iterable[Metric]:
        for name, text, labels, samples in self._read():
            numbers, histograms = list[GaugeSample](), list[HistogramSample]()
            for values, value in samples:
                if isinstance(value, HistogramFacts):
                    histograms.append((values, value))
                else:
                    numbers.append((values, value))
            yield _histogram(name, text, labels, histograms) if histograms else _numbers(name, text, labels, numbers)


def _numbers(name: str, text: str, labels: tuple[str, ...], samples: Iterable[GaugeSample]) -> Metric:
    # what another process counts: it starts anew with that process, as counters may
    kind = CounterMetricFamily if name.endswith("_total") else GaugeMetricFamily
    family = kind(name, text, labels=list(labels))
    for values, value in samples:
        if value is not None:
            family.add_metric(list(values), value)
    return family


def _histogram(name: str, text: str, labels: tuple[str, ...], samples: Iterable[HistogramSample]) -> Metric:
    family = HistogramMetricFamily(name, text, labels=list(labels))
    for values, facts in samples:
        ends = [*(f"{bound:g}" for bound in facts.bounds), "+Inf"]
        family.add_metric(list(values), list(zip(ends, accumulate(facts.counts), strict=True)), facts.total)
    return family


class TimingMiddleware:
    """Times every HTTP request and files it under its route's template, not its path."""

    def __init__(self, app: ASGIApp, telemetry: Telemetry) -> None:
        self._app, self._telemetry = app, telemetry

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        status = 500

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, noted)
        finally:
            route = getattr(scope.get("route"), "path", None) or "unmatched"
            self._telemetry.observe(scope["method"], route, status, time.perf_counter() - started)
