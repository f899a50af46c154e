"""Metrics of the account, computed again from stored trades, are those that were published (crypto.md 15)."""

from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest

from market_assets.core import clock
from market_assets.core.settings import MetricsSettings, RetentionSettings
from market_assets.crypto.proof import METRICS, TRADES, apart, recomputed_metrics
from market_assets.crypto.transforms.success_metrics import success_metrics
from resources.stores.lake import LakeStore
from tests.market_assets.crypto.transforms.paper.desk import D0, DAY, MIDNIGHT, account
from tests.market_assets.crypto.transforms.test_success_metrics import equity, trade

HOUR = timedelta(hours=1)
CRYPTO = account()
LATER = MIDNIGHT + 10 * DAY


def trades(*pnl: float) -> pl.DataFrame:
    """The account of consecutive days, with one closed trade a day."""
    values = [10_000.0]
    for one in pnl:
        values.append(values[-1] + one)
    rows = [*equity(*values), *(trade(f"t{n}", one, D0 + n * DAY) for n, one in enumerate(pnl))]
    common = {"strategy_version": 1, "trade_id": "account", "row_kind": "account"}
    return TRADES.validate(
        pl.DataFrame([dict.fromkeys(TRADES.columns) | common | row for row in rows], schema=TRADES.schema)
    )


def metrics(frame: pl.DataFrame) -> pl.DataFrame:
    return success_metrics(frame, CRYPTO, MetricsSettings())


@pytest.fixture
def store(home: Path) -> LakeStore:
    """Two days of trades, and the metrics that were published of them; a third day is running."""
    found = LakeStore(home, RetentionSettings())
    with clock.frozen(LATER):
        for key, day in TRADES.split(trades(100.0, -40.0, 7.0)).items():
            found.write(TRADES, key, day)
    with clock.frozen(LATER + HOUR):
        found.write(METRICS, "all", metrics(trades(100.0, -40.0)))
    return found


def test_restored_trades_prove_the_published_metrics(store: LakeStore):
    """Of the days that were over when they were published."""
    published = store.read(METRICS).filter(pl.col("scope") == "ALL", pl.col("window") == "all")
    assert published.select("total_pnl", "n_trades").rows() == [(60.0, 2)]
    assert recomputed_metrics(store) == []


def test_settings_changed_since_prove_nothing_against_them(store: LakeStore, monkeypatch: pytest.MonkeyPatch):
    """Targets and the version of the rules are those under which they were published."""
    monkeypatch.setenv("MARKET_ASSETS_CRYPTO__TARGETS__WIN_RATE", "0.9")
    monkeypatch.setenv("MARKET_ASSETS_CRYPTO__SIGNALS__STRATEGY_VERSION", "2")
    assert recomputed_metrics(store) == []


def test_a_trade_that_was_lost_is_found(store: LakeStore):
    """The metrics of a day that is no longer there, and those of its trade."""
    day = f"{D0}"
    with clock.frozen(LATER):
        frame = store.read(TRADES, [day])
        store.write(TRADES, day, frame.filter(pl.col("row_kind") == "account"))
    told = recomputed_metrics(store)
    assert any(one.startswith("n_trades of ") and "was published as 2, and is 1" in one for one in told)


def test_trades_that_are_newer_than_the_metrics_prove_nothing(store: LakeStore):
    """They were corrected, and the metrics have not followed yet."""
    day = f"{D0}"
    with clock.frozen(LATER + 2 * HOUR):
        frame = store.read(TRADES, [day])
        store.write(TRADES, day, frame.filter(pl.col("row_kind") == "account"))
    assert recomputed_metrics(store) == []


def test_without_any_trade_the_metrics_are_not_proven(store: LakeStore, home: Path):
    """All of them are lost: the scopes of symbols are not computed."""
    for file in (home / "lake" / "crypto_paper_trades").glob("2*.parquet"):
        file.unlink()
    assert recomputed_metrics(LakeStore(home, RetentionSettings())) != []


def test_without_metrics_there_is_nothing_to_prove(home: Path):
    """An empty store."""
    assert recomputed_metrics(LakeStore(home, RetentionSettings())) == []


def test_an_account_that_never_began_is_proven(home: Path):
    """The windows of ALL as of its first day, from no row at all."""
    store = LakeStore(home, RetentionSettings())
    store.write(METRICS, "all", metrics(TRADES.empty()))
    assert store.read(METRICS)["as_of_day"].unique().to_list() == [D0]
    assert recomputed_metrics(store) == []


def test_what_differs_is_named():
    """Rows of one side alone, or values by column and row, beyond 1e-9."""
    ours = metrics(trades(100.0))
    assert apart(ours, ours.with_columns(pl.col("total_pnl") * (1 + 1e-12))) == []
    assert apart(ours, ours.with_columns(total_pnl=pl.lit(None, pl.Float64)))[0].startswith(
        f"total_pnl of {D0} ALL 30d was published as 100.0, and is None"
    )
    lost = apart(ours, ours.filter(pl.col("scope") == "ALL"))
    assert f"{D0} BTCUSDT all was published and is not computed" in lost
    assert f"{D0} BTCUSDT all is computed and was not published" in apart(ours.filter(pl.col("scope") == "ALL"), ours)
