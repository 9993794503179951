"""Stop comparing two answers as soon as the answer is clear, without fooling oneself by looking after each verdict.

Wald's sequential probability ratio test of a win rate, with a cap. A comparison scores 1 for a win, 0 for a loss and
1/2 for a tie, and nothing but the sum and the number of scores counts:

    log ratio = sum * ln(p1 / p0) + (n - sum) * ln((1 - p1) / (1 - p0))

Sources: A. Wald, "Sequential tests of statistical hypotheses", Annals of Mathematical Statistics 16 (1945), 117-186.
The limits are 1/alpha and beta, not Wald's approximations: the ratio is then a test martingale, and Ville's inequality
(1939) holds both errors for good, whenever one looks, and for ties too, because exp is convex and so a score between 0
and 1 moves the ratio less, in expectation, than a coin of the same mean.
"""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_HALVINGS: Final = 60


class Verdict(StrEnum):
    """What a sequential comparison has come to."""

    BETTER = "better"
    NOT_BETTER = "not better"
    UNDECIDED = "undecided"


@dataclass(frozen=True, kw_only=True)
class SequentialPlan:
    """What is tested, fixed before the first score.

    Attributes:
        null: The win rate of two that are equal.
        alternative: The least win rate worth finding.
        alpha: Share of equal ones called better, at most.
        beta: Share of those at the alternative called not better, at most.
        most: Comparisons after which it ends undecided: twice those of a fixed test with the same errors, 210. Capped
            at 210 it would find an alternative of 0.6 in 78 % of cases and not in 90 %.
    """

    null: float = 0.5
    alternative: float = 0.6
    alpha: float = 0.05
    beta: float = 0.10
    most: int = 420

    def __post_init__(self) -> None:
        shares = 0 < self.null < self.alternative < 1 and 0 < self.alpha < 1 and 0 < self.beta < 1
        if not shares or self.most < 1:
            raise ValueError(f"no sequential test can be made of {self}")


@dataclass(frozen=True, kw_only=True)
class SequentialResult:
    """How a sequential comparison ended.

    Attributes:
        n: Scores that were looked at.
        total: Their sum: wins, and half the ties.
        p_value: Valid at whatever n one stops: the reciprocal of the greatest ratio so far (Ville 1939), at most 1.
        interval: Of the win rate, valid at whatever n one stops; level 1 - alpha.
    """

    verdict: Verdict
    n: int
    total: float
    p_value: float
    interval: tuple[float, float]


def log_ratio(total: float, n: int, plan: SequentialPlan) -> float:
    """How much better the alternative explains the scores than the null does, as a natural logarithm."""
    won = math.log(plan.alternative / plan.null)
    lost = math.log((1 - plan.alternative) / (1 - plan.null))
    return total * won + (n - total) * lost


def decide(total: float, n: int, plan: SequentialPlan) -> Verdict | None:
    """The verdict after `n` scores that sum to `total`, or None when one more is needed."""
    ratio = log_ratio(total, n, plan)
    if ratio >= -math.log(plan.alpha):
        return Verdict.BETTER
    if ratio <= math.log(plan.beta):
        return Verdict.NOT_BETTER
    return Verdict.UNDECIDED if n >= plan.most else None


def compare(scores: Iterable[float], plan: SequentialPlan) -> SequentialResult:
    """Take scores until the verdict is there; no score after it is asked for.

    Raises:
        ValueError: a score lies outside 0 and 1, or there is none.
    """
    total, n, greatest = 0.0, 0, 0.0
    verdict: Verdict | None = None
    for score in scores:
        if not 0 <= score <= 1:
            raise ValueError(f"a score of {score} is neither win, loss nor tie")
        total, n = total + score, n + 1
        greatest = max(greatest, log_ratio(total, n, plan))
        verdict = decide(total, n, plan)
        if verdict is not None:
            break
    if n == 0:
        raise ValueError("there is nothing to compare")
    return SequentialResult(
        verdict=verdict or Verdict.UNDECIDED,
        n=n,
        total=total,
        p_value=math.exp(-greatest),
        interval=win_rate_interval(total, n, 1 - plan.alpha),
    )


def win_rate_interval(total: float, n: int, level: float) -> tuple[float, float]:
    """Interval of the win rate that holds at every n at once, so that one may stop where one likes.

    The rates that a uniform mixture of alternatives does not outbid by more than 1 / (1 - level).
    Source: H. Robbins, "Statistical methods related to the law of the iterated logarithm", Annals of Mathematical
    Statistics 41 (1970), 1397-1409; S. R. Howard and others, "Time-uniform, nonparametric, nonasymptotic confidence
    sequences", Annals of Statistics 49 (2021), 1055-1080.
    """
    wins, losses = total, n - total
    mixture = math.lgamma(wins + 1) + math.lgamma(losses + 1) - math.lgamma(n + 2)

    def outbid(rate: float) -> bool:
        if (rate <= 0 and wins > 0) or (rate >= 1 and losses > 0):
            return True
        likelihood = (wins * math.log(rate) if wins else 0.0) + (losses * math.log1p(-rate) if losses else 0.0)
        return mixture - likelihood >= -math.log(1 - level)

    share = total / n
    return _edge(share, 0.0, outbid), _edge(share, 1.0, outbid)


def _edge(inside: float, outside: float, outbid: Callable[[float], bool]) -> float:
    """Where the interval ends between the share itself and the end of the scale."""
    if not outbid(outside):
        return outside
    for _ in range(_HALVINGS):
        middle = (inside + outside) / 2
        inside, outside = (inside, middle) if outbid(middle) else (middle, outside)
    return outside


@dataclass(frozen=True, kw_only=True)
class Operation:
    """What a plan does at one true win rate: shares of the verdicts, and how many comparisons they take."""

    better: float
    not_better: float
    undecided: float
    mean_n: float
    median_n: int


def operation(win_rate: float, plan: SequentialPlan) -> Operation:
    """What the plan does where each comparison is won with `win_rate`, without ties: exact, by recursion over n.

    Source: the walk of the number of wins between two limits (Wald 1945), all of its paths added up.
    """
    open_: dict[int, float] = {0: 1.0}
    ended = dict.fromkeys(Verdict, 0.0)
    mean, median, gone = 0.0, 0, 0.0
    for n in range(1, plan.most + 1):
        reached: defaultdict[int, float] = defaultdict(float)
        for wins, share in open_.items():
            reached[wins + 1] += share * win_rate
            reached[wins] += share * (1 - win_rate)
        open_ = {}
        for wins, share in reached.items():
            verdict = decide(wins, n, plan)
            if verdict is None:
                open_[wins] = share
            else:
                ended[verdict] += share
                mean, gone = mean + n * share, gone + share
        median = median or (n if gone >= 1 / 2 else 0)
    return Operation(
        better=ended[Verdict.BETTER],
        not_better=ended[Verdict.NOT_BETTER],
        undecided=ended[Verdict.UNDECIDED],
        mean_n=mean,
        median_n=median,
    )
