"""Comparisons of equal arms, by every method that ships: how often is one called different?"""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from selftune.app.campaigns.base import Figure, Section
from selftune.gate.statistics.bootstrap import studentised_interval
from selftune.gate.statistics.clusters import gather
from selftune.gate.statistics.equivalence import equivalent, shows_above
from selftune.gate.statistics.flips import flip_many
from selftune.gate.statistics.means import mean_difference
from selftune.gate.statistics.paired import counted_interval, difference_interval
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
    while incomplete_beta(1 - share, n - count, count + 1) < 1 - 0.01 / cells:
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
    """What is asked of each simulated comparison; it may err in a share `ALPHA` of them.

    Attributes:
        share: Of the simulations so many are run: less where one takes long.
    """

    name: str
    draw: Callable[[str, tuple[int, ...], Any], Any]
    wrong: Callable[[Any], int]
    kinds: tuple[str, ...] = KINDS
    share: float = 1.0


def report() -> Section:
    """Every method on four kinds of scores at four sizes."""
    size = simulations()
    return Section(
        title="Comparisons of equal arms",
        method=f"{size:,} simulated comparisons in each cell, at alpha {ALPHA:.0%} (SELFTUNE_SIMULATIONS=10000 for the "
        "full size). Scores are normal, skewed, in two heaps, or right or wrong; on four items of ten the arms agree. "
        f"Harm at the margin: the candidate is truly worse by {_MARGIN:g} of the scale. The bound is the 99 % binomial "
        "limit of alpha, shared over a method's cells.",
        figures=tuple(figure for method in _METHODS for figure in _of_method(method, int(size * method.share))),
        limits="Arms that are equal on average but not exchangeable, one of them scattering more than the other; "
        "judges whose errors move all items of an arm together: repeats and clusters have to show those.",
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


def _guarded() -> Iterator[Figure]:
    """The interval behind `guarded` where items are only ever lost: every outcome counted, and no promise made."""
    for cap in (0.1, 0.2):
        wrong = {
            n: math.fsum(
                math.comb(n, lost) * cap**lost * (1 - cap) ** (n - lost)
                for lost in range(n + 1)
                if counted_interval(0, lost, n, 1 - 2 * ALPHA)[0] > -cap
            )
            for n in SIZES
        }
        yield Figure(
            name=f"harm of exactly {cap:g}, items only ever lost, called absent by the interval of `guarded`",
            measured=", ".join(f"n = {n}: {share:.1%}" for n, share in wrong.items()) + " (exact)",
        )


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


def _by_bootstrap(differences: Any) -> bool:
    return _clear(studentised_interval(gather(differences.tolist()), 1 - ALPHA))


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


def _harm_shown(differences: Any) -> bool:
    return _clear(difference_interval(differences.tolist(), 1 - ALPHA))


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


def _outside(scores: Any) -> bool:
    low, high = clopper_pearson(int(scores.sum()), len(scores), 1 - ALPHA)
    return not low <= _RIGHT <= high


_METHODS: Final = (
    _Method(name="paired mean difference", draw=equal_differences, wrong=count_different),
    _Method(name="paired, clusters of four", draw=_clustered_differences, wrong=_count_clusters),
    _Method(name="harm at the margin called absent", draw=_at_the_margin, wrong=_one_by_one(_harm_missed)),
    _Method(name="harm at the margin called equal", draw=_at_the_margin, wrong=_one_by_one(_called_equal)),
    _Method(name="harm shown by the gate's interval", draw=equal_differences, wrong=_one_by_one(_harm_shown)),
    _Method(name="two shares", draw=_two_arms, wrong=_one_by_one(_by_two_shares), kinds=("binary",)),
    _Method(name="Clopper-Pearson misses the share", draw=draw_scores, wrong=_one_by_one(_outside), kinds=("binary",)),
    _Method(name="Welch, unpaired", draw=_two_arms, wrong=_one_by_one(_by_welch)),
    _Method(name="studentised bootstrap", draw=equal_differences, wrong=_one_by_one(_by_bootstrap), share=0.1),
)
