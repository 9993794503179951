"""What scores go with that they should not: length, lists, opening phrases.

A correlation alone proves nothing, for longer answers may be better ones. So the figure to look at first is the one
over answers to the *same* prompt: how often the longer of two got more. Measured on every batch, unasked.
"""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from dataclasses import dataclass
from itertools import combinations
from statistics import fmean, variance
from typing import TYPE_CHECKING, Final

from selftune.judges.shares import share_of
from selftune.records import digest_of
from selftune.scoring.agreement import Agreement, measure_spearman, student_quantile

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from selftune.judges.shares import Share
    from selftune.records import Interaction, Judgement

# What the acceptance of a judge asks for: a correlation with length of at most so much.
MOST_LENGTH: Final = 0.15
_OPENING_WORDS: Final = 3
_MOST_OPENINGS: Final = 3
_FEWEST: Final = 10
_MOST_ANSWERS: Final = 20
_LEVEL: Final = 0.95
_LIST: Final = re.compile(r"^\s*(?:[-*•]|\d{1,3}[.)])\s+\S", re.MULTILINE)
_WORD: Final = re.compile(r"[^\W_]+(?:['’][^\W_]+)?")  # noqa: RUF001 - both apostrophes are written


@dataclass(frozen=True, kw_only=True)
class Difference:
    """Mean score of the answers that have a trait less that of the others, in points of the rubric's scale.

    Attributes:
        interval: Welch's at 95 %; None when one side has fewer than two answers.
        n: Answers that have it.
        others: Answers that don't.
    """

    trait: str
    value: float
    interval: tuple[float, float] | None
    n: int
    others: int


@dataclass(frozen=True, kw_only=True)
class BatchBias:
    """What the scores of one batch go with.

    Attributes:
        n: Scored answers.
        length: Spearman's correlation of score and words.
        longer_wins: Of pairs of answers to one prompt with different lengths and scores, those in which the longer one
            got more; None without such pairs.
        lists: Answers with a list against those without; None when all or none have one.
        openings: The commonest first words against all other answers, those of ten answers or more.
    """

    n: int
    length: Agreement
    longer_wins: Share | None
    lists: Difference | None
    openings: tuple[Difference, ...]


@dataclass(frozen=True, kw_only=True)
class _Answer:
    prompt: str
    score: float
    words: int
    has_list: bool
    opening: str


def measure_bias(judged: Iterable[tuple[Interaction, Judgement]]) -> BatchBias:
    """The confounds of one batch; what has no score or no answer is left out."""
    answers = [
        _described(interaction, judgement.overall)
        for interaction, judgement in judged
        if judgement.overall is not None and interaction.answer is not None
    ]
    openings = Counter(item.opening for item in answers if item.opening)
    common = [opening for opening, count in openings.most_common(_MOST_OPENINGS) if count >= _FEWEST]
    found = (
        _difference(f'begins with "{opening}"', answers, [item.opening == opening for item in answers])
        for opening in common
    )
    return BatchBias(
        n=len(answers),
        length=measure_spearman([(item.score, float(item.words)) for item in answers]),
        longer_wins=_longer_wins(answers),
        lists=_difference("has a list", answers, [item.has_list for item in answers]),
        openings=tuple(item for item in found if item is not None),
    )


def describe_bias(bias: BatchBias) -> tuple[str, ...]:
    """The figures as lines for people; a line begins with `mind:` where chance alone would hardly give its figure.

    Empty when there is nothing to compare: too few answers, or all alike.
    """
    lines = []
    if bias.length.value is not None and bias.length.interval is not None:
        low, high = bias.length.interval
        mind = "mind: " if low > 0 or high < 0 else ""
        excess = f", more than {MOST_LENGTH:g}" if abs(bias.length.value) > MOST_LENGTH else ""
        lines.append(
            f"{mind}score against length: rho {bias.length.value:+.2f} [{low:+.2f}, {high:+.2f}], "
            f"n = {bias.length.n}{excess}"
        )
    if bias.longer_wins is not None:
        low, high = bias.longer_wins.interval
        mind = "mind: " if low > 1 / 2 or high < 1 / 2 else ""
        lines.append(
            f"{mind}of two answers to one prompt the longer got more in {bias.longer_wins.value:.0%} "
            f"[{low:.0%}, {high:.0%}], n = {bias.longer_wins.n}"
        )
    return (*lines, *(_told(item) for item in (bias.lists, *bias.openings) if item is not None))


def _told(difference: Difference) -> str:
    sides = f"n = {difference.n} against {difference.others}"
    if difference.interval is None:
        return f"an answer that {difference.trait}: {difference.value:+.2f} points, {sides}"
    low, high = difference.interval
    mind = "mind: " if low > 0 or high < 0 else ""
    return f"{mind}an answer that {difference.trait}: {difference.value:+.2f} points [{low:+.2f}, {high:+.2f}], {sides}"


def _described(interaction: Interaction, score: float) -> _Answer:
    answer = interaction.answer or ""
    words = _WORD.findall(answer)
    return _Answer(
        prompt=digest_of([(message.role, message.content) for message in interaction.prompt]),
        score=score,
        words=len(words),
        has_list=_LIST.search(answer) is not None,
        opening=" ".join(words[:_OPENING_WORDS]).lower(),
    )


def _longer_wins(answers: Sequence[_Answer]) -> Share | None:
    prompts: dict[str, list[_Answer]] = defaultdict(list)
    for item in answers:
        if len(prompts[item.prompt]) < _MOST_ANSWERS:
            prompts[item.prompt].append(item)
    pairs = [
        (one.words > other.words) == (one.score > other.score)
        for group in prompts.values()
        for one, other in combinations(group, 2)
        if one.words != other.words and one.score != other.score
    ]
    if not pairs:
        return None
    return share_of(sum(pairs), len(pairs))


def _difference(trait: str, answers: Sequence[_Answer], has_it: Sequence[bool]) -> Difference | None:
    """Mean with less mean without, and Welch's interval (B. L. Welch, Biometrika 34 (1947), 28-35)."""
    those = [item.score for item, has in zip(answers, has_it, strict=True) if has]
    others = [item.score for item, has in zip(answers, has_it, strict=True) if not has]
    if not those or not others:
        return None
    value = fmean(those) - fmean(others)
    interval = None
    if min(len(those), len(others)) > 1:
        parts = [(variance(side) / len(side), len(side) - 1) for side in (those, others)]
        total = sum(part for part, _ in parts)
        freedom = total**2 / sum(part**2 / free for part, free in parts) if total else math.inf
        reach = student_quantile(_LEVEL, freedom) * math.sqrt(total)
        interval = (value - reach, value + reach)
    return Difference(trait=trait, value=value, interval=interval, n=len(those), others=len(others))
