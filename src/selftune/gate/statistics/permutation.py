"""Trends of figures whose errors hang together: whole blocks change places, never single ones. Standard library only.

Scores of one model on many nights are no independent witnesses: a generation that is good by luck is so every night.
What may change places under "nothing happened" is therefore a block of nights as a whole.

Source:
    E. J. G. Pitman, "Significance tests which may be applied to samples from any populations", Suppl. J. R. Stat. Soc.
    4 (1937), 119-130, for the principle; S. N. Lahiri, "Resampling Methods for Dependent Data" (2003), chapter 2, for
    blocks; B. Phipson and G. K. Smyth, "Permutation P-values should never be zero", Stat. Appl. Genet. Mol. Biol. 9
    (2010), for the p-value of drawn orders.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import groupby, pairwise, permutations, product
from random import Random
from statistics import fmean, stdev
from typing import TYPE_CHECKING, Final, TypeVar

from selftune.gate.statistics.student import t_quantile

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Sequence

T = TypeVar("T")

FEWEST: Final = 2
_COUNTED: Final = 5_040
"""Up to so many orders (seven blocks) or signs (twelve blocks) all are gone through; of more, so many are drawn."""
_DRAWS: Final = 4_999
# Sums of the same figures in another order differ in their last bits.
_SLACK: Final = 1e-9
_MOST_BLOCKS: Final = 1_000


@dataclass(frozen=True, kw_only=True)
class BlockTrend:
    """How block means follow each other.

    Attributes:
        step: What a block adds to the one before, by least squares; against a control what a night adds.
        p_value: One-sided: how often chance alone would give such a step or a larger one.
        least_p: The smallest p-value that so few blocks could have given, whatever they did.
        means: One mean a block, in order; `n` nights went into them.
    """

    step: float
    p_value: float
    least_p: float
    means: tuple[float, ...]
    n: int

    @property
    def blocks(self) -> int:
        """How many blocks there are."""
        return len(self.means)


def trend_over_generations(
    values: Sequence[float], generations: Sequence[Hashable], *, gap: int = 0, seed: int = 0
) -> BlockTrend:
    """Whether the means of successive generations rise, each generation's nights kept together.

    Args:
        values: One score a night, oldest first.
        generations: What was in service that night; nights that follow each other under one name are a block.
        gap: Nights left out at the start of each later block that has more: they carry what was before.
        seed: Of the orders that are drawn, where there are too many to go through.

    Raises:
        ValueError: fewer than two generations, values that are no finite numbers, or not one generation a value.
    """
    if len(values) != len(generations) or not all(map(math.isfinite, values)):
        raise ValueError("a trend takes finite values and the generation of each")
    blocks = _blocks_of(values, generations, gap)
    if len(blocks) < FEWEST:
        raise ValueError(f"a trend takes two generations; given: {len(blocks)}")
    means = tuple(map(fmean, blocks))
    centre = (len(means) - 1) / 2
    squares = math.fsum((place - centre) ** 2 for place in range(len(means)))

    def step_of(order: Sequence[float]) -> float:
        return math.fsum((place - centre) * mean for place, mean in enumerate(order)) / squares

    count = math.factorial(len(means))
    orders = permutations(means) if count <= _COUNTED else _drawn_orders(means, seed)
    step = step_of(means)
    return BlockTrend(
        step=step,
        p_value=_share_as_large(step, orders, step_of, exact=count <= _COUNTED),
        least_p=1 / min(count, _DRAWS + 1),
        means=means,
        n=sum(map(len, blocks)),
    )


def trend_against_control(
    values: Sequence[float], control: Sequence[float], *, block: int, gap: int = 0, seed: int = 0
) -> BlockTrend:
    """Whether one arm rises above another that began as the same model, night by night on the same questions.

    Under "what was done to the first arm does nothing" the two could be exchanged in any block of nights, which flips
    the sign of its differences. What is tested is the slope of the differences through the common start: both arms
    begin with one model, so that a gain that came early and stayed counts as much as one that still grows.

    Args:
        values: One score a night, oldest first.
        control: The other arm's, of the same nights.
        block: Nights that change sign together; a rest that is shorter joins the block before it.
        gap: As for generations.
        seed: Of the signs that are drawn, where there are too many to go through.

    Raises:
        ValueError: fewer than two blocks, values that are no finite numbers, or arms of different length.
    """
    if len(values) != len(control) or not all(map(math.isfinite, (*values, *control))):
        raise ValueError("arms are compared over the same nights, by finite values")
    differences = [value - other for value, other in zip(values, control, strict=True)]
    last = len(differences) // block - 1
    numbered = list(enumerate(differences, start=1))
    blocks = _blocks_of(numbered, [min(at // block, last) for at in range(len(numbered))], gap)
    if len(blocks) < FEWEST:
        raise ValueError(f"a comparison takes two blocks of {block} nights; given: {len(differences)} nights")
    squares = math.fsum(night**2 for one in blocks for night, _ in one)
    shares = tuple(math.fsum(night * value for night, value in one) / squares for one in blocks)

    def step_of(signs: Sequence[int]) -> float:
        return math.fsum(sign * share for sign, share in zip(signs, shares, strict=True))

    count = 2 ** len(shares)
    flips: Iterable[Sequence[int]] = (
        product((1, -1), repeat=len(shares)) if count <= _COUNTED else _drawn_signs(len(shares), seed)
    )
    step = math.fsum(shares)
    return BlockTrend(
        step=step,
        p_value=_share_as_large(step, flips, step_of, exact=count <= _COUNTED),
        least_p=1 / min(count, _DRAWS + 1),
        means=tuple(fmean(value for _, value in one) for one in blocks),
        n=sum(map(len, blocks)),
    )


def smallest_step(spread: float, blocks: int, *, alpha: float, power: float) -> float:
    """The least step from block to block that so many blocks show with this power, one-sided.

    Args:
        spread: Standard deviation of a block's mean about its true value.
        blocks: How many there are.
        alpha: Error of the test.
        power: Chance that the step is shown.

    Source:
        The usual approximation (t of alpha plus t of power, times the standard error of a slope): P. Armitage, G. Berry
        and J. N. S. Matthews, "Statistical Methods in Medical Research", 4th ed. (2002), sections 4.6 and 7.3.

    Raises:
        ValueError: fewer than three blocks, by which no spread about a line can be told.
    """
    if blocks <= FEWEST:
        raise ValueError(f"a spread about a line takes three blocks; given: {blocks}")
    freedom = blocks - 2
    quantiles = t_quantile(1 - 2 * alpha, freedom) + t_quantile(2 * power - 1, freedom)
    return quantiles * spread / math.sqrt(blocks * (blocks**2 - 1) / 12)


def blocks_needed(step: float, spread: float, *, alpha: float, power: float) -> int | None:
    """How many blocks show a step of this size; None where a thousand would not, or the step is none."""
    if step <= 0:
        return None
    tried = range(FEWEST + 1, _MOST_BLOCKS + 1)
    return next(
        (
            count
            for count in tried
            if 1 / math.factorial(min(count, 20)) <= alpha
            and smallest_step(spread, count, alpha=alpha, power=power) <= step
        ),
        None,
    )


def lag_one(values: Sequence[float]) -> float | None:
    """How much each value's distance from the mean is like that of the one before; None where nothing differs."""
    centre = fmean(values) if values else 0.0
    apart = [value - centre for value in values]
    whole = math.fsum(one**2 for one in apart)
    follow = math.fsum(one * other for one, other in pairwise(apart))
    return follow / whole if whole else None


def spread_of_nights(values: Sequence[float], generations: Sequence[Hashable]) -> float | None:
    """Standard deviation of a night's score about the mean of its generation; None where each had one night."""
    blocks = _blocks_of(values, generations, 0)
    freedom = sum(len(one) - 1 for one in blocks)
    if not freedom:
        return None
    return math.sqrt(math.fsum((len(one) - 1) * stdev(one) ** 2 for one in blocks if len(one) > 1) / freedom)


def _blocks_of(values: Sequence[T], names: Sequence[Hashable], gap: int) -> list[list[T]]:
    named = groupby(zip(names, values, strict=True), key=lambda pair: pair[0])
    blocks = [[value for _, value in members] for _, members in named]
    return blocks[:1] + [one[gap:] or one[-1:] for one in blocks[1:]]


def _share_as_large(found: float, others: Iterable[T], step_of: Callable[[T], float], *, exact: bool) -> float:
    """The share of arrangements that give as much; what was found counts among those that were drawn."""
    steps = [step_of(other) for other in others]
    room = _SLACK * max(1e-300, *map(abs, steps), abs(found))
    as_large = sum(step >= found - room for step in steps)
    return as_large / len(steps) if exact else (as_large + 1) / (len(steps) + 1)


def _drawn_orders(means: Sequence[float], seed: int) -> Iterable[Sequence[float]]:
    draw = Random(seed)  # noqa: S311 - reproducible draws, no secrets
    for _ in range(_DRAWS):
        order = list(means)
        draw.shuffle(order)
        yield order


def _drawn_signs(count: int, seed: int) -> Iterable[Sequence[int]]:
    draw = Random(seed)  # noqa: S311 - reproducible draws, no secrets
    for _ in range(_DRAWS):
        yield draw.choices((1, -1), k=count)
