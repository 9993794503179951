"""Nights of four experiments that changed nothing: how many promote one of them?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from selftune.app.campaigns.base import Figure, Section
from selftune.app.campaigns.comparisons import ALPHA, draw_scores, most_by_chance, simulations
from selftune.gate.statistics.many import LordPlan, alpha_for
from selftune.gate.statistics.means import mean_difference

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_SEED: Final = 9
_EXPERIMENTS: Final = 4
_ITEMS: Final = 36
_LEAST_GAIN: Final = 0.02
NIGHTS: Final = 200


def report() -> Section:
    """The rule that adds 0.02, every test at alpha, the night's share of alpha, and the season's."""
    size = max(NIGHTS, simulations())
    return Section(
        title="Nights of equal models",
        method=f"{size:,} nights in a row, each with {_EXPERIMENTS} candidates that equal the champion, on {_ITEMS} "
        f"items whose scores spread by 0.15 of the scale, and with one evaluation of the champion for all of them. A "
        f"candidate is promoted when its gain is clear of noise and at least {_LEAST_GAIN:g}.",
        figures=(*_naive(size), *_shared(size), *_seasons(size)),
        limits="Nights on the same items: every night here draws its items anew. Candidates that gain a little each "
        "night; GateBench has those.",
    )


def nights_of_differences(kind: str, nights: int) -> Iterator[list[list[float]]]:
    """The differences of each night's experiments; all are taken from the same evaluation of the champion."""
    import numpy as np

    draw = np.random.default_rng([_SEED, nights])
    for _ in range(nights):
        champion = draw_scores(kind, (_ITEMS,), draw)
        yield [(draw_scores(kind, (_ITEMS,), draw) - champion).tolist() for _ in range(_EXPERIMENTS)]


def _naive(size: int) -> Iterator[Figure]:
    count = sum(any(_mean(one) >= _LEAST_GAIN for one in night) for night in nights_of_differences("normal", size))
    yield Figure(name="promoting nights: keep what adds 0.02", measured=f"{count / size:.1%} of {size:,}")


def _shared(size: int) -> Iterator[Figure]:
    for name, alpha in (("every test at alpha", ALPHA), ("alpha shared by the night", ALPHA / _EXPERIMENTS)):
        count = sum(promotes(night, alpha) for night in nights_of_differences("normal", size))
        limit = most_by_chance(size, ALPHA)
        held = count <= limit if alpha < ALPHA else None
        yield Figure(
            name=f"promoting nights: {name}",
            measured=f"{count / size:.1%} of {size:,}",
            promised=f"at most {limit / size:.1%}" if held is not None else None,
            held=held,
        )


def _seasons(size: int) -> Iterator[Figure]:
    plan = LordPlan()
    for kind in ("normal", "binary"):
        nights: list[bool] = []
        for night in nights_of_differences(kind, size):
            nights.append(promotes(night, alpha_for(nights, experiments=_EXPERIMENTS, plan=plan)))
        starts = range(0, size - plan.season + 1, plan.season)
        seasons = sum(any(nights[start : start + plan.season]) for start in starts)
        limit = most_by_chance(len(starts), plan.wealth)
        yield Figure(
            name=f"alpha of a season, {kind}: promoting nights; seasons of {plan.season} with one",
            measured=f"{sum(nights)} of {size:,}; {seasons} of {len(starts)}",
            promised=f"at most {limit} of {len(starts)}",
            held=seasons <= limit,
        )


def promotes(night: Sequence[Sequence[float]], alpha: float) -> bool:
    """Whether one of the night's experiments is promoted, each tested at this alpha."""
    return any(
        found.interval[0] > 0 and found.mean >= _LEAST_GAIN
        for found in (mean_difference(one, None, level=1 - alpha, width=1.0) for one in night)
    )


def _mean(values: Sequence[Any]) -> float:
    return float(sum(values) / len(values))
