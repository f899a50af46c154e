"""Real hourly prices, replayed over HTTP through the graph; their liquidations are made from the real price path."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from market_assets.btc.settings import BtcSettings
from market_assets.btc.transforms import processed, rpn
from market_assets.btc.transforms.raw import canonical
from resources.sandbox.convert import convert
from resources.sandbox.replay import ReplayBackend
from tests.desk import failed_checks, opened, running
from tests.market_assets.btc.conftest import Bitcoin
from tests.market_assets.btc.transforms.hourly import NO_RPN
from tests.market_assets.btc.transforms.test_leak import end_point, features, two_sided

HOUR = timedelta(hours=1)
START = BtcSettings().start
#: after the second Monday with a usable model
NOW = datetime(2021, 6, 21, 12, 20, tzinfo=UTC)
#: rows whose filters are warm, and hours ahead
FROM, AHEAD = 800, 24


@pytest.fixture(scope="module")
def replay(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The recorded data as replay tables."""
    target = tmp_path_factory.mktemp("replay")
    convert(shared_data, target)
    return target


@pytest.fixture(scope="module")
def recorded(shared_data: Path) -> pl.DataFrame:
    """ts and close of every recorded hour, read without our code."""
    rows = pl.read_csv(shared_data / "crypto" / "klines" / "binance_spot_BTCUSDT_1h.csv.gz")
    return rows.select(
        ts=pl.from_epoch("open_time_ms", "ms").dt.cast_time_unit("us").dt.replace_time_zone("UTC"), price="close"
    )


@pytest.fixture(scope="module")
def replayed(replay: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bitcoin]:
    """Four and a half real months through the whole graph."""
    with (
        running(ReplayBackend(replay)) as sandbox,
        pytest.MonkeyPatch.context() as patch,
        opened(tmp_path_factory.mktemp("real"), sandbox, patch, now=f"{NOW:%Y-%m-%dT%H:%M:%SZ}") as desk,
    ):
        bitcoin = Bitcoin(desk)
        bitcoin.build()
        yield bitcoin


@pytest.fixture
def real(replayed: Bitcoin, home: Path, monkeypatch: pytest.MonkeyPatch) -> Bitcoin:
    """That domain, to be read."""
    replayed.desk.enter(monkeypatch)
    return replayed


def test_real_prices_through_the_graph(real: Bitcoin, recorded: pl.DataFrame) -> None:
    """Every recorded close is stored as it was; an hour of an outage is unknown; nothing worse than a warning."""
    stored = canonical(real.desk.read("btc_price"), ["price"])
    expected = recorded.filter(pl.col("ts").is_between(START, NOW - HOUR - timedelta(minutes=10)))
    assert stored.drop_nulls("price").select("ts", "price").equals(expected)
    outages = stored.filter(pl.col("price").is_null())["ts"]
    assert outages.len() == stored.height - expected.height == 7
    assert datetime(2021, 4, 25, 5, tzinfo=UTC) in outages.to_list()

    gaps = real.desk.read("btc_processed").filter(pl.col("ts").is_in(outages.implode()))
    assert gaps["price"].null_count() == gaps.height
    assert (gaps["is_filled"] | gaps["is_gap"]).all()

    failed = {name: failed_checks(results, name) for name, results in real.results.items()}
    assert {name: found for name, found in failed.items() if "ERROR" in found.values()} == {}
    assert failed["btc_price"] == failed["btc_liquidations"] == {"no_hour_missing": "WARN"}


def test_the_first_model_comes_when_there_are_rows_for_it(real: Bitcoin) -> None:
    """The first ok model is of the first Monday with 2,160 warm rows known by then; signals begin there."""
    models = real.desk.read("btc_bin_models")
    warm = real.desk.read("btc_rpn").filter(pl.col("is_warm") & pl.col("risk_priority_number").is_not_null())
    enough = [at for at in models["ts"] if warm.filter(pl.col("available_at") <= at).height >= 2160]
    ok = models.filter(pl.col("status").cast(pl.String) == "ok")["ts"]
    assert ok.to_list() == enough
    signals = real.desk.read("btc_signals").filter(pl.col("signal_class").is_not_null())
    assert signals["ts"].min() == enough[0]
    assert signals["signal_class"].n_unique() >= 4


def test_outcomes_are_those_of_the_recorded_prices(real: Bitcoin, recorded: pl.DataFrame) -> None:
    """A day ahead, entered an hour later: the returns of the record, computed here by joining it with itself."""
    price = dict(recorded.iter_rows())
    labels = real.desk.read("btc_labels").filter(pl.col("horizon_h") == 24)
    for ts, outcome in labels.select("ts", "return_exec").sample(300, seed=1).iter_rows():
        entry, exit_ = price.get(ts + HOUR), price.get(ts + 25 * HOUR)
        expected = None if entry is None or exit_ is None else exit_ / entry - 1
        assert outcome == (None if expected is None else pytest.approx(expected, abs=1e-12)), ts


def test_on_the_real_path_the_leaky_filter_knows_the_future_and_ours_does_not(replay: Path) -> None:
    """G-LEAK-1 on 28,000 real hours: the whole-series wavelet against the end-point filter, on the same data."""
    backend = ReplayBackend(replay)
    at = datetime(2024, 4, 21, 15, 20, tzinfo=UTC)
    prices, volumes = backend.btc_price(at), backend.btc_liquidations(at)
    hours = pl.from_epoch(pl.Series("ts", prices.start), "s").dt.cast_time_unit("us").dt.replace_time_zone("UTC")
    raw = pl.DataFrame({"ts": hours, "price": prices.values["close"], **volumes_by_name(volumes)}).fill_nan(None)
    raw = raw.filter(pl.col("ts") >= START)
    settings = BtcSettings()
    until: datetime = raw["ts"][-1] + HOUR
    tamed = processed.processed(raw.select("ts", "price"), raw.drop("price"), settings, first=START, until=until)
    ours = rpn.rpn(tamed, settings, first=START, own=NO_RPN)
    held = tamed.select(pl.col("price").forward_fill())["price"].to_numpy()
    ahead = held[FROM + AHEAD :] / held[FROM:-AHEAD] - 1
    longs, shorts = (tamed[name].forward_fill().to_numpy(writable=True) for name in ("long_volume", "short_volume"))
    leaky = features(two_sided, longs, shorts)["diff_beta"][FROM:-AHEAD]
    causal = features(end_point, longs, shorts)["diff_beta"][FROM:-AHEAD]
    assert np.corrcoef(leaky, ahead)[0, 1] < -0.2
    assert abs(np.corrcoef(causal, ahead)[0, 1]) < 0.08
    for name in ("kalman_diff", "risk_priority_number"):
        known = pl.DataFrame({"x": ours[name][FROM:-AHEAD], "y": ahead}).drop_nulls()
        assert known.height > 25_000
        assert abs(known.select(pl.corr("x", "y")).item()) < 0.08, name


def volumes_by_name(volumes: object) -> dict[str, np.ndarray]:
    """Long and short liquidations by the names of our table."""
    values = volumes.values  # type: ignore[attr-defined]
    return {f"{side}_liquidations": values[side] for side in ("long", "short")}
