"""Calibration on simulated raters: whether the intervals cover, and how often a judge is called calibrated rightly."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Final

from selftune.app.campaigns.base import Figure, Section
from selftune.judges.calibration.human import human_identity, judge_by_hand
from selftune.judges.calibration.measure import Bar, Calibration, compare_judges
from selftune.judges.rubric import load_rubric
from selftune.judges.shares import share_of
from selftune.scoring.agreement import measure_kappa, measure_spearman, spearman, weighted_kappa
from selftune.scoring.intervals import wilson_interval

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from selftune.records import Judgement, Rubric
    from selftune.scoring.agreement import Agreement, Pairs

_PROMISED: Final = 0.93
_SEEDS: Final = 1000
_LABELS: Final = (12, 50, 200)
_POPULATION: Final = 40_000
# What a rater's own error is, in points of a scale of five: from close agreement to next to none.
_NOISES: Final = (0.5, 1.2, 2.5)
_CALIBRATIONS: Final = 200


def simulate_raters(
    draw: random.Random, n: int, rubric: Rubric, *, judge_noise: float = 0.6, person_noise: float = 0.4
) -> list[tuple[Judgement, Judgement]]:
    """Verdicts of a judge and of a person on the same transcripts, each with an error of its own. Nobody is real."""
    pairs = []
    for number in range(n):
        level = draw.uniform(rubric.lowest, rubric.highest)
        truth = {item.name: level + draw.gauss(0, 0.5) for item in rubric.criteria}
        both = (
            judge_by_hand(
                {name: _rounded(draw.gauss(value, noise), rubric) for name, value in truth.items()},
                rubric,
                interaction_id=f"interaction:{number}",
                reviewer=human_identity("simulated"),
                salt="simulated",
            )
            for noise in (judge_noise, person_noise)
        )
        pairs.append((next(both), next(both)))
    return pairs


def simulate_scores(draw: random.Random, n: int, noise: float) -> list[tuple[float, float]]:
    """Two raters' whole scores from 1 to 5 for the same transcripts."""
    pairs = []
    for _ in range(n):
        truth = draw.uniform(0.5, 5.5)
        pairs.append((_clipped(draw.gauss(truth, noise)), _clipped(draw.gauss(truth, noise))))
    return pairs


def report() -> Section:
    """The campaign at full size."""
    return Section(
        title="Calibration of a judge",
        method=f"{_SEEDS:,} simulated pairs of raters for each number of labels and each agreement, whose true value "
        f"is that of {_POPULATION:,} labels; intervals at 95 %. Then {_CALIBRATIONS} simulated calibrations of 200 "
        "labels under the rubric golden, with a swap consistency of 90 %. Ranges behind shares are Wilson's at 99 %.",
        figures=(
            *_coverages("kappa", weighted_kappa, measure_kappa),
            *_coverages("rank correlation", spearman, measure_spearman),
            *_called_calibrated(),
            Figure(name="labels of real people", measured="0: NOT VERIFIED", promised="200 labels, kappa 0.60 or more"),
        ),
        limits="A real judge or a real person: every rater here is simulated, and their errors are independent, which "
        "those of people and models need not be.",
    )


def _coverages(
    name: str, value: Callable[[Pairs], float | None], measure: Callable[[Pairs], Agreement]
) -> Iterator[Figure]:
    for noise in _NOISES:
        true = value(simulate_scores(random.Random(0), _POPULATION, noise))  # noqa: S311 - must repeat
        for labels in _LABELS:
            draws = (random.Random(seed) for seed in range(1, _SEEDS + 1))  # noqa: S311 - must repeat
            intervals = [measure(simulate_scores(draw, labels, noise)).interval for draw in draws]
            known = [interval for interval in intervals if interval is not None]
            covered = sum(low <= true <= high for low, high in known) if true is not None else 0
            low, high = wilson_interval(covered, len(known), 0.99)
            yield Figure(
                name=f"{name} {true:.2f}, {labels} labels: interval covers it",
                measured=f"{covered / len(known):.1%} of {len(known):,} ({low:.1%} to {high:.1%})",
                promised=f"at least {_PROMISED:.0%}",
                held=covered >= _PROMISED * len(known),
            )


def _called_calibrated() -> Iterator[Figure]:
    """How often 200 labels call a judge calibrated, by its true kappa."""
    rubric, swap = load_rubric("golden"), share_of(180, 200)
    for noise in (0.6, 2.5, 4.0):
        population = simulate_raters(random.Random(0), 4000, rubric, judge_noise=noise)  # noqa: S311 - must repeat
        true = compare_judges(population, rubric, against="people").overall.kappa.value
        called = 0
        for seed in range(1, _CALIBRATIONS + 1):
            pairs = simulate_raters(random.Random(seed), 200, rubric, judge_noise=noise)  # noqa: S311 - must repeat
            people = compare_judges(pairs, rubric, against="people")
            called += Calibration(judge="simulated", rubric=rubric.name, bar=Bar(), people=people, swap=swap).calibrated
        yield Figure(
            name=f"a judge of true kappa {true:.2f} is called calibrated",
            measured=f"{called / _CALIBRATIONS:.0%} of {_CALIBRATIONS}",
        )


def _rounded(value: float, rubric: Rubric) -> float:
    return float(min(rubric.highest, max(rubric.lowest, round(value))))


def _clipped(value: float) -> float:
    return float(min(5, max(1, round(value))))
