"""The same day through the graph on both stores: a real PostgreSQL holds every row of the lake."""

from pathlib import Path

import polars as pl
import pytest

from market_assets.bars.schemas import TABLES
from market_assets.tables import contract
from tests.desk import Desk, Sandbox, opened
from tests.market_assets.bars.conftest import CHAIN, FIRST, NOW, Bars, configured
from tests.market_assets.both_stores import check_same_rows

FRIDAY, COIN = str(FIRST), f"{FIRST}|BTCUSD"


def of_friday(desk: Desk, name: str) -> pl.DataFrame:
    """What is stored of the coin's first day; of macro series all, of health every source."""
    keys = {"bars_macro_daily": None, "bars_source_health": FRIDAY}
    return desk.read(name, keys.get(name, COIN))


@pytest.mark.postgres
def test_both_stores_hold_the_same_rows(
    bars: Bars, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, postgres_url: str
) -> None:
    """Every bars table: lists, small integers and booleans among its columns, nulls among its values.

    Of the other symbols, which the coin is correlated with and health tells of, rows are copied.
    """
    expected = {name: of_friday(bars.desk, name) for name in (table.contract().name for table in TABLES)}
    copied = [
        (name, f"{FRIDAY}|{symbol}")
        for symbol in ("NAS100", "EURUSD")
        for name in ("bars_minute", "bars_reconciliation")
    ]
    others = {(name, key): bars.desk.read(name, key) for name, key in copied}
    with opened(tmp_path / "postgres", sandbox, monkeypatch, now=NOW) as desk:
        desk.set(MARKET_ASSETS_STORE="postgres", MARKET_ASSETS_POSTGRES_URL=postgres_url)
        made = configured(desk)
        for (name, key), rows in others.items():
            desk.store.write(contract(name), key, rows)
        made.run("bars_macro_daily")
        made.run(*CHAIN, keys=[COIN])
        made.run("bars_reconciliation", keys=[COIN])
        made.run("bars_source_health", keys=[FRIDAY])
        found = {name: of_friday(desk, name) for name in expected}
        assert not (tmp_path / "postgres" / "lake").exists()
    check_same_rows(TABLES, found, expected)
    minutes, signals = found["bars_minute"], found["bars_signals"]
    assert minutes["issues"].dtype == signals["reject_reasons"].dtype == pl.List(pl.String)
    assert {0, 1} <= set(minutes["issues"].list.len())
    kinds = {"regime_trend": pl.Int8, "m5_trend": pl.Int8, "is_stale": pl.Boolean}
    assert {name: found["bars_scanner_features"].schema[name] for name in kinds} == kinds
    assert signals.schema["strategy_version"] == pl.Int32
