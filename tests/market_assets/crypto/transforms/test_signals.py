"""Decisions from overlays, against the golden values of the specification (crypto.md 6)."""

from datetime import timedelta
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from market_assets.crypto.schemas import VOTES, CryptoSignals
from market_assets.crypto.settings import CryptoSettings
from market_assets.crypto.transforms.signals import signals
from tests.market_assets.crypto.transforms.overlay_rows import HOUR, LONG, SHORT, T0, changes, overlays

CRYPTO = CryptoSettings()
many = settings(max_examples=30, deadline=None)


def decided(*rows, crypto=CRYPTO, **change):
    """Signals as dictionaries, after the table's own gate."""
    found = signals(overlays(*rows), changes(**change), crypto, "abc")
    return CryptoSignals.contract().validate(found).to_dicts()


def one(row=LONG, /, crypto=CRYPTO, **changed):
    """The one signal of a row with these values changed."""
    (found,) = decided(row | changed, crypto=crypto)
    return found


def voted(supertrend, chandelier, liquidity, alignment, flow, regime):
    """Overlay values that make these votes."""
    return {
        "st_dir": supertrend or 1, "st_is_warm": supertrend != 0, "ch_dir": chandelier,
        "zone_side": liquidity, "align_dir": alignment, "ofi_20": 0.1 * flow,
        "trend_dir": regime, "regime": "TRENDING_LOW_VOL" if regime else "TRANSITION",
    }  # fmt: skip


def test_golden_confidence_label_and_size():
    """Components 0.9, 0.55, 1, 1, 0.6, 0.7 make 0.791667, MEDIUM; a calm aligned trend sizes it 0.0264."""
    found = one()
    assert found["feature_confidence"] == pytest.approx(0.791667, abs=5e-7)
    assert found["strength_label"] == "MEDIUM"
    assert found["size_ratio"] == pytest.approx(0.0264)
    assert found["is_tradeable"]


@pytest.mark.parametrize(
    ("votes", "action", "confidence"),
    [
        ((1, 1, 1, 0, 1, -1), "ENTER_LONG", 0.666667),
        ((1, 1, 1, 1, -1, -1), "HOLD", 0.666667),
        ((-1, -1, -1, 0, -1, 1), "ENTER_SHORT", 0.666667),
        ((1, 1, 1, 0, 0, 0), "HOLD", 0.5),
        ((-1, -1, -1, -1, -1, -1), "ENTER_SHORT", 1.0),
    ],
)
def test_golden_votes(votes, action, confidence):
    """Four votes with at most one against enter; two against, or three votes, do not."""
    found = one(**voted(*votes))
    assert tuple(found[f"vote_{name}"] for name in VOTES) == votes
    assert found["action"] == action
    assert found["vote_confidence"] == pytest.approx(confidence, abs=5e-7)
    assert (found["n_plus"], found["n_minus"]) == (votes.count(1), votes.count(-1))


def test_negated_votes_swap_the_action():
    """Whatever the six votes, all 729 of them: their negatives make the other entry, with the same confidence."""
    every = list(product((-1, 0, 1), repeat=6))
    found = decided(*(LONG | voted(*votes) | {"symbol": f"{n:03}"} for n, votes in enumerate(every)))
    by_votes = dict(zip(every, found, strict=True))
    swapped = {"ENTER_LONG": "ENTER_SHORT", "ENTER_SHORT": "ENTER_LONG", "HOLD": "HOLD"}
    for votes, here in by_votes.items():
        there = by_votes[tuple(-vote for vote in votes)]
        assert there["action"] == swapped[here["action"]]
        assert (there["n_plus"], there["n_minus"]) == (here["n_minus"], here["n_plus"])
        assert there["vote_confidence"] == here["vote_confidence"]
    assert {row["action"] for row in found} == set(swapped)


def test_a_mirrored_market_mirrors_every_level():
    """Upside down around 100: the short's stop, targets and arming price lie as far above as the long's below."""
    long, short = one(LONG), one(SHORT)
    assert (long["action"], short["action"]) == ("ENTER_LONG", "ENTER_SHORT")
    for name in ("size_ratio", "feature_confidence", "is_tradeable", "trail_distance"):
        assert long[name] == short[name]
    assert 200.0 - short["trail_arm_price"] == pytest.approx(long["trail_arm_price"])
    assert [200.0 - target for target in short["targets"]] == pytest.approx(long["targets"])
    # beyond the zone: 99.6 less half a percent of it, and 100.4 plus half a percent of that
    assert (long["stop_price"], short["stop_price"]) == pytest.approx((99.102, 100.902))


def test_levels_by_hand():
    """Close 100, range 1, no zone below: stop 98, three targets, trail 1.5 from 101.5, out after 240 minutes."""
    found = one(zone_support_near=None, zone_near_price=100.9, zone_near_dist_pct=0.9)
    assert found["stop_price"] == pytest.approx(98.0)
    assert found["stop_distance_pct"] == pytest.approx(2.0)
    assert found["targets"] == pytest.approx([102.0, 104.0, 106.0])
    assert (found["trail_arm_price"], found["trail_distance"]) == pytest.approx((101.5, 1.5))
    assert found["rr_at_t3"] == pytest.approx(3.0)
    assert found["signal_time"] == found["available_at"] == T0 + HOUR
    assert found["time_stop_at"] == T0 + HOUR + timedelta(minutes=240)
    assert found["limit_price"] is None


@pytest.mark.parametrize(
    ("support", "stop"),
    [(99.6, 99.102), (99.9, 99.4005), (99.99, 99.49005), (99.9999, 99.4999995), (97.0, 98.0), (None, 98.0)],
)
def test_the_nearer_stop_counts(support, stop):
    """Beyond a near zone by half a percent of it; two ranges where the zone is farther, or there is none."""
    assert one(zone_support_near=support)["stop_price"] == pytest.approx(stop)


def test_no_stop_is_nearer_than_half_a_range():
    """A wide range keeps the stop away from the price: zone stop 99.102, range 4, so 98."""
    assert one(atr_14=4.0)["stop_price"] == pytest.approx(98.0)


def test_the_stop_knows_the_range_of_its_symbol():
    """Two symbols of equal price and unequal range have unequal stops."""
    far = {"zone_support_near": None}
    calm, wild = decided(LONG | far, LONG | far | {"symbol": "ETHUSDT", "atr_14": 3.0})
    assert (calm["price"], calm["stop_price"]) == (100.0, 98.0)
    assert (wild["price"], wild["stop_price"]) == (100.0, 94.0)


@many
@given(
    st.sampled_from([LONG, SHORT]),
    st.floats(1e-6, 60.0),
    st.floats(0.001, 40.0),
)
def test_the_stop_is_on_the_losing_side(market, atr, gap):
    """Whatever the range and the zone: below a long, above a short, at least half a range away; or unknown."""
    side = 1 if market is LONG else -1
    name = "zone_support_near" if side > 0 else "zone_resistance_near"
    found = one(market, atr_14=atr, **{name: 100.0 - side * gap})
    if found["stop_price"] is None:
        assert side * 100.0 - 2 * atr <= 0
    else:
        assert side * (100.0 - found["stop_price"]) >= 0.5 * atr * (1 - 1e-9) - 1e-9


def test_hold_has_no_levels():
    """Nothing is entered: no stop, no target, no limit, no time."""
    found = one(**voted(1, 1, 0, 0, 0, 0))
    names = ("stop_price", "stop_distance_pct", "targets", "trail_arm_price", "trail_distance", "time_stop_at",
             "rr_at_t3", "limit_price")  # fmt: skip
    assert [found[name] for name in names] == [None] * 8
    assert not found["is_tradeable"]


@pytest.mark.parametrize("atr", [None, 0.0])
def test_without_a_range_there_is_no_stop(atr):
    """Unknown or zero: no made-up distance."""
    found = one(atr_14=atr)
    assert (found["action"], found["stop_price"], found["trail_distance"], found["rr_at_t3"]) == (
        "ENTER_LONG", None, None, None,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("missing", "vote"),
    [
        ({"st_dir": None}, "supertrend"), ({"st_is_warm": None}, "supertrend"), ({"ch_dir": None}, "chandelier"),
        ({"zone_near_dist_pct": None, "zone_side": None}, "liquidity"), ({"align_score": None}, "alignment"),
        ({"ofi_20": None}, "flow"), ({"regime": None}, "regime"), ({"trend_dir": None}, "regime"),
    ],
)  # fmt: skip
def test_a_vote_that_cannot_be_cast_is_counted(missing, vote):
    """It is 0, it is counted, and the reasoning calls it unknown."""
    found = one(**missing)
    assert (found[f"vote_{vote}"], found["n_null_votes"], found["n_plus"]) == (0, 1, 5)
    assert f"{vote} unknown" in found["reasoning"]


@pytest.mark.parametrize(
    ("changed", "vote"),
    [
        ({"st_is_warm": False}, "supertrend"), ({"ch_dir": 0}, "chandelier"),
        ({"zone_near_dist_pct": -1.0}, "liquidity"), ({"align_score": 0.74}, "alignment"),
        ({"ofi_20": 0.049}, "flow"), ({"regime": "RANGING_EXPANSION"}, "regime"), ({"regime": "UNKNOWN"}, "regime"),
    ],
)  # fmt: skip
def test_a_vote_without_a_cause_is_none(changed, vote):
    """At the wrong side of its threshold a vote is 0, and nothing is unknown."""
    found = one(**changed)
    assert (found[f"vote_{vote}"], found["n_null_votes"]) == (0, 0)
    assert f"{vote} 0" in found["reasoning"]


def test_votes_at_their_thresholds_count():
    """An alignment of exactly 0.75 and a flow of exactly 0.05 vote."""
    found = one(align_score=0.75, ofi_20=0.05)
    assert (found["vote_alignment"], found["vote_flow"]) == (1, 1)


@pytest.mark.parametrize(
    "unknown", ["zone_near_dist_pct", "regime_confidence", "align_score", "st_consistency", "ofi_20", "st_strength"]
)
def test_confidence_is_unknown_where_a_component_is(unknown):
    """No neutral constant stands in: confidence and size null, label NO_SIGNAL, not tradeable."""
    found = one(**{unknown: None})
    assert (found["feature_confidence"], found["size_ratio"]) == (None, None)
    assert (found["strength_label"], found["is_tradeable"]) == ("NO_SIGNAL", False)


@pytest.mark.parametrize(("distance", "component"), [(0.99, 0.9), (-1.0, 0.75), (1.99, 0.75), (-2.0, 0.6), (9.0, 0.6)])
def test_a_nearer_zone_is_more_sure(distance, component):
    """0.9 below 1 %, 0.75 below 2 %, else 0.6."""
    rest = 0.55 + 1.0 + 1.0 + 0.6 + 0.7
    assert one(zone_near_dist_pct=distance)["feature_confidence"] == pytest.approx((component + rest) / 6)


@pytest.mark.parametrize(
    ("regime", "align", "size"),
    [
        ("TRENDING_LOW_VOL", 0.75, 0.022), ("TRENDING_HIGH_VOL", 1.0, 0.0168), ("RANGING_EXPANSION", 0.75, 0.014),
        ("RANGING_COMPRESSION", 0.75, 0.02), ("TRANSITION", 1.0, 0.024),
    ],
)  # fmt: skip
def test_size_by_regime_and_alignment(regime, align, size):
    """Confidence above one half: 0.02 times the regime's factor, times 1.2 where more than 3 of 4 frames agree."""
    assert one(regime=regime, align_score=align)["size_ratio"] == pytest.approx(size)


def test_size_is_capped_and_shrinks_with_doubt():
    """Below one half it is proportional; nothing exceeds the largest size."""
    doubt = {"regime_confidence": 0.25, "st_consistency": 0.0, "ofi_20": 0.06, "st_strength": 0.2, "align_score": 0.75}
    found = one(**doubt, regime="TRANSITION")
    # 0.9 + 0.25 + 0.75 + 0 + 0.3 + 0.1 over 6
    assert found["feature_confidence"] == pytest.approx(2.3 / 6)
    assert found["size_ratio"] == pytest.approx(0.02 * 2 * 2.3 / 6)
    bold = CryptoSettings.model_validate({"signals": {"base_size": 0.9}})
    assert one(crypto=bold)["size_ratio"] == 0.05


@pytest.mark.parametrize(
    ("strength", "label"), [(2.0, "STRONG"), (1.4, "MEDIUM"), (0.0, "MEDIUM"), (None, "NO_SIGNAL")]
)
def test_labels(strength, label):
    """0.8417, 0.7917, 0.675, unknown."""
    assert one(st_strength=strength)["strength_label"] == label


def test_weak_is_not_tradeable():
    """A confidence of 0.5 to 0.6 has a word, and no trade."""
    found = one(st_strength=0.0, st_consistency=0.0, regime_confidence=0.7, ofi_20=0.12)
    assert found["feature_confidence"] == pytest.approx((0.9 + 0.7 + 1.0 + 0.0 + 0.6 + 0.0) / 6)
    assert (found["strength_label"], found["is_tradeable"]) == ("WEAK", False)


@pytest.mark.parametrize("flaw", [{"complete": False}, {"is_warm": False}])
def test_incomplete_or_cold_candles_are_not_tradeable(flaw):
    """The decision is published, but the account may not act on it."""
    found = one(**flaw)
    assert (found["action"], found["is_tradeable"]) == ("ENTER_LONG", False)


def test_a_limit_waits_at_a_near_zone_only():
    """Within half a percent it is the zone; farther away there is none."""
    assert one()["limit_price"] == 99.6
    assert one(zone_near_dist_pct=-0.5)["limit_price"] == 99.6
    assert one(zone_near_dist_pct=-0.51)["limit_price"] is None


def test_the_change_over_a_day_is_the_candles_own():
    """It comes from the candle of the same symbol and instant; without one it is null, and zero is a change."""
    btc, eth, sol = decided(LONG, LONG | {"symbol": "ETHUSDT"}, LONG | {"symbol": "SOLUSDT"}, BTCUSDT=1.25, SOLUSDT=0.0)
    assert [row["change_24h_pct"] for row in (btc, eth, sol)] == [1.25, None, 0.0]


def test_only_the_primary_timeframe_decides():
    """Rows of other timeframes are left alone; the primary one is a setting."""
    rows = (LONG, LONG | {"timeframe": "4h"})
    assert [row["timeframe"] for row in decided(*rows)] == ["1h"]
    swing = CryptoSettings.model_validate({"signals": {"timeframe": "4h", "strategy_version": 3}})
    (found,) = decided(*rows, crypto=swing)
    assert (found["timeframe"], found["signal_time"], found["strategy_version"]) == ("4h", T0 + 4 * HOUR, 3)


def test_the_reasoning_lists_the_votes():
    """A person reads why."""
    found = one(**voted(1, 1, 1, 0, 1, -1))
    assert found["reasoning"] == (
        "ENTER_LONG: 4 for long, 1 for short "
        "(supertrend +1, chandelier +1, liquidity +1, alignment 0, flow +1, regime -1)"
    )
    assert found["config_hash"] == "abc"


def test_no_rows_make_no_signals():
    """An empty frame in, an empty frame of the contract out."""
    assert decided() == []
