"""The mean of differences that come in clusters: items of one scenario rise and fall together.

Source:
    K.-Y. Liang and S. L. Zeger, "Longitudinal data analysis using generalized linear models", Biometrika 73 (1986),
    13-22; E. Miller, "Adding error bars to evals", arXiv:2411.00640 (2024), section 2.2. The factor G / (G - 1) for G
    clusters is the usual small-sample correction (A. C. Cameron and D. L. Miller, "A practitioner's guide to
    cluster-robust inference", J. Hum. Resour. 50 (2015), 317-372); with one item a cluster the result is the plain
    standard error.
"""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

MANY: Final = 20_000
"""Above so many clusters the normal distribution stands in for resampling and for saddle points: they agree there."""


@dataclass(frozen=True, kw_only=True)
class ClusteredMean:
    """A mean over `n` items in `clusters` clusters, and its standard error; None with a single cluster."""

    mean: float
    error: float | None
    n: int
    clusters: int


@dataclass(frozen=True, kw_only=True)
class Clusters:
    """Sums and sizes of the clusters: all that mean, error and resampling need.

    Attributes:
        totals: The sum of each cluster's values.
        sizes: How many values it holds; at least one.
    """

    totals: tuple[float, ...]
    sizes: tuple[int, ...]


def gather(values: Sequence[float], labels: Sequence[str] | None = None) -> Clusters:
    """The values by cluster, in the order in which the clusters appear; without labels each value is its own.

    Raises:
        ValueError: there are no values, or not one label for each.
    """
    if not values:
        raise ValueError("no values")
    if labels is None:
        return Clusters(totals=tuple(values), sizes=(1,) * len(values))
    members: dict[str, list[float]] = defaultdict(list)
    for value, label in zip(values, labels, strict=True):
        members[label].append(value)
    return Clusters(
        totals=tuple(math.fsum(group) for group in members.values()),
        sizes=tuple(len(group) for group in members.values()),
    )


def clustered_mean(clusters: Clusters) -> ClusteredMean:
    """Mean over all items, and the standard error that lets items of one cluster depend on each other."""
    n, count = sum(clusters.sizes), len(clusters.sizes)
    mean = math.fsum(clusters.totals) / n
    error = None
    if count > 1:
        residuals = (total - mean * size for total, size in zip(clusters.totals, clusters.sizes, strict=True))
        error = math.sqrt(count / (count - 1) * math.fsum(r * r for r in residuals)) / n
    return ClusteredMean(mean=mean, error=error, n=n, clusters=count)
