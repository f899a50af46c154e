"""What a derived column is said to come from: columns that exist, of tables the asset is computed from."""

import dagster as dg
import pytest

from market_assets.bars import lineage, schemas
from market_assets.bars.assets import ASSETS
from market_assets.core.contracts import Table
from tests.market_assets.lineage_laws import check_columns, check_sources

TABLES = {table.contract().name: table.contract() for table in schemas.TABLES}
#: upstream tables as section 1 of the spec names them; signals have the values of indicators through features
DERIVED = [
    (schemas.BarsIndicators, lineage.INDICATORS, {"bars_minute"}),
    (schemas.BarsScannerFeatures, lineage.FEATURES, {"bars_minute", "bars_indicators", "bars_macro_daily"}),
    (schemas.BarsSignals, lineage.SIGNALS, {"bars_scanner_features", "bars_minute"}),
    (schemas.BarsOutcomes, lineage.OUTCOMES, {"bars_scanner_features", "bars_minute"}),
    (schemas.BarsSourceHealth, lineage.SOURCE_HEALTH, {"bars_minute", "bars_reconciliation"}),
]
#: of no other column: settings, constants, what a plug-in says, and what sources noted of themselves
GIVEN = {
    schemas.BarsIndicators: set(),
    schemas.BarsScannerFeatures: {"sentiment", "is_stale", "feature_level"},
    schemas.BarsSignals: {"strategy_version", "profile", "config_hash"},
    schemas.BarsOutcomes: {"strategy_version"},
    schemas.BarsSourceHealth: {
        *("day", "source", "total_calls", "ok", "partial", "empty", "invalid", "quota", "error", "skipped"),
        *("success_rate", "latency_p50_ms", "latency_p95_ms", "latency_p99_ms", "credits_used", "budget_left"),
        *("state", "opens", "is_healthy", "last_error"),
    },
}
IDS = [table.contract().name for table, _, _ in DERIVED]


@pytest.mark.parametrize(("table", "found", "upstream"), DERIVED, ids=IDS)
def test_sources_are_columns_of_the_tables_upstream(
    table: type[Table], found: dict[str, list[str]], upstream: set[str]
) -> None:
    """Every `table.column` exists, in a table that this one is computed from; no upstream table goes unnamed."""
    check_sources(found, upstream, TABLES)


@pytest.mark.parametrize(("table", "found", "upstream"), DERIVED, ids=IDS)
def test_every_derived_column_has_its_sources(
    table: type[Table], found: dict[str, list[str]], upstream: set[str]
) -> None:
    """Columns with a lineage and those that are given make up the table, and none is both."""
    check_columns(table, found, GIVEN[table])


def test_the_graph_reads_what_the_lineage_names() -> None:
    """The inputs of each asset are the tables its columns come from."""
    read = {key.to_user_string(): {up.to_user_string() for up in ups} for key, ups in inputs().items()}
    for table, _, upstream in DERIVED:
        assert read[table.contract().name] == upstream


def test_a_feature_comes_from_every_bar_that_it_is_computed_of() -> None:
    """Five minutes of buys less sells are of closes and volumes; a macro column of its series alone."""
    assert lineage.FEATURES["vpin_proxy"] == ["bars_minute.close", "bars_minute.volume"]
    assert lineage.FEATURES["vix_z"] == ["bars_macro_daily.z_60"]


def inputs() -> dict[dg.AssetKey, set[dg.AssetKey]]:
    found = {}
    for asset in ASSETS:
        found |= {spec.key: {dep.asset_key for dep in spec.deps} for spec in asset.specs}
    return found
