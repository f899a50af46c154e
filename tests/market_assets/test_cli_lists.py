"""`market-assets export` of tables with lists."""

import csv
import json
import sys
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from market_assets.btc.schemas import BtcBinModels
from market_assets.cli import main
from market_assets.settings import settings
from resources.stores import open_store

MONDAY = datetime(2024, 6, 3, tzinfo=UTC)
CONTRACT = BtcBinModels.contract()


@pytest.fixture
def stored(home: Path) -> Path:
    """A home with one week's model, and one that has none."""
    row = {"ts": MONDAY, "available_at": MONDAY, "feature_version": "0123456789ab", "method": "kmeans_trailing"}
    learnt = {"train_start": MONDAY, "train_end": MONDAY, "n_train": 5, "n_iter": 3, "inertia": 0.25}
    rows = {
        "2024-06-03": {**row, **learnt, "status": "ok", "centers": [0.1, 0.30000000000000004], "edges": []},
        "2024-06-10": {**row, "ts": MONDAY.replace(day=10), "status": "too_few_rows", "n_train": 0, "n_iter": 0},
    }
    store = open_store(settings())
    for week, values in rows.items():
        store.write(CONTRACT, week, pl.DataFrame([values], schema=CONTRACT.schema))
    return home


def export(monkeypatch: pytest.MonkeyPatch, out: Path) -> None:
    monkeypatch.setattr(sys, "argv", ["market-assets", "export", "btc_bin_models", "--out", str(out)])
    with pytest.raises(SystemExit) as ended:
        main()
    assert not ended.value.code


def test_csv_has_lists_of_numbers_as_text(stored: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every digit of an item, semicolons between; a category is its text, no list is no text."""
    export(monkeypatch, stored / "models.csv")
    first, second = csv.DictReader((stored / "models.csv").read_text().splitlines())
    assert (first["status"], first["centers"], first["edges"]) == ("ok", "0.1;0.30000000000000004", "")
    assert (second["status"], second["centers"], second["inertia"]) == ("too_few_rows", "", "")


def test_json_and_parquet_keep_lists(stored: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As arrays, and as the column's own type."""
    export(monkeypatch, stored / "models.json")
    found = json.loads((stored / "models.json").read_text())
    assert [row["centers"] for row in found] == [[0.1, 0.30000000000000004], None]
    export(monkeypatch, stored / "models.parquet")
    assert pl.read_parquet(stored / "models.parquet").schema == CONTRACT.schema
