"""Real settlements, replayed over HTTP through the graph: what is stored is the record, and what follows from it."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from market_assets.funding.transforms import completeness, rates
from market_assets.funding.transforms.hourly import hourly_rates
from resources.sandbox.convert import convert
from resources.venues.registry import VENUES
from tests.market_assets.funding.replayed import Period, Replayed, built, elsewhere, here
from tests.market_assets.funding.transforms import histories

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
YEAR_PCT = 8760 * 100


#: three venues, hourly and of eight hours; and Binance's jitter of 2025, with a contract of four hours
WINTER = Period(date(2023, 12, 1), datetime(2023, 12, 31, 12, 20, tzinfo=UTC), ("binance_usdm", "bybit", "dydx"))
SPRING = Period(date(2025, 5, 2), datetime(2025, 6, 2, 12, 20, tzinfo=UTC), ("binance_usdm",))


@pytest.fixture(scope="module")
def recorded(shared_data: Path) -> pl.DataFrame:
    """exchange, native_symbol, at (as stated), rate of every recorded settlement, read without our code."""
    contracts = {
        "binance_BTC.csv.gz": ("binance_usdm", "BTCUSDT"),
        **{
            f"binance_usdm_{base}USDT_2025.csv": ("binance_usdm", f"{base}USDT")
            for base in ("BTC", "ETH", "SOL", "ENA")
        },
        "bybit_BTC.csv.gz": ("bybit", "BTCUSDT"),
        "dydx_BTC.csv.gz": ("dydx", "BTC-USD"),
        "gate_BTC.csv.gz": ("gate", "BTC_USDT"),
    }
    return pl.concat(
        pl.read_csv(shared_data / "funding" / file).select(
            exchange=pl.lit(exchange),
            native_symbol=pl.lit(name),
            at=pl.from_epoch("funding_time_ms", "ms").dt.cast_time_unit("us").dt.replace_time_zone("UTC"),
            rate=pl.col("funding_rate").cast(pl.Float64),
        )
        for file, (exchange, name) in contracts.items()
    )


@pytest.fixture(scope="module")
def replay(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The recorded settlements as replay tables."""
    source, target = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("replay")
    (source / "funding").symlink_to(shared_data / "funding")
    convert(source, target)
    return target


@pytest.fixture(scope="module")
def winter_built(replay: Path, tmp_path_factory: pytest.TempPathFactory) -> Replayed:
    return built(replay, tmp_path_factory.mktemp("winter"), WINTER, elsewhere)


@pytest.fixture(scope="module")
def spring_built(replay: Path, tmp_path_factory: pytest.TempPathFactory) -> Replayed:
    return built(replay, tmp_path_factory.mktemp("spring"), SPRING, here)


@pytest.fixture
def winter(winter_built: Replayed, home: Path, monkeypatch: pytest.MonkeyPatch) -> Replayed:
    """The winter of 2023, to be read."""
    winter_built.desk.enter(monkeypatch)
    return winter_built


@pytest.fixture
def spring(spring_built: Replayed, home: Path, monkeypatch: pytest.MonkeyPatch) -> Replayed:
    """The spring of 2025, to be read."""
    spring_built.desk.enter(monkeypatch)
    return spring_built


def of(recorded: pl.DataFrame, exchange: str, name: str, first: datetime, until: datetime) -> pl.DataFrame:
    """Recorded settlements of a contract by the minute, first <= at < until."""
    rows = recorded.filter(exchange=exchange, native_symbol=name).with_columns(minute=pl.col("at").dt.truncate("1m"))
    return rows.filter(pl.col("minute").is_between(first, until, closed="left")).sort("at")


def assert_whole(replayed: Replayed, recorded: pl.DataFrame, contracts: Sequence[tuple[str, str]]) -> None:
    """What is stored of these contracts is their record, and nothing else is stored."""
    stored, period = replayed.read("funding_rates"), replayed.period
    assert set(stored.select("exchange", "native_symbol").unique().rows()) == set(contracts)
    for exchange, name in contracts:
        expected = of(recorded, exchange, name, period.start, period.now)
        assert expected.height > 30 * 3
        found = stored.filter(exchange=exchange, native_symbol=name).sort("funding_time")
        assert found["funding_time"].to_list() == expected["minute"].to_list()
        assert found["funding_time_native"].to_list() == expected["at"].to_list()
        assert found["rate_native"].to_list() == expected["rate"].to_list()


def test_three_venues_are_stored_as_recorded(winter: Replayed, recorded: pl.DataFrame) -> None:
    """Every settlement of a month, none lost at the edge of a page, none doubled; dYdX by the hour."""
    assert_whole(winter, recorded, [("binance_usdm", "BTCUSDT"), ("bybit", "BTCUSDT"), ("dydx", "BTC-USD")])
    rates = winter.read("funding_rates")
    intervals = rates.group_by("exchange").agg(pl.col("interval_hours").unique())
    assert dict(intervals.iter_rows()) == {"binance_usdm": [8.0], "bybit": [8.0], "dydx": [1.0]}


def test_archive_and_exchange_are_stored_as_recorded(spring: Replayed, recorded: pl.DataFrame) -> None:
    """May comes from the archive's file, June from the exchange; ENA settles every four hours."""
    assert_whole(spring, recorded, [("binance_usdm", f"{base}USDT") for base in ("BTC", "ENA", "ETH", "SOL")])
    rates = spring.read("funding_rates")
    june = pl.col("funding_time") >= datetime(2025, 6, 1, tzinfo=UTC)
    assert set(rates.filter(june)["source"]) == {"binance_usdm-sandbox"}
    assert set(rates.filter(~june)["source"]) == {"binance_archive-sandbox"}
    intervals = rates.group_by("native_symbol").agg(pl.col("interval_hours").unique())
    expected = {"BTCUSDT": [8.0], "ENAUSDT": [4.0], "ETHUSDT": [8.0], "SOLUSDT": [8.0]}
    assert dict(intervals.iter_rows()) == expected


def test_jitter_is_rounded_and_kept_beside(spring: Replayed) -> None:
    """Binance stamps settlements up to 47 ms after the hour (MANIFEST)."""
    rates = spring.read("funding_rates")
    late = (rates["funding_time_native"] - rates["funding_time"]).dt.total_milliseconds()
    assert late.min() == 0
    assert 0 < late.max() <= 47  # type: ignore[operator]
    assert (rates["funding_time"] == rates["funding_time"].dt.truncate("1h")).all()
    assert not rates["flag_off_grid"].any()


def test_real_data_are_complete_and_sound(winter: Replayed, spring: Replayed) -> None:
    """Slots by hand, of the 30 days that end with the day of the look, which is cut ten minutes before 12:20.

    On each of 29 days 3 of 8 h, 6 of 4 h, 24 of 1 h; on the last 00 and 08, 00 to 12, 00 to 12. No check fails, but
    that a round of one exchange has nothing to be compared with.
    """
    slots = {8.0: 29 * 3 + 2, 4.0: 29 * 6 + 4, 1.0: 29 * 24 + 13}
    for replayed in (winter, spring):
        rows = replayed.read("funding_completeness")
        assert set(rows["completeness_class"]) == {"complete"}
        assert set(rows["completeness_pct"]) == {100.0}
        assert rows["gap_starts"].list.len().sum() == rows["surplus_rows"].sum() == 0
        for (interval,), expected in rows.select("epoch_intervals", "expected_slots").iter_rows():
            assert expected == slots[interval]
    assert {asset: checks for asset, checks in winter.failed.items() if checks} == {}
    told = {asset: checks for asset, checks in spring.failed.items() if checks}
    assert told == {"funding_snapshot": {"exchanges_present": "WARN"}}


@pytest.mark.parametrize("season", ["winter", "spring"])
def test_statistics_are_those_of_the_record(
    season: str, recorded: pl.DataFrame, request: pytest.FixtureRequest
) -> None:
    """By numpy over the 30 days up to the look; what is predicted is the record's next settlement."""
    replayed: Replayed = request.getfixturevalue(season)
    now, hours = replayed.period.now, {"ENAUSDT": 4.0, "BTC-USD": 1.0}
    names = dict(replayed.read("funding_contracts").select("symbol", "native_symbol").rows())
    rows = replayed.read("funding_statistics")
    assert rows.height == len(replayed.read("funding_contracts"))
    for row in rows.iter_rows(named=True):
        name = names[row["symbol"]]
        interval = hours.get(name, 8.0)
        points = of(recorded, row["exchange"], name, now - 30 * DAY, now)["rate"].to_numpy() / interval
        following = of(recorded, row["exchange"], name, now, now + DAY)["rate"][0] / interval
        earlier, last = points[:-1], points[-1]
        expected = {
            "n_points": 30 * 24 / interval,
            "mean_1h": points.mean(),
            "std_1h": points.std(ddof=1),
            "median_1h": np.median(points),
            "mad_1h": np.median(np.abs(points - np.median(points))),
            "max_1h": points.max(),
            "min_30d_apr": points.min() * YEAR_PCT,
            "settled_rate_1h": last,
            "z_settled": (last - earlier.mean()) / earlier.std(ddof=1),
            "predicted_rate_1h": following,
            "z_predicted": (following - points.mean()) / points.std(ddof=1),
        }
        assert {key: row[key] for key in expected} == pytest.approx(expected, rel=1e-9, abs=1e-15), name
        assert row["confidence"] == "very_high"


def hourly(recorded: pl.DataFrame, exchange: str, name: str, interval: int) -> dict[datetime, float]:
    """Start of an hour -> what the settlement that covers it charged for it, of the winter."""
    rows = of(recorded, exchange, name, WINTER.start, WINTER.now)
    pairs = rows.select("minute", "rate").iter_rows()
    return {at - n * HOUR: rate / interval for at, rate in pairs for n in range(1, interval + 1)}


@pytest.fixture(scope="module")
def by_hour(recorded: pl.DataFrame) -> dict[str, dict[datetime, float]]:
    """Exchange -> hour -> rate per hour."""
    contracts = {"binance_usdm": ("BTCUSDT", 8), "bybit": ("BTCUSDT", 8), "dydx": ("BTC-USD", 1)}
    return {exchange: hourly(recorded, exchange, *of_it) for exchange, of_it in contracts.items()}


def spread(by_hour: dict[str, dict[datetime, float]], a: str, b: str) -> dict[datetime, float]:
    """Hour -> yearly percent at a less that at b, where both are known, from the first day on."""
    common = sorted(at for at in by_hour[a].keys() & by_hour[b].keys() if at >= WINTER.start)
    return {at: (by_hour[a][at] - by_hour[b][at]) * YEAR_PCT for at in common}


PAIRS = [("binance_usdm", "bybit"), ("binance_usdm", "dydx"), ("bybit", "dydx")]


def test_spreads_are_those_of_the_record(winter: Replayed, by_hour: dict[str, dict[datetime, float]]) -> None:
    """Signed, hour by hour: an hour of an 8 h venue against the hour of dYdX; none after the last settlement."""
    rows = winter.read("funding_spreads")
    assert set(rows.select("exchange_a", "exchange_b").unique().rows()) == set(PAIRS)
    for a, b in PAIRS:
        expected = spread(by_hour, a, b)
        found = dict(rows.filter(exchange_a=a, exchange_b=b).select("hour", "spread_apr_pct").iter_rows())
        # 30 whole days and the hours before 08:00 of the last one
        assert len(expected) == 30 * 24 + 8
        assert found == pytest.approx(expected, rel=1e-9, abs=1e-9)
    dydx = rows.filter(exchange_b="dydx")
    assert set(dydx["sync_period_hours"]) == {8.0}


@pytest.mark.parametrize(("a", "b"), PAIRS)
def test_pairs_are_distributed_as_recorded(
    winter: Replayed, by_hour: dict[str, dict[datetime, float]], a: str, b: str
) -> None:
    """By numpy over 30 days less the eight hours that were settled at midnight: they were not known before it."""
    midnight = datetime(2023, 12, 31, tzinfo=UTC)
    known = {
        at: value for at, value in spread(by_hour, a, b).items() if midnight - 30 * DAY <= at < midnight - 8 * HOUR
    }
    values = np.array(list(known.values()))
    (row,) = winter.read("funding_spread_statistics").filter(exchange_a=a, exchange_b=b).to_dicts()
    expected = {
        "n_hours": 712,
        "mean": values.mean(),
        "std": values.std(ddof=1),
        "median": np.median(values),
        "min": values.min(),
        "p95": np.quantile(values, 0.95),
        "mean_abs": np.abs(values).mean(),
        "share_a_short_ratio": (values >= 0).mean(),
    }
    assert {key: row[key] for key in expected} == pytest.approx(expected, rel=1e-9, abs=1e-9)


def test_a_hole_of_gate_is_a_gap_and_covers_no_hour(recorded: pl.DataFrame) -> None:
    """752 hours without a settlement (MANIFEST) are 93 missing ones; its edges by reading the record."""
    rows = recorded.filter(exchange="gate").sort("at")
    steps = rows["at"].diff().dt.total_hours()
    place = int(steps.arg_max())  # type: ignore[arg-type]
    assert steps[place] == 752
    before, after = rows["at"][place - 1], rows["at"][place]
    contracts = histories.contracts(histories.seen(listed_at=datetime(2019, 12, 1, tzinfo=UTC)))
    events = rows.select(
        "exchange",
        "native_symbol",
        funding_time_native="at",
        rate_native="rate",
        interval_hours=pl.lit(None, pl.Float64),
        mark_price=pl.lit(None, pl.Float64),
        ingested_at=pl.lit(histories.T0),
        source=pl.lit("gate"),
    )
    settled = rates.rates(events, contracts, first=before - 60 * DAY, until=after + 60 * DAY)
    day, now = after.date() + DAY, after + 10 * DAY
    floors = pl.DataFrame(
        schema={
            "exchange": pl.String,
            "native_symbol": pl.String,
            "history_floor": events.schema["funding_time_native"],
        }
    )
    (row,) = completeness.completeness(settled, contracts, floors, days=[day], window_days=60, now=now).to_dicts()
    assert (row["gap_starts"], row["gap_ends"]) == ([before + 8 * HOUR], [after - 8 * HOUR])
    assert (row["gap_slots"], row["expected_slots"] - row["hit_slots"]) == ([93.0], 93)
    assert row["completeness_class"] == "incomplete"
    hours = hourly_rates(settled, first=before - DAY, until=after + DAY)["hour"]
    inside = hours.filter((hours >= before) & (hours < after - 8 * HOUR))
    assert inside.is_empty()
    assert hours.min() == before - DAY


#: correlation with Binance's settlement of the same instant, and with that of eight hours before (MANIFEST)
LAGGED = {"bybit": (0.72, 0.83), "gate": (0.55, 0.70)}


@pytest.mark.parametrize(("exchange", "expected"), LAGGED.items())
def test_bybit_and_gate_settle_what_binance_settled_before(
    recorded: pl.DataFrame, exchange: str, expected: tuple[float, float]
) -> None:
    """Over all settlements that both recorded: best with Binance's previous one, as the records of both venues say.

    Stored series keep their own instants for all that: they are never shifted to align venues.
    """
    by_hour = pl.col("at").dt.round("1h")
    binance = recorded.filter(exchange="binance_usdm", native_symbol="BTCUSDT").select(by_hour, rate_binance="rate")
    theirs = recorded.filter(exchange=exchange).select(by_hour, "rate")
    found = [
        theirs.join(binance.with_columns(pl.col("at") + lag), on="at").select(pl.corr("rate", "rate_binance")).item()
        for lag in (timedelta(0), 8 * HOUR)
    ]
    assert found == pytest.approx(list(expected), abs=0.02)
    assert (VENUES[exchange].measures, VENUES["binance_usdm"].measures) == ("previous", "ending")
