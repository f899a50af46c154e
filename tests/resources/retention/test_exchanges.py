"""The rows of an exchange that is asked no more, deleted on purpose."""

import pytest

from market_assets.core import clock
from market_assets.core.errors import InvalidRequest, UnknownName
from market_assets.settings import load
from market_assets.tables import QUARANTINES, contract
from resources.retention import exchanges
from resources.retention.job import Job, Tally
from resources.stores import open_store
from resources.stores.protocol import PartitionStore
from tests.resources.retention.stored import store_rows

NOW = clock.instant("2026-08-01")
CONTRACTS, RATES, SPREADS = (contract(f"funding_{name}") for name in ("contracts", "rates", "spreads"))
REJECTED = QUARANTINES["quarantine_funding_rates"]


@pytest.fixture
def store(home) -> PartitionStore:
    """Two exchanges; bybit has 2 + 3 + 4 + 1 rows in what is cut by exchange."""
    store = open_store(load())
    for exchange in ("bybit", "deribit"):
        store_rows(store, CONTRACTS, exchange, rows=2)
        store_rows(store, RATES, f"2026-07-01|{exchange}", rows=3)
        store_rows(store, RATES, f"2026-07-02|{exchange}", rows=4)
        store_rows(store, REJECTED, f"2026-07-02|{exchange}", rows=1)
    store_rows(store, SPREADS, "2026-07-01", rows=2)
    return store


def stored(store: PartitionStore) -> list[str]:
    return [name for table in (CONTRACTS, RATES, REJECTED, SPREADS) for name in store.partitions(table)]


def thinned(store: PartitionStore, exchange: str, most: int, *, dry_run: bool = False, asked=("deribit",)) -> Tally:
    found, tally = load(funding={"exchanges": asked}), Tally()
    exchanges.kind(exchange, most).thin(Job(found, store, None, NOW, dry_run), tally)
    return tally


def test_all_that_is_cut_by_exchange_goes(store):
    """Also what it had rejected; tables over several exchanges stay, and that is said."""
    would = thinned(store, "bybit", 10, dry_run=True)
    assert len(stored(store)) == 9
    done = thinned(store, "bybit", 10)
    assert would == done
    assert (done.total.examined, done.total.removed) == (10, 10)
    assert stored(store) == ["deribit", "2026-07-01|deribit", "2026-07-02|deribit", "2026-07-02|deribit", "2026-07-01"]
    (note,) = done.notes
    assert "funding_spreads" in note and "stay as they are" in note and "funding_rates" not in note


def test_more_rows_than_allowed_are_not_touched_at_all(store):
    """Not even some of them; what to set is said."""
    tally = thinned(store, "bybit", 9)
    assert (tally.total.examined, tally.total.removed, len(stored(store))) == (10, 0, 9)
    assert "10 rows of bybit would go" in tally.notes[0] and "set it to 10" in tally.notes[0]


def test_an_exchange_that_is_asked_is_refused(store):
    """Its rows would come back, and some of them could not."""
    with pytest.raises(InvalidRequest, match="bybit is still asked"):
        thinned(store, "bybit", 10, asked=("bybit", "deribit"))
    assert len(stored(store)) == 9


def test_a_misspelt_exchange_is_refused(store):
    """With the near names; one that there is and that holds nothing is no failure."""
    with pytest.raises(UnknownName, match="did you mean bybit"):
        thinned(store, "bybitt", 10)
    assert thinned(store, "hyperliquid", 0).total.examined == 0


def test_so_many_partitions_go_at_once(store, monkeypatch):
    """The others go the next time, while no more rows are left than are allowed."""
    monkeypatch.setattr(exchanges, "MOST_PARTITIONS", 3)
    tally = thinned(store, "bybit", 10)
    assert (tally.total.examined, len(stored(store))) == (10, 6)
    assert "1 of its 4 partitions go next time" in tally.notes[0]
    assert thinned(store, "bybit", 10).total.examined == 1
    assert len(stored(store)) == 5
