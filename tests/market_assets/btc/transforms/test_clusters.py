"""Edges of a sorted sample: k-means in one dimension, quantiles (btc.md 5.1)."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from market_assets.btc.transforms import clusters

GOLDEN_SAMPLE = np.sort([i * 0.6180339887498949 % 1 for i in range(1, 2161)])
#: 1024ths, whose sums are exact: a value on an edge is on it in any order of summation
SAMPLES = st.lists(st.integers(0, 1024).map(lambda i: i / 1024), min_size=9, max_size=60).map(np.sort)


def lloyd(values, k, max_iter):
    """The definition, each value compared with each center: centers, or None where it does not settle."""
    centers = np.quantile(values, [(2 * j + 1) / (2 * k) for j in range(k)])
    before = None
    for _ in range(max_iter + 1):
        edges = [(a + b) / 2 for a, b in itertools.pairwise(centers)]
        label = [sum(edge <= value for edge in edges) for value in values]
        if label == before:
            return centers
        members = [[v for v, own in zip(values, label, strict=True) if own == j] for j in range(k)]
        centers = sorted(np.mean(m) if m else c for m, c in zip(members, centers, strict=True))
        before = label
    return None


@pytest.mark.parametrize(
    ("sample", "centers", "edges", "n_iter"),
    [
        (
            GOLDEN_SAMPLE,
            (0.055875, 0.166995, 0.277657, 0.388200, 0.499388, 0.611025, 0.722507, 0.834144, 0.944897),
            (0.111435, 0.222326, 0.332929, 0.443794, 0.555207, 0.666766, 0.778325, 0.889521),
            4,
        ),
        (
            GOLDEN_SAMPLE**2,
            (0.020177, 0.100853, 0.194984, 0.298623, 0.410504, 0.529939, 0.656059, 0.788237, 0.927655),
            (0.060515, 0.147919, 0.246803, 0.354564, 0.470222, 0.592999, 0.722148, 0.857946),
            87,
        ),
    ],
    ids=["G-BIN-1", "G-BIN-2"],
)
def test_kmeans_of_the_golden_samples(sample, centers, edges, n_iter):
    """G-BIN-1, G-BIN-2: centers, edges and updates of two known samples."""
    found = clusters.kmeans(sample, 9, 1000)
    assert found.status == "ok"
    assert found.centers == pytest.approx(centers, abs=1e-6)
    assert found.edges == pytest.approx(edges, abs=1e-6)
    assert found.n_iter == n_iter


@given(SAMPLES, st.integers(2, 5))
def test_kmeans_is_lloyds_algorithm(values, k):
    """The running sums find what comparing every value with every center finds."""
    found = clusters.kmeans(values, k, 1000)
    if np.unique(values).size < k:
        assert found.status == "too_few_distinct"
        return
    expected = lloyd(values, k, 1000)
    if found.status == "ok":
        assert found.centers == pytest.approx(expected, abs=1e-12)
    else:
        assert found.status == "too_few_distinct"
        assert np.min(np.diff(expected)) == 0


@given(SAMPLES)
def test_a_fit_depends_on_nothing_but_the_sample(values):
    """The same sample gives the same bits; no random start."""
    one, two = clusters.kmeans(values, 3, 1000), clusters.kmeans(values.copy(), 3, 1000)
    assert one.status == two.status
    assert one.centers is None or one.centers.tobytes() == two.centers.tobytes()


def test_a_value_on_an_edge_belongs_to_the_upper_cluster():
    """From centers 0.25 and 0.75 the edge is 0.5: the value there counts with 1, and their mean is 0.75."""
    found = clusters.kmeans(np.array([0.0, 0.5, 1.0]), 2, 1)
    assert found.centers.tolist() == [0.0, 0.75]
    assert found.edges.tolist() == [0.375]
    assert found.inertia == pytest.approx((0.25**2 + 0.25**2) / 3)


def test_fewer_distinct_values_than_clusters_give_no_model():
    """Eight values cannot fill nine clusters; nine can."""
    eight, nine = np.repeat(np.arange(8) / 8, 300), np.repeat(np.arange(9) / 9, 300)
    assert clusters.kmeans(eight, 9, 1000).status == "too_few_distinct"
    assert clusters.quantiles(eight, 9).status == "too_few_distinct"
    assert clusters.kmeans(nine, 9, 1000).centers == pytest.approx(np.arange(9) / 9)
    assert clusters.kmeans(np.array([]), 9, 1000).status == "too_few_distinct"


@pytest.mark.parametrize("method", [lambda v: clusters.kmeans(v, 9, 1000), lambda v: clusters.quantiles(v, 9)])
def test_edges_that_would_coincide_give_no_model(method):
    """Ties over several quantiles leave clusters empty: no edges that do not increase are ever stored."""
    tied = np.sort(np.concatenate([np.zeros(5000), np.arange(1, 20) / 20]))
    found = method(tied)
    assert found.status == "too_few_distinct"
    assert (found.centers, found.edges, found.inertia) == (None, None, None)


def test_kmeans_that_does_not_settle_gives_no_model():
    """The second golden sample needs 87 updates: 86 are not enough."""
    assert clusters.kmeans(GOLDEN_SAMPLE**2, 9, 87).status == "ok"
    short = clusters.kmeans(GOLDEN_SAMPLE**2, 9, 86)
    assert (short.status, short.n_iter, short.centers, short.edges) == ("not_converged", 86, None, None)


def test_quantiles_and_the_medians_between_them():
    """1..12 in three: edges at the thirds of the 11 steps, centers in the middle of each four."""
    found = clusters.quantiles(np.arange(1.0, 13.0), 3)
    assert found.edges == pytest.approx([1 + 11 / 3, 1 + 22 / 3])
    assert found.centers.tolist() == [2.5, 6.5, 10.5]
    assert (found.status, found.n_iter) == ("ok", 0)
    assert found.inertia == pytest.approx((1.5**2 + 0.5**2) / 2)


@given(st.lists(st.floats(0, 1), min_size=30, max_size=200, unique=True).map(np.sort))
def test_a_model_is_increasing_and_inside_its_sample(values):
    """Centers and edges increase strictly, and each edge lies between its centers."""
    for found in (clusters.kmeans(values, 5, 1000), clusters.quantiles(values, 5)):
        if found.status != "ok":
            continue
        assert np.all(np.diff(found.centers) > 0)
        assert np.all(np.diff(found.edges) > 0)
        assert values[0] <= found.centers[0] <= found.edges[0]
        assert found.edges[-1] <= found.centers[-1] <= values[-1]
