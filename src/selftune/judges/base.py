"""What a judge must do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol, runtime_checkable

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from selftune.context import Work
    from selftune.judges.purse import Purse
    from selftune.records import Interaction, JudgeIdentity, Judgement, Rubric

ORDER_DEPENDENT: Final = "order_dependent"
"""The flag of a verdict on a pair that another order of the two would have turned."""


class Judge(Protocol):
    """Gives a verdict on one interaction; never raises because of what the interaction says."""

    @property
    def identity(self) -> JudgeIdentity:
        """Who judges, and which models it descends from."""
        ...

    def judge(self, interaction: Interaction, rubric: Rubric, salt: str) -> Judgement:
        """Reasoning and score per criterion, overall computed in code; or `unscored` with the reason."""
        ...


class Sitting(Protocol):
    """One batch at a judge that waits for a server: several verdicts are asked for at a time, and come in any order."""

    def ask(self, interaction: Interaction, salt: str) -> bool:
        """Ask for one more verdict; False when some must be collected first, and then some are under way.

        Raises:
            BudgetError: nothing is under way, and what is left does not pay for one more.
        """
        ...

    @property
    def under_way(self) -> int:
        """How many were asked for and not collected yet."""
        ...

    def collect(self) -> list[Judgement]:
        """Wait for a verdict; all that are ready by now, at least one, each with its question's salt, in no order."""
        ...


@runtime_checkable
class JudgesMany(Judge, Protocol):
    """A judge that works on several interactions at a time: one that waits for a server."""

    def prompt_digest(self, rubric: Rubric) -> str:
        """Names what is asked apart from the transcript."""
        ...

    def sit(self, rubric: Rubric, purse: Purse, work: Work | None = None) -> AbstractContextManager[Sitting]:
        """Open a batch that is paid for out of this purse.

        Args:
            rubric: By what is judged.
            purse: What may be spent.
            work: Where a verdict that is made of several keeps each of them as it comes, and finds it again after a
                crash; None to ask for all of them anew. A verdict in one piece is kept by who asked for it.
        """
        ...


class Outlet(Protocol):
    """Stands where words leave this machine."""

    def objection(self, interaction: Interaction) -> str | None:
        """Why these words may not leave it; None when they may."""
        ...
