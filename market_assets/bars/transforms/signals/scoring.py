"""What a signal is worth by its own past: probability, score, grade, and why it is not acted on."""

from math import log, sqrt
from typing import NamedTuple

from market_assets.bars.settings import SignalSettings

#: reasons that tell what could not be judged; they do not reject
NOTES = frozenset({"no_quote", "no_sigma"})
_MOST = 10.0


class Score(NamedTuple):
    """A payoff of +rr with probability p, else -1, in units of risk."""

    #: expected payoff
    edge: float
    payoff_std: float
    #: 1 less the entropy of p in bits
    entropy_factor: float
    q_star: float


class Verdict(NamedTuple):
    """Grade of a signal; reasons, notes included."""

    grade: str
    reasons: list[str]

    @property
    def accepted(self) -> bool:
        """Whether nothing but notes speaks against it."""
        return NOTES.issuperset(self.reasons)


def p_win(wins: int, n: int) -> float:
    """Probability of a win after `wins` of `n` outcomes: one win and one loss more, so that it is never 0 or 1."""
    return (wins + 1) / (n + 2)


def score(p: float, rr: float, weight: float = 1.0) -> Score:
    """Q* and what it is made of, for 0 < p < 1. Q* is 0 where the edge is not positive or p not above one half."""
    edge = p * rr - (1.0 - p)
    std = sqrt(p * rr**2 + (1.0 - p) - edge**2)
    entropy = -(p * log(p) + (1.0 - p) * log(1.0 - p))
    factor = max(1.0 - entropy / log(2.0), 0.0)
    is_better = edge > 0 and p > 0.5
    return Score(edge, std, factor, min(100.0 * edge / std * factor * weight, _MOST) if is_better else 0.0)


def judged(found: Score, n_outcomes: int, ours: SignalSettings, *, is_stale: bool, has_levels: bool) -> Verdict:
    """Grade and reasons of a stored signal. It has no quote, so execution filters are left to whoever has one."""
    grade = _grade(found.q_star, n_outcomes, ours)
    doubts = {
        "unproven": grade == "unproven",
        "q_low": grade == "B",
        "edge_negative": grade == "rejected" and found.edge <= 0,
        "p_low": grade == "rejected" and found.edge > 0,
        "stale": is_stale,
        "no_levels": not has_levels,
    }
    return Verdict(grade, [*(name for name, holds in doubts.items() if holds), "no_quote"])


def _grade(q_star: float, n_outcomes: int, ours: SignalSettings) -> str:
    if n_outcomes < ours.min_outcomes:
        return "unproven"
    if q_star >= ours.q_aplus:
        return "A+"
    if q_star >= (ours.q_min if ours.profile == "production" else ours.q_min_relaxed):
        return "A"
    return "B" if q_star > 0 else "rejected"
