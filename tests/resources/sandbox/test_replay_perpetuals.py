"""Recorded funding converted and replayed: real rates, jitter and holes, and nothing that was not recorded."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from resources.sandbox import convert
from resources.sandbox.backend import Backend
from resources.sandbox.perpetuals import HOUR_MS, Quote, Settlements
from resources.sandbox.recording import NoRecording
from resources.sandbox.replay import ReplayBackend

AFTER = datetime(2026, 2, 1, tzinfo=UTC)
#: what MANIFEST says of each contract's files: rows, first and last settlement
RECORDED = {
    ("binance_usdm", "BTCUSDT"): (4383 + 266, "2020-01-01 00:00", "2025-06-03 00:00"),
    ("binance_usdm", "ENAUSDT"): (474, "2025-03-16 12:00", "2025-06-03 08:00"),
    ("binance_usdm", "ETHUSDT"): (302, "2025-03-06 16:00", "2025-06-15 00:00"),
    ("binance_usdm", "SOLUSDT"): (266, "2025-03-06 16:00", "2025-06-03 00:00"),
    ("bybit", "BTCUSDT"): (3285, "2021-01-01 00:00", "2023-12-31 16:00"),
    ("dydx", "BTC-USD"): (17520, "2022-01-01 00:00", "2023-12-31 23:00"),
    ("gate", "BTC_USDT"): (4290 + 650, "2020-01-01 00:00", "2026-01-03 08:00"),
    ("gate", "ETH_USDT"): (650, "2025-06-01 00:00", "2026-01-03 08:00"),
}


@pytest.fixture(scope="session")
def converted(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """The replay tables of recorded funding alone, and what the converter said."""
    source, target = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("replay")
    (source / "funding").symlink_to(shared_data / "funding")
    return target, convert.convert(source, target)


@pytest.fixture(scope="session")
def backend(converted: tuple[Path, list[str]]) -> Backend:
    return ReplayBackend(converted[0])


def write(directory: Path, **columns: object) -> Path:
    """A replay directory with one file of settlements of Binance's BTCUSDT."""
    (directory / "funding_rates").mkdir(parents=True)
    rows = pl.DataFrame({"exchange": "binance_usdm", "native_symbol": "BTCUSDT", **columns})
    rows.write_parquet(directory / "funding_rates" / "rows.parquet")
    return directory


def at(hour: int, minute: int = 0) -> datetime:
    """An instant of 2025-05-06."""
    return datetime(2025, 5, 6, tzinfo=UTC) + timedelta(hours=hour, minutes=minute)


def minute_of(stamp_ms: int) -> str:
    return f"{datetime.fromtimestamp(stamp_ms / 1000, UTC):%Y-%m-%d %H:%M}"


@pytest.mark.parametrize(("contract", "expected"), RECORDED.items())
def test_recorded_contracts_are_whole(backend: Backend, contract: tuple[str, str], expected: tuple[int, str, str]):
    """As many settlements as MANIFEST says; several files of one contract are one history."""
    settled = backend.settlements(*contract, AFTER)
    assert (len(settled), minute_of(settled.time_ms[0]), minute_of(settled.time_ms[-1])) == expected
    assert (np.diff(settled.time_ms) > 0).all()


def test_rates_and_stamps_are_those_of_the_files(backend: Backend):
    """First rows of the files, read by eye; Binance's stamps of 2025 keep their milliseconds (0 to 47, MANIFEST)."""
    ena = backend.settlements("binance_usdm", "ENAUSDT", AFTER)
    assert (ena.time_ms[:2].tolist(), ena.rate[:2].tolist()) == ([1742126400000, 1742140800000], [5e-05, -8.429e-05])
    assert backend.settlements("dydx", "BTC-USD", AFTER).rate[0] == 0.0000058615
    late = backend.settlements("binance_usdm", "BTCUSDT", AFTER).window(1741276800000, None).time_ms % HOUR_MS
    assert (late.min(), late.max() > 0, late.max() <= 47) == (0, True, True)
    assert np.isnan(ena.mark).all()


def test_intervals_are_the_usual_step(backend: Backend, converted: tuple[Path, list[str]]):
    """ENA every four hours, dYdX every hour, others every eight; Gate's hole of 752 hours does not count as one."""
    intervals = {one: set(backend.settlements(*one, AFTER).interval_hours) for one in RECORDED}
    usual = {("binance_usdm", "ENAUSDT"): {4.0}, ("dydx", "BTC-USD"): {1.0}}
    assert intervals == {one: usual.get(one, {8.0}) for one in RECORDED}
    assert "gate BTC_USDT: 4290 settlements, every 8 h, 752 h at a hole" in converted[1]
    assert "binance_usdm ENAUSDT: 474 settlements, every 4 h" in converted[1]


def test_listing_is_what_is_recorded_by_then(backend: Backend):
    """A contract is listed one interval before its first settlement, with what its name says."""
    then = datetime(2025, 3, 16, 9, tzinfo=UTC)
    names = {name: [one.native_symbol for one in backend.perpetuals(name, then)] for name in ("binance_usdm", "gate")}
    assert names == {"binance_usdm": ["BTCUSDT", "ENAUSDT", "ETHUSDT", "SOLUSDT"], "gate": ["BTC_USDT"]}
    assert len(backend.perpetuals("binance_usdm", then - timedelta(hours=2))) == 3
    ena = next(one for one in backend.perpetuals("binance_usdm", then) if one.native_symbol == "ENAUSDT")
    assert (ena.native_base, ena.quote, ena.settle, ena.kind) == ("ENA", "USDT", "USDT", "linear")
    assert (ena.interval_hours, ena.listed_at, ena.is_open) == (4.0, datetime(2025, 3, 16, 8, tzinfo=UTC), True)
    assert list(backend.perpetuals("okx", AFTER)) == []


def test_nothing_later_is_known(backend: Backend):
    """At 2022-06-01 00:00:00 the settlement of that instant is the last one."""
    now = datetime(2022, 6, 1, tzinfo=UTC)
    assert minute_of(backend.settlements("bybit", "BTCUSDT", now).time_ms[-1]) == "2022-06-01 00:00"
    assert (
        minute_of(backend.settlements("bybit", "BTCUSDT", now - timedelta(seconds=1)).time_ms[-1]) == "2022-05-31 16:00"
    )


def test_prediction_is_the_next_recorded_rate(backend: Backend):
    """Within its interval; prices and open interest are not recorded and stay unknown."""
    now = datetime(2025, 3, 16, 15, 0, tzinfo=UTC)
    quote = backend.quotes("binance_usdm", now)["ENAUSDT"]
    assert quote == Quote(-8.429e-05, 4.0, 1742140800000, None, None, None)


def test_in_a_hole_and_after_the_record_nothing_is_predicted(backend: Backend):
    """Binance's BTCUSDT is not recorded in 2024; Bybit's record ends with 2023 and counts for one interval more."""
    unknown = Quote(None, None, None, None, None, None)
    assert backend.quotes("binance_usdm", datetime(2024, 6, 1, tzinfo=UTC))["BTCUSDT"] == unknown
    assert backend.quotes("bybit", AFTER)["BTCUSDT"] == unknown
    last = backend.settlements("bybit", "BTCUSDT", AFTER).rate[-1]
    shortly_after = backend.quotes("bybit", datetime(2023, 12, 31, 20, tzinfo=UTC))["BTCUSDT"]
    new_year = int(datetime(2024, 1, 1, tzinfo=UTC).timestamp() * 1000)
    assert shortly_after == Quote(last, 8.0, new_year, None, None, None)


def test_rows_of_our_own_table_replay(tmp_path: Path):
    """`funding_time` serves where no native stamp is; marks are read; of two versions of a row the newest counts."""
    directory = write(
        tmp_path,
        funding_time=[at(0), at(8), at(8), at(16)],
        ingested_at=[at(1), at(10), at(9), at(17)],
        rate_native=[0.0001, 0.0003, 0.0002, None],
        interval_hours=[8.0, 8.0, 8.0, 8.0],
        mark_price=[60_000.0, 61_000.0, 60_999.0, None],
    )
    backend = ReplayBackend(directory)
    settled = backend.settlements("binance_usdm", "BTCUSDT", at(20))
    assert settled.rate[:2].tolist() == [0.0001, 0.0003]
    assert np.isnan(settled.rate[2])
    assert settled.mark[:2].tolist() == [60_000.0, 61_000.0]
    expected = Quote(0.0003, 8.0, int(at(8).timestamp() * 1000), 60_000.0, None, None)
    assert backend.quotes("binance_usdm", at(3))["BTCUSDT"] == expected
    assert backend.quotes("binance_usdm", at(9))["BTCUSDT"].predicted_rate is None


def test_an_interval_change_is_listed_when_it_shows(tmp_path: Path):
    """The interval of a listing is that of the last settlement."""
    directory = write(
        tmp_path, funding_time=[at(0), at(4), at(5)], rate_native=[0.0] * 3, interval_hours=[4.0, 4.0, 1.0]
    )
    backend = ReplayBackend(directory)
    hours = [backend.perpetuals("binance_usdm", now)[0].interval_hours for now in (at(-2), at(4, 30), at(5))]
    assert hours == [4.0, 4.0, 1.0]


def test_an_unknown_interval_is_not_listed(tmp_path: Path):
    """A listing states the last interval that is known, or the first one to come; the row's own stays unknown."""
    stamps = [at(0), at(8), at(16)]
    directory = write(tmp_path, funding_time=stamps, rate_native=[0.0] * 3, interval_hours=[None, 4.0, None])
    backend = ReplayBackend(directory)
    assert {backend.perpetuals("binance_usdm", now)[0].interval_hours for now in (at(1), at(9), at(17))} == {4.0}
    stated = backend.settlements("binance_usdm", "BTCUSDT", at(17)).interval_hours
    assert np.isnan(stated).tolist() == [True, False, True]
    assert backend.quotes("binance_usdm", at(17))["BTCUSDT"] == Quote(None, None, None, None, None, None)


def test_contracts_of_no_known_family_are_left_out(tmp_path: Path):
    """Of an exchange or a name that the sandbox cannot read; so are those that never state an interval."""
    rows = {"funding_time": [at(0)] * 4, "rate_native": [0.0] * 4, "interval_hours": [8.0, 8.0, 8.0, None]}
    names = {
        "exchange": ["binance_usdm", "phemex", "binance_usdm", "binance_usdm"],
        "native_symbol": ["BTC/USDT", "BTCUSDT", "ETHUSDT", "SOLUSDT"],
    }
    backend = ReplayBackend(write(tmp_path, **rows, **names))
    listed = [[one.native_symbol for one in backend.perpetuals(name, AFTER)] for name in ("binance_usdm", "phemex")]
    assert listed == [["ETHUSDT"], []]


def test_table_without_needed_columns_is_refused(tmp_path: Path):
    """The missing column is named; so is a stamp under neither name."""
    with pytest.raises(NoRecording, match="interval_hours"):
        ReplayBackend(write(tmp_path / "one", funding_time=[at(0)], rate_native=[0.0]))
    with pytest.raises(NoRecording, match="funding_time"):
        ReplayBackend(write(tmp_path / "other", rate_native=[0.0], interval_hours=[8.0]))


def test_an_empty_replay_names_the_table(tmp_path: Path):
    """A directory of nothing: what could have been there."""
    with pytest.raises(NoRecording, match="funding_rates"):
        ReplayBackend(tmp_path)


def test_without_funding_the_exchanges_list_nothing(tmp_path: Path):
    """A replay of another domain answers as an exchange without contracts."""
    (tmp_path / "btc_price").mkdir()
    pl.DataFrame({"ts": [at(0)], "price": [1.0]}).write_parquet(tmp_path / "btc_price" / "rows.parquet")
    backend = ReplayBackend(tmp_path)
    assert list(backend.perpetuals("binance_usdm", AFTER)) == []
    assert dict(backend.quotes("binance_usdm", AFTER)) == {}
    assert len(backend.settlements("binance_usdm", "BTCUSDT", AFTER)) == len(Settlements.empty()) == 0


def test_a_file_of_an_unknown_contract_is_said_to_be_left_out(tmp_path: Path):
    """Nothing is guessed from the name of a file."""
    (tmp_path / "source" / "funding").mkdir(parents=True)
    (tmp_path / "source" / "funding" / "kraken_BTC.csv").write_text("funding_time_ms,funding_rate\n0,0.1\n")
    said = convert.convert(tmp_path / "source", tmp_path / "target")
    assert said == ["kraken_BTC.csv: left out, for it is not said of which contract it is"]
    assert not (tmp_path / "target" / "funding_rates").exists()
