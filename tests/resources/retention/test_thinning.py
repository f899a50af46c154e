"""All kinds together: one row each, and one that fails keeps no other from going on."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import polars as pl
import pytest

from market_assets.core import clock
from market_assets.ops.schemas import OpsRetention
from market_assets.settings import load
from market_assets.tables import contract
from resources.http import redact
from resources.http.raw import RawStore
from resources.http.state import VendorState
from resources.retention import raw, thin_out
from resources.stores import open_store
from tests.resources.retention.runs import Past
from tests.resources.retention.stored import store_rows

NOW = datetime(2026, 8, 1, tzinfo=UTC)
RATES, SPREADS = contract("funding_rates"), contract("funding_spreads")


def days_ago(days: int) -> datetime:
    return NOW - timedelta(days=days)


@pytest.fixture
def filled(home: Path, on_disk: dg.DagsterInstance) -> dg.DagsterInstance:
    """A home with something due of most kinds."""
    store, bodies = open_store(load()), RawStore.of(home, VendorState.of(home))
    for day in (91, 1):
        bodies.put("polygon", f"body {day}".encode(), url="https://a.b/c", status=200, received_at=days_ago(day))
    for n, day in enumerate((60, 50, 40)):
        with clock.frozen(days_ago(day)):
            store_rows(store, SPREADS, "2026-06-01", rows=n + 1)
    store_rows(store, SPREADS, "2026-07-31")
    store_rows(store, RATES, "2026-07-01|bybit", "2026-07-01|deribit", rows=3)
    past = Past(on_disk)
    for day in (50, 40, 1):
        past.run(days_ago(day), {"prices": ["a"]})
    return on_disk


def thinned(instance: dg.DagsterInstance | None, *, dry_run: bool = False, **retention: object) -> pl.DataFrame:
    kept = {"versions": 0, "tables": {"funding_spreads": 60, "nonsense": 1}, "delete_exchanges": {"bybit": 3}}
    found = load(retention=kept | retention, funding={"exchanges": ["deribit"]})
    with clock.frozen(NOW):
        return thin_out(found, instance, NOW, dry_run=dry_run)


def told(frame: pl.DataFrame) -> dict[str, tuple[int, int]]:
    """What -> looked at, removed."""
    return {row["what"]: (row["n_examined"], row["n_removed"]) for row in frame.iter_rows(named=True)}


def files(home: Path) -> dict[str, bytes]:
    """Everything in the home that is no lock and no log of a database."""
    found = [file for file in home.rglob("*") if file.is_file() and file.suffix not in (".lock", ".sqlite-shm")]
    return {str(file): file.read_bytes() for file in found if not file.name.endswith("-wal")}


def test_every_kind_has_a_row(home: Path, filled: dg.DagsterInstance) -> None:
    """What is due goes, by its own rule; the dry run before said the same and touched no byte."""
    before, runs = files(home), Past(filled).runs()
    would = thinned(filled, dry_run=True)
    assert files(home) == before and Past(filled).runs() == runs
    done = thinned(filled)
    assert would.drop("is_dry_run").equals(done.drop("is_dry_run"))
    assert would["is_dry_run"].all() and not done["is_dry_run"].any()
    assert told(done) == {
        "raw": (2, 1),
        "versions": (2, 2),
        "events": (2, 2),
        "ticks": (0, 0),
        "logs": (0, 0),
        "segments": (0, 0),
        "table:funding_spreads": (2, 1),
        "table:nonsense": (0, 0),
        "exchange:bybit": (3, 3),
    }
    rows = {row["what"]: row for row in done.iter_rows(named=True)}
    assert rows["raw"]["rule"] == "retention.raw_days = 90"
    assert rows["raw"]["kept_since"] == days_ago(90)
    assert rows["table:nonsense"]["detail"].startswith("broke off: no table named 'nonsense'")
    assert rows["ticks"]["removed_bytes"] is None
    assert done.equals(OpsRetention.contract().validate(done))
    store = open_store(load())
    assert store.partitions(SPREADS) == ["2026-07-31"]
    assert store.partitions(RATES) == ["2026-07-01|deribit"]
    assert set(told(thinned(filled))) == set(told(done))


def test_what_fails_says_why_and_the_others_go_on(
    home: Path, filled: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it had removed until then is counted, and no key is told."""
    redact.remember("SECRET-KEY-9")

    def broken(*_: object) -> None:
        raise OSError("disk of SECRET-KEY-9 is gone")

    monkeypatch.setattr(raw, "RawStore", type("Broken", (), {"of": broken}))
    done = thinned(filled)
    rows = {row["what"]: row for row in done.iter_rows(named=True)}
    assert (rows["raw"]["n_removed"], rows["raw"]["detail"]) == (0, "broke off: disk of [REDACTED] is gone")
    assert told(done)["versions"] == (2, 2)


def test_without_dagster_the_rest_is_thinned_out(home: Path) -> None:
    """A home that was only filled by hand; an empty one has nothing to remove, and stays as it is."""
    done = thinned(None, tables={}, delete_exchanges={})
    assert done["n_removed"].sum() == 0
    rows = {row["what"]: row["detail"] for row in done.iter_rows(named=True)}
    assert rows["events"] == rows["ticks"] == "there is no Dagster instance here"
    assert not (home / "lake").exists() and not (home / "raw").exists()
