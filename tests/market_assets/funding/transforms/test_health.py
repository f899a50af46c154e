"""The health score of a round (spec section 5)."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from market_assets.funding.transforms.health import health_score, health_status

FINE = {
    "exchanges_expected": 20,
    "exchanges_present": 20,
    "null_rate_share": 0.0,
    "age_min": 1.0,
    "n_errors": 0,
    "n_warnings": 0,
}


@pytest.mark.parametrize(
    ("changed", "score", "status"),
    [
        ({}, 100.0, "healthy"),
        # one of 20 is missing (1.5), 5 % of the rates are null (1)
        ({"exchanges_present": 19, "null_rate_share": 0.05}, 97.5, "healthy"),
        ({"n_errors": 1, "n_warnings": 1}, 80.0, "healthy"),
        ({"n_warnings": 5}, 75.0, "degraded"),
        # half are missing (15), half null (10), 30 minutes old (15), one error (15), two warnings (10)
        (
            {"exchanges_present": 10, "null_rate_share": 0.5, "age_min": 30.0, "n_errors": 1, "n_warnings": 2},
            35.0,
            "unhealthy",
        ),
        ({"exchanges_present": 0, "null_rate_share": 1.0}, 50.0, "degraded"),
        ({"n_errors": 7}, 0.0, "unhealthy"),
        # nothing was ever seen: 30, 20 and 25 are lost
        ({"exchanges_present": 0, "null_rate_share": None, "age_min": None}, 25.0, "unhealthy"),
        # one more than expected is no bonus
        ({"exchanges_present": 21, "n_warnings": 1}, 95.0, "healthy"),
    ],
)
def test_each_defect_costs_its_weight(changed, score, status):
    """Worked by hand from the formula of the spec."""
    found = health_score(**{**FINE, **changed})
    assert found == pytest.approx(score, abs=1e-9)
    assert health_status(found) == status


@pytest.mark.parametrize(
    ("age", "lost"), [(0.0, 0.0), (5.0, 0.0), (5.2, 2.6), (20.0, 10.0), (50.0, 25.0), (900.0, 25.0)]
)
def test_age_counts_from_five_minutes_and_up_to_25(age, lost):
    """Min(age / 2, 25), once above 5 minutes."""
    assert health_score(**{**FINE, "age_min": age}) == pytest.approx(100.0 - lost, abs=1e-9)


@pytest.mark.parametrize(
    ("score", "status"),
    [(100.0, "healthy"), (80.0, "healthy"), (79.999, "degraded"), (50.0, "degraded"), (49.999, "unhealthy")],
)
def test_the_thresholds_belong_to_the_better_side(score, status):
    """80 is healthy, 50 is degraded."""
    assert health_status(score) == status


def test_what_is_no_share_is_refused():
    """Nothing expected, or percent instead of a share, would give a number that means nothing."""
    with pytest.raises(ValueError, match="at least one expected exchange; was 0"):
        health_score(**{**FINE, "exchanges_expected": 0})
    with pytest.raises(ValueError, match="from 0 to 1; was 5"):
        health_score(**{**FINE, "null_rate_share": 5.0})


@given(st.integers(0, 20), st.floats(0, 1), st.floats(0, 1e4), st.integers(0, 9), st.integers(0, 9))
@settings(deadline=None)
def test_the_score_lies_in_range_and_no_defect_raises_it(present, unknown, age, errors, warnings):
    """From 0 to 100, and a further error never makes it better."""
    found, worse = (
        health_score(
            exchanges_expected=20,
            exchanges_present=present,
            null_rate_share=unknown,
            age_min=age,
            n_errors=n,
            n_warnings=warnings,
        )
        for n in (errors, errors + 1)
    )
    assert 0.0 <= worse <= found <= 100.0
