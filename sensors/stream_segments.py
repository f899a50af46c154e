"""What the stream handed over becomes partitions: the running day's, a few minutes after each candle has closed.

The sensor looks at the landing area and asks no vendor. What arrived last tells what is new: a hole that REST
filled later makes its partition new as well.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import dagster as dg
from dagster._core.storage.dagster_run import NOT_FINISHED_STATUSES, RunsFilter

from market_assets.bars import assets as bars
from market_assets.bars import partitions as bars_partitions
from market_assets.core import clock, partitions
from market_assets.crypto import assets as crypto
from market_assets.crypto import partitions as crypto_partitions
from market_assets.settings import Settings
from resources.stream.handover import arrivals

#: on runs that this sensor asked for: their domain
STREAM_TAG = "market_assets/stream"


@dataclass(frozen=True)
class Cursor:
    """Partition -> arrival of the newest candle that was asked for, and when that was."""

    asked: Mapping[str, tuple[datetime, datetime]] = field(default_factory=dict)

    @classmethod
    def read(cls, text: str | None) -> "Cursor":
        """Parse a stored cursor; none means that nothing was asked for."""
        told: dict[str, list[str]] = json.loads(text) if text else {}
        return cls({key: (clock.instant(newest), clock.instant(at)) for key, (newest, at) in told.items()})

    def write(self) -> str:
        """The cursor as it is stored."""
        return json.dumps({key: [newest.isoformat(), at.isoformat()] for key, (newest, at) in self.asked.items()})

    def due(self, newest: Mapping[str, datetime], now: datetime, pause: timedelta) -> set[str]:
        """The partitions with newer candles than were asked for, whose last run is long enough ago."""
        found: set[str] = set()
        for key, candle in newest.items():
            before, at = self.asked.get(key, (None, None))
            if (before is None or candle > before) and (at is None or at + pause <= now):
                found.add(key)
        return found

    def with_asked(self, keys: Iterable[str], newest: Mapping[str, datetime], now: datetime) -> "Cursor":
        """The cursor after these were asked for; of days that nobody looks at any more it knows nothing."""
        kept = {key: asked for key, asked in self.asked.items() if key in newest}
        return Cursor({**kept, **{key: (newest[key], now) for key in keys}})


@dataclass(frozen=True)
class Target:
    """What a domain makes of the bars its collector hands over."""

    chain: dg.AssetSelection
    day: dg.DailyPartitionsDefinition
    symbol: dg.StaticPartitionsDefinition
    #: minutes between runs of a partition
    cadence: Callable[[Settings], int]


TARGETS: Mapping[str, Target] = {
    "crypto": Target(crypto.CHAIN, crypto_partitions.DAY, crypto_partitions.SYMBOL, lambda found: found.crypto.cadence),
    "bars": Target(bars.CHAIN, bars_partitions.DAY, bars_partitions.SYMBOL, lambda found: found.bars.micro_batch_min),
}


def stream_segments_sensor(
    settings: Settings, domain: str, *, default_status: dg.DefaultSensorStatus
) -> dg.SensorDefinition:
    """The sensor that turns what the collector of a domain handed over into partitions."""
    target = TARGETS[domain]
    cadence = target.cadence(settings)

    @dg.sensor(
        name=f"{domain}_stream_segments",
        asset_selection=target.chain,
        minimum_interval_seconds=30,
        default_status=default_status,
        description=f"Asks for partitions with new bars of the stream, each once in {cadence} minutes.",
    )
    def stream_segments(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        now, cursor = clock.now(), Cursor.read(context.cursor)
        newest = arrivals(settings, domain, now)
        if not newest:
            return dg.SkipReason("the stream has handed over nothing of today or yesterday")
        due = cursor.due(newest, now, timedelta(minutes=cadence))
        if not due:
            return dg.SkipReason(
                f"{len(newest)} partitions have nothing new, or were asked for {cadence} min ago at most"
            )
        running = RunsFilter(statuses=NOT_FINISHED_STATUSES, tags={STREAM_TAG: domain})
        if context.instance.get_runs_count(running):
            return dg.SkipReason(f"{len(due)} partitions wait for the run before to end")
        order = [target.day.get_partition_keys(current_time=now), target.symbol.get_partition_keys()]
        latest = max(newest[key] for key in due)
        requests = [
            dg.RunRequest(
                run_key=f"stream:{first}:{last}:{latest.isoformat()}",
                tags={**partitions.range_tags(first, last), STREAM_TAG: domain},
            )
            for first, last in partitions.ranges(due, order)
        ]
        return dg.SensorResult(run_requests=requests, cursor=cursor.with_asked(due, newest, now).write())

    return stream_segments
