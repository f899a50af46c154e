"""The same days of two coins through the graph on both stores: a real PostgreSQL holds every row of the lake."""

from pathlib import Path

import polars as pl
import pytest

from market_assets.crypto.schemas import TABLES
from tests.desk import Sandbox, opened
from tests.market_assets.both_stores import check_same_rows
from tests.market_assets.crypto.conftest import NOON, Crypto, configured


@pytest.mark.postgres
def test_both_stores_hold_the_same_rows(
    crypto: Crypto, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, postgres_url: str
) -> None:
    """Every crypto table: lists, small integers and booleans among its columns, zeros and nulls among its values."""
    expected = {table.contract().name: crypto.desk.read(table.contract().name) for table in TABLES}
    with opened(tmp_path / "postgres", sandbox, monkeypatch, now=NOON) as desk:
        desk.set(MARKET_ASSETS_STORE="postgres", MARKET_ASSETS_POSTGRES_URL=postgres_url)
        configured(desk).build()
        found = {name: desk.read(name) for name in expected}
        assert not (tmp_path / "postgres" / "lake").exists()
    check_same_rows(TABLES, found, expected)
    supports, rising = found["crypto_overlays"]["zone_supports"], found["crypto_overlays"]["align_1h_volume"]
    assert supports.dtype == pl.List(pl.Float64)
    assert {0, 1, 2} <= set(supports.list.len().drop_nulls())
    assert set(rising) == {True, False, None}
    kinds = {"align_n": pl.Int8, "st_dir": pl.Int8, "n_history": pl.Int32}
    assert {name: found["crypto_overlays"].schema[name] for name in kinds} == kinds
    assert found["crypto_sentiment"].schema["value"] == pl.Int16
    assert found["crypto_signals"]["targets"].list.len().drop_nulls().unique().to_list() == [3]
