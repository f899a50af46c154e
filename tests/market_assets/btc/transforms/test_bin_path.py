"""Momentum, turns and extremes of a path of bins (btc.md 5.3, 5.4)."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from market_assets.btc.transforms import bin_path

#: bins hour by hour, None where unknown
PATHS = st.lists(st.none() | st.integers(0, 8), min_size=1, max_size=60)
#: paths that dwell near a level, so that legs are long
CALM_PATHS = st.lists(st.sampled_from([-1, -1, 0, 1, 1]), min_size=1, max_size=80).map(
    lambda moves: [int(level) for level in np.clip(4 + np.cumsum(moves), 0, 8)]
)
WINDOWS = st.integers(1, 30)


def known(path):
    hours = np.array([t for t, one in enumerate(path) if one is not None], dtype=np.int64)
    return hours, np.array([one for one in path if one is not None], dtype=np.int64)


def momentum(path, *, window=720, top=8):
    """(momentum, turn, direction) of each known hour of a path."""
    found = bin_path.momentum(*known(path), top=top, window=window)
    return list(zip(*(part.tolist() for part in found), strict=True))


def extreme(path, *, window=720, top=8):
    return bin_path.extreme(*known(path), top=top, window=window).tolist()


def walked(path, *, top=8):
    """The definition of section 5.3, one window: (momentum, turn, direction) of its end."""
    steps = []
    for one in path:
        if one is not None and (not steps or steps[-1] != one):
            steps.append(one)
    if len(steps) < 2:
        return 0, 0, 0
    if steps[-1] < steps[-2]:
        momentum, turn, direction = walked([top - one for one in steps], top=top)
        return -momentum, turn, -direction
    taken, n = [steps[-1]], 0
    for z in reversed(steps[:-1]):
        lowest = min(taken)
        if not (z < taken[-1] or z <= lowest + 1):
            break
        taken.append(z)
        n += z <= lowest + 1
    return steps[-1] - min(taken), max(0, n - 2), 1


def looked_up(path, *, top=8):
    """The definition of section 5.4, one window."""
    at = {name: [t for t, one in enumerate(path) if one is not None and test(one)] for name, test in {
        "top": lambda b: b == top, "bottom": lambda b: b == 0,
        "low": lambda b: b <= top / 2, "high": lambda b: b >= top / 2,
    }.items()}  # fmt: skip
    if at["top"] and not any(t > at["top"][-1] for t in at["low"]):
        return -1
    if at["bottom"] and not any(t > at["bottom"][-1] for t in at["high"]):
        return 1
    return 0


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ([4, 5, 6, 7], (3, 1, 1)),
        ([7, 6, 5, 4], (-3, 1, -1)),
        ([3, 4, 5, 4, 5, 6], (3, 3, 1)),
        ([5, 4, 3, 4, 3, 2], (-3, 3, -1)),
        ([8, 7, 6, 7, 6, 5], (-3, 3, -1)),
        ([2, 3, 2, 3, 2, 3], (1, 3, 1)),
        ([6, 5, 6, 5, 6, 5], (-1, 3, -1)),
        ([4, 4, 4], (0, 0, 0)),
        ([0, 8], (8, 0, 1)),
        ([8, 0], (-8, 0, -1)),
        ([5, 3, 4], (1, 0, 1)),
        ([3, 5, 4], (-1, 0, -1)),
        ([6, 7, 6, 7, 6], (-1, 2, -1)),
        ([2, 1, 2, 1, 2], (1, 2, 1)),
        ([4, 4, 5, 5, 6, 4, 5, 6, 7], (3, 1, 1)),
    ],
)
def test_momentum_of_the_golden_paths(path, expected):
    """G-BIN-5: momentum, turns and direction at the end of a path."""
    assert momentum(path)[-1] == expected
    assert walked(path) == expected


@given(PATHS | CALM_PATHS)
def test_a_falling_path_is_the_mirror_image_of_a_rising_one(path):
    """G-BIN-6: 8 - u negates momentum and direction and keeps the turns."""
    mirrored = momentum([None if one is None else 8 - one for one in path])
    assert mirrored == [(-moved, turn, -direction) for moved, turn, direction in momentum(path)]


def test_a_move_720_hours_back_counts_and_one_721_back_does_not():
    """G-BIN-7: the window is the rows t-720..t."""
    path = [3] + [4] * 721
    assert momentum(path)[720] == (1, 0, 1)
    assert momentum(path)[721] == (0, 0, 0)


@given(PATHS | CALM_PATHS, WINDOWS)
def test_momentum_is_the_walk_back_over_each_window(path, window):
    """What is found in O(n) is what walking back from every hour finds; unknown hours are rows, not steps."""
    expected = [walked(path[max(0, t - window) : t + 1]) for t, one in enumerate(path) if one is not None]
    assert momentum(path, window=window) == expected


@given(st.integers(1, 12).flatmap(lambda top: st.tuples(st.just(top), st.lists(st.integers(0, top), min_size=1))))
def test_any_number_of_bins(top_and_path):
    """An even number of bins has no middle bin, and the rules are the same."""
    top, path = top_and_path
    windows = [path[: t + 1] for t in range(len(path))]
    assert momentum(path, top=top) == [walked(window, top=top) for window in windows]
    assert extreme(path, top=top) == [looked_up(window, top=top) for window in windows]


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ([4, 8, 7, 5, 4, 5], [0, -1, -1, -1, 0, 0]),
        ([4, 0, 2, 3, 5, 1], [0, 1, 1, 1, 0, 0]),
        ([8, 3, 0, 1, 4], [-1, 0, 1, 1, 0]),
    ],
)
def test_extremes_of_the_golden_paths(path, expected):
    """G-BIN-8: an excursion lasts until the middle is reached, from either side."""
    assert extreme(path) == expected


@pytest.mark.parametrize(("bin_index", "expected"), [(8, -1), (0, 1)])
def test_an_extreme_719_hours_old_counts_and_one_720_hours_old_does_not(bin_index, expected):
    """G-BIN-9: the window is the rows t-719..t."""
    off_the_middle = 5 if bin_index == 8 else 3
    path = [bin_index] + [off_the_middle] * 720
    assert extreme(path)[719:] == [expected, 0]


@given(PATHS, WINDOWS)
def test_extremes_are_the_definition_over_each_window(path, window):
    """What forward-filled hours give is what looking through every window gives."""
    expected = [looked_up(path[max(0, t - window + 1) : t + 1]) for t, one in enumerate(path) if one is not None]
    assert extreme(path, window=window) == expected


@given(PATHS)
def test_extremes_are_symmetric(path):
    """8 - u negates the extreme state: neither side hides the other, and 4 ends both."""
    mirrored = [None if one is None else 8 - one for one in path]
    assert extreme(mirrored) == [-one for one in extreme(path)]


@given(PATHS)
def test_the_sign_of_momentum_is_the_direction_or_nothing(path):
    """Blocking check of btc_bins: sign(momentum) in {0, direction}, turns are not negative."""
    for moved, turn, direction in momentum(path):
        assert np.sign(moved) in (0, direction)
        assert turn >= 0
        assert direction != 0 or (moved, turn) == (0, 0)


def test_a_path_without_a_known_bin_is_empty():
    """Warm-up has no path."""
    assert momentum([None, None]) == []
    assert extreme([None]) == []
