"""What the stream handed over is asked for: as few ranges, as seldom as the cadence says, and not twice."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import dagster as dg
import polars as pl
import pytest

from market_assets.bars.schemas import BarsMinute
from market_assets.core import clock
from market_assets.core.partitions import range_tags
from market_assets.settings import load, settings
from resources.bars_fetch import minutes_landing
from resources.crypto_fetch import klines_landing
from resources.stream.candle import MINUTE
from resources.stream.landing import Landing
from sensors.stream_segments import STREAM_TAG, stream_segments_sensor
from tests.resources.stream.scripted_venue import candle

NOW = datetime(2026, 11, 20, 12, 0, 20, tzinfo=UTC)
LAST = datetime(2026, 11, 20, 11, 59, tzinfo=UTC)


def hand_over_candles(symbols: Sequence[str], ts: datetime, at: datetime | None) -> None:
    """As the collector of crypto does it."""
    landing = Landing(klines_landing(load()), "binance_usdm", most=100)
    for symbol in symbols:
        landing.add(candle(symbol, ts, "binance_stream", at))
    landing.flush()


def hand_over_minutes(symbols: Sequence[str], ts: datetime, at: datetime | None) -> None:
    """As the collector of bars does it: one segment a symbol."""
    contract, arrived = BarsMinute.contract(), at or ts + MINUTE
    for symbol in symbols:
        row = dict.fromkeys(contract.columns) | {"symbol": symbol, "ts": ts, "close": 1.0, "ingested_at": arrived}
        minutes_landing(load()).append(symbol, ts, pl.DataFrame([row], contract.schema))


@dataclass(frozen=True)
class Domain:
    """A domain whose collector hands bars over."""

    name: str
    symbols: Sequence[str]
    #: one that trades round the clock
    symbol: str
    land: Callable[[Sequence[str], datetime, datetime | None], None]

    def hand_over(self, *symbols: str, ts: datetime = LAST, at: datetime | None = None) -> None:
        """A bar of each symbol that opened at `ts`; of the one symbol unless others are named."""
        self.land(symbols or (self.symbol,), ts, at)

    def key(self, day: str = "2026-11-20") -> str:
        """The one symbol's partition."""
        return f"{day}|{self.symbol}"


DOMAINS = [
    Domain("crypto", settings().crypto.symbols, "BTCUSDT", hand_over_candles),
    Domain("bars", settings().bars.symbols, "BTCUSD", hand_over_minutes),
]


@pytest.fixture(params=DOMAINS, ids=lambda domain: str(domain.name))
def domain(request: pytest.FixtureRequest) -> Domain:
    found: Domain = request.param
    return found


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.instance_for_test() as made:
        yield made


class Ticks:
    """Ticks of the sensor, with the cursor kept between them."""

    def __init__(self, instance: dg.DagsterInstance, domain: str) -> None:
        self.instance, self.domain = instance, domain
        self.sensor = stream_segments_sensor(load(), domain, default_status=dg.DefaultSensorStatus.STOPPED)
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
        assert all(request.tags[STREAM_TAG] == self.domain for request in requests)
        ends = tuple(range_tags("", ""))
        return [(request.tags[ends[0]], request.tags[ends[1]]) for request in requests]


@pytest.fixture
def tick(instance: dg.DagsterInstance, domain: Domain) -> Ticks:
    return Ticks(instance, domain.name)


def test_all_symbols_of_a_day_are_one_range(tick: Ticks, domain: Domain) -> None:
    """All partitions with new bars make one run, and then there is nothing new."""
    domain.hand_over(*domain.symbols)
    assert tick() == [(f"2026-11-20|{domain.symbols[0]}", f"2026-11-20|{domain.symbols[-1]}")]
    assert tick() == f"{len(domain.symbols)} partitions have nothing new, or were asked for 5 min ago at most"


def test_nothing_handed_over_is_nothing_to_ask_for(tick: Ticks, domain: Domain) -> None:
    """Without a stream, or with bars of older days alone, the tick says so."""
    assert tick() == "the stream has handed over nothing of today or yesterday"
    domain.hand_over(ts=LAST - timedelta(days=2))
    assert tick() == "the stream has handed over nothing of today or yesterday"


def test_a_partition_is_asked_for_once_in_a_cadence(tick: Ticks, domain: Domain) -> None:
    """New bars wait until the cadence has passed; then the newest is named by the run's key."""
    domain.hand_over()
    tick()
    for n in range(1, 5):
        domain.hand_over(ts=LAST + n * MINUTE)
        assert isinstance(tick(NOW + n * MINUTE), str)
    assert tick(NOW + 5 * MINUTE) == [(domain.key(), domain.key())]
    assert tick.keys == [
        f"stream:{domain.key()}:{domain.key()}:2026-11-20T12:00:00+00:00",
        f"stream:{domain.key()}:{domain.key()}:2026-11-20T12:04:00+00:00",
    ]


def test_yesterday_is_asked_for_as_well(tick: Ticks, domain: Domain) -> None:
    """The last minutes of a day are handed over after it has ended."""
    midnight = datetime(2026, 11, 21, tzinfo=UTC)
    domain.hand_over(ts=midnight - MINUTE)
    domain.hand_over(ts=midnight)
    assert tick(midnight + 2 * MINUTE) == [(domain.key(), domain.key("2026-11-21"))]


def test_a_hole_that_was_filled_later_is_new(tick: Ticks, domain: Domain) -> None:
    """What arrived last counts, not what is newest: REST fills behind the newest bar."""
    domain.hand_over()
    tick()
    domain.hand_over(ts=LAST - 30 * MINUTE, at=NOW)
    assert tick(NOW + 6 * MINUTE) == [(domain.key(), domain.key())]


def test_a_run_that_has_not_ended_is_waited_for(tick: Ticks, domain: Domain, instance: dg.DagsterInstance) -> None:
    """While a run of the stream is queued or at work no second one is asked for, and nothing is forgotten."""
    domain.hand_over()

    @dg.job
    def work() -> None:
        pass

    run = instance.create_run_for_job(work, status=dg.DagsterRunStatus.STARTED, tags={STREAM_TAG: domain.name})
    assert tick() == "1 partitions wait for the run before to end"
    instance.report_run_canceled(run)
    assert tick() == [(domain.key(), domain.key())]


def test_a_run_of_another_domain_is_not_waited_for(tick: Ticks, domain: Domain, instance: dg.DagsterInstance) -> None:
    """Each collector has its own runs."""
    domain.hand_over()

    @dg.job
    def work() -> None:
        pass

    other = next(one.name for one in DOMAINS if one is not domain)
    instance.create_run_for_job(work, status=dg.DagsterRunStatus.STARTED, tags={STREAM_TAG: other})
    assert tick() == [(domain.key(), domain.key())]
