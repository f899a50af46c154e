"""When each alpha fires, by the table of the specification (bars.md 8)."""

import polars as pl
import pytest

from market_assets.bars.settings import ALPHAS
from market_assets.bars.transforms.signals.alphas import BUY, DOLLAR_SIGN, INPUTS, SELL, TABLE

BY_ID = {alpha.alpha_id: alpha for alpha in TABLE}
BIT = 1e-6
#: alpha -> per profile the limit of each input when it buys; +1 must lie above, -1 below, 0 at it or above
BUYS = {
    "momentum_v3": ({"ema_slope": (1, 0.001, 0.0003), "roc_5": (1, 0.002, 0.0005)}, 1.8),
    "mean_revert_v2": ({"bb_position": (-1, 0.2, 0.3), "rsi": (-1, 30, 40)}, 1.5),
    "breakout_v2": (
        {
            "rvol": (1, 1.5, 1.2), "vol_ratio": (1, 1.3, 1.1), "bb_width_rank": (1, 0.8, 0.6),
            "price_position": (1, 0.9, 0.9),
        },
        2.5,
    ),
    "volume_v1": (
        {
            "cvd_ratio_proxy": (1, 0.15, 0.08), "vpin_proxy": (1, 0.6, 0.5), "volume_trend": (1, 0.2, 0.1),
            "rvol": (1, 1.3, 1.1),
        },
        1.8,
    ),
    "sentiment_v1": ({"sentiment": (1, 0.5, 0.3), "vix_z": (-1, -1, -1)}, 1.5),
    # this symbol falls with the dollar: a weak one buys it
    "corr_arb_v1": ({"usd_index_z": (-1, -1.5, -1.0), "m15_trend": (0, 0, 0)}, 1.6),
}  # fmt: skip
#: the value of the other side for one of this side
MIRROR = {
    "ema_slope": lambda x: -x, "roc_5": lambda x: -x, "bb_position": lambda x: 1 - x, "rsi": lambda x: 100 - x,
    "price_position": lambda x: 1 - x, "cvd_ratio_proxy": lambda x: -x, "sentiment": lambda x: -x,
    "vix_z": lambda x: -x, "usd_index_z": lambda x: -x, "m15_trend": lambda x: -x,
}  # fmt: skip
CASES = [(alpha_id, profile) for alpha_id in BUYS for profile in ("production", "relaxed")]


def state(alpha_id, profile, values, sign=-1):
    """What the alpha says of one row; features that are not given are null."""
    row = {name: values.get(name) for name in INPUTS} | {DOLLAR_SIGN: sign}
    frame = pl.DataFrame([row], schema=dict.fromkeys(INPUTS, pl.Float64) | {DOLLAR_SIGN: pl.Int8})
    return frame.select(BY_ID[alpha_id].state(profile)).item()


def limits(alpha_id, profile):
    """Input -> (direction, limit) of a profile."""
    return {name: (way, (a, b)[profile == "relaxed"]) for name, (way, a, b) in BUYS[alpha_id][0].items()}


def firing(alpha_id, profile):
    """Values that just buy."""
    return {name: limit + way * BIT for name, (way, limit) in limits(alpha_id, profile).items()}


def mirrored(values):
    """The same market upside down."""
    return {name: MIRROR.get(name, lambda x: x)(value) for name, value in values.items()}


def test_every_alpha_of_the_settings_is_in_the_table():
    """Six alphas, each once, with the rewards of the specification."""
    assert tuple(alpha.alpha_id for alpha in TABLE) == ALPHAS
    assert {alpha.alpha_id: alpha.rr for alpha in TABLE} == {name: rr for name, (_, rr) in BUYS.items()}


@pytest.mark.parametrize(("alpha_id", "profile"), CASES)
def test_it_fires_beyond_all_its_thresholds_and_at_none(alpha_id, profile):
    """Just beyond every threshold it buys, upside down it sells; at any one of them, or with it unknown, neither."""
    values = firing(alpha_id, profile)
    assert state(alpha_id, profile, values) == BUY
    assert state(alpha_id, profile, mirrored(values)) == SELL
    for name, (way, limit) in limits(alpha_id, profile).items():
        short = values | {name: limit if way else limit - 1}
        assert state(alpha_id, profile, short) == 0
        # 1 - 0.1 and the like are a rounding away from the limit itself
        assert state(alpha_id, profile, mirrored(short | {name: short[name] - way * BIT})) == 0
        assert state(alpha_id, profile, values | {name: None}) == 0


def test_the_sign_of_the_dollar_is_the_symbols_own():
    """A weak dollar buys what falls with it and sells what rises with it, if its trend does not contradict."""
    weak = {"usd_index_z": -2.0, "m15_trend": 0}
    assert (state("corr_arb_v1", "production", weak, -1), state("corr_arb_v1", "production", weak, 1)) == (BUY, SELL)
    assert state("corr_arb_v1", "production", weak | {"m15_trend": -1}, -1) == 0


@pytest.mark.parametrize(
    ("alpha_id", "value", "side", "expected"),
    [
        ("momentum_v3", 0.001, BUY, 0.5),
        ("momentum_v3", -0.0015, SELL, 0.675),
        ("momentum_v3", 0.002, BUY, 0.85),
        ("momentum_v3", 0.5, BUY, 0.85),
        # 0.05 is three quarters of the way from 0.2 to 0
        ("mean_revert_v2", 0.05, BUY, 0.7625),
        ("mean_revert_v2", 0.95, SELL, 0.7625),
        ("mean_revert_v2", -0.3, BUY, 0.85),
        ("corr_arb_v1", -2.25, BUY, 0.675),
    ],
)
def test_confidence_by_hand(alpha_id, value, side, expected):
    """0.5 at the threshold, 0.85 at twice of it and beyond; four fifths of that where data are stale."""
    alpha = BY_ID[alpha_id]
    assert alpha.confidence(value, "production", side, is_stale=False) == pytest.approx(expected)
    assert alpha.confidence(value, "production", side, is_stale=True) == pytest.approx(0.8 * expected)
