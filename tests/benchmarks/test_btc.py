"""The btc benchmarks compare what they time: the peer, the newest hour, the fits, and what runs stored."""

from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest

from benchmarks import btc, btc_chain, btc_hours, btc_ours, run
from benchmarks.measure import asking, environment, fresh
from market_assets.btc import schemas
from market_assets.btc.settings import BtcSettings
from market_assets.btc.transforms import raw
from market_assets.core.settings import RetentionSettings
from resources.stores.lake import LakeStore

#: 18 weeks until the first model, 17 more with bins, sides and signals
N_HOURS = 6000
#: the trend is known from the 23rd day on, the filters are warm from the 31st
N_DAYS = 40
HOUR = timedelta(hours=1)
SETTINGS = BtcSettings()


@pytest.fixture(scope="module")
def compared(tmp_path_factory):
    """A folder of both sides' tables, and the rows of the benchmark over them."""
    home = tmp_path_factory.mktemp("btc")
    return home, {row.name: row for row in btc.rows(home, N_HOURS)}


@pytest.mark.slow
def test_the_pandas_script_computes_what_we_do(compared):
    """Every column of five tables agrees over 6,000 hours, the wavelet trend to 1e-6 (G-FIR-6), raw shares to 1e-9."""
    home, rows = compared
    found = rows["btc_recompute"].details
    assert [found[f"{name}_rows_equal"] for name in btc.TOLERANCE] == [N_HOURS] * 5
    columns = sum(len(pl.read_parquet_schema(home / f"{name}_pandas.parquet")) for name in btc.TOLERANCE)
    described = sum(
        not name.startswith("st_") and name not in {"available_at", "feature_version"}
        for table, _ in btc_hours.FEATURES.values()
        for name in table.contract().columns
    )
    assert columns == described
    assert all(min(row.ours, row.ours if row.theirs is None else row.theirs) > 0 for row in rows.values())


@pytest.mark.slow
def test_what_is_compared_says_something(compared):
    """Filled gaps, nine bins, both sides, events and their failures are among the rows, not nulls alone."""
    home, rows = compared
    tables = {name: pl.read_parquet(home / f"{name}.parquet") for name in btc.TOLERANCE}
    assert tables["processed"]["is_filled"].sum() > 0
    assert tables["processed"]["is_gap"].sum() == 0
    assert sorted(tables["bins"]["bin_index"].drop_nulls().unique()) == list(range(9))
    assert sorted(tables["dominance"]["dominance"].drop_nulls().unique()) == [-1, 0, 1]
    assert sorted(tables["signals"]["hit_ceiling_bottom"].drop_nulls().unique()) == [-1, 0, 1]
    assert tables["signals"]["reverse_ceiling_bottom"].drop_nulls().abs().sum() > 0
    # Mondays from 2021-06-07, the first with 2,160 warm hours, to 2021-10-04
    assert rows["btc_fits"].details["models"] == 18


@pytest.mark.slow
@pytest.mark.parametrize(
    ("table", "column", "changed"),
    [
        ("processed", "long_volume", pl.col("long_volume") * (1 + 1e-8)),
        ("rpn", "trend_short", pl.col("trend_short") + 1e-4),
        ("rpn", "z_total", pl.lit(None, dtype=pl.Float64)),
        ("bins", "bin_turn", pl.col("bin_turn") + 1),
        ("dominance", "dominance_class", pl.lit(None, dtype=pl.String)),
        ("signals", "signal_class", pl.lit("Strong_Sell")),
    ],
)
def test_a_changed_value_is_noticed(compared, tmp_path, table, column, changed):
    """One value of one hour: the message names table, column and hour."""
    home, _ = compared
    for file in home.glob("*.parquet"):
        (tmp_path / file.name).symlink_to(file)
    at = datetime(2021, 7, 20, 5, tzinfo=UTC)
    one = pl.when(pl.col("ts") == at).then(changed).otherwise(column).alias(column)
    frame = pl.read_parquet(home / f"{table}_pandas.parquet").with_columns(one)
    (tmp_path / f"{table}_pandas.parquet").unlink()
    frame.write_parquet(tmp_path / f"{table}_pandas.parquet")
    with pytest.raises(RuntimeError, match=rf"{table}\.{column} of 2021-07-20 05:00:00\+00:00"):
        fresh(["-m", "benchmarks.btc", str(tmp_path)], environment(tmp_path))


@pytest.mark.slow
def test_a_center_that_scikit_learn_does_not_find_is_noticed(compared):
    """The models that are timed are those that were compared, center by center."""
    home, _ = compared
    smoothed, models = (pl.read_parquet(home / f"{name}.parquet") for name in ("rpn", "models"))
    moved = models.with_columns(centers=pl.col("centers").list.eval(pl.element() + 2e-9))
    with pytest.raises(AssertionError, match="model of 2021-06-0"):
        btc_ours.fits(smoothed, moved, SETTINGS)


def test_the_simulated_hours_have_gaps_that_are_carried_and_revisions_that_are_not_used():
    """Up to three hours are unknown at a time; their values come later and stay unused, as those of a vendor would."""
    price, liquidations = btc_hours.observed(SETTINGS, 2100)
    unknown = raw.canonical(liquidations, ["long_liquidations"]).filter(pl.col("long_liquidations").is_null())["ts"]
    # rows n with (n + 100) % 500 below 1, 2, 3: blocks at 400, 900, 1400; none below 400, a block of 0 at 1900
    wanted = [SETTINGS.start + n * HOUR for n in (500, 1000, 1001, 1500, 1501, 1502)]
    assert raw.canonical(price, ["price"]).filter(pl.col("price").is_null())["ts"].to_list() == wanted
    assert unknown.len() == len(wanted)
    assert price.filter("is_late")["ts"].to_list() == wanted
    assert price.filter("is_late")["price"].null_count() == 0


def test_the_newest_hour_is_that_of_the_full_recompute():
    """From the days that each asset looks back; a stored row that is another one gives another hour, and is noticed."""
    until = SETTINGS.start + 700 * HOUR
    inputs = btc_hours.fitted(SETTINGS, *btc_hours.observed(SETTINGS, 700), until)
    tables = btc_hours.computed(inputs, SETTINGS, first=SETTINGS.start, until=until)
    assert btc_ours.newest_hour(inputs, tables, SETTINGS)["wall_s"] > 0
    loaded = btc_hours.newest_hour(inputs, tables, until - HOUR)
    # 23 days before the one of the newest hour, and the hours of that one; own rows a month back, where there are any
    assert loaded.stored["processed"].height == 23 * 24 + (700 - 1) % 24
    assert loaded.stored["bins"].height == 700 - 1
    before = pl.col("ts") == until - 2 * HOUR
    level = pl.when(before).then(pl.col("st_long_x") + 1e-9).otherwise("st_long_x").alias("st_long_x")
    with pytest.raises(AssertionError, match=r"^rpn: "):
        btc_ours.newest_hour(inputs, {**tables, "rpn": tables["rpn"].with_columns(level)}, SETTINGS)


def test_both_btc_subjects_are_measured_by_make_bench():
    """`python -m benchmarks.run` without `--only` measures every subject of the list."""
    assert run.SUBJECTS["btc"] is btc.rows
    assert run.SUBJECTS["btc_chain"] is btc_chain.rows


@pytest.mark.slow
def test_runs_store_what_a_full_recompute_gives(tmp_path):
    """Forty days filled, two run through Dagster: five tables, bit for bit (G-STATE-1); a changed day is noticed."""
    (row,) = btc_chain.rows(tmp_path, n_days=N_DAYS, times=1)
    assert row.details["rows_equal"] == (N_DAYS + 2) * 24 * 5
    assert row.theirs == row.details["dagster_cpu_s"] > 0
    assert row.details["http_waiting_s"] > 0
    home, rpn = tmp_path / "ours", schemas.BtcRpn.contract()
    store = LakeStore(home, RetentionSettings())
    rows = store.read(rpn, ["2025-12-24"])
    store.write(rpn, "2025-12-24", rows.with_columns(pl.col("st_long_p") + 1e-12), run_id="a-test")
    start = str(date(2025, 12, 23) - timedelta(days=N_DAYS))
    env = asking(home, "http://127.0.0.1:9", MARKET_ASSETS_BTC__HISTORY_START=start)
    with pytest.raises(RuntimeError, match="rpn: the days do not add up"):
        fresh(["-m", "benchmarks.btc_chain", "compare"], env)
