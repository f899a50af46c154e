"""The universe and its mapping rules (equities.md 2)."""

from datetime import date

import polars as pl
import pytest

from market_assets.core.contracts import ContractViolation
from market_assets.equities.settings import EquitiesSettings, SymbolSettings
from market_assets.equities.transforms import symbols
from tests.market_assets.equities.frames import NO_OVERRIDES

IDS = ("polygon_id", "yahoo_id", "twelvedata_id", "alphavantage_id")


@pytest.mark.parametrize(
    ("symbol", "asset_class", "ids"),
    [
        ("AAPL", "stock", ("AAPL", "AAPL", "AAPL", "AAPL")),
        ("SPY", "etf", ("SPY", "SPY", "SPY", "SPY")),
        ("BRK.B", "stock", ("BRK.B", "BRK-B", "BRK.B", "BRK-B")),
        ("VIX", "index", ("I:VIX", "^VIX", "VIX", None)),
        ("BTC-USD", "crypto", ("X:BTCUSD", "BTC-USD", "BTC/USD", None)),
        ("USDC", "stock", ("USDC", "USDC", "USDC", "USDC")),
    ],
)
def test_each_class_maps_to_the_vendors_ids(symbol, asset_class, ids):
    """The mapping table of the specification, row by row; a stock named like a coin stays a stock."""
    row = symbols.universe([SymbolSettings(symbol=symbol, asset_class=asset_class)], NO_OVERRIDES).row(0, named=True)
    assert tuple(row[name] for name in IDS) == ids
    assert row["calendar"] == ("always" if asset_class == "crypto" else "XNYS")


def test_default_universe_has_sixty_symbols():
    """20 stocks, 20 ETFs and 20 crypto pairs; indices are opt-in."""
    counts = symbols.universe(EquitiesSettings().universe, NO_OVERRIDES)["asset_class"].value_counts()
    assert dict(counts.iter_rows()) == {"stock": 20, "etf": 20, "crypto": 20}


def test_an_id_that_is_given_wins_over_the_rule():
    """Explicit ids are per row."""
    line = SymbolSettings(symbol="VIX", asset_class="index", yahoo_id="^VIX9D")
    assert symbols.universe([line], NO_OVERRIDES)["yahoo_id"].item() == "^VIX9D"


def test_an_override_replaces_the_configured_symbol():
    """Deactivation by hand wins over the configured line, and an addition joins it."""
    overrides = pl.DataFrame(
        [
            SymbolSettings(symbol="AAPL", active=False).model_dump(),
            SymbolSettings(symbol="ETH-USD", asset_class="crypto").model_dump(),
        ],
        schema_overrides={"polygon_id": pl.String, "yahoo_id": pl.String, "valid_to": pl.Date},
    )
    got = symbols.universe([SymbolSettings(symbol="AAPL"), SymbolSettings(symbol="MSFT")], overrides)
    assert dict(got.select("symbol", "active").iter_rows()) == {"AAPL": False, "ETH-USD": True, "MSFT": True}


def test_a_reused_ticker_has_two_windows():
    """Windows that follow each other are legal; the key is symbol and valid_from."""
    old = SymbolSettings(symbol="EEM", valid_from=date(1998, 1, 1), valid_to=date(2003, 4, 10))
    new = SymbolSettings(symbol="EEM", asset_class="etf", valid_from=date(2003, 4, 11))
    assert symbols.universe([new, old], NO_OVERRIDES)["asset_class"].to_list() == ["stock", "etf"]


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (
            [
                SymbolSettings(symbol="EEM", valid_to=date(2003, 4, 11)),
                SymbolSettings(symbol="EEM", valid_from=date(2003, 4, 11)),
            ],
            "listing windows of EEM overlap",
        ),
        ([SymbolSettings(symbol="A"), SymbolSettings(symbol="A")], "listing windows of A overlap"),
        ([SymbolSettings(symbol="BTC", asset_class="crypto")], "written like BTC-USD, not BTC"),
        ([SymbolSettings(symbol="A", valid_from=date(2020, 1, 2), valid_to=date(2020, 1, 1))], "before its valid_from"),
    ],
)
def test_an_ambiguous_universe_is_refused(lines, message):
    """Overlapping windows, doubled keys, bare coins: one sentence says which symbol and why."""
    with pytest.raises(ContractViolation, match=message):
        symbols.universe(lines, NO_OVERRIDES)
