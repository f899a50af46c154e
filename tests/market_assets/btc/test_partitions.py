"""How far each btc asset looks back, as Dagster maps it."""

import dagster as dg
import pytest

from market_assets.btc.partitions import LOOK_BACK, LookBack, days_before, taps
from market_assets.btc.settings import BtcSettings, RpnSettings
from market_assets.btc.transforms import trend
from tests.market_assets.mapped import asset_graph, upstream


@pytest.mark.parametrize(
    ("child", "parent", "key", "first", "last", "n"),
    [
        ("btc_processed", "btc_price", "2024-06-05", "2024-06-04", "2024-06-05", 2),
        ("btc_processed", "btc_liquidations", "2024-06-05", "2023-12-07", "2024-06-05", 182),
        ("btc_rpn", "btc_processed", "2024-06-05", "2024-05-13", "2024-06-05", 24),
        ("btc_bin_models", "btc_rpn", "2024-06-03", "2023-05-29", "2024-06-02", 371),
        ("btc_bins", "btc_rpn", "2024-06-05", "2024-06-05", "2024-06-05", 1),
        ("btc_bins", "btc_bin_models", "2024-06-05", "2024-05-06", "2024-06-03", 5),
        ("btc_dominance", "btc_rpn", "2024-06-05", "2023-06-06", "2024-06-05", 366),
        ("btc_dominance", "btc_bins", "2024-06-05", "2024-06-05", "2024-06-05", 1),
        ("btc_signals", "btc_rpn", "2024-06-05", "2024-06-04", "2024-06-05", 2),
        ("btc_signals", "btc_dominance", "2024-06-05", "2024-06-04", "2024-06-05", 2),
        ("btc_labels", "btc_price", "2024-06-01", "2024-06-01", "2024-06-03", 3),
        ("btc_training_data", "btc_labels", "2024-06-01", "2024-06-01", "2024-06-01", 1),
        ("btc_signal_performance", "btc_signals", "2024-06-30", "2024-06-01", "2024-06-30", 30),
        ("btc_signal_performance", "btc_labels", "2024-06-30", "2024-06-01", "2024-06-30", 30),
    ],
)
def test_mapped_partitions(child: str, parent: str, key: str, first: str, last: str, n: int) -> None:
    """G-MAP-1: what a partition reads is what section 2 of the specification says."""
    found = upstream(child, parent, key)
    assert (found[0], found[-1], len(found)) == (first, last, n)


def test_the_start_of_history_reads_what_there_is() -> None:
    """Days before the history are no partitions, and no error."""
    assert upstream("btc_rpn", "btc_processed", "2021-02-02") == ["2021-02-01", "2021-02-02"]


def test_own_rows_reach_as_far_as_the_paths() -> None:
    """An asset's own earlier days: two for z-scores, thirty for the path of bins, one for dominance."""
    assert (LOOK_BACK.own_rpn, LOOK_BACK.own_bins, LOOK_BACK.own_dominance) == (2, 30, 1)


def test_the_known_length_of_the_default_filter_is_its_length() -> None:
    """The number that saves the import of pywt is what building the filter gives."""
    default = RpnSettings()
    assert taps(default) == 531 == trend.kernel(default.wavelet, default.level, default.fir_cutoff).size


def test_look_backs_follow_the_settings() -> None:
    """A longer window or horizon reaches further without a second place to change."""
    changed = BtcSettings.model_validate(
        {
            "preprocess": {"outlier_window_hours": 240},
            "labels": {"horizons": [48]},
            "features": {"rpn": {"level": 3}, "dominance": {"window_hours": 1000}},
        }
    )
    found = LookBack(changed)
    assert (found.liquidations, found.label_days, found.thresholds) == (11, 3, 42)
    assert found.processed < LOOK_BACK.processed


@pytest.mark.parametrize(("rows", "days"), [(0, 0), (1, 1), (24, 1), (25, 2), (530, 23)])
def test_days_before(rows: int, days: int) -> None:
    """Midnight's hour looks furthest: 24 rows before it are one day."""
    assert days_before(rows) == days


def test_no_feature_depends_on_outcomes() -> None:
    """Forward returns are among no feature's ancestors."""
    graph = asset_graph()
    features = ("btc_processed", "btc_rpn", "btc_bin_models", "btc_bins", "btc_dominance", "btc_signals")
    outcomes = {"btc_labels", "btc_training_data", "btc_signal_performance"}
    for name in features:
        above, frontier = set[str](), {dg.AssetKey(name)}
        while frontier:
            frontier = {up for key in frontier for up in graph.get(key).parent_keys}
            above |= {key.to_user_string() for key in frontier}
        assert not above & outcomes, name
