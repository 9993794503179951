"""A simple search with a budget: drafts are halved round by round, then lessons are shown one by one while that helps.

It chooses, and claims nothing: the winner is looked at once more on lessons that had no part in it, and what it is
worth as served an evaluation says.

Source:
    Z. Karnin, T. Koren and O. Somekh, "Almost Optimal Exploration in Multi-Armed Bandits", ICML 2013: sequential
    halving gives each round an equal share of the budget and keeps the better half.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from statistics import fmean
from typing import TYPE_CHECKING, Final, Protocol

from selftune.records import TriedPrompt

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from selftune.loop.prompts.drafts import Draft
    from selftune.records import Example

FEWEST: Final = 4
"""With fewer questions than this a round says nothing."""

# Of the lessons that are not shown yet, so many are tried in a round at most.
_TRIES: Final = 8
# Drafts differ by more than single lessons do: measured by `make report REPORT_ARGS=prompt_search`.
_TO_HALVE: Final = 2 / 3
_MOSTLY: Final = 0.5


class Rate(Protocol):
    """Asks and scores, as served; what was asked before is not asked again."""

    def __call__(self, drafts: Sequence[Draft], lessons: Sequence[Example]) -> Sequence[Sequence[float | None]]:
        """For each draft a score, 0 to 1, for each lesson's question; None where there is none."""
        ...


@dataclass(frozen=True, kw_only=True)
class Searched:
    """The draft that did best, every round of every draft, and why the search ended early, if it did."""

    best: Draft
    tried: tuple[TriedPrompt, ...]
    ended: str | None = None


@dataclass(frozen=True, kw_only=True)
class Budget:
    """How many answers may be asked for in all, and how many lessons a prompt may show."""

    answers: int
    shown: int


def search(
    drafts: Sequence[Draft], pool: Sequence[Example], asked: Sequence[Example], rate: Rate, budget: Budget
) -> Searched:
    """The best draft, and then with the lessons that help it; two thirds of the budget go to the drafts."""
    to_halve = int(budget.answers * _TO_HALVE)
    allowed = [draft for draft in drafts if len(draft.lessons) <= budget.shown]
    halved = halve(allowed, asked, rate, to_halve)
    if halved.ended is not None:
        return halved
    last = max(one.round for one in halved.tried)
    rest = replace(budget, answers=budget.answers - to_halve)
    grown = show_more(halved.best, pool, asked, rate, rest, last)
    return Searched(best=grown.best, tried=(*halved.tried, *grown.tried), ended=grown.ended)


def halve(drafts: Sequence[Draft], asked: Sequence[Example], rate: Rate, answers: int) -> Searched:
    """The better half of the drafts goes on to more questions, until one is left; of equals the shorter one."""
    alive, count = list(drafts), 0
    tried: list[TriedPrompt] = []
    # Fewer rounds where the budget is small: each must ask enough to say anything.
    rounds = max(1, min(math.ceil(math.log2(len(alive))), answers // (FEWEST * len(alive))))
    for number in range(1, rounds + 1):
        count = min(len(asked), count + answers // rounds // len(alive))
        if count < FEWEST:
            return Searched(best=drafts[0], tried=tuple(tried), ended=_too_few(answers))
        told = list(_tell(alive, rate(alive, asked[:count]), number))
        tried += told
        alive = _best_first(alive, told)[: max(1, len(alive) // 2)]
    return Searched(best=alive[0], tried=tuple(tried))


def show_more(
    best: Draft, pool: Sequence[Example], asked: Sequence[Example], rate: Rate, budget: Budget, last_round: int
) -> Searched:
    """Greedy forward choice: the lesson that helps most is shown too, until none helps or enough are shown."""
    steps = budget.shown - len(best.lessons)
    share = budget.answers // max(1, steps)
    tried: list[TriedPrompt] = []
    for number in range(last_round + 1, last_round + 1 + steps):
        # Fewer lessons are tried where the budget is small, rather than each on too few questions.
        more = [best.showing(lesson) for lesson in pool if lesson not in best.lessons]
        more = more[: min(_TRIES, max(0, share // (2 * FEWEST) - 1))]
        if not more:
            short = share < 4 * FEWEST
            return Searched(best=best, tried=tuple(tried), ended=_too_few(budget.answers) if short else None)
        count = min(len(asked), share // (1 + len(more)))
        drafts = [best, *more]
        told = list(_tell(drafts, rate(drafts, asked[:count]), number))
        tried += told
        winner = _best_first(drafts, told)[0]
        if winner is best:
            break
        best = winner
    return Searched(best=best, tried=tuple(tried))


def _tell(drafts: Sequence[Draft], scores: Sequence[Sequence[float | None]], number: int) -> Iterator[TriedPrompt]:
    """Means over the questions on which all have a score; a draft that mostly has none, being too long, has no mean."""
    out = [sum(score is None for score in row) > _MOSTLY * len(row) for row in scores]
    rows = [row for row, is_out in zip(scores, out, strict=True) if not is_out]
    whole = [place for place, column in enumerate(zip(*rows, strict=True)) if None not in column]
    for draft, row, is_out in zip(drafts, scores, out, strict=True):
        known = [] if is_out else [score for place in whole if (score := row[place]) is not None]
        yield TriedPrompt(
            name=draft.name,
            round=number,
            mean=fmean(known) if known else None,
            n=len(known),
            interaction_ids=tuple(lesson.interaction_id for lesson in draft.lessons),
        )


def _best_first(drafts: Sequence[Draft], told: Sequence[TriedPrompt]) -> list[Draft]:
    means = {id(draft): -1.0 if one.mean is None else one.mean for draft, one in zip(drafts, told, strict=True)}
    return sorted(drafts, key=lambda draft: (-means[id(draft)], len(draft.text or "")))


def _too_few(answers: int) -> str:
    return f"{answers} answers do not reach for {FEWEST} questions to each draft"
