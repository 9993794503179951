"""The trend tests of a study, on months in which nothing happened and on months with a planted slope."""

from __future__ import annotations

import math
from random import Random
from typing import TYPE_CHECKING, Final

from selftune.app.campaigns.base import Figure, Section
from selftune.app.campaigns.comparisons import ALPHA, most_by_chance, simulations
from selftune.gate.statistics.permutation import smallest_step, trend_against_control, trend_over_generations
from selftune.scoring.intervals import wilson_interval

if TYPE_CHECKING:
    from collections.abc import Iterator

_SEED: Final = 30
NIGHTS: Final = 30
_GAP: Final = 1
_BLOCK: Final = 6
SHORTER: Final = (20, 4)
"""Nights and block of the plan `slow_learner`: five blocks too, which is the fewest that can show anything at 5 %."""
ALIKE: Final = (0.0, 0.3, 0.5)
_TOO_ALIKE: Final = 0.8
_POWER: Final = 0.8
_SPREAD: Final = 0.05
EQUAL: Final = (6, 6, 6, 6, 6)
UNEQUAL: Final = (3, 2, 4, 3, 18)


def report() -> Section:
    """How often chance passes for a trend, with errors that follow each other, and how often a planted slope shows."""
    size = 2 * simulations()
    return Section(
        title="Trends over a month of nights",
        method=f"{size:,} months of {NIGHTS} nights for each figure, errors AR(1) with the correlation named; one "
        f"night after a promotion left out, blocks of {_BLOCK} nights against the control, one-sided 5 %.",
        figures=(*_sizes(size), *_powers(size)),
        limits="Errors that follow each other more closely than 0.5 are shown without a promise: the generations' test "
        "is fooled by them, and the report of a study prints their correlation as it was.",
    )


def errors_of(nights: int, alike: float, draw: Random) -> list[float]:
    """A stationary series of variance 1, each night as much like the one before as `alike` says."""
    value, series = draw.gauss(0, 1), []
    for _ in range(nights):
        series.append(value)
        value = alike * value + math.sqrt(1 - alike**2) * draw.gauss(0, 1)
    return series


def generations(lengths: tuple[int, ...]) -> list[int]:
    """The generation of each night, by how long each served."""
    return [number for number, length in enumerate(lengths) for _ in range(length)]


def called_a_trend(months: int, alike: float, lengths: tuple[int, ...]) -> int:
    """Of so many months without a trend, those whose generations are said to rise."""
    draw, names = Random(f"{_SEED}:{alike}:{lengths}"), generations(lengths)  # noqa: S311 - reproducible draws
    return sum(
        trend_over_generations(errors_of(NIGHTS, alike, draw), names, gap=_GAP).p_value <= ALPHA for _ in range(months)
    )


def set_above_control(
    months: int, alike: float, slope: float = 0.0, *, nights: int = NIGHTS, block: int = _BLOCK
) -> int:
    """Of so many months, those in which the arm is said to rise above its control; `slope` a night is planted."""
    draw = Random(f"{_SEED}:{alike}:{slope}")  # noqa: S311 - reproducible draws, no secrets
    shown = 0
    for _ in range(months):
        arm = [slope * night + error for night, error in enumerate(errors_of(nights, alike, draw), start=1)]
        control = errors_of(nights, alike, draw)
        shown += trend_against_control(arm, control, block=block, gap=_GAP).p_value <= ALPHA
    return shown


def shown_steps(months: int, step: float, count: int) -> int:
    """Of so many months, those in which a planted step from generation to generation is shown."""
    draw, names = Random(f"{_SEED}:{step}:{count}"), list(range(count))  # noqa: S311 - reproducible draws, no secrets
    return sum(
        trend_over_generations([step * at + draw.gauss(0, _SPREAD) for at in names], names).p_value <= ALPHA
        for _ in range(months)
    )


def _sizes(size: int) -> Iterator[Figure]:
    limit, (nights, block) = most_by_chance(size, ALPHA), SHORTER
    for alike in (*ALIKE, _TOO_ALIKE):
        promised = alike != _TOO_ALIKE
        for name, count in (
            ("five equal generations", called_a_trend(size, alike, EQUAL)),
            ("five unequal generations", called_a_trend(size, alike, UNEQUAL)),
            ("arm against control", set_above_control(size, alike)),
            (
                f"arm against control, {nights} nights in blocks of {block}",
                set_above_control(size, alike, nights=nights, block=block),
            ),
        ):
            yield Figure(
                name=f"no trend, correlation {alike:g}: {name}",
                measured=f"{count / size:.2%} of {size:,} called one",
                promised=f"at most {limit / size:.2%}" if promised else None,
                held=count <= limit if promised else None,
            )


def _powers(size: int) -> Iterator[Figure]:
    for count in (5, 6, 8):
        step = smallest_step(_SPREAD, count, alpha=ALPHA, power=_POWER)
        yield _shown(
            f"{count} generations, a step of {step / _SPREAD:.2f} spreads", shown_steps(size, step, count), size
        )
    for slope in (0.05, 0.1):
        name = f"arm against control, {slope:g} spreads a night, correlation 0.3"
        yield _shown(name, set_above_control(size, 0.3, slope), size)


def _shown(name: str, count: int, size: int) -> Figure:
    low, high = wilson_interval(count, size, 0.95)
    return Figure(name=f"planted: {name}", measured=f"shown in {count / size:.1%} [{low:.1%}, {high:.1%}] of {size:,}")
