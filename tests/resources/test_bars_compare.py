"""A second source asked for days that are stored."""

from datetime import datetime
from pathlib import Path

import polars as pl
import pytest

from market_assets.bars.schemas import BarsReconciliation
from market_assets.core import clock
from market_assets.core.partitions import key_of
from resources.bars_compare import compare
from resources.bars_fetch import BARS
from resources.http.errors import NotEntitled, Unauthorized, Unavailable
from resources.stores import open_store
from resources.stores.protocol import PartitionStore
from tests.market_assets.bars.minute_rows import BTC, rows
from tests.resources.minute_sources import COIN, DAY, NOW, TODAY, Desk, index_that_may_switch

YESTERDAY = TODAY - DAY


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


@pytest.fixture
def store(desk: Desk) -> PartitionStore:
    return open_store(desk.settings)


def keep(store: PartitionStore, day: datetime, price: float = 100.0, source: str = "yahoo", n: int = 1440) -> str:
    key = key_of(day.date(), COIN)
    store.write(BARS, key, rows(day, [price] * n, BTC._replace(source=source)))
    return key


def compared(desk: Desk, store: PartitionStore, *keys: str) -> pl.DataFrame:
    with clock.frozen(NOW):
        found = compare(desk.settings, desk.vendors, store.read(BARS), keys, NOW)
    return BarsReconciliation.contract().validate(found)


def test_the_next_source_of_the_chain_is_asked(desk: Desk, store: PartitionStore) -> None:
    """Two days of yahoo, one request to the second choice; 0.5 % apart is a warning; the attempts are noted."""
    keys = [keep(store, YESTERDAY - DAY), keep(store, YESTERDAY)]
    keep(store, YESTERDAY - 2 * DAY)
    desk.sources["alphavantage"].price = 100.5
    found = compared(desk, store, *keys, key_of(TODAY.date(), COIN))
    assert found.select("source", "other_source", "n_common", "status").rows() == [
        ("yahoo", "alphavantage", 1440, "warn"),
        ("yahoo", "alphavantage", 1440, "warn"),
    ]
    assert found["bias_ratio"].to_list() == pytest.approx([0.005, 0.005])
    assert desk.asked() == {"alphavantage": 1}
    assert desk.calls.day(NOW.date()).select("source", "outcome", "calls", "rows").rows() == [
        ("alphavantage", "ok", 2, 2880)
    ]


def test_a_source_is_not_compared_with_itself(desk: Desk, store: PartitionStore) -> None:
    """Stored from the second choice: the first one is asked."""
    found = compared(desk, store, keep(store, YESTERDAY, source="alphavantage"))
    assert found["other_source"].to_list() == ["yahoo"]


def test_sources_that_cannot_be_asked_are_passed_over(desk: Desk, store: PartitionStore) -> None:
    """No key, not entitled: the last one answers."""
    desk.sources["alphavantage"].enabled = False
    desk.sources["twelvedata"].fails = NotEntitled("twelvedata", "upgrade")
    assert compared(desk, store, keep(store, YESTERDAY))["other_source"].to_list() == ["polygon"]


def test_nobody_left_is_told(desk: Desk, store: PartitionStore) -> None:
    """Each reason stands in the row."""
    desk.sources["alphavantage"].enabled = False
    desk.sources["twelvedata"].fails = Unavailable("twelvedata", "HTTP 500")
    desk.sources["polygon"].has = lambda frame: frame.clear()
    row = compared(desk, store, keep(store, YESTERDAY)).row(0, named=True)
    assert (row["other_source"], row["status"]) == ("-", "not_compared")
    for reason in ("alphavantage: needs a key", "twelvedata: HTTP 500", "polygon: no rows"):
        assert reason in row["reason"]


def test_a_refused_key_ends_it(desk: Desk, store: PartitionStore) -> None:
    """It is a fault of the settings, not of the source."""
    desk.sources["alphavantage"].fails = Unauthorized("alphavantage", "unknown key")
    with pytest.raises(Unauthorized):
        compared(desk, store, keep(store, YESTERDAY))


def test_another_instrument_is_named_and_not_asked(tmp_path: Path) -> None:
    """Both sources of the index are stored; its future is another instrument."""
    desk = Desk(tmp_path, bars={"instruments": [index_that_may_switch().model_dump()]})
    store, key = open_store(desk.settings), key_of(YESTERDAY.date(), "NAS100")
    index = BTC._replace(symbol="NAS100", kind="index", source="polygon", measures_volume=False)
    at = YESTERDAY.replace(hour=15)
    store.write(BARS, key, rows(at, [100.0] * 40, index))
    for name in ("polygon", "yahoo"):
        desk.sources[name].has = lambda frame: frame.clear()
    row = compared(desk, store, key).row(0, named=True)
    assert (row["other_source"], row["other_kind"], row["status"]) == ("yahoo", "future", "kinds")
