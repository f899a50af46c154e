"""The same day through the graph on both stores: a real PostgreSQL holds every row of the lake."""

from pathlib import Path

import polars as pl
import pytest

from market_assets.bars.schemas import TABLES
from tests.desk import Desk, Sandbox, opened
from tests.market_assets.bars.conftest import FIRST, NOW, Bars, configured
from tests.market_assets.both_stores import check_same_rows


def of_friday(desk: Desk, name: str) -> pl.DataFrame:
    """Rows of a table of the first day; of macro series all."""
    rows = desk.read(name)
    times = {"bars_macro_daily": None, "bars_outcomes": "settled_day", "bars_source_health": "day"}
    column = times.get(name, "day" if "day" in rows.columns else "ts")
    return rows if column is None else rows.filter(pl.col(column).cast(pl.Date) == FIRST)


@pytest.mark.postgres
def test_both_stores_hold_the_same_rows(
    bars: Bars, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, postgres_url: str
) -> None:
    """Every bars table: lists, small integers and booleans among its columns, nulls among its values."""
    expected = {name: of_friday(bars.desk, name) for name in (table.contract().name for table in TABLES)}
    with opened(tmp_path / "postgres", sandbox, monkeypatch, now=NOW) as desk:
        desk.set(MARKET_ASSETS_STORE="postgres", MARKET_ASSETS_POSTGRES_URL=postgres_url)
        configured(desk).build(FIRST, FIRST)
        found = {name: of_friday(desk, name) for name in expected}
        assert not (tmp_path / "postgres" / "lake").exists()
    check_same_rows(TABLES, found, expected)
    minutes, signals = found["bars_minute"], found["bars_signals"]
    assert minutes["issues"].dtype == signals["reject_reasons"].dtype == pl.List(pl.String)
    assert {0, 1} <= set(minutes["issues"].list.len())
    kinds = {"regime_trend": pl.Int8, "m5_trend": pl.Int8, "is_stale": pl.Boolean}
    assert {name: found["bars_scanner_features"].schema[name] for name in kinds} == kinds
    assert signals.schema["strategy_version"] == pl.Int32
