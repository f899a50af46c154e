"""Q* and grades, against the golden values of the specification (bars.md 8)."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from market_assets.bars.settings import SignalSettings
from market_assets.bars.transforms.signals.scoring import Score, judged, p_win, score

OURS = SignalSettings()


@pytest.mark.parametrize(
    ("p", "rr", "edge", "std", "factor", "q_star"),
    [
        (0.7, 2, 1.1, 1.37477, 0.118709, 9.49830),
        (0.65, 2, 0.95, 1.43091, 0.0659319, 4.37731),
        (0.6, 1.8, 0.68, 1.37171, 0.0290494, 1.44007),
    ],
)
def test_golden_scores(p, rr, edge, std, factor, q_star):
    """The table of the specification."""
    assert score(p, rr) == pytest.approx((edge, std, factor, q_star), rel=5e-6)


def test_a_coin_scores_nothing():
    """p 0.5 knows nothing, however large the reward; below, a positive edge does not help either."""
    assert score(0.5, 2).q_star == score(0.45, 2.5).q_star == 0
    assert score(0.45, 2.5).edge == pytest.approx(0.575)
    assert score(0.6, 0.5).q_star == 0


def test_the_score_is_clipped_and_weighted():
    """p 0.75 with a reward of 1.8 would be 17.1221, half of it 8.56105."""
    assert score(0.75, 1.8).q_star == 10
    assert score(0.75, 1.8, 0.5).q_star == pytest.approx(17.1221 / 2, rel=5e-6)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 500), st.integers(0, 500), st.sampled_from([1.5, 1.6, 1.8, 2.5]))
def test_scores_stay_in_range(wins, losses, rr):
    """Whatever the record, p_win is between 0 and 1, Q* between 0 and 10, and one win more never lowers it."""
    n = wins + losses
    p, better = p_win(wins, n), p_win(wins + 1, n + 1)
    assert 0 < p < better < 1
    assert 0 <= score(p, rr).entropy_factor < 1
    assert 0 <= score(p, rr).q_star <= score(better, rr).q_star <= 10


def test_without_a_record_p_is_one_half():
    """(0 + 1)/(0 + 2); 20 wins of 30 make 21/32."""
    assert (p_win(0, 0), p_win(20, 30)) == (0.5, 0.65625)


@pytest.mark.parametrize(
    ("q_star", "edge", "n", "profile", "grade", "reasons"),
    [
        (10.0, 1.0, 29, "production", "unproven", ["unproven"]),
        (8.5, 1.0, 30, "production", "A+", []),
        (8.49, 1.0, 30, "production", "A", []),
        (7.0, 1.0, 30, "production", "A", []),
        (6.99, 1.0, 30, "production", "B", ["q_low"]),
        (3.0, 1.0, 30, "relaxed", "A", []),
        (2.99, 1.0, 30, "relaxed", "B", ["q_low"]),
        (0.0, -0.1, 30, "production", "rejected", ["edge_negative"]),
        (0.0, 0.1, 30, "production", "rejected", ["p_low"]),
    ],
)
def test_grades(q_star, edge, n, profile, grade, reasons):
    """The first that applies; that a stored signal has no quote is told and does not reject it."""
    ours = SignalSettings(profile=profile)
    found = judged(Score(edge, 1.0, 0.1, q_star), n, ours, is_stale=False, has_levels=True)
    assert found == (grade, [*reasons, "no_quote"])
    assert found.accepted == (reasons == [])


def test_stale_data_and_missing_levels_reject_the_best():
    """A+ remains the grade of a signal that must not be acted on."""
    best = Score(1.0, 1.0, 0.1, 10.0)
    stale = judged(best, 30, OURS, is_stale=True, has_levels=True)
    bare = judged(best, 30, OURS, is_stale=False, has_levels=False)
    assert stale == ("A+", ["stale", "no_quote"])
    assert bare == ("A+", ["no_levels", "no_quote"])
    assert not (stale.accepted or bare.accepted)
