"""A judge behind three locks, none of which asks it.

What addresses the judge is flagged; so is an answer that is none; and what it finds golden it must find worse when
spoiled. Nothing is learnt from what bears one of these flags.
"""

from __future__ import annotations

import math
from collections import deque
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Final

from selftune.judges.base import JudgesMany
from selftune.judges.injection.find import INJECTION_SUSPECTED, suspicion
from selftune.judges.injection.probe import SPOILERS, compare, spoiled
from selftune.judges.parts import keep_parts
from selftune.records import JudgementStatus, digest_of
from selftune.scoring.poses import Pose, find_pose

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from selftune.context import Work
    from selftune.judges.base import Judge, Sitting
    from selftune.judges.purse import Purse
    from selftune.records import Interaction, JudgeIdentity, Judgement, Rubric


# With one of these flags a verdict can't become golden, so that nothing more is asked about it.
_CLOSED: Final = frozenset({INJECTION_SUSPECTED, *Pose})


def guard(judge: Judge, *, spoiled_copies_from: float | None, constants: frozenset[bytes] = frozenset()) -> Judge:
    """The same judge, its verdicts flagged where a turn addresses it, and where the answer is none.

    A judge that is a model is also shown a spoiled copy of everything to which it gives an overall of
    `spoiled_copies_from` or more: one call more for each; None for no copies. Code can't be talked round and is spared.
    `constants` names the answers that were given to everything (`find_constants`).
    """
    if isinstance(judge, JudgesMany):
        return _GuardedMany(judge, math.inf if spoiled_copies_from is None else spoiled_copies_from, constants)
    return _Guarded(judge, constants)


def flag_words(
    judgement: Judgement, interaction: Interaction, rubric: Rubric, constants: frozenset[bytes] = frozenset()
) -> Judgement:
    """The judgement with what its transcript's words alone say against it among its flags; scores stay."""
    if judgement.status is not JudgementStatus.SCORED:
        return judgement
    suspected = INJECTION_SUSPECTED if suspicion(interaction, rubric) else None
    found = filter(None, (suspected, find_pose(interaction, constants)))
    flags = tuple(dict.fromkeys((*judgement.flags, *map(str, found))))
    return judgement if flags == judgement.flags else replace(judgement, flags=flags)


class _Guarded:
    """One verdict at a time."""

    def __init__(self, judge: Judge, constants: frozenset[bytes]) -> None:
        self._judge = judge
        self._constants = constants
        self.identity: JudgeIdentity = judge.identity

    def judge(self, interaction: Interaction, rubric: Rubric, salt: str) -> Judgement:
        return flag_words(self._judge.judge(interaction, rubric, salt), interaction, rubric, self._constants)


class _GuardedMany:
    """Many at a time, each golden one with its copy."""

    def __init__(self, judge: JudgesMany, copies_from: float, constants: frozenset[bytes]) -> None:
        self._judge = judge
        self._copies_from = copies_from
        self._constants = constants
        self.identity: JudgeIdentity = judge.identity

    def prompt_digest(self, rubric: Rubric) -> str:
        """Names the copies too: a verdict that was given without one is not found again as one of this judge."""
        asked = self._judge.prompt_digest(rubric)
        return (
            asked
            if math.isinf(self._copies_from)
            else digest_of(["spoiled copies", asked, self._copies_from, SPOILERS])
        )

    def judge(self, interaction: Interaction, rubric: Rubric, salt: str) -> Judgement:
        judgement = flag_words(self._judge.judge(interaction, rubric, salt), interaction, rubric, self._constants)
        if not needs_copy(judgement, self._copies_from):
            return replace(judgement, prompt_digest=self.prompt_digest(rubric))
        of_copy = self._judge.judge(spoiled(interaction), rubric, _salt_of_copy(salt))
        compared = compare(judgement, of_copy, self._copies_from)
        return replace(compared, prompt_digest=self.prompt_digest(rubric))

    @contextmanager
    def sit(self, rubric: Rubric, purse: Purse, work: Work | None = None) -> Iterator[Sitting]:
        def waits_for_a_copy(judgement: Judgement) -> bool:
            return needs_copy(judgement, self._copies_from)

        with self._judge.sit(rubric, purse, work) as asked:
            sitting = keep_parts(asked, self._judge, rubric, work, worth_keeping=waits_for_a_copy)
            flag = partial(flag_words, rubric=rubric, constants=self._constants)
            yield _GuardedSitting(sitting, flag, self._copies_from, self.prompt_digest(rubric))


class _GuardedSitting:
    """A sitting in which a golden verdict is held back until the one on its copy has come."""

    def __init__(
        self,
        sitting: Sitting,
        flag: Callable[[Judgement, Interaction], Judgement],
        copies_from: float,
        prompt_digest: str,
    ) -> None:
        self._sitting = sitting
        self._flag = flag
        self._copies_from = copies_from
        self._prompt_digest = prompt_digest
        self._asked: dict[str, Interaction] = {}
        self._held: dict[str, Judgement] = {}
        self._copies: deque[tuple[Interaction, str]] = deque()

    @property
    def under_way(self) -> int:
        return self._sitting.under_way + len(self._copies)

    def ask(self, interaction: Interaction, salt: str) -> bool:
        # Copies first: a verdict that was paid for is not left waiting for new ones.
        if not self._ask_copies() or not self._sitting.ask(interaction, salt):
            return False
        self._asked[salt] = interaction
        return True

    def collect(self) -> list[Judgement]:
        ready: list[Judgement] = []
        while not ready and self.under_way:
            self._ask_copies()
            for judgement in self._sitting.collect():
                ready += self._completed(judgement)
        return ready

    def _ask_copies(self) -> bool:
        """Ask for copies as far as there is room; False when some still wait."""
        while self._copies:
            if not self._sitting.ask(*self._copies[0]):
                return False
            self._copies.popleft()
        return True

    def _completed(self, judgement: Judgement) -> list[Judgement]:
        held = self._held.pop(judgement.salt, None)
        if held is not None:
            return [self._named(compare(held, judgement, self._copies_from))]
        interaction = self._asked.pop(judgement.salt)
        judgement = self._flag(judgement, interaction)
        if not needs_copy(judgement, self._copies_from):
            return [self._named(judgement)]
        salt = _salt_of_copy(judgement.salt)
        self._held[salt] = judgement
        self._copies.append((spoiled(interaction), salt))
        return []

    def _named(self, judgement: Judgement) -> Judgement:
        return replace(judgement, prompt_digest=self._prompt_digest)


def needs_copy(judgement: Judgement, copies_from: float) -> bool:
    """Whether the verdict is to be tested: it is high enough, and nothing stands against it yet."""
    high = judgement.overall is not None and judgement.overall >= copies_from
    return high and _CLOSED.isdisjoint(judgement.flags)


def _salt_of_copy(salt: str) -> str:
    return digest_of(["spoiled copy", salt])
