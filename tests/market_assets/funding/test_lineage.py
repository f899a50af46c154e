"""What a derived column is said to come from: columns that exist, of tables the asset is computed from."""

import pytest

from market_assets.core.contracts import Table
from market_assets.funding import lineage, schemas
from tests.market_assets.lineage_laws import check_columns, check_sources

TABLES = {table.contract().name: table.contract() for table in schemas.TABLES}
#: upstream tables as section 1 of the spec names them, and the instrument map where legs are chosen
DERIVED = [
    (schemas.FundingCompleteness, lineage.COMPLETENESS, {"funding_rates", "funding_contracts"}),
    (
        schemas.FundingStatistics,
        lineage.STATISTICS,
        {"funding_rates", "funding_snapshot", "funding_completeness"},
    ),
    (schemas.FundingHourlyRates, lineage.HOURLY_RATES, {"funding_rates"}),
    (
        schemas.FundingSpreads,
        lineage.SPREADS,
        {"funding_hourly_rates", "funding_snapshot", "funding_contracts"},
    ),
    (schemas.FundingSpreadStatistics, lineage.SPREAD_STATISTICS, {"funding_spreads"}),
    (
        schemas.FundingOpportunities,
        lineage.OPPORTUNITIES,
        {"funding_snapshot", "funding_statistics", "funding_spread_statistics", "funding_contracts"},
    ),
]
#: neither of other columns nor of the exchange: keys, settings, and what a fetch noted
GIVEN = {
    schemas.FundingCompleteness: {"day", "exchange", "history_floor"},
    schemas.FundingStatistics: {"day", "exchange", "symbol", "base_asset"},
    schemas.FundingHourlyRates: {"exchange", "symbol"},
    schemas.FundingSpreads: {"hour"},
    schemas.FundingSpreadStatistics: {"day", "available_at", "base_asset", "exchange_a", "exchange_b"},
    schemas.FundingOpportunities: {
        *("long_exchange", "short_exchange", "taker_long_bps", "taker_short_bps"),
        *("slippage_pct", "round_trip_cost_pct", "cost_apr_pct"),
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
