"""Bin edges of a sorted sample: k-means in one dimension, or quantiles. Deterministic; no random start.

In one dimension a cluster is a slice of the sorted sample, so an update of the centers needs the
sample's running sum and one binary search per edge: O(k log n).
"""

import itertools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Clusters:
    """What was found: `centers` (k) and `edges` (k - 1) increase strictly and are there only if `status` is ok."""

    status: str
    n_iter: int = 0
    centers: Floats | None = None
    edges: Floats | None = None
    #: mean squared distance to the center
    inertia: float | None = None


def kmeans(values: Floats, k: int, max_iter: int) -> Clusters:
    """Lloyd's algorithm on sorted `values`, from the centers at quantiles (2j + 1) / 2k, j = 0..k-1.

    A value equal to an edge belongs to the upper cluster; an empty cluster keeps its center. Status
    not_converged where membership still changes after `max_iter` updates.
    """
    if _n_distinct(values) < k:
        return Clusters("too_few_distinct")
    running = np.concatenate(([0.0], np.cumsum(values)))
    centers = np.quantile(values, (2 * np.arange(k) + 1) / (2 * k))
    members = _slices(values, _midpoints(centers))
    for n_iter in range(1, max_iter + 1):
        centers = _means(running, members, centers)
        moved = _slices(values, _midpoints(centers))
        if np.array_equal(moved, members):
            return _found(values, centers, _midpoints(centers), n_iter)
        members = moved
    return Clusters("not_converged", max_iter)


def quantiles(values: Floats, k: int) -> Clusters:
    """Edges at the quantiles j/k, j = 1..k-1, of sorted `values`; centers are the medians between them."""
    if _n_distinct(values) < k:
        return Clusters("too_few_distinct")
    edges = np.quantile(values, np.arange(1, k) / k)
    bounds = _slices(values, edges)
    if not np.all(np.diff(bounds) > 0):
        return Clusters("too_few_distinct")
    centers = np.array([np.median(values[a:b]) for a, b in itertools.pairwise(bounds)])
    return _found(values, centers, edges, 0)


def _n_distinct(values: Floats) -> int:
    return int(np.count_nonzero(np.diff(values))) + 1 if values.size else 0


def _midpoints(centers: Floats) -> Floats:
    middle: Floats = (centers[:-1] + centers[1:]) / 2
    return middle


def _slices(values: Floats, edges: Floats) -> NDArray[np.int64]:
    """Where each cluster begins in `values`, and its length at the end: k + 1 positions."""
    inner = np.searchsorted(values, edges, side="left")
    return np.concatenate(([0], inner, [values.size])).astype(np.int64)


def _means(running: Floats, members: NDArray[np.int64], centers: Floats) -> Floats:
    """The mean of each slice, sorted; an empty one keeps its center."""
    count = np.diff(members)
    means = np.divide(np.diff(running[members]), count, out=centers.copy(), where=count > 0)
    return np.sort(means)


def _found(values: Floats, centers: Floats, edges: Floats, n_iter: int) -> Clusters:
    """The result; ties so heavy that two centers or edges coincide are too few distinct values."""
    if not (np.all(np.diff(centers) > 0) and np.all(np.diff(edges) > 0)):
        return Clusters("too_few_distinct", n_iter)
    own = centers[np.searchsorted(edges, values, side="right")]
    return Clusters("ok", n_iter, centers, edges, float(np.mean((values - own) ** 2)))
