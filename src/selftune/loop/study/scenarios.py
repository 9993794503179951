"""Who asks during a study: seeded users, real prompts replayed, and goals the system sets itself in idle time."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Final, Protocol

from selftune.errors import NothingNewError
from selftune.records import Message

if TYPE_CHECKING:
    from collections.abc import Sequence

    from selftune.records import Suite

DRAWN_GOALS: Final = "drawn from a seed"


Users = Callable[[int, int], Iterable[tuple[Message, ...]]]
"""By seed and count: conversations that end with a user's turn, the same for the same seed."""


class GoalSetter(Protocol):
    """What the system asks itself when nobody asks it anything: a persona runtime, or a stand-in labelled as one."""

    @property
    def name(self) -> str:
        """Who set the goals; it stands in the record of every night."""
        ...

    def set_goals(self, seed: int, count: int) -> Iterable[tuple[Message, ...]]:
        """`count` tasks that it sets itself, the same for the same seed."""
        ...


@dataclass(frozen=True, kw_only=True)
class DrawnGoals:
    """Stands in for a persona runtime: tasks of the kind that users bring, drawn from a seed of their own."""

    users: Users
    name: str = DRAWN_GOALS

    def set_goals(self, seed: int, count: int) -> Iterable[tuple[Message, ...]]:
        """`count` tasks that no user of the same night brings."""
        return self.users(seed, count)


@dataclass(frozen=True, kw_only=True)
class Replay:
    """Real prompts, so many of them drawn each night; each is asked again only when all others had their turn."""

    prompts: Sequence[tuple[Message, ...]]
    seed: int

    def of_night(self, night: int, count: int) -> tuple[tuple[Message, ...], ...]:
        """The prompts of a night, counted from 1.

        Raises:
            NothingNewError: the file holds none that may be asked.
        """
        if not self.prompts and count:
            raise NothingNewError(
                "the file to replay holds no prompt that may be learnt from.",
                next_step="Name another file under replay in the plan of a new study.",
            )
        return tuple(self._at(place) for place in range((night - 1) * count, night * count))

    def _at(self, place: int) -> tuple[Message, ...]:
        turn, within = divmod(place, len(self.prompts))
        order = list(self.prompts)
        Random(f"{self.seed}:{turn}").shuffle(order)  # noqa: S311 - reproducible draws, no secrets
        return order[within]


@dataclass(frozen=True, kw_only=True)
class Scenarios:
    """All that the arms of a study meet, the same for each of them.

    Attributes:
        probe: The questions of a night, by seed and number of pairs; nobody who asks draws from their names and values.
    """

    users: Users
    goals: GoalSetter
    probe: Callable[[int, int], Suite]
    replay: Replay


def seed_of(study_seed: int, night: int, purpose: str) -> int:
    """A seed for one purpose in one night; what asks, what is set as a goal and what measures share none."""
    return Random(f"{study_seed}:{night}:{purpose}").randrange(2**31)  # noqa: S311 - reproducible draws, no secrets
