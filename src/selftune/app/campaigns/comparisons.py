"""Comparisons of equal arms, by every method that ships: how often is one called different?"""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from selftune.app.campaigns.base import Figure, Section
from selftune.gate.statistics.bootstrap import many_refuse_zero, studentised_interval
from selftune.gate.statistics.clusters import gather
from selftune.gate.statistics.equivalence import equivalent, shows_above
from selftune.gate.statistics.flips import flip_many
from selftune.gate.statistics.means import mean_difference
from selftune.gate.statistics.power import power_to_hold
from selftune.gate.statistics.shares import clopper_pearson, newcombe_interval, two_share_p_value
from selftune.gate.statistics.student import incomplete_beta, welch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_SEED: Final = 4
ALPHA: Final = 0.05
SIZES: Final = (14, 36, 109, 500)
KINDS: Final = ("normal", "skewed", "bimodal", "binary")
_CLUSTER: Final = 4
_HELD: Final = 5
_BESIDE: Final = (0.0, 0.01, 0.05, 0.1, 0.3)
"""Shares of items that are gained beside what is lost."""

_RIGHT: Final = 0.7
"""Share of right answers where scores are right or wrong."""

_MARGIN: Final = 0.1
"""Of the scale: what a candidate is truly worse by where absence of harm may not be shown."""


def simulations() -> int:
    """How many comparisons each figure stands on: `SELFTUNE_SIMULATIONS`, by default a tenth of the full 10,000."""
    return int(os.environ.get("SELFTUNE_SIMULATIONS", "1000"))


def most_by_chance(n: int, share: float, cells: int = 1) -> int:
    """How often an event of this share may happen in n tries, so that all of so many cells keep to it in 99 of 100."""
    count = math.floor(n * share)
    while count < n and incomplete_beta(1 - share, n - count, count + 1) < 1 - 0.01 / cells:
        count += 1
    return count


def draw_scores(kind: str, shape: tuple[int, ...], draw: Any) -> Any:
    """Scores from 0 to 1 of one arm, in this shape."""
    import numpy as np

    if kind == "normal":
        return np.clip(draw.normal(0.6, 0.15, shape), 0, 1)
    if kind == "skewed":
        return np.clip(1 - draw.exponential(0.12, shape), 0, 1)
    if kind == "bimodal":
        return np.clip(np.where(_some(0.4, shape, draw), 0.2, 0.9) + draw.normal(0, 0.05, shape), 0, 1)
    return _some(_RIGHT, shape, draw).astype(float)


def _some(share: float, shape: tuple[int, ...], draw: Any) -> Any:
    """True in this share of the places."""
    return draw.random(shape) < share


def equal_differences(kind: str, shape: tuple[int, ...], draw: Any) -> Any:
    """Candidate minus champion for equal arms, [..., items]: on four items of ten both arms did the same."""
    import numpy as np

    differences = draw_scores(kind, shape, draw) - draw_scores(kind, shape, draw)
    return np.where(_some(0.4, shape, draw), 0.0, differences)


@dataclass(frozen=True, kw_only=True)
class _Method:
    """What is asked of each simulated comparison; it may err in a share `ALPHA` of them."""

    name: str
    draw: Callable[[str, tuple[int, ...], Any], Any]
    wrong: Callable[[Any], int]
    kinds: tuple[str, ...] = KINDS


def report() -> Section:
    """Every method on four kinds of scores at four sizes."""
    size = simulations()
    return Section(
        title="Comparisons of equal arms",
        method=f"{size:,} simulated comparisons in each cell, at alpha {ALPHA:.0%} (SELFTUNE_SIMULATIONS=10000 for the "
        "full size). Scores are normal, skewed, in two heaps, or right or wrong; on four items of ten the arms agree. "
        f"Harm at the margin: the candidate is truly worse by {_MARGIN:g} of the scale. The bound is the 99 % binomial "
        "limit of alpha, shared over a method's cells. Of right-or-wrong items the bound on harm is reckoned exactly.",
        figures=(
            *(figure for method in _METHODS for figure in _of_method(method, size)),
            *_bounded(),
            *_scattered(size),
        ),
        limits="Judges whose errors move all items of an arm together: repeats and clusters have to show those.",
    )


def _of_method(method: _Method, size: int) -> Iterator[Figure]:
    limit = most_by_chance(size, ALPHA, len(method.kinds) * len(SIZES))
    for kind in method.kinds:
        wrong = {n: method.wrong(method.draw(kind, (size, n), _generator(kind, n))) for n in SIZES}
        yield Figure(
            name=f"{method.name}, {kind}",
            measured=", ".join(f"n = {n}: {count / size:.1%}" for n, count in wrong.items()) + f" (of {size:,} each)",
            promised=f"at most {limit / size:.2%}",
            held=max(wrong.values()) <= limit,
        )


def _bounded() -> Iterator[Figure]:
    """The bound behind every "not worse", whatever is gained beside what is lost: every outcome counted."""
    for alpha in (0.05, 0.025):
        for cap in (0.02, 0.1, 0.2):
            worst = {
                n: max(
                    power_to_hold(n, gained=beside, lost=cap + beside, margin=cap, alpha=alpha) for beside in _BESIDE
                )
                for n in SIZES
            }
            yield Figure(
                name=f"harm of exactly {cap:g} of right-or-wrong items called absent at {alpha:.1%}",
                measured=", ".join(f"n = {n}: {share:.1%}" for n, share in worst.items())
                + " (exact, the worst of five)",
                promised=f"at most {alpha:.1%}",
                held=max(worst.values()) <= alpha,
            )


def _scattered(size: int) -> Iterator[Figure]:
    """Arms that are equal in the mean and not exchangeable: no test of signs can promise anything there."""
    for name, draw in (("evenly", _scattered_evenly), ("by rare large losses", _scattered_askew)):
        wrong = {n: count_different(draw((size, n), _generator("normal", n))) / size for n in SIZES}
        yield Figure(
            name=f"arms equal in the mean, the candidate scatters more, {name}: called different",
            measured=", ".join(f"n = {n}: {share:.1%}" for n, share in wrong.items()) + f" (of {size:,} each)",
        )


def _scattered_evenly(shape: tuple[int, ...], draw: Any) -> Any:
    return draw.normal(0, 0.15, shape).clip(-0.5, 0.5) - draw.normal(0, 0.03, shape)


def _scattered_askew(shape: tuple[int, ...], draw: Any) -> Any:
    """Nine items of ten are better by a little, and the tenth loses all that they gained."""
    import numpy as np

    return np.where(_some(0.1, shape, draw), -0.45, 0.05) - draw.normal(0, 0.03, shape)


def _generator(kind: str, n: int) -> Any:
    import numpy as np

    return np.random.default_rng([_SEED, n, KINDS.index(kind)])


def count_wrong(
    draw: Callable[[str, tuple[int, ...], Any], Any], wrong: Callable[[Any], bool], kind: str, n: int, size: int
) -> int:
    """In how many of so many simulated comparisons of n items a method errs."""
    return _one_by_one(wrong)(draw(kind, (size, n), _generator(kind, n)))


def _one_by_one(wrong: Callable[[Any], bool]) -> Callable[[Any], int]:
    return lambda comparisons: sum(map(wrong, comparisons))


def _clear(interval: tuple[float, float]) -> bool:
    return interval[0] > 0 or interval[1] < 0


def count_different(differences: Any) -> int:
    """How many comparisons [comparisons, items] the paired mean difference calls different.

    Graded scores are flipped all at once; the first few are held against the answer that ships.
    """
    import numpy as np

    if set(np.unique(differences)) <= {-1.0, 0.0, 1.0}:
        return sum(map(_by_mean_difference, differences))
    refuted = flip_many(differences) <= ALPHA
    if [_by_mean_difference(one) for one in differences[:_HELD]] != refuted[:_HELD].tolist():
        raise AssertionError("what is simulated is not what ships")
    return int(refuted.sum())


def _by_mean_difference(differences: Any) -> bool:
    return _clear(mean_difference(differences.tolist(), None, level=1 - ALPHA, width=1.0).interval)


def _count_by_bootstrap(differences: Any) -> int:
    """The same by the studentised bootstrap: all at once, the first few held against the interval that ships."""
    refused = many_refuse_zero(differences, 1 - ALPHA)
    shipped = [_clear(studentised_interval(gather(one.tolist()), 1 - ALPHA)) for one in differences[:_HELD]]
    if shipped != refused[:_HELD].tolist():
        raise AssertionError("what is simulated is not what ships")
    return int(refused.sum())


def _clustered_differences(kind: str, shape: tuple[int, ...], draw: Any) -> Any:
    """Most of a difference belongs to the cluster: four items of a scenario rise and fall together."""
    import numpy as np

    runs, n = shape
    shared = equal_differences(kind, (runs, math.ceil(n / _CLUSTER)), draw).repeat(_CLUSTER, axis=1)[:, :n]
    return np.where(_some(0.7, shape, draw), shared, equal_differences(kind, shape, draw))


def _count_clusters(differences: Any) -> int:
    """The same for items of which four belong together."""
    import numpy as np

    starts = range(0, differences.shape[1], _CLUSTER)
    labels = [str(place // _CLUSTER) for place in range(differences.shape[1])]
    refuted = flip_many(np.add.reduceat(differences, starts, axis=1)) <= ALPHA
    shipped = [
        _clear(mean_difference(one.tolist(), labels, level=1 - ALPHA, width=1.0).interval)
        for one in differences[:_HELD]
    ]
    if shipped != refuted[:_HELD].tolist():
        raise AssertionError("what is simulated is not what ships")
    return int(refuted.sum())


def _at_the_margin(kind: str, shape: tuple[int, ...], draw: Any) -> Any:
    """Truly worse by the margin, and by no more: a share of the items is lost that the champion had."""
    import numpy as np

    if kind == "binary":
        chosen = draw.random(shape)
        return np.where(chosen < _MARGIN + 0.05, -1.0, np.where(chosen < _MARGIN + 0.1, 1.0, 0.0))
    if kind == "skewed":
        # One item of five is lost by half of the scale, all others stay as they were.
        return np.where(_some(2 * _MARGIN, shape, draw), -0.5, 0.0)
    return equal_differences(kind, shape, draw) - _MARGIN


def _harm_missed(differences: Any) -> bool:
    return shows_above(_on_scale(differences), alpha=ALPHA, margin=-_MARGIN).shown


def _called_equal(differences: Any) -> bool:
    return equivalent(_on_scale(differences), alpha=ALPHA, margin=_MARGIN).shown


def _on_scale(differences: Any) -> list[float]:
    import numpy as np

    kept: list[float] = np.clip(differences, -1, 1).tolist()
    return kept


def _two_arms(kind: str, shape: tuple[int, ...], draw: Any) -> Any:
    import numpy as np

    return np.stack((draw_scores(kind, shape, draw), draw_scores(kind, shape, draw)), axis=1)


def _by_welch(arms: Any) -> bool:
    champion, candidate = arms.tolist()
    found = welch(champion, candidate, 1 - ALPHA)
    return found.interval is not None and _clear(found.interval)


def _by_two_shares(arms: Any) -> bool:
    hits, other = (int(arm.sum()) for arm in arms)
    n = arms.shape[1]
    return two_share_p_value(hits, n, other, n) <= ALPHA and _clear(newcombe_interval(hits, n, other, n, 1 - ALPHA))


def _shares_of(share: float) -> tuple[_Method, _Method]:
    """Two arms of one share of right answers, and one arm's interval."""

    def draw_two(_kind: str, shape: tuple[int, ...], draw: Any) -> Any:
        return _some(share, (shape[0], 2, shape[1]), draw).astype(float)

    def draw_one(_kind: str, shape: tuple[int, ...], draw: Any) -> Any:
        return _some(share, shape, draw).astype(float)

    def misses(scores: Any) -> bool:
        low, high = clopper_pearson(int(scores.sum()), len(scores), 1 - ALPHA)
        return not low <= share <= high

    return (
        _Method(name=f"two shares of {share:g}", draw=draw_two, wrong=_one_by_one(_by_two_shares), kinds=("binary",)),
        _Method(
            name=f"Clopper-Pearson misses a share of {share:g}",
            draw=draw_one,
            wrong=_one_by_one(misses),
            kinds=("binary",),
        ),
    )


_METHODS: Final = (
    _Method(name="paired mean difference", draw=equal_differences, wrong=count_different),
    _Method(name="paired, clusters of four", draw=_clustered_differences, wrong=_count_clusters),
    _Method(name="harm at the margin called absent", draw=_at_the_margin, wrong=_one_by_one(_harm_missed)),
    _Method(name="harm at the margin called equal", draw=_at_the_margin, wrong=_one_by_one(_called_equal)),
    *(method for share in (0.5, _RIGHT, 0.9, 0.98) for method in _shares_of(share)),
    _Method(name="Welch, unpaired", draw=_two_arms, wrong=_one_by_one(_by_welch)),
    _Method(name="studentised bootstrap", draw=equal_differences, wrong=_count_by_bootstrap),
)
