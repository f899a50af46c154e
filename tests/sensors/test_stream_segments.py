"""What the stream handed over is asked for: as few ranges, as seldom as the cadence says, and not twice."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest

from market_assets.core import clock
from market_assets.core.partitions import range_tags
from market_assets.settings import load, settings
from resources.crypto_fetch import klines_landing
from resources.stream.candle import MINUTE
from resources.stream.landing import Landing
from sensors.stream_segments import STREAM_TAG, stream_segments_sensor
from tests.resources.stream.scripted_venue import candle

NOW = datetime(2026, 11, 20, 12, 0, 20, tzinfo=UTC)
LAST = datetime(2026, 11, 20, 11, 59, tzinfo=UTC)
SYMBOLS = settings().crypto.symbols


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.instance_for_test() as made:
        yield made


def hand_over(*symbols: str, ts: datetime = LAST, at: datetime | None = None) -> None:
    """As the collector does it."""
    landing = Landing(klines_landing(load()), "binance_usdm", most=100)
    for symbol in symbols:
        landing.add(candle(symbol, ts, "binance_stream", at))
    landing.flush()


class Ticks:
    """Ticks of the sensor, with the cursor kept between them."""

    def __init__(self, instance: dg.DagsterInstance) -> None:
        self.instance = instance
        self.sensor = stream_segments_sensor(load(), "crypto", default_status=dg.DefaultSensorStatus.STOPPED)
        self.cursor: str | None = None
        self.keys: list[str | None] = []

    def __call__(self, now: datetime = NOW) -> list[tuple[str, str]] | str:
        """The ranges that a tick asks for, or why it asks for none."""
        with clock.frozen(now):
            result = self.sensor(dg.build_sensor_context(instance=self.instance, cursor=self.cursor))
        if isinstance(result, dg.SkipReason):
            return result.skip_message
        assert isinstance(result, dg.SensorResult)
        self.cursor = result.cursor
        requests = result.run_requests or []
        self.keys += [request.run_key for request in requests]
        assert all(request.tags[STREAM_TAG] == "crypto" for request in requests)
        ends = tuple(range_tags("", ""))
        return [(request.tags[ends[0]], request.tags[ends[1]]) for request in requests]


@pytest.fixture
def tick(instance: dg.DagsterInstance) -> Ticks:
    return Ticks(instance)


def test_all_symbols_of_a_day_are_one_range(tick: Ticks) -> None:
    """Ten partitions with new candles make one run, and then there is nothing new."""
    hand_over(*SYMBOLS)
    assert tick() == [(f"2026-11-20|{SYMBOLS[0]}", f"2026-11-20|{SYMBOLS[-1]}")]
    assert tick() == "10 partitions have nothing new, or were asked for 5 min ago at most"


def test_nothing_handed_over_is_nothing_to_ask_for(tick: Ticks) -> None:
    """Without a stream, or with candles of older days alone, the tick says so."""
    assert tick() == "the stream has handed over nothing of today or yesterday"
    hand_over("BTCUSDT", ts=LAST - timedelta(days=2))
    assert tick() == "the stream has handed over nothing of today or yesterday"


def test_a_partition_is_asked_for_once_in_a_cadence(tick: Ticks) -> None:
    """New candles wait until the cadence has passed; then the newest is named by the run's key."""
    hand_over("BTCUSDT")
    tick()
    for n in range(1, 5):
        hand_over("BTCUSDT", ts=LAST + n * MINUTE)
        assert isinstance(tick(NOW + n * MINUTE), str)
    assert tick(NOW + 5 * MINUTE) == [("2026-11-20|BTCUSDT", "2026-11-20|BTCUSDT")]
    assert tick.keys == [
        "stream:2026-11-20|BTCUSDT:2026-11-20|BTCUSDT:2026-11-20T12:00:00+00:00",
        "stream:2026-11-20|BTCUSDT:2026-11-20|BTCUSDT:2026-11-20T12:04:00+00:00",
    ]


def test_yesterday_is_asked_for_as_well(tick: Ticks) -> None:
    """The last minutes of a day are handed over after it has ended."""
    midnight = datetime(2026, 11, 21, tzinfo=UTC)
    hand_over("BTCUSDT", ts=midnight - MINUTE)
    hand_over("BTCUSDT", ts=midnight)
    assert tick(midnight + 2 * MINUTE) == [("2026-11-20|BTCUSDT", "2026-11-21|BTCUSDT")]


def test_a_hole_that_was_filled_later_is_new(tick: Ticks) -> None:
    """What arrived last counts, not what is newest: REST fills behind the newest candle."""
    hand_over("BTCUSDT")
    tick()
    hand_over("BTCUSDT", ts=LAST - 30 * MINUTE, at=NOW)
    assert tick(NOW + 6 * MINUTE) == [("2026-11-20|BTCUSDT", "2026-11-20|BTCUSDT")]


def test_a_run_that_has_not_ended_is_waited_for(tick: Ticks, instance: dg.DagsterInstance) -> None:
    """While a run of the stream is queued or at work no second one is asked for, and nothing is forgotten."""
    hand_over("BTCUSDT")

    @dg.job
    def work() -> None:
        pass

    run = instance.create_run_for_job(work, status=dg.DagsterRunStatus.STARTED, tags={STREAM_TAG: "crypto"})
    assert tick() == "1 partitions wait for the run before to end"
    instance.report_run_canceled(run)
    assert tick() == [("2026-11-20|BTCUSDT", "2026-11-20|BTCUSDT")]
