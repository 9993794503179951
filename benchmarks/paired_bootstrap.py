"""What the resampling behind `compare` costs beside SciPy's BCa bootstrap of the same differences.

    python benchmarks/paired_bootstrap.py [--rounds 7]

36 to 3,000 paired items, 9,999 resamples each: the sign-flip test with its interval, and the studentised bootstrap of
one arm's mean. Before the clock runs, the p-value is held against SciPy's permutation test and both intervals against
BCa's. SciPy is no dependency of ours: without it nothing is compared. The last line is the least ratio of the flips.
"""

from __future__ import annotations

import argparse
import gc
import statistics
import sys
import time
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from figures import interval, write_results

from selftune.gate.statistics.bootstrap import RESAMPLES, studentised_interval
from selftune.gate.statistics.clusters import gather
from selftune.gate.statistics.flips import DRAWN, flip_signs

if TYPE_CHECKING:
    from collections.abc import Callable

SIZES: Final = (36, 109, 500, 3_000)
GOAL: Final = 3.0
_LEVEL: Final = 0.95
_FAR: Final = 0.2


def main() -> None:
    """Hold the answers against SciPy's, then the times."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    rounds = parser.parse_args().rounds
    try:
        from scipy import stats
    except ImportError:
        sys.exit("scipy is not installed: there is nothing to compare with")
    import numpy as np

    told, least, record = [], float("inf"), {}
    for n in SIZES:
        differences = np.random.default_rng(n).normal(0.05, 0.2, n)
        clusters = gather(differences.tolist())
        sides: dict[str, Callable[[], Any]] = {
            "flips": partial(flip_signs, clusters, _LEVEL),
            "bootstrap": partial(studentised_interval, clusters, _LEVEL),
            "BCa": partial(
                stats.bootstrap,
                (differences,),
                np.mean,
                n_resamples=RESAMPLES,
                confidence_level=_LEVEL,
                method="BCa",
                rng=0,
            ),
        }
        hold_against(sides, stats.permutation_test((differences,), np.mean, permutation_type="samples", rng=0).pvalue)
        times = measured(sides, rounds)
        for name in ("flips", "bootstrap"):
            ratios = [theirs / ours for ours, theirs in zip(times[name], times["BCa"], strict=True)]
            low, high = interval(ratios)
            middle = statistics.median(ratios)
            told.append(
                f"n = {n:5,}  {name:9}  {1e3 * statistics.median(times[name]):7.2f} ms, BCa "
                f"{1e3 * statistics.median(times['BCa']):7.2f} ms: {middle:5.2f}x [{low:.2f}, {high:.2f}]"
            )
            record[f"{name} {n}"] = {"ratio": middle, "interval": [low, high]}
            least = min(least, middle) if name == "flips" else least
    write_results("paired_bootstrap", {"rounds": rounds, "resamples": RESAMPLES, "flips": DRAWN, "ratios": record})
    print("processor time, medians; p-values and intervals agree")
    print("\n".join(told))
    print(f"ratio BCa / sign flips, the least of {len(SIZES)} sizes: {least:.2f}x (goal {GOAL:g}x)")


def hold_against(sides: dict[str, Callable[[], Any]], p_value: float) -> None:
    """Equal p-values but for the draws, and ends that lie within a fifth of the interval's half of each other."""
    flips, ours, bca = sides["flips"](), sides["bootstrap"](), sides["BCa"]().confidence_interval
    assert abs(flips.p_value - p_value) <= 0.01 + 0.1 * p_value, "the p-values differ"
    for low, high in (flips.interval, ours):
        half = (bca.high - bca.low) / 2
        assert abs(low - bca.low) <= _FAR * half, "the lower ends differ"
        assert abs(high - bca.high) <= _FAR * half, "the upper ends differ"


def measured(sides: dict[str, Callable[[], Any]], rounds: int) -> dict[str, list[float]]:
    """Processor seconds of each side, in turn, first to last and last to first."""
    times: dict[str, list[float]] = {name: [] for name in sides}
    for number in range(rounds):
        for name in sides if number % 2 == 0 else reversed(sides):
            gc.collect()
            began = time.process_time()
            sides[name]()
            times[name].append(time.process_time() - began)
    return times


if __name__ == "__main__":
    main()
