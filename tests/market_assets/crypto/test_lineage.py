"""What a derived column is said to come from: columns that exist, of tables the asset is computed from."""

import dagster as dg
import pytest

from market_assets.core.contracts import Table
from market_assets.crypto import lineage, schemas
from market_assets.crypto.assets import ASSETS
from tests.market_assets.lineage_laws import check_columns, check_sources

TABLES = {table.contract().name: table.contract() for table in schemas.TABLES}
#: upstream tables as section 1 of the spec names them
DERIVED = [
    (schemas.CryptoTimeframes, lineage.TIMEFRAMES, {"crypto_klines"}),
    (schemas.CryptoOverlays, lineage.OVERLAYS, {"crypto_timeframes"}),
    (schemas.CryptoSignals, lineage.SIGNALS, {"crypto_overlays", "crypto_timeframes"}),
    (schemas.CryptoAdvice, lineage.ADVICE, {"crypto_signals", "crypto_overlays", "crypto_sentiment"}),
    (schemas.CryptoPaperTrades, lineage.PAPER_TRADES, {"crypto_signals", "crypto_klines"}),
    (schemas.CryptoSuccessMetrics, lineage.SUCCESS_METRICS, {"crypto_paper_trades"}),
]
#: neither of other columns nor of the venue: settings, names, and what a model's call was
GIVEN = {
    schemas.CryptoTimeframes: set(),
    schemas.CryptoOverlays: set(),
    schemas.CryptoSignals: {"strategy_version", "config_hash"},
    schemas.CryptoAdvice: {"call", "advisor_source", "status", "model", "raw_reply_ref", "latency_ms"},
    schemas.CryptoPaperTrades: {"row_kind"},
    schemas.CryptoSuccessMetrics: {
        *("window", "null_reason", "target_win_rate_ratio", "target_sharpe", "target_max_drawdown_ratio"),
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


def inputs() -> dict[dg.AssetKey, set[dg.AssetKey]]:
    found = {}
    for asset in ASSETS:
        found |= {spec.key: {dep.asset_key for dep in spec.deps} for spec in asset.specs}
    return found
