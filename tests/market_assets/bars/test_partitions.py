"""How far each bars asset looks, as Dagster maps it."""

import dagster as dg
import pytest

from market_assets.bars.partitions import DAY, SYMBOL, SYMBOL_DAY
from market_assets.core import partitions
from market_assets.core.market_asset import REFERENCES_METADATA
from tests.market_assets.mapped import asset_graph, cut, upstream

ALL = tuple(SYMBOL.get_partition_keys())


@pytest.mark.parametrize(
    ("child", "parent", "first", "n", "symbols"),
    [
        ("bars_indicators", "bars_minute", "2026-09-20", 13, {"EURUSD"}),
        ("bars_scanner_features", "bars_minute", "2026-09-20", 13, set(ALL)),
        ("bars_scanner_features", "bars_indicators", "2026-09-20", 13, {"EURUSD"}),
        ("bars_signals", "bars_scanner_features", "2026-09-02", 31, {"EURUSD"}),
        ("bars_signals", "bars_minute", "2026-09-02", 31, {"EURUSD"}),
        ("bars_outcomes", "bars_minute", "2026-09-02", 31, {"EURUSD"}),
        ("bars_reconciliation", "bars_minute", "2026-10-02", 1, {"EURUSD"}),
    ],
)
def test_days_back_of_which_symbols(child: str, parent: str, first: str, n: int, symbols: set[str]) -> None:
    """Twelve days hold 2,500 bars, 30 the outcomes; correlations read every symbol."""
    assert cut(upstream(child, parent, "2026-10-02|EURUSD")) == (first, "2026-10-02", n, symbols)


@pytest.mark.parametrize("parent", ["bars_minute", "bars_reconciliation"])
def test_health_reads_every_symbol_of_its_day(parent: str) -> None:
    """And nothing of another day."""
    assert cut(upstream("bars_source_health", parent, "2026-10-02")) == ("2026-10-02", "2026-10-02", 1, set(ALL))


def test_the_first_day_reads_what_there_is() -> None:
    """Days before the first are no partitions, and no error."""
    assert upstream("bars_indicators", "bars_minute", "2025-01-01|BTCUSD") == ["2025-01-01|BTCUSD"]
    assert upstream("bars_signals", "bars_minute", "2025-01-01|BTCUSD") == ["2025-01-01|BTCUSD"]


def test_a_day_ends_at_midnight_utc_and_the_running_one_is_there() -> None:
    """From `bars.start_date` on."""
    assert SYMBOL_DAY.partitions_defs[0].partitions_def is DAY
    assert str(DAY.timezone) == "UTC"
    assert DAY.get_first_partition_key() == "2025-01-01"
    assert DAY.end_offset == 1


def test_symbols_of_a_day_are_one_range() -> None:
    """In the order of the settings, so that a run carries all of them; days first."""
    days = ["2026-10-01", "2026-10-02"]
    keys = [f"{day}|{name}" for day in days for name in ALL]
    assert partitions.ranges(keys, [days, ALL]) == [(keys[0], keys[-1])]
    assert [dimension.name for dimension in SYMBOL_DAY.partitions_defs] == ["day", "symbol"]


def test_signals_and_their_outcomes_are_one_step() -> None:
    """Scores are made of outcomes, and outcomes of signals: neither is computed twice."""
    node = asset_graph().get(dg.AssetKey("bars_signals"))
    assert {key.to_user_string() for key in node.execution_set_asset_keys} == {"bars_signals", "bars_outcomes"}


def test_what_is_followed_and_what_is_only_looked_up() -> None:
    """A corrected macro value does not recompute months of features, nor new minutes ask a second source again."""
    references = {
        name: asset_graph().get(dg.AssetKey(name)).metadata.get(REFERENCES_METADATA)
        for name in ("bars_scanner_features", "bars_reconciliation", "bars_indicators", "bars_signals")
    }
    assert {name: set(getattr(told, "value", told) or ()) for name, told in references.items()} == {
        "bars_scanner_features": {"bars_macro_daily"},
        "bars_reconciliation": {"bars_minute"},
        "bars_indicators": set(),
        "bars_signals": set(),
    }


def test_nothing_is_computed_from_comparisons_but_health() -> None:
    """Minutes and signals are the same with and without a second source."""
    children = asset_graph().get(dg.AssetKey("bars_reconciliation")).child_keys
    assert {key.to_user_string() for key in children} == {"bars_source_health"}
    assert asset_graph().get(dg.AssetKey("bars_minute")).parent_keys == set()
