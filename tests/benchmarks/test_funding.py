"""The funding benchmarks compare what they time, and what they compare says something."""

import polars as pl
import pytest

from benchmarks import funding_month, funding_spreads, funding_statistics, run

#: ten contracts at each venue, one of them twice
N_ASSETS = 10


@pytest.fixture(scope="module")
def compared(tmp_path_factory):
    """By benchmark: a folder of both sides' rows, and its row of the table."""
    found = {}
    for module in (funding_spreads, funding_statistics):
        home = tmp_path_factory.mktemp("funding")
        (row,) = module.rows(home, N_ASSETS)
        found[row.name] = (home, row)
    return found


@pytest.mark.slow
def test_the_pandas_script_computes_what_we_do(compared):
    """Every column of every spread and of every contract's statistics agrees to 1e-9."""
    for row in (row for _, row in compared.values()):
        assert row.details["rows_equal"] == row.details["ours"]["rows"]
        assert min(row.ours, row.theirs) > 0
    spreads, statistics = (compared[name][1].details for name in ("funding_spreads", "funding_statistics"))
    # ten pairs an asset, less the hours whose settlement is missing
    assert 0.9 < spreads["rows_equal"] / (10 * N_ASSETS * 30 * 24) < 1.0
    assert statistics["rows_equal"] == 5 * N_ASSETS + 1


@pytest.mark.slow
def test_what_is_compared_says_something(compared):
    """Bases that are known and unknown, zero rates, both legs of the twin, every confidence but none, both zones."""
    home, _ = compared["funding_spreads"]
    spreads = pl.read_parquet(home / "spreads.parquet")
    assert 0 < spreads["basis_pct"].null_count() < spreads.height
    assert spreads["basis_pct"].abs().max() < 200 * 0.9  # a thousand times the price would be 199.6
    assert spreads.filter(pl.col("rate_1h_a") == 0).height > 0
    assert spreads.filter(pl.col("exchange_b") == "okx")["symbol_b"].str.contains("A005-USD[TC]").any()
    assert set(spreads.filter(pl.col("base_asset") == "A005")["symbol_b"]) >= {"A005-USDT-PERP", "A005-USDC-PERP"}
    assert sorted(spreads["sync_period_hours"].unique()) == [4.0, 8.0]
    home, _ = compared["funding_statistics"]
    statistics = pl.read_parquet(home / "statistics.parquet")
    assert set(statistics["confidence"]) == {"low", "medium", "high", "very_high"}
    assert set(statistics["zone"]) == {"active", "stable"}
    assert statistics["z_predicted"].null_count() == 0


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "column", "changed"),
    [
        ("spreads", "spread_apr_pct", pl.col("spread_apr_pct") * (1 + 1e-8)),
        ("spreads", "basis_pct", pl.lit(0.0)),
        ("spreads", "symbol_b", pl.lit("A005-USD-PERP")),
        ("statistics", "percentile_predicted", pl.col("percentile_predicted") + 1e-6),
        ("statistics", "zone", pl.lit("unknown")),
    ],
)
def test_a_changed_value_is_noticed(compared, tmp_path, name, column, changed):
    """One value of one row: the message names the column."""
    home, _ = compared[f"funding_{name}"]
    theirs = pl.read_parquet(home / f"{name}_pandas.parquet")
    one = pl.when(pl.int_range(pl.len()) == 7).then(changed).otherwise(column).alias(column)
    theirs.with_columns(one).write_parquet(tmp_path / f"{name}_pandas.parquet")
    (tmp_path / f"{name}.parquet").symlink_to(home / f"{name}.parquet")
    module = {"spreads": funding_spreads, "statistics": funding_statistics}[name]
    with pytest.raises(AssertionError, match=rf"^{column}: \("):
        module.compare(tmp_path)


@pytest.mark.slow
def test_a_missing_row_is_noticed(compared, tmp_path):
    """The peer without its last row."""
    home, row = compared["funding_spreads"]
    pl.read_parquet(home / "spreads_pandas.parquet").head(-1).write_parquet(tmp_path / "spreads_pandas.parquet")
    (tmp_path / "spreads.parquet").symlink_to(home / "spreads.parquet")
    n_rows = row.details["rows_equal"]
    with pytest.raises(AssertionError, match=f"^{n_rows} rows, the peer has {n_rows - 1}"):
        funding_spreads.compare(tmp_path)


def test_the_month_has_2275_contracts():
    """As many as the issue names, at five venues."""
    assert len(funding_month.VENUES) * funding_month.N_ASSETS + len(range(5, funding_month.N_ASSETS, 10)) == 2275
    assert funding_month.simulated(6).contracts.group_by("exchange").len().sort("exchange").rows() == [
        ("binance_usdm", 6),
        ("bybit", 6),
        ("gate", 6),
        ("hyperliquid", 6),
        ("okx", 7),
    ]


def test_both_funding_subjects_are_measured_by_make_bench():
    """`python -m benchmarks.run` without `--only` measures every subject of the list."""
    assert run.SUBJECTS["funding_spreads"] is funding_spreads.rows
    assert run.SUBJECTS["funding_statistics"] is funding_statistics.rows
