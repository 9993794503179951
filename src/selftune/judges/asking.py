"""Asking a judge anew: what tests the judge is never answered from what it said before."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from selftune.judges.base import JudgesMany

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from selftune.judges.base import Judge
    from selftune.judges.purse import Purse
    from selftune.records import Interaction, Judgement, Rubric


def ask_all(
    judge: Judge, interactions: Iterable[Interaction], rubric: Rubric, purse: Purse, draw_salt: Callable[[], str]
) -> Iterator[tuple[Interaction, Judgement]]:
    """Each interaction with its verdict, in the order in which they come.

    Raises:
        BudgetError: the purse does not pay for one more; those before were given.
    """
    waiting = deque(interactions)
    if not isinstance(judge, JudgesMany):
        yield from ((item, judge.judge(item, rubric, draw_salt())) for item in waiting)
        return
    asked: dict[str, Interaction] = {}
    with judge.sit(rubric, purse) as sitting:
        while waiting or sitting.under_way:
            salt = draw_salt()
            if waiting and sitting.ask(waiting[0], salt):
                asked[salt] = waiting.popleft()
            else:
                yield from ((asked.pop(verdict.salt), verdict) for verdict in sitting.collect())
