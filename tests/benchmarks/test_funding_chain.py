"""The funding benchmark stores every settlement that it counts, and the peer fetches what we do."""

import json

import polars as pl
import pytest

from benchmarks import funding, run
from benchmarks.funding_market import EXCHANGES
from benchmarks.measure import environment, fresh
from market_assets.settings import settings

#: two hourly contracts an exchange
N_CONTRACTS, N_DAYS = 12, 3
HOURS = N_DAYS * 24


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    """A home of both sides, and the rows of the benchmark over them."""
    home = tmp_path_factory.mktemp("funding")
    return home, {row.name: row for row in funding.rows(home, N_CONTRACTS, N_DAYS, sample=1)}


@pytest.mark.slow
def test_the_chain_is_run_over_every_settlement(measured, monkeypatch):
    """More than the hourly contracts are stored; were one contract more wanted, its settlements would be missed."""
    home, rows = measured
    told = rows["funding_chain"].details
    assert told["settlements"] > N_CONTRACTS * HOURS
    monkeypatch.setenv("MARKET_ASSETS_HOME", str(home / "ours"))
    settings.cache_clear()
    with pytest.raises(AssertionError, match=f"must be stored, are {N_CONTRACTS * (HOURS + 12):,}$"):
        # twelve hours of the day after have been stored since
        funding._verified(N_CONTRACTS + 3, N_DAYS)


@pytest.mark.slow
def test_every_second_of_cpu_is_somebodys(measured):
    """Ours is what neither fetching nor Dagster took, and every part of it was measured."""
    _, rows = measured
    told = rows["funding_chain"].details
    parts = (told["own_cpu_s"], told["fetching_cpu_s"], told["dagster_cpu_s"])
    assert min(parts) > 0
    assert sum(parts) == pytest.approx(told["total_cpu_s"])
    assert (rows["funding_run"].ours, rows["funding_chain"].ours) == (told["own_cpu_s"], told["alone_cpu_s"]["total"])
    assert min([*told["layers_cpu_s"].values(), *told["alone_cpu_s"].values()]) > 0
    # a page of each contract at least
    assert told["requests"] > N_CONTRACTS
    assert set(told["then"]) == {*funding._THEN, "funding_hourly_rates"}


@pytest.mark.slow
def test_the_script_fetches_what_we_do(measured, tmp_path):
    """One contract of each exchange over the days, hour by hour; a changed rate and a lost row are noticed."""
    home, rows = measured
    row = rows["funding_fetch"]
    assert row.details["rows_equal"] == len(EXCHANGES) * HOURS
    assert min(row.ours, row.theirs) > 0
    assert row.details["theirs_scaled_to_all_cpu_s"] == pytest.approx(row.theirs * N_CONTRACTS / len(EXCHANGES))
    theirs = pl.read_parquet(home / "sample" / "theirs.parquet")
    (tmp_path / "ours.parquet").symlink_to(home / "sample" / "ours.parquet")
    first = pl.int_range(pl.len()) == 0
    changes = {
        "is not": theirs.with_columns(rate=pl.when(first).then(pl.col("rate") + 1e-9).otherwise("rate")),
        "the peer has 431": theirs.filter(~first),
    }
    for said, changed in changes.items():
        changed.write_parquet(tmp_path / "theirs.parquet")
        with pytest.raises(RuntimeError, match=said):
            fresh(["-m", "benchmarks.funding_fetch", str(tmp_path)], environment(tmp_path))


@pytest.mark.slow
def test_the_sample_is_of_every_exchange(measured):
    """The contracts that both sides were asked for: the first hourly one of each."""
    home, _ = measured
    asked = json.loads((home / "sample" / "contracts.json").read_text())
    assert [exchange for exchange, _ in asked] == list(EXCHANGES)
    assert all(symbol.startswith("Z000") for _, symbol in asked)


def test_the_chain_is_measured_by_make_bench():
    """`python -m benchmarks.run` without `--only` measures it too."""
    assert run.SUBJECTS["funding"] is funding.rows
