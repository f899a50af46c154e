"""The crypto benchmarks compare what they time, and what they compare says something."""

import json

import polars as pl
import pytest

from benchmarks import crypto, crypto_incremental, crypto_market, crypto_minutes, crypto_overlays, crypto_round, run
from benchmarks.comparison import compare_rows
from market_assets.core.incremental import Ema

N_SYMBOLS = 2


@pytest.fixture(scope="module")
def minutes(tmp_path_factory):
    """A folder of both sides' rows, and the benchmark's row over them."""
    home = tmp_path_factory.mktemp("crypto")
    (row,) = crypto_minutes.rows(home, N_SYMBOLS)
    return home, row


@pytest.mark.slow
def test_the_pandas_script_computes_what_we_do(minutes):
    """Every column of minutes and candles; the answers have rows that repeat, rows that cannot be, and gaps."""
    home, row = minutes
    # rows 1, 332, ... are missing: 5; rows 1, 212, ... are crossed: 7, of which the first is missing
    assert row.details["klines_rows_equal"] == N_SYMBOLS * (1440 - 5 - 6)
    assert row.details["timeframes_rows_equal"] == N_SYMBOLS * (288 + 96 + 24 + 6 + 1)
    assert min(row.ours, row.theirs) > 0
    stated = json.loads((home / "S00USDT.json").read_bytes())
    assert len(stated) > len({opens for opens, *_ in stated}) == 1440 - 5
    candles = pl.read_parquet(home / "timeframes.parquet")
    assert candles["change_24h_pct"].null_count() == 0
    assert 0 < candles.filter(~pl.col("complete")).height < candles.height / 2


@pytest.mark.slow
@pytest.mark.parametrize(
    ("table", "column", "changed"),
    [
        ("klines", "volume", pl.col("volume") + 1e-3),
        ("timeframes", "change_24h_pct", pl.lit(None, dtype=pl.Float64)),
        ("timeframes", "complete", ~pl.col("complete")),
    ],
)
def test_a_changed_value_is_noticed(minutes, tmp_path, table, column, changed):
    """One value of one row: the message names the column."""
    home, _ = minutes
    for file in home.glob("*.parquet"):
        (tmp_path / file.name).symlink_to(file)
    theirs = pl.read_parquet(home / f"{table}_pandas.parquet")
    (tmp_path / f"{table}_pandas.parquet").unlink()
    one = pl.when(pl.int_range(pl.len()) == 7).then(changed).otherwise(column).alias(column)
    theirs.with_columns(one).write_parquet(tmp_path / f"{table}_pandas.parquet")
    with pytest.raises(AssertionError, match=rf"^{column}: \("):
        crypto_minutes.compare(tmp_path)


def test_a_missing_row_is_noticed():
    """The peer without its last row."""
    frame = crypto_market.candles(5, seed=1)
    assert compare_rows(frame, frame, ["ts"]) == 5
    with pytest.raises(AssertionError, match=r"^5 rows, the peer has 4"):
        compare_rows(frame, frame.head(-1), ["ts"])


def test_ta_lib_is_compared_row_by_row():
    """Equal over the warm-up, its nulls included; a value that is off is told with its row."""
    year, given = crypto_overlays.surrounded(2_000)
    base = crypto_overlays.REGISTRY["base"].compute(year, given)
    assert 0 < base["ema_55"].null_count() < base.height
    theirs = crypto_overlays.talib_base(year)
    assert crypto_overlays.same(base, theirs) == 2_000
    theirs["atr_14"][1_234] += 1e-6
    with pytest.raises(AssertionError, match=r"^atr_14: \(1234, "):
        crypto_overlays.same(base, theirs)


def test_every_overlay_of_the_year_has_values():
    """What is timed is no column of nulls: each overlay says something of the last bar."""
    year, given = crypto_overlays.surrounded(16_000)
    for name, overlay in crypto_overlays.REGISTRY.items():
        last = overlay.compute(year, given).tail(1)
        told = last.select(~pl.all().is_null()).to_dicts()[0]
        # a zone may lie on one side alone
        assert all(
            there for column, there in told.items() if column not in {"zone_support_near", "zone_resistance_near"}
        ), name


@pytest.mark.slow
def test_every_overlay_is_told_beside_the_indicators(tmp_path):
    """One row each; TA-Lib beside what it has, and the goal of the design beside the indicators."""
    rows = {row.name: row for row in crypto_overlays.rows(tmp_path, 3_000, 2_000)}
    assert set(rows) == {"crypto_indicators", *(f"crypto_overlay_{name}" for name in crypto_overlays.REGISTRY)}
    assert rows["crypto_overlay_base"].details["rows_equal"] == 3_000
    indicators = rows["crypto_indicators"]
    assert indicators.details["rows_equal"] == 1_500
    assert indicators.what == "16 indicators over 2,000 bars"
    assert indicators.met is (indicators.ours <= 1.3 * indicators.theirs)
    assert rows["crypto_overlay_liquidity"].peer is None


@pytest.mark.slow
def test_talipp_computes_what_we_do(tmp_path):
    """Every value of every bar once the seeds are forgotten, and every overlay bar by bar."""
    rows = {row.name: row for row in crypto_incremental.rows(tmp_path, 2, 800, 620)}
    together = rows["crypto_incremental"]
    # nine values and those of two more exponential means, a plain one, and two of the supertrend
    assert together.details["values_equal"] == 2 * 100 * (9 + 2 + 1 + 2)
    assert together.what == "9 incremental values of a bar, 2 symbols one after another"
    assert rows["crypto_live_overlays"].details["rows_equal"] == 20
    assert all(min(row.ours, row.theirs or row.ours) > 0 for row in rows.values())


def test_an_incremental_value_that_differs_is_noticed(monkeypatch):
    """Another length is another indicator; and bars that all lie before the comparison compare nothing."""
    frame = crypto_market.candles(705, seed=1)
    bars = crypto_market.bars(frame)
    whole = [crypto_incremental.OHLCV(*bar[1:6]) for bar in bars]
    assert crypto_incremental.agree("ema_21", bars, whole) == 5
    with pytest.raises(AssertionError, match="700 bars, but the seeds are forgotten after 700"):
        crypto_incremental.agree("ema_21", bars[:700], whole[:700])
    other = crypto_incremental.PAIRS["ema_21"]._replace(ours=lambda: Ema(22))
    monkeypatch.setitem(crypto_incremental.PAIRS, "ema_21", other)
    with pytest.raises(AssertionError, match=r"^ema_21 of bar 700"):
        crypto_incremental.agree("ema_21", bars, whole)


@pytest.mark.slow
def test_a_round_decides_for_every_hour(tmp_path):
    """Every candle of the day of every timeframe has its overlays, every hour its signal, and not all are HOLD."""
    (row,) = crypto_round.rows(tmp_path, N_SYMBOLS)
    assert row.details["rows"] == N_SYMBOLS * (288 + 96 + 24 + 6 + 1)
    assert row.details["signals"] == N_SYMBOLS * 24
    assert len(row.details["actions"]) > 1
    assert set(row.details["latency_ms"]) == set(crypto_overlays.REGISTRY)


def test_a_year_has_525600_minutes_of_ten_symbols():
    """As many as the issue names, and the same market every time."""
    assert (crypto_market.N_MINUTES, len(crypto_market.symbols())) == (525_600, 10)
    market = crypto_market.candles(3_000, seed=4)
    assert market.equals(crypto_market.candles(3_000, seed=4))
    assert not market.equals(crypto_market.candles(3_000, seed=5))
    assert (market["high"] >= market["low"]).all()
    assert (market["taker_buy_base"] <= market["volume"]).all()
    assert 0 < market.filter(pl.col("volume") == 0).height < 30


def test_crypto_is_measured_by_make_bench():
    """`python -m benchmarks.run` without `--only` measures it too."""
    assert run.SUBJECTS["crypto"] is crypto.rows
