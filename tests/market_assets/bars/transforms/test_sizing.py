"""Lots of a signal, against the golden values of the specification (bars.md 8)."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from market_assets.bars.instruments import InstrumentRow
from market_assets.bars.settings import BarsSettings, RiskSettings
from market_assets.bars.transforms.signals.levels import es95_of_one_lot, levels, over_horizon
from market_assets.bars.transforms.signals.scoring import score
from market_assets.bars.transforms.sizing import caps, sized
from market_assets.core.errors import InvalidRequest

RISK = RiskSettings()
BTC = BarsSettings().instrument("BTCUSD")


def golden(p=0.7, rr=2.0, volatility=0.0005, point_value=1.0):
    """The signal of the specification: close 100, volatility 0.0005, p 0.7, reward 2."""
    sigma, found = over_horizon(volatility, 60), score(p, rr)
    return {
        "edge": found.edge, "payoff_std": found.payoff_std, "entropy_factor": found.entropy_factor,
        "entry_ref_price": 100.0, "stop_loss": levels(100.0, sigma, 1, rr).stop_loss,
        "es95_unit": es95_of_one_lot(100.0, sigma, point_value),
    }  # fmt: skip


def lots(signal=None, equity=1000.0, risk=RISK, **instrument):
    """Size of a signal of an instrument with these rules."""
    return sized(signal or golden(), equity=equity, instrument=BTC.model_copy(update=instrument), risk=risk)


def test_golden_size():
    """Risk would allow 32.2749 lots, leverage 15, shortfall 12.5175: so 12.51, which lose 9.99404 in a bad case."""
    assert caps(golden(), equity=1000.0, instrument=BTC, risk=RISK) == pytest.approx((32.2749, 15, 12.5175), rel=5e-6)
    assert lots().lots == 12.51
    assert lots().es95 == pytest.approx(9.99404, rel=5e-6)
    assert lots().reason is None


def test_each_cap_can_be_the_least():
    """A tight stop is limited by leverage; a weak record by half of edge over variance, as sure as it is."""
    assert lots(golden(volatility=0.0001)).lots == 15.0
    weak = golden(p=0.52)
    # edge 0.56, variance 2.2464, 1 - H/ln 2 = 0.001154: 0.0144 % of equity
    assert caps(weak, equity=1000.0, instrument=BTC, risk=RISK).risk == pytest.approx(0.14386 / 0.309839, rel=1e-3)
    assert lots(weak).lots == 0.46


def test_points_are_worth_what_the_instrument_says():
    """A point worth 20 leaves a twentieth of the lots, for the same money at risk."""
    found = lots(golden(point_value=20.0), point_value=20.0)
    assert found.lots == 0.62
    assert found.es95 == pytest.approx(0.62 * 20 * 0.798886, rel=1e-5)


@pytest.mark.parametrize(
    ("equity", "step", "expected"),
    [(1000, 0.01, 12.51), (1000, 0.1, 12.5), (1000, 1.0, 12.0), (1000, 5.0, 10.0), (100, 0.05, 1.25)],
)
def test_lots_are_whole_steps(equity, step, expected):
    """Down to a step, as the number a broker would read."""
    assert lots(equity=equity, lot_step=step, min_lot=step).lots == expected


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 5000), st.sampled_from(["0.01", "0.05", "0.1", "0.001"]))
def test_a_size_of_whole_steps_stays(n, step):
    """Leverage that allows exactly n steps gives n steps, not one less for a rounding."""
    whole = float(f"{n * float(step):.6f}")
    equity = whole * 100.0 / 1.5
    found = lots(golden(volatility=1e-6), equity=equity, lot_step=float(step), min_lot=float(step))
    assert found.lots == whole


def test_less_than_the_least_lot_is_nothing():
    """Too small an account gets 0 lots and is told why."""
    assert lots(equity=0.5) == (0.0, 0.0, "below_min_lot")
    assert lots(min_lot=12.52) == (0.0, 0.0, "below_min_lot")
    assert lots(min_lot=12.51).lots == 12.51


def test_what_cannot_be_sized_says_why():
    """No levels, or nothing to gain: nothing is bought."""
    assert lots(golden() | {"stop_loss": None, "es95_unit": None}) == (0.0, None, "no_levels")
    assert lots(golden(p=0.3)) == (0.0, 0.0, "edge_negative")


@pytest.mark.parametrize("equity", [0.0, -5.0, float("nan"), float("inf")])
def test_equity_must_be_positive(equity):
    """Anything else is a request that cannot be answered."""
    with pytest.raises(InvalidRequest, match="equity must be a positive amount of money"):
        lots(equity=equity)


def test_an_instrument_without_rules_trades_hundredths():
    """Defaults of an instrument row: lots of 0.01, a point worth 1."""
    plain = InstrumentRow(symbol="X", kind="crypto", calendar="always", yahoo="X-USD")
    assert sized(golden(), equity=1000.0, instrument=plain, risk=RISK).lots == 12.51
