"""What the follow sensor makes of corrected minutes, on the real graph."""

from sensors.follow import Cursor, Follower
from tests.desk import told
from tests.market_assets.bars.conftest import FIRST, Bars

FRIDAY = str(FIRST)


def asked(bars: Bars) -> set[str]:
    """The assets that one tick asks for."""
    follower = Follower(bars.desk.defs.resolve_asset_graph(), bars.desk.instance, Cursor())
    follower.collect()
    return {key.to_user_string() for one in list(follower.requests()) for key in one.asset_selection or []}


def test_corrected_minutes_are_followed_to_signals_but_to_no_second_source(growing: Bars) -> None:
    """Everything that is computed of them is asked for; what compares them spends a budget, and waits for its night."""
    key = f"{FRIDAY}|NAS100"
    growing.desk.sandbox.fault(f"yahoo:correction:date={FRIDAY}:factor=1.001:symbol=NAS100")
    facts = told(growing.run("bars_minute", keys=[key]), "bars_minute")
    assert facts[key]["revised_rows"] == 390
    found = asked(growing)
    assert {"bars_indicators", "bars_scanner_features"} <= found
    assert not found & {"bars_reconciliation", "bars_macro_daily", "bars_minute"}
