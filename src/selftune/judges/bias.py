"""What scores go with that they should not: length, lists, opening phrases, who wrote the answer, and its place.

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

from selftune.judges.base import ORDER_DEPENDENT
from selftune.judges.pairwise import FIRST_WON, LAST_WON
from selftune.judges.shares import share_of
from selftune.records import digest_of
from selftune.scoring.agreement import Agreement, measure_spearman, student_quantile

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from selftune.judges.shares import Share
    from selftune.records import Interaction, JudgeIdentity, Judgement

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
        by_model: Whether a model judged; code has no kin, and asks nothing in two orders.
        kin: Answers by the judge's own family against all others whose writer is known; None without both.
        kin_wins: Of pairs of answers to one prompt, one by kin and one by another, with different scores: those in
            which the kin's got more.
        swapped: Of pairs that were asked about in both orders, those with the same winner.
        first_place: Of those in which one place won in both orders, those in which it was the first.
    """

    n: int
    length: Agreement
    longer_wins: Share | None
    lists: Difference | None
    openings: tuple[Difference, ...]
    by_model: bool = False
    kin: Difference | None = None
    kin_wins: Share | None = None
    swapped: Share | None = None
    first_place: Share | None = None


@dataclass(frozen=True, kw_only=True)
class _Answer:
    prompt: str
    score: float
    words: int
    has_list: bool
    opening: str
    by_kin: bool | None


def measure_bias(
    judged: Iterable[tuple[Interaction, Judgement]],
    *,
    swapped: Iterable[Judgement] = (),
    is_kin: Callable[[str, JudgeIdentity], bool] | None = None,
) -> BatchBias:
    """The confounds of one batch; what has no score or no answer is left out.

    Args:
        judged: Answers with their verdicts, by one rubric.
        swapped: Verdicts on pairs that were asked about in both orders, by the same judge.
        is_kin: Whether the writer of an answer, by name or digest, is of the judge's own family; None if nobody knows.
    """
    pairs = [
        (interaction, judgement)
        for interaction, judgement in judged
        if judgement.overall is not None and interaction.answer is not None
    ]
    answers = [_described(interaction, judgement, is_kin) for interaction, judgement in pairs]
    known = [item for item in answers if item.by_kin is not None]
    orders = [verdict for verdict in swapped if verdict.overall is not None]
    openings = Counter(item.opening for item in answers if item.opening)
    common = [opening for opening, count in openings.most_common(_MOST_OPENINGS) if count >= _FEWEST]
    found = (
        _difference(f'begins with "{opening}"', answers, [item.opening == opening for item in answers])
        for opening in common
    )
    return BatchBias(
        n=len(answers),
        by_model=any(judgement.judge.lineage for _, judgement in pairs),
        length=measure_spearman([(item.score, float(item.words)) for item in answers]),
        longer_wins=_wins(answers, lambda one, other: one.words - other.words),
        lists=_difference("has a list", answers, [item.has_list for item in answers]),
        openings=tuple(item for item in found if item is not None),
        kin=_difference("is by the judge's own family", known, [item.by_kin is True for item in known]),
        kin_wins=_wins(known, lambda one, other: int(one.by_kin is True) - int(other.by_kin is True)),
        swapped=share_of(sum(ORDER_DEPENDENT not in item.flags for item in orders), len(orders)) if orders else None,
        first_place=_first_place(orders),
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
        lines.append(_shared("of two answers to one prompt the longer got more", bias.longer_wins))
    lines += [_told(item) for item in (bias.lists, *bias.openings) if item is not None]
    return (*lines, *_of_kin(bias), *_of_places(bias)) if bias.by_model else tuple(lines)


def _of_kin(bias: BatchBias) -> Iterator[str]:
    if bias.kin is None:
        yield "self-preference: not measured: no known answers both by its own family and by others"
        return
    yield _told(bias.kin)
    if bias.kin_wins is not None:
        yield _shared("of two answers to one prompt that by its own family got more", bias.kin_wins)


def _of_places(bias: BatchBias) -> Iterator[str]:
    if bias.swapped is None:
        yield "position: not measured: it scores one answer at a time; `selftune judge swap` asks in both orders"
        return
    low, high = bias.swapped.interval
    told = f"asked in both orders: the same winner in {bias.swapped.value:.0%} [{low:.0%}, {high:.0%}]"
    yield f"{told}, n = {bias.swapped.n}"
    if bias.first_place is not None:
        yield _shared("where one place won in both orders it was the first", bias.first_place)


def _shared(what: str, share: Share) -> str:
    low, high = share.interval
    mind = "mind: " if low > 1 / 2 or high < 1 / 2 else ""
    return f"{mind}{what} in {share.value:.0%} [{low:.0%}, {high:.0%}], n = {share.n}"


def _told(difference: Difference) -> str:
    sides = f"n = {difference.n} against {difference.others}"
    if difference.interval is None:
        return f"an answer that {difference.trait}: {difference.value:+.2f} points, {sides}"
    low, high = difference.interval
    mind = "mind: " if low > 0 or high < 0 else ""
    return f"{mind}an answer that {difference.trait}: {difference.value:+.2f} points [{low:+.2f}, {high:+.2f}], {sides}"


def _described(
    interaction: Interaction, judgement: Judgement, is_kin: Callable[[str, JudgeIdentity], bool] | None
) -> _Answer:
    answer, by = interaction.answer or "", interaction.generated_by
    assert judgement.overall is not None, "only scored verdicts are described"  # noqa: S101 - the caller sees to it
    words = _WORD.findall(answer)
    return _Answer(
        prompt=digest_of([(message.role, message.content) for message in interaction.prompt]),
        score=judgement.overall,
        by_kin=None if by is None or is_kin is None else is_kin(by, judgement.judge),
        words=len(words),
        has_list=_LIST.search(answer) is not None,
        opening=" ".join(words[:_OPENING_WORDS]).lower(),
    )


def _wins(answers: Sequence[_Answer], lead: Callable[[_Answer, _Answer], int]) -> Share | None:
    """Of pairs of answers to one prompt, how often the one that leads in this respect got more."""
    prompts: dict[str, list[_Answer]] = defaultdict(list)
    for item in answers:
        if len(prompts[item.prompt]) < _MOST_ANSWERS:
            prompts[item.prompt].append(item)
    pairs = [
        (lead(one, other) > 0) == (one.score > other.score)
        for group in prompts.values()
        for one, other in combinations(group, 2)
        if lead(one, other) and one.score != other.score
    ]
    if not pairs:
        return None
    return share_of(sum(pairs), len(pairs))


def _first_place(orders: Sequence[Judgement]) -> Share | None:
    first, last = (sum(flag in item.flags for item in orders) for flag in (FIRST_WON, LAST_WON))
    return share_of(first, first + last) if first + last else None


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
