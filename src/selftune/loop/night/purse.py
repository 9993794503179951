"""What a night may spend: money, calls of a judge, room on the disk; counted from what is on record, so never twice.

A night that was killed goes on with what it had spent: nothing is remembered that the store does not say.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from selftune.errors import BudgetError
from selftune.records import Evaluation, Judgement, Run

if TYPE_CHECKING:
    from collections.abc import Callable

    from selftune.loop.night.estimates import Estimate
    from selftune.loop.project import Project

DISK_FACTOR: Final = 2
"""So many times what a try writes must be free before it is begun."""


@dataclass(frozen=True, kw_only=True)
class Allowance:
    """What one night may spend; None is no limit."""

    usd: float | None = None
    judge_calls: int | None = None


@dataclass(frozen=True, kw_only=True)
class Spent:
    """What a night has spent so far.

    Attributes:
        usd: On training, evaluation and data, in that order.
        seconds: On training and evaluation.
    """

    usd: tuple[float, float, float] = (0.0, 0.0, 0.0)
    seconds: tuple[float, float] = (0.0, 0.0)
    judge_calls: int = 0


@dataclass(frozen=True, kw_only=True)
class Shortfall:
    """Why nothing more may be begun.

    Attributes:
        ended_by: In the words of a Night's record: `money`, `judge calls` or `disk`.
        text: One sentence with both figures.
    """

    ended_by: str
    text: str
    next_step: str


class Purse:
    """What is left of a night's allowance.

    Args:
        project: Whose records are counted.
        allowance: What may be spent.
        since: The store's last ingest sequence when the night began, the same one for a night that goes on after a
            crash.
        free_bytes: Room on the project's disk; asked of the system by default.

    Attributes:
        since: The place from which is counted.
    """

    def __init__(
        self,
        project: Project,
        allowance: Allowance,
        *,
        since: int,
        free_bytes: Callable[[], int] | None = None,
    ) -> None:
        self._project = project
        self._allowance = allowance
        self.since = since
        self._free_bytes = free_bytes or (lambda: shutil.disk_usage(project.folder).free)

    def spent(self) -> Spent:
        """What was kept since the night began, each record once."""
        store = self._project.store
        runs = [run for _, run in store.each(Run, self.since)]
        evaluations = [one for _, one in store.each(Evaluation, self.since)]
        calls, judged_usd = 0, 0.0
        for _, judgement in store.each(Judgement, self.since):
            judged_usd += judgement.cost_usd
            calls += judgement.attempts if judgement.judge.lineage else 0  # code is not called
        return Spent(
            usd=(sum(run.cost_usd for run in runs), sum(one.cost_usd for one in evaluations), judged_usd),
            seconds=(sum(run.wall_seconds for run in runs), sum(one.wall_seconds for one in evaluations)),
            judge_calls=calls + sum(one.judge_calls for one in evaluations),
        )

    def shortfall(self, estimate: Estimate) -> Shortfall | None:
        """What is too little for what is estimated so, the first of them; None where it may be begun."""
        spent, allowed = self.spent(), self._allowance
        money = sum(spent.usd)
        if allowed.usd is not None and (money >= allowed.usd > 0 or money + estimate.usd > allowed.usd):
            return Shortfall(
                ended_by="money",
                text=f"{money:.2f} of {allowed.usd:.2f} USD are spent; the next try takes about {estimate.usd:.2f}.",
                next_step="Raise [nightly] budget_usd, or give --budget for one night.",
            )
        if allowed.judge_calls is not None and spent.judge_calls + estimate.judge_calls > allowed.judge_calls:
            return Shortfall(
                ended_by="judge calls",
                text=f"{spent.judge_calls:,} of {allowed.judge_calls:,} calls of a judge are spent, and the next try "
                f"takes about {estimate.judge_calls:,}.",
                next_step="Raise [nightly] budget_judge_calls, or name a screen that code scores.",
            )
        free, needed = self._free_bytes(), DISK_FACTOR * estimate.disk_bytes
        if free < needed:
            return Shortfall(
                ended_by="disk",
                text=f"{free / 1e6:,.0f} MB are free on the disk, and a try needs {needed / 1e6:,.0f}: "
                "twice its adapter, merged weights and served file.",
                next_step="Free some disk space; what serves goes on serving.",
            )
        return None

    def refuse_unless(self, estimate: Estimate) -> None:
        """Refuse what is estimated so where the night can't afford it; nothing was written.

        Raises:
            BudgetError: money, calls of a judge or room on the disk are too little.
        """
        short = self.shortfall(estimate)
        if short is not None:
            raise BudgetError(short.text, next_step=short.next_step)
