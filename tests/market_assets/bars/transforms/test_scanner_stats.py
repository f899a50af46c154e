"""Counts of a scan."""

from market_assets.bars.settings import ALPHAS, SignalSettings
from market_assets.bars.transforms.scanner_stats import BarsScannerStats, scanner_stats
from tests.market_assets.bars.transforms.signals.market import (
    MINUTE,
    T0,
    bars,
    features,
    quiet,
    signal,
    signal_rows,
)

OURS = SignalSettings(profile="relaxed")


def test_counts_by_hand():
    """Three fired, one was accepted; notes are no reasons; the scan is as old as the newest bar's close."""
    told = features(bars(quiet(3)), {})
    found = signal_rows(
        signal(signal_time=T0 + MINUTE, accepted=True, reject_reasons=["no_quote"]),
        signal(signal_time=T0 + 2 * MINUTE, reject_reasons=["unproven", "no_levels", "no_quote"]),
        signal(signal_time=T0 + 3 * MINUTE, reject_reasons=["unproven", "no_quote"]),
    )
    assert scanner_stats(told, found, OURS) == BarsScannerStats(
        symbols_scanned=1,
        alphas=ALPHAS,
        fired=3,
        accepted=1,
        rejected_by_reason={"no_levels": 1, "unproven": 2},
        last_scan=T0 + 3 * MINUTE,
        profile="relaxed",
    )


def test_nothing_scanned():
    """Counts are 0 and there is no last scan; nothing is made up."""
    told = features(bars(quiet(1)), {}).clear()
    found = scanner_stats(told, signal_rows(signal()).clear(), OURS)
    assert (found.symbols_scanned, found.fired, found.accepted, found.rejected_by_reason) == (0, 0, 0, {})
    assert found.last_scan is None
