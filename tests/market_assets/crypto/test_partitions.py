"""How far each crypto asset looks, as Dagster maps it."""

import dagster as dg
import pytest

from market_assets.core import partitions
from market_assets.core.market_asset import CARRIES_METADATA, REFERENCES_METADATA
from market_assets.crypto.partitions import DAY, SYMBOL, SYMBOL_DAY
from tests.market_assets.mapped import asset_graph, cut, upstream

ALL = tuple(SYMBOL.get_partition_keys())


@pytest.mark.parametrize(
    ("child", "parent", "first", "n"),
    [
        ("crypto_timeframes", "crypto_klines", "2025-06-06", 2),
        ("crypto_overlays", "crypto_timeframes", "2024-07-22", 321),
        ("crypto_feature_telemetry", "crypto_timeframes", "2024-07-22", 321),
        ("crypto_signals", "crypto_overlays", "2025-06-07", 1),
        ("crypto_signals", "crypto_timeframes", "2025-06-07", 1),
        ("crypto_advice", "crypto_signals", "2025-06-07", 1),
        ("crypto_advice", "crypto_overlays", "2025-06-07", 1),
    ],
)
def test_days_of_the_same_symbol(child: str, parent: str, first: str, n: int) -> None:
    """A change over 24 hours needs the day before, overlays 320 days; a decision is made of its own candle."""
    assert cut(upstream(child, parent, "2025-06-07|ETHUSDT")) == (first, "2025-06-07", n, {"ETHUSDT"})


@pytest.mark.parametrize("parent", ["crypto_signals", "crypto_klines"])
def test_the_account_reads_every_symbol_of_its_day(parent: str) -> None:
    """And nothing of another day: what it carries over are its own rows."""
    assert cut(upstream("crypto_paper_trades", parent, "2025-06-07")) == ("2025-06-07", "2025-06-07", 1, set(ALL))


def test_the_first_day_reads_what_there_is() -> None:
    """Days before the first are no partitions, and no error."""
    assert upstream("crypto_overlays", "crypto_timeframes", "2024-01-01|BTCUSDT") == ["2024-01-01|BTCUSDT"]
    assert upstream("crypto_timeframes", "crypto_klines", "2024-01-01|BTCUSDT") == ["2024-01-01|BTCUSDT"]


def test_a_day_ends_at_midnight_utc_and_the_running_one_is_there() -> None:
    """From `crypto.start_date` on."""
    assert SYMBOL_DAY.partitions_defs[0].partitions_def is DAY
    assert str(DAY.timezone) == "UTC"
    assert DAY.get_first_partition_key() == "2024-01-01"
    assert DAY.end_offset == 1


def test_symbols_of_a_day_are_one_range() -> None:
    """In the order of the settings, so that a run carries all of them; days first."""
    days = ["2025-06-06", "2025-06-07"]
    keys = [f"{day}|{name}" for day in days for name in ALL]
    assert partitions.ranges(keys, [days, ALL]) == [(keys[0], keys[-1])]
    assert [dimension.name for dimension in SYMBOL_DAY.partitions_defs] == ["day", "symbol"]


def test_overlays_and_what_they_cost_are_one_step() -> None:
    """Nothing is computed twice to be measured."""
    node = asset_graph().get(dg.AssetKey("crypto_overlays"))
    assert {key.to_user_string() for key in node.execution_set_asset_keys} == {
        "crypto_overlays",
        "crypto_feature_telemetry",
    }


def test_what_is_followed_and_what_is_only_looked_up() -> None:
    """The account carries its rows from day to day; of advice only new signals are news."""
    graph = asset_graph()
    assert graph.get(dg.AssetKey("crypto_paper_trades")).metadata[CARRIES_METADATA]
    references = graph.get(dg.AssetKey("crypto_advice")).metadata[REFERENCES_METADATA]
    assert set(getattr(references, "value", references)) == {"crypto_overlays", "crypto_sentiment"}


def test_nothing_depends_on_advice() -> None:
    """It is a leaf: decisions and the account are the same with and without it."""
    assert asset_graph().get(dg.AssetKey("crypto_advice")).child_keys == set()
    assert asset_graph().get(dg.AssetKey("crypto_klines")).parent_keys == set()
