"""One verdict out of several: every member of a panel is asked, or one judge about both orders of a pair."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from selftune.errors import BudgetError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from selftune.judges.base import Sitting
    from selftune.records import Interaction, Judgement

_MOST_HELD: Final = 1024


@dataclass(frozen=True, kw_only=True)
class Part:
    """One of the questions behind a verdict.

    Attributes:
        sitting: Who is asked; a judge that answers at once gives a function instead.
        view: What is shown of the interaction.
    """

    sitting: Sitting | Callable[[Interaction, str], Judgement]
    view: Callable[[Interaction], Interaction] = lambda interaction: interaction


class Combine(Protocol):
    """Makes one verdict of those on the parts, in their order."""

    def __call__(self, interaction: Interaction, salt: str, verdicts: Sequence[Judgement]) -> Judgement:
        """The verdict on the interaction."""
        ...


@dataclass(kw_only=True)
class _Open:
    """A verdict of which some parts may be missing; `asked` counts the parts that were asked for, in their order."""

    interaction: Interaction
    heard: list[Judgement | None]
    asked: int = 0


class BundleSitting:
    """A batch in which each verdict is made of several; parts may share a sitting."""

    def __init__(self, parts: Sequence[Part], combine: Combine) -> None:
        self._parts = parts
        self._combine = combine
        self._open: dict[str, _Open] = {}

    @property
    def under_way(self) -> int:
        """How many were asked for with all their parts, and were not collected yet."""
        return sum(one.asked == len(self._parts) for one in self._open.values())

    def ask(self, interaction: Interaction, salt: str) -> bool:
        """Ask for all parts; False when one of them has no room yet: then go on with the same interaction.

        Raises:
            BudgetError: nothing is under way, and what is left does not pay for one more.
        """
        if salt not in self._open and len(self._open) >= _MOST_HELD:
            return False
        one = self._open.setdefault(salt, _Open(interaction=interaction, heard=[None] * len(self._parts)))
        try:
            while one.asked < len(self._parts):
                if not self._ask_part(one, salt):
                    if self.under_way:
                        return False
                    # Nothing but this very question is open: what is heard of its first parts makes room.
                    self._hear()
        except BudgetError:
            # Without the others there is no verdict; what the parts before said is kept for the next try.
            del self._open[salt]
            raise
        return True

    def collect(self) -> list[Judgement]:
        """Wait until all parts of a verdict are there; the verdicts that are whole by now, in no order."""
        while not (whole := list(self._take_whole())):
            self._hear()
        return whole

    def _ask_part(self, one: _Open, salt: str) -> bool:
        part, shown = self._parts[one.asked], self._parts[one.asked].view(one.interaction)
        named = f"{salt}-{one.asked}"
        if callable(part.sitting):
            one.heard[one.asked] = part.sitting(shown, named)
        elif not part.sitting.ask(shown, named):
            return False
        one.asked += 1
        return True

    def _hear(self) -> None:
        sittings = {id(part.sitting): part.sitting for part in self._parts if not callable(part.sitting)}
        for sitting in sittings.values():
            if sitting.under_way:
                for verdict in sitting.collect():
                    salt, _, place = verdict.salt.rpartition("-")
                    self._open[salt].heard[int(place)] = verdict

    def _take_whole(self) -> Iterator[Judgement]:
        for salt, one in list(self._open.items()):
            verdicts = [verdict for verdict in one.heard if verdict is not None]
            if len(verdicts) == len(self._parts):
                del self._open[salt]
                yield self._combine(one.interaction, salt, verdicts)
